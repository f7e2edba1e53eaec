package controller_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
)

func TestCredentialsPrintNothing(t *testing.T) {
	cr := controller.Credentials{Username: "admin", Password: "pa55word!", Token: "t0ken.abc"}
	holder := struct{ C controller.Credentials }{cr}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "credentials", cr)
	raw, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{
		cr.String(), fmt.Sprintf("%v %+v %#v %s %q", cr, cr, cr, cr, cr), fmt.Sprintf("%v %+v %#v", holder, holder, &holder),
		log.String(), string(raw),
	}
	for _, text := range texts {
		if strings.Contains(text, cr.Password) || strings.Contains(text, cr.Token) {
			t.Errorf("a secret shows in %q", text)
		}
	}
}

func TestRedact(t *testing.T) {
	tests := map[string]struct {
		text    string
		secrets []string
		want    string
	}{
		"plain":                  {"the password is s3cret.", []string{"s3cret"}, "the password is [redacted]."},
		"empty secret":           {"nothing here", []string{""}, "nothing here"},
		"url form":               {"GET /?p=a%2Fb%3D", []string{"a/b="}, "GET /?p=[redacted]"},
		"json form":              {`{"p":"a\"b"}`, []string{`a"b`}, `{"p":"[redacted]"}`},
		"decoded by the agent":   {"'abc=\n' is not valid", []string{"abc%3D%0A"}, "'[redacted]' is not valid"},
		"decoded and trimmed":    {"'abc=' is not valid", []string{"abc%3D%0A"}, "'[redacted]' is not valid"},
		"one holds the other":    {"secret-long and secret", []string{"secret", "secret-long"}, "[redacted] and [redacted]"},
		"several, several times": {"a1 b2 a1", []string{"a1", "b2"}, "[redacted] [redacted] [redacted]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := controller.Redact(test.text, test.secrets...); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
