package validators

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// Port checks a TCP port.
func Port() validator.Int64 { return int64validator.Between(1, 65535) }

// HTTPURL checks an absolute http or https URL.
func HTTPURL() validator.String { return absoluteURL("http", "https") }

// ProxyURL checks the URL of a proxy. An empty string passes: it turns a proxy
// of the environment off.
func ProxyURL() validator.String {
	u := absoluteURL("http", "https", "socks5", "socks5h")
	inner := u.problem
	u.noun = "proxy URL"
	u.problem = func(v string) string {
		if v == "" {
			return ""
		}
		return inner(v)
	}
	return u
}

// absoluteURL hides the value: a URL may carry a password.
func absoluteURL(schemes ...string) text {
	return text{
		noun:   "URL",
		rule:   "must be a URL that begins with " + strings.Join(schemes, ":// or ") + "://",
		secret: true,
		problem: func(v string) string {
			hint := fmt.Sprintf("Write scheme, host and port, as in %q.", schemes[0]+"://host.example.net:8080")
			u, err := url.Parse(v)
			switch {
			case err != nil:
				return "is not a URL. " + hint
			case u.Scheme == "" || u.Host == "" || u.Hostname() == "":
				return "is not a complete URL. " + hint
			}
			for _, s := range schemes {
				if u.Scheme == s {
					return ""
				}
			}
			return fmt.Sprintf("has the scheme %q. %s", u.Scheme, hint)
		},
	}
}

var hostnamePattern = regexp.MustCompile(`^(?i:[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.(?i:[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?))*\.?$`)

// Hostname checks a host name without scheme, port or path.
func Hostname() validator.String {
	return text{
		noun: "host name",
		rule: "must be a host name, without scheme and port",
		problem: func(v string) string {
			if _, err := netip.ParseAddr(v); err == nil {
				return `is an address. Write the name that the certificate carries, as in "lab-01.example.net".`
			}
			if len(v) <= 253 && hostnamePattern.MatchString(v) {
				return ""
			}
			if strings.ContainsAny(v, "/:") {
				return `is more than a host name. Write the name alone, without scheme, port or path, as in "lab-01.example.net".`
			}
			return `is not a host name. Write it as in "lab-01.example.net".`
		},
	}
}

// PEMCertificates checks a text of one or more PEM certificates.
func PEMCertificates() validator.String {
	return text{
		noun:   "CA certificate",
		rule:   "must be one or more certificates in PEM form",
		secret: true,
		problem: func(v string) string {
			const hint = `Write the text of the file, as in file("cml-ca.pem").`
			rest, found := []byte(v), 0
			for {
				var block *pem.Block
				block, rest = pem.Decode(rest)
				if block == nil {
					break
				}
				if block.Type != "CERTIFICATE" {
					return fmt.Sprintf("holds a PEM block %q. Write certificates only. %s", block.Type, hint)
				}
				if _, err := x509.ParseCertificate(block.Bytes); err != nil {
					return fmt.Sprintf("holds a certificate that cannot be read (%s). %s", err, hint)
				}
				found++
			}
			if found == 0 {
				return "holds no PEM certificate. " + hint
			}
			return ""
		},
	}
}

var fingerprintPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Fingerprint checks the SHA-256 of a certificate: 64 hexadecimal digits, with
// or without colons.
func Fingerprint() validator.String {
	return text{
		noun: "fingerprint",
		rule: "must be the SHA-256 of a certificate in hexadecimal",
		problem: func(v string) string {
			digits := strings.ToLower(v)
			if _, after, found := strings.Cut(digits, "="); found {
				digits = after // as openssl prints it: "sha256 Fingerprint=…"
			}
			digits = strings.TrimPrefix(strings.TrimSpace(digits), "sha256:")
			digits = strings.NewReplacer(":", "", " ", "").Replace(digits)
			switch {
			case fingerprintPattern.MatchString(digits):
				return ""
			case len(digits) == 40:
				return "is a SHA-1 fingerprint. Write the SHA-256 one: openssl x509 -noout -fingerprint -sha256."
			}
			return "is not a SHA-256 fingerprint. Write 64 hexadecimal digits, with or without colons, as openssl x509 -noout -fingerprint -sha256 prints them."
		},
	}
}
