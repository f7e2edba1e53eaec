package controller_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

const nginxPage = "<html>\r\n<head><title>502 Bad Gateway</title><style>b { color: red }</style></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

func TestErrorsByStatus(t *testing.T) {
	tests := map[int]fault.Kind{
		400: fault.Invalid, 403: fault.PermissionDenied, 404: fault.NotFound, 405: fault.Invalid, 409: fault.WrongState,
		413: fault.Invalid, 418: fault.Invalid, 422: fault.Invalid, 429: fault.Throttled, 500: fault.Server,
		502: fault.NotReady, 503: fault.NotReady, 504: fault.NotReady, 507: fault.Server,
	}
	for status, kind := range tests {
		ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"description": "Some words.", "code": 1}`)
		})
		c := controller.New(ip, settings, static, controller.Transport{})
		got, err := c.Do(within(t, patience), controller.Call{Method: http.MethodPut, Path: "/labs/x/stop"})
		c.Close()
		e := fault.As(err)
		if e == nil || e.Kind != kind || e.StatusCode != status || e.Service != "cml" || e.Operation != "PUT /labs/x/stop" || e.Message != "Some words." || got != status {
			t.Errorf("%d: got %+v and status %d, want kind %s", status, e, got, kind)
		}
		if controller.Reason(err) != controller.ReasonHTTP || !controller.Answered(err) {
			t.Errorf("%d: reason %q", status, controller.Reason(err))
		}
	}
}

func TestErrorTexts(t *testing.T) {
	long := strings.Repeat("x", 1000)
	tests := map[string]struct{ body, want string }{
		"envelope":          {`{"code": 400, "description": "Licensing issue: no."}`, "Licensing issue: no."},
		"other order":       {`{"description": "Licensing issue: no.", "code": 400}`, "Licensing issue: no."},
		"document in text":  {`{"code":400,"description":"{\"Input validation failed\": [{\"location\": [\"body\", \"token\"], \"type\": \"x\", \"message\": \"too long\"}]}"}`, "Input validation failed: body.token: too long"},
		"document":          {`{"code":400,"description":{"Input validation failed": [{"location": ["body", 0], "message": "a"}, {"message": "b"}]}}`, "Input validation failed: body.0: a; b"},
		"list":              {`{"code":400,"description":["a", null, 3]}`, "a; 3"},
		"text like a list":  {`{"code":400,"description":"[not JSON"}`, "[not JSON"},
		"bare string":       {`"no such\nthing"`, "no such thing"},
		"page of the proxy": {nginxPage, "502 Bad Gateway nginx"},
		"only a title":      {"<html><head><title>Loading</title><script>x()</script></head><body></body></html>", "Loading"},
		"plain text":        {"upstream\n\n  is  away", "upstream is away"},
		"other JSON":        {`{"error": "odd"}`, `{"error": "odd"}`},
		"nothing":           {"", ""},
		"long":              {long, long[:300] + "…"},
		"cut within a rune": {strings.Repeat("x", 299) + "äää", strings.Repeat("x", 299) + "…"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, test.body)
			})
			c := controller.New(ip, settings, static, controller.Transport{})
			defer c.Close()
			_, err := c.Do(within(t, patience), controller.Call{Method: http.MethodGet, Path: "/x"})
			if e := fault.As(err); e == nil || e.Message != test.want {
				t.Errorf("got %q, want %q", e.Message, test.want)
			}
		})
	}
}

func TestNoSecretShowsInErrors(t *testing.T) {
	const password, licence, gate, session = "pa55-word", "Zm9v%3D%0A", "gate-key", "session-t0ken"
	ip, settings := odd(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v0/authenticate" {
			_, _ = io.WriteString(w, `"`+session+`"`)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		// Behind much other text, so that shortening must not cut a secret in two.
		_, _ = io.WriteString(w, strings.Repeat("y", 297)+password+" Zm9v%3D%0A 'Zm9v=' "+gate+" "+session)
	})
	c := controller.New(ip, settings, controller.Credentials{Username: "u", Password: password}, controller.Transport{Headers: map[string]string{"X-Gate": gate}})
	defer c.Close()
	_, err := c.Do(within(t, patience), controller.Call{Method: http.MethodPost, Path: "/licensing/registration", Secrets: []string{licence}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, secret := range []string{"pa5", "Zm9v", gate, session} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q shows in %v", secret, err)
		}
	}
}

func TestInformationThatIsNotFromCML(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		kind   fault.Kind
		reason string
	}{
		"welcome page":           {200, "<html><h1>Welcome to nginx!</h1></html>", fault.NotReady, controller.ReasonNotCML},
		"empty":                  {200, "", fault.NotReady, controller.ReasonNotCML},
		"null":                   {200, "null", fault.NotReady, controller.ReasonNotCML},
		"other JSON":             {200, `{"status": "ok"}`, fault.NotReady, controller.ReasonNotCML},
		"list":                   {200, `[]`, fault.NotReady, controller.ReasonNotCML},
		"cut off":                {200, `{"version": "2.9.1`, fault.NotReady, controller.ReasonNotCML},
		"not found":              {404, "<h1>404</h1>", fault.NotReady, controller.ReasonNotCML},
		"asks for a login":       {401, "", fault.NotReady, controller.ReasonNotCML},
		"bad gateway":            {502, nginxPage, fault.NotReady, controller.ReasonHTTP},
		"unavailable":            {503, "", fault.NotReady, controller.ReasonHTTP},
		"internal error":         {500, `{"code": 500, "description": "x"}`, fault.Server, controller.ReasonHTTP},
		"too many":               {429, "", fault.Throttled, controller.ReasonHTTP},
		"larger than any answer": {200, `{"version": "2.9.1", "ready": true}` + strings.Repeat(" ", 17<<20), fault.NotReady, controller.ReasonNotCML},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			c := controller.New(ip, settings, static, controller.Transport{})
			defer c.Close()
			info, err := c.SystemInformation(within(t, patience))
			if !fault.Is(err, test.kind) || controller.Reason(err) != test.reason || !controller.Answered(err) {
				t.Errorf("got %+v, %v (%s, %q)", info, err, fault.KindOf(err), controller.Reason(err))
			}
		})
	}
}

func TestInformationIsDecodedLeniently(t *testing.T) {
	tests := map[string]controller.SystemInformation{
		`{"version": "2.4.0+build.1", "ready": true}`:                       {Version: "2.4.0+build.1", Ready: true},
		`{"version": "2.11.0", "ready": null, "oui": null, "features": {}}`: {Version: "2.11.0"},
	}
	for body, want := range tests {
		ip, settings := odd(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v0/system_information" || r.Header.Get("Authorization") != "" {
				w.WriteHeader(http.StatusTeapot)
			}
			_, _ = io.WriteString(w, body)
		})
		c := controller.New(ip, settings, static, controller.Transport{})
		if got, err := c.SystemInformation(within(t, patience)); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", body, got, err)
		}
		c.Close()
	}
}

func TestSuccessNeedsNoBody(t *testing.T) {
	for _, status := range []int{200, 202, 204} {
		ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		c := controller.New(ip, settings, static, controller.Transport{})
		out := map[string]any{"kept": true}
		got, err := c.Do(within(t, patience), controller.Call{Method: http.MethodDelete, Path: "/x", Out: &out})
		if err != nil || got != status || out["kept"] != true {
			t.Errorf("%d: got %d, %v, %v", status, got, out, err)
		}
		// A document that was asked for is another matter.
		if _, err := c.Labs(within(t, patience)); !fault.Is(err, fault.NotReady) {
			t.Errorf("%d: an empty list of labs gave %v", status, err)
		}
		c.Close()
	}
}

func TestACallMayHaveALimitOfItsOwn(t *testing.T) {
	done := make(chan struct{})
	ip, settings := odd(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(done) })
	c := controller.New(ip, settings, static, controller.Transport{RequestTimeout: time.Hour})
	defer c.Close()
	_, err := c.Do(within(t, patience), controller.Call{Method: http.MethodGet, Path: "/x", Timeout: 50 * time.Millisecond})
	if !fault.Is(err, fault.Unreachable) || controller.Reason(err) != controller.ReasonTimeout {
		t.Errorf("got %v", err)
	}
}

// A page in the place of the answer to a change is no success: CML has not heard
// of it. What else a release may answer is.
func TestAnswersToChanges(t *testing.T) {
	for body, good := range map[string]bool{
		"": true, " \n": true, `{"registration": {}}`: true, "OK": true, "true": true,
		nginxPage: false, "\n<!DOCTYPE html><html></html>": false,
	} {
		ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		c := controller.New(ip, settings, static, controller.Transport{})
		status, err := c.Do(within(t, patience), controller.Call{Method: http.MethodPut, Path: "/labs/x/stop"})
		c.Close()
		if status != http.StatusOK || (err == nil) != good {
			t.Errorf("%q: status %d, %v", body, status, err)
		}
		if err != nil && (!fault.Is(err, fault.NotReady) || controller.Reason(err) != controller.ReasonNotCML) {
			t.Errorf("%q: kind %q, reason %q", body, fault.KindOf(err), controller.Reason(err))
		}
	}
}

// JSON of another shape is told without the words of Go for it.
func TestMisfits(t *testing.T) {
	for body, want := range map[string]string{
		`{"registration": "COMPLETED"}`: "JSON of another shape (registration: string)",
		`[]`:                            "JSON of another shape (array)",
	} {
		ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		c := controller.New(ip, settings, static, controller.Transport{})
		_, err := c.Licensing(within(t, patience))
		c.Close()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "struct") {
			t.Errorf("%s: %v", body, err)
		}
	}
}
