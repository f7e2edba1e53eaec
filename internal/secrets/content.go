package secrets

import (
	"encoding/json"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// content is what a secret holds.
type content struct{ username, password, token string }

// String shows nothing.
func (content) String() string { return "[redacted]" }

// GoString shows nothing.
func (content) GoString() string { return "[redacted]" }

// parse reads the text of a secret. Its errors say nothing of the text.
func parse(at place, text string) (content, error) {
	object := strings.TrimSpace(text)
	if !strings.HasPrefix(object, "{") || !strings.HasSuffix(object, "}") {
		password := strings.TrimRight(text, "\r\n")
		if password == "" {
			return content{}, at.errorf(fault.Invalid, "is empty")
		}
		return content{password: password}, nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(object), &members) != nil {
		// Sent as a password, it would only be refused.
		return content{}, at.errorf(fault.Invalid, "begins and ends like a JSON object, but is none")
	}
	var c content
	for name, into := range map[string]*string{"username": &c.username, "password": &c.password, "token": &c.token} {
		if raw, given := members[name]; given && json.Unmarshal(raw, into) != nil {
			return content{}, at.errorf(fault.Invalid, "is a JSON object whose member %q is not a text", name)
		}
	}
	if c.token == "" && c.password == "" {
		return content{}, at.errorf(fault.Invalid, "is a JSON object without `token` and without `password`")
	}
	return c, nil
}

// credentials completes the content by the provider's user name.
func (c content) credentials(at place, username string) (controller.Credentials, error) {
	if c.username == "" {
		c.username = username
	}
	if c.token == "" && c.username == "" {
		e := at.errorf(fault.Credentials, "holds a password, and there is no user name for it")
		e.next = "set `controller.username` in the provider block (or CML_USERNAME), or store a JSON object with `username` and `password`."
		return controller.Credentials{}, e
	}
	return controller.Credentials{Username: c.username, Password: c.password, Token: c.token}, nil
}
