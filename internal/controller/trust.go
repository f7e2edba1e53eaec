package controller

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// trust is what the settings ask of a certificate, parsed.
type trust struct {
	rule  string
	pin   string // 64 lower-case hexadecimal digits
	roots *x509.CertPool
	name  string // to verify: a host name or an IP address
}

// checkVia refuses a way that does not exist.
func checkVia(s Settings, t Transport) error {
	switch s.Via {
	case "", ViaDirect:
		return nil
	case ViaProxy:
		_, err := parseProxy(t.ProxyURL)
		return err
	}
	return fault.New(fault.Invalid, "controller.via: %q is none of direct, proxy", s.Via)
}

// newTrust parses the settings. An error means that no secret can travel, and
// names the argument.
func newTrust(ip string, s Settings) (trust, error) {
	t := trust{rule: s.TLS.Trust, name: s.TLS.ServerName}
	if t.rule == "" {
		t.rule = TrustPinFirst
	}
	if t.name == "" {
		t.name = s.Hostname
	}
	if t.name == "" {
		t.name = ip
	}
	switch t.rule {
	case TrustPinFirst, TrustVerify, TrustInsecure:
	default:
		return t, fault.New(fault.Invalid, "controller.tls.trust: %q is none of pin_first, verify, insecure", t.rule)
	}
	var err error
	if t.pin, err = ParseFingerprint(s.TLS.Fingerprint); err != nil {
		return t, fault.New(fault.Invalid, "controller.tls.fingerprint: %w", err)
	}
	if t.roots, err = x509.SystemCertPool(); err != nil {
		t.roots = x509.NewCertPool()
	}
	if strings.TrimSpace(s.TLS.CACert) != "" && !t.roots.AppendCertsFromPEM([]byte(s.TLS.CACert)) {
		return t, fault.New(fault.Invalid, "controller.tls.cacert holds no certificate in PEM form")
	}
	return t, nil
}

// fingerprint is the SHA-256 of a certificate's DER form in hexadecimal.
func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// chain verifies a chain up to the system's and the configured roots, and the name.
func (t trust) chain(certs []*x509.Certificate) error {
	intermediates := x509.NewCertPool()
	for _, cert := range certs[1:] {
		intermediates.AddCert(cert)
	}
	_, err := certs[0].Verify(x509.VerifyOptions{Roots: t.roots, Intermediates: intermediates, DNSName: t.name})
	return err
}

// checkPin refuses a certificate that is not the pinned one, on every
// connection: a server with another certificate is another server.
func (c *Client) checkPin(seen string) error {
	if c.trust.pin == "" || c.trust.pin == seen {
		return nil
	}
	return untrusted(
		"%s shows another certificate than the pinned one. Pinned (SHA-256): %s. Seen: %s. "+
			"If the certificate was replaced on purpose, set controller.tls.fingerprint to the one seen",
		c.where(), c.trust.pin, seen)
}

// checkSecret decides whether a secret may travel over a connection that
// showed these certificates.
func (c *Client) checkSecret(certs []*x509.Certificate, seen string) error {
	if err := c.checkPin(seen); err != nil {
		return err
	}
	switch c.trust.rule {
	case TrustInsecure:
		return nil
	case TrustPinFirst:
		if c.trust.pin != "" {
			return nil
		}
	}
	err := c.trust.chain(certs)
	if err == nil {
		return nil
	}
	if c.trust.rule == TrustVerify {
		return untrusted(
			"the certificate of %s does not verify for %q (%s), so no credentials were sent. Fingerprint seen (SHA-256): %s. "+
				"controller.tls.cacert takes the certificate of its authority, controller.tls.server_name another name",
			c.where(), c.trust.name, innermost(err), seen)
	}
	return untrusted(
		"the certificate of %s neither verifies for %q (%s) nor is it pinned, so no credentials were sent. Fingerprint seen (SHA-256): %s. "+
			"If that is the right server's, set controller.tls.fingerprint to it; "+
			"controller.tls.cacert takes the certificate of an authority instead",
		c.where(), c.trust.name, innermost(err), seen)
}

func untrusted(format string, args ...any) error {
	return &fault.Error{
		Kind:    fault.Untrusted,
		Service: serviceName,
		Message: fmt.Sprintf(format, args...),
		Err:     &failure{ReasonTLS, errors.New("certificate not trusted")},
	}
}

// tlsConfig is for connections that carry secrets or for those that do not.
// crypto/tls verifies nothing by itself, since the fingerprint must be known of
// refused certificates, too; VerifyConnection runs in every handshake before
// the first byte of a request.
func (c *Client) tlsConfig(secret bool) *tls.Config {
	return &tls.Config{
		ServerName:         c.trust.name,
		InsecureSkipVerify: true, //nolint:gosec // verified below, by the settings' own rule
		MinVersion:         tls.VersionTLS12,
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return untrusted("%s shows no certificate", c.where())
			}
			seen := fingerprint(state.PeerCertificates[0])
			c.seen.Store(&seen)
			if secret {
				return c.checkSecret(state.PeerCertificates, seen)
			}
			return c.checkPin(seen)
		},
	}
}

// Fingerprint is the SHA-256, in lower-case hexadecimal, of the leaf
// certificate seen last, whether trusted or not; "" before the first handshake.
func (c *Client) Fingerprint() string {
	if seen := c.seen.Load(); seen != nil {
		return *seen
	}
	return ""
}

// Trusted reports by a nil error that credentials may travel: it connects and
// checks the certificate by the settings' rule without sending a request. The
// error is fault.Untrusted when they may not, and tells the fingerprint seen.
func (c *Client) Trusted(ctx context.Context) error {
	const operation = "TLS handshake"
	if c.configErr != nil {
		return c.configErr
	}
	if err := c.addressed(operation); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, c.transport.requestTimeout())
	defer cancel()
	conn, err := c.dialTLS(limited, true)
	if err != nil {
		return c.transportError(ctx, operation, err)
	}
	// Nothing was sent, so that nothing can be lost by a failing close.
	_ = conn.Close()
	return nil
}
