package controller

import (
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// Credentials are an account of a CML server, or a token made for one. They
// print as "[redacted]".
type Credentials struct {
	Username string
	Password string
	// Token, when set, is used as it is instead of logging in.
	Token string
}

// IsZero reports whether there is nothing to log in with.
func (c Credentials) IsZero() bool { return c.Token == "" && (c.Username == "" || c.Password == "") }

const redacted = "[redacted]"

// String implements fmt.Stringer without showing anything.
func (c Credentials) String() string { return redacted }

// GoString implements fmt.GoStringer without showing anything.
func (c Credentials) GoString() string { return redacted }

// LogValue implements slog.LogValuer without showing anything.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON implements json.Marshaler without showing anything.
func (c Credentials) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Secrets returns the members that no text may show.
func (c Credentials) Secrets() []string { return []string{c.Password, c.Token} }

// Redact replaces each secret in a text, also where it is written as in a URL
// or in JSON. Empty secrets are ignored.
func Redact(text string, secrets ...string) string {
	var forms []string
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		forms = append(forms, secret, url.QueryEscape(secret), url.PathEscape(secret), jsonForm(secret))
		// Licence tokens are percent-encoded, and the agent may decode them
		// before it quotes them (cml-api.md 5.6).
		if plain, err := url.PathUnescape(secret); err == nil {
			forms = append(forms, plain, strings.TrimSpace(plain))
		}
	}
	forms = slices.DeleteFunc(forms, func(form string) bool { return form == "" })
	// A longer form first, so that one which holds another goes as a whole.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	for _, form := range forms {
		text = strings.ReplaceAll(text, form, redacted)
	}
	return text
}

func jsonForm(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s)
}
