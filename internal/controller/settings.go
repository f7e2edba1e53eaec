// Package controller is the client of the CML REST API: how a server is
// addressed, which of its certificates may be trusted with a secret, and what
// it answers (cml-api.md). It knows neither EC2 nor Terraform.
package controller

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Kinds of address in Settings.AddressPreference.
const (
	EIP       = "eip"
	PublicIP  = "public_ip"
	PrivateIP = "private_ip"
	IPv6      = "ipv6"
)

// Ways to a server in Settings.Via.
const (
	ViaDirect = "direct"
	ViaProxy  = "proxy"
)

// Rules of trust in TLS.Trust.
const (
	// TrustPinFirst lets secrets travel to the pinned certificate or, without a
	// pin, over a chain that verifies.
	TrustPinFirst = "pin_first"
	// TrustVerify asks for a chain that verifies.
	TrustVerify = "verify"
	// TrustInsecure asks for nothing.
	TrustInsecure = "insecure"
)

// DefaultPort is the port of CML's user interface and API (cml-api.md 1.1).
const DefaultPort = 443

// Settings says how a CML server is reached: the `controller` object in plain
// Go. Zero members are not set.
type Settings struct {
	// Hostname is for SNI, verification and the published URL. It is never
	// resolved: what is dialled is always an IP address.
	Hostname string
	Port     int
	// AddressPreference lists kinds of address, best first.
	AddressPreference []string
	// Via is ViaDirect or ViaProxy.
	Via string
	TLS TLS
	// CredentialsRef names where user name and password are kept.
	CredentialsRef Ref
}

// TLS says which certificate may be trusted with a secret.
type TLS struct {
	// Trust is TrustPinFirst, TrustVerify or TrustInsecure.
	Trust string
	// CACert holds certificates in PEM form, trusted besides the system's.
	CACert string
	// Fingerprint is the SHA-256 of the leaf certificate's DER form in
	// hexadecimal; colons and upper case are allowed.
	Fingerprint string
	// ServerName is the name to verify when it is not the host name.
	ServerName string
}

// Ref names a secret without holding it. At most one member is set.
type Ref struct {
	SecretsManagerSecretID string
	SSMParameterName       string
}

// IsZero reports whether nothing is named.
func (r Ref) IsZero() bool { return r == Ref{} }

// Defaults returns what holds where nobody says otherwise.
func Defaults() Settings {
	return Settings{
		Port:              DefaultPort,
		AddressPreference: []string{EIP, PublicIP, PrivateIP},
		Via:               ViaDirect,
		TLS:               TLS{Trust: TrustPinFirst},
	}
}

// Merge returns, for each member, the value of the first layer that sets it:
// what the configuration says, the managed tags, the provider, Defaults.
//
// A pin belongs to the rule of trust it was made under: a layer that asks for
// TrustVerify or TrustInsecure takes no fingerprint from the layers after it.
func Merge(layers ...Settings) Settings {
	var out Settings
	pinClosed := false
	for _, s := range layers {
		out.Hostname = first(out.Hostname, s.Hostname)
		if out.Port == 0 {
			out.Port = s.Port
		}
		if len(out.AddressPreference) == 0 {
			out.AddressPreference = slices.Clone(s.AddressPreference)
		}
		out.Via = first(out.Via, s.Via)
		out.TLS.Trust = first(out.TLS.Trust, s.TLS.Trust)
		out.TLS.CACert = first(out.TLS.CACert, s.TLS.CACert)
		out.TLS.ServerName = first(out.TLS.ServerName, s.TLS.ServerName)
		if !pinClosed {
			out.TLS.Fingerprint = first(out.TLS.Fingerprint, s.TLS.Fingerprint)
		}
		pinClosed = out.TLS.Trust == TrustVerify || out.TLS.Trust == TrustInsecure
		if out.CredentialsRef.IsZero() {
			out.CredentialsRef = s.CredentialsRef
		}
	}
	return out
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// ParseFingerprint returns a SHA-256 fingerprint as 64 lower-case hexadecimal
// digits. It accepts colons, blanks, upper case and the prefixes of openssl
// ("sha256 Fingerprint=") and others ("sha256:"). "" stays "".
func ParseFingerprint(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", nil
	}
	digits := strings.ToLower(text)
	if _, after, found := strings.Cut(digits, "="); found {
		digits = after
	}
	digits = strings.TrimPrefix(strings.TrimSpace(digits), "sha256:")
	digits = strings.NewReplacer(":", "", " ", "").Replace(digits)
	if raw, err := hex.DecodeString(digits); err != nil || len(raw) != 32 {
		return "", fault.New(fault.Invalid, "%q is no SHA-256 fingerprint: 64 hexadecimal digits are expected, with or without colons", text)
	}
	return digits, nil
}

func (s Settings) port() int {
	if s.Port == 0 {
		return DefaultPort
	}
	return s.Port
}

func (s Settings) preference() []string {
	if len(s.AddressPreference) == 0 {
		return Defaults().AddressPreference
	}
	return s.AddressPreference
}
