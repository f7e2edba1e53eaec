package cml_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// instant lets every step happen at once.
var instant = cml.Timing{Register: time.Nanosecond}

const patience = 20 * time.Second // far beyond what any step takes on a busy machine

func newFleet(t *testing.T, options cml.Options) *cml.Fleet {
	t.Helper()
	fleet, err := cml.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	return fleet
}

var lastAddress atomic.Int32

// address is a loopback address of this test alone.
func address() string {
	n := lastAddress.Add(1)
	return fmt.Sprintf("127.66.%d.%d", n/250, n%250+1)
}

// ready boots a machine and waits until it is ready.
func ready(t *testing.T, fleet *cml.Fleet, b cml.Boot) (*cml.Machine, *client) {
	t.Helper()
	if b.InstanceID == "" {
		b.InstanceID = "i-0c31"
	}
	if b.Addresses == nil {
		b.Addresses = []string{address()}
	}
	if err := fleet.Boot(b); err != nil {
		t.Fatal(err)
	}
	m := fleet.Machine(b.InstanceID)
	eventually(t, "the machine is ready", func() bool { return m.Phase() == cml.Ready })
	return m, clientOf(t, fleet, b.Addresses[0])
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// client speaks to one machine without any knowledge of the API.
type client struct {
	t     *testing.T
	base  string
	token string
	http  *http.Client
}

func clientOf(t *testing.T, fleet *cml.Fleet, ip string) *client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{
		t: t, base: "https://" + net.JoinHostPort(ip, strconv.Itoa(fleet.Port())),
		http: &http.Client{Transport: transport, Timeout: patience},
	}
}

type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// try sends a request below /api/v0. A body that is a string goes out as it is, other bodies as JSON.
func (c *client) try(method, path string, body any) answer {
	c.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = bytes.NewReader([]byte(b))
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequest(method, c.base+"/api/v0"+path, reader)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	return c.send(request)
}

func (c *client) send(request *http.Request) answer {
	response, err := c.http.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, header: response.Header, body: string(got), err: err}
}

// want sends a request and insists on the status of the answer.
func (c *client) want(status int, method, path string, body any) answer {
	c.t.Helper()
	got := c.try(method, path, body)
	if got.err != nil || got.status != status {
		c.t.Fatalf("%s %s: got %d %q (%v), want %d", method, path, got.status, got.body, got.err, status)
	}
	return got
}

// json is the decoded answer of a request that must succeed with 200.
func (c *client) json(method, path string, body any) any {
	c.t.Helper()
	return c.want(http.StatusOK, method, path, body).decode(c.t)
}

// get reads one member of a GET's answer.
func (c *client) get(path string, members ...string) any {
	c.t.Helper()
	return pick(c.t, c.json("GET", path, nil), members...)
}

// login authenticates with the credentials; later requests carry the token.
func (c *client) login(who cml.Credentials) *client {
	c.t.Helper()
	other := *c
	other.token = c.json("POST", "/authenticate", who).(string)
	return &other
}

func (a answer) decode(t *testing.T) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatalf("the body %q is not JSON: %v", a.body, err)
	}
	return value
}

// refusal is the description of an error envelope, whose form is checked.
func (a answer) refusal(t *testing.T) string {
	t.Helper()
	envelope, is := a.decode(t).(map[string]any)
	if !is || len(envelope) != 2 || envelope["code"] != float64(a.status) {
		t.Fatalf("status %d with the body %q is no error envelope", a.status, a.body)
	}
	description, is := envelope["description"].(string)
	if !is {
		t.Fatalf("the description in %q is no string", a.body)
	}
	return description
}

func pick(t *testing.T, value any, members ...string) any {
	t.Helper()
	for _, name := range members {
		object, is := value.(map[string]any)
		if !is {
			t.Fatalf("no member %q in %v", name, value)
		}
		inner, present := object[name]
		if !present {
			t.Fatalf("no member %q in %v", name, value)
		}
		value = inner
	}
	return value
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func sha256Of(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	return hex.EncodeToString(sum[:])
}
