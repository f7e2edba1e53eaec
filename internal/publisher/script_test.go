package publisher_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/cml-infra/terraform-provider-cml/internal/idle"
	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
)

// Ubuntu 20.04 has Python 3.8; it has nothing but the standard library.
func TestScriptIsForOldPythons(t *testing.T) {
	code := `
import ast
tree = ast.parse(open(sys.argv[1]).read(), feature_version=(3, 8))
names = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
names |= {n.module.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
print(*sorted(names))
`
	const standard = "base64 codecs datetime email hashlib hmac http ipaddress json os re signal ssl sys time traceback urllib"
	for _, p := range pythons(t) {
		if got := strings.TrimSpace(python(t, p, code)); got != standard {
			t.Errorf("%s: imports %s", p, got)
		}
	}
}

// The provider and the script agree on what is activity.
func TestActivityIsOneRule(t *testing.T) {
	got := strings.Fields(python(t, pythons(t)[0], "print(*sorted(p.ACTIVITY), '^' + p.SYSTEM_USER + '.*')"))
	want := slices.Sorted(slices.Values(idle.Categories()))
	if want = append(want, idle.DefaultExcludePattern); !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

// Where an answer points to, nobody goes: the request has a token.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	there := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(there.Close)
	here := httptest.NewServer(http.RedirectHandler(there.URL, http.StatusTemporaryRedirect))
	t.Cleanup(here.Close)
	code := `print(p.fetch(p.opener(proxies=False), "GET", "` + here.URL + `", {"Authorization": "Bearer x"})[0])`
	if got := strings.TrimSpace(python(t, pythons(t)[0], code)); got != "307" || elsewhere.Load() != 0 {
		t.Errorf("%s, %d requests elsewhere", got, elsewhere.Load())
	}
}

// systemd takes the units as they are.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze to check the units with")
	}
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("systemd-analyze wants the program of the service: ", err)
	}
	dir, units := t.TempDir(), []string{"verify"}
	for _, f := range publisher.Files(publisher.Settings{SSMParameterName: "a"}) {
		if strings.HasPrefix(f.Path, "/etc/systemd/") {
			unit := filepath.Join(dir, filepath.Base(f.Path))
			if err := os.WriteFile(unit, f.Content, 0o600); err != nil {
				t.Fatal(err)
			}
			units = append(units, unit)
		}
	}
	out, err := exec.CommandContext(t.Context(), analyze, units...).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("cml-publisher")) {
		t.Errorf("%v: %s", err, out)
	}
}

// The signature is that of AWS's own signer.
func TestSignature(t *testing.T) {
	type request struct {
		Method, URL, Region, Service, Body string
		Headers                            map[string]string
	}
	all := []request{
		{"POST", "https://monitoring.eu-west-1.amazonaws.com/", "eu-west-1", "monitoring", "Action=PutMetricData&Version=2010-08-01", map[string]string{
			"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "X-Amz-Security-Token": "IQoJb3/+=="}},
		{"POST", "http://127.0.0.1:4566/", "us-gov-west-1", "secretsmanager", `{"SecretId": "ü"}`, map[string]string{
			"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.GetSecretValue"}},
		{"GET", "https://example.amazonaws.com/?Param2=value2&Param1=value%201&Param1=%2F~", "us-east-1", "service", "", map[string]string{"My-Header": "  a   b  c "}},
		{"GET", "https://example.amazonaws.com", "us-east-1", "service", "", nil},
		{"POST", "https://example.amazonaws.com/a/path/", "us-east-1", "service", "x", nil},
	}
	const key, secret = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	question, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	code := `
import json, time
for r in json.loads(` + quoted(t, string(question)) + `):
    now = time.strptime("20150830T123600", "%Y%m%dT%H%M%S")
    print(p.sign(r["Method"], r["URL"], r["Headers"] or {}, r["Body"].encode(), r["Region"], r["Service"], "` + key + `", "` + secret + `", now)["Authorization"])
`
	got := strings.Split(strings.TrimSpace(python(t, pythons(t)[0], code)), "\n")
	for i, r := range all {
		request, err := http.NewRequestWithContext(context.Background(), r.Method, r.URL, bytes.NewReader([]byte(r.Body)))
		if err != nil {
			t.Fatal(err)
		}
		request.ContentLength = 0 // the SDK would sign it too
		for name, value := range r.Headers {
			request.Header.Set(name, value)
		}
		sum := sha256.Sum256([]byte(r.Body))
		if err := v4.NewSigner().SignHTTP(t.Context(), sdk.Credentials{AccessKeyID: key, SecretAccessKey: secret}, request, hex.EncodeToString(sum[:]), r.Service, r.Region, at); err != nil {
			t.Fatal(err)
		}
		if want := request.Header.Get("Authorization"); got[i] != want {
			t.Errorf("%s %s:\n%s\nwant\n%s", r.Method, r.URL, got[i], want)
		}
	}
	// "get-vanilla" of AWS's test suite for this version of the signature.
	if want := "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"; !strings.HasSuffix(got[3], want) {
		t.Errorf("%s\nwant …%s", got[3], want)
	}
}

func quoted(t *testing.T, s string) string {
	t.Helper()
	out, err := json.Marshal(s) // a string of JSON is one of Python
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// A list of any length is read in a bounded memory, however it is cut, and each
// event once.
func TestEventsAreAStream(t *testing.T) {
	code := `
import io, json, resource
text = json.dumps([{"n": i, "text": "ü]}\\\"[{" * (i % 7)} for i in range(50)], ensure_ascii=False, indent=1).encode()
for size in (1, 2, 3, 7, 64, 1000, len(text)):
    stream = io.BytesIO(text)
    assert [e["n"] for e in p.elements(lambda _: stream.read(size))] == list(range(50)), size
for end in range(len(text) - 1):
    stream = io.BytesIO(text[:end])
    try:
        for _ in p.elements(stream.read): pass
        raise SystemExit("%d bytes are taken for the whole" % end)
    except p.Unreadable: pass
assert list(p.elements(io.BytesIO(b" [ ] ").read)) == []
for bad in (b'[{} {}]', b'[{},]', b'[,{}]', b'[{}}', b'[{"a": }]', b'[{"a": "\xff"}]', b'{}', b'[[]]', b'[null]', b'[{"a":' + b'[' * 100000 + b']}]'):
    try:
        list(p.elements(io.BytesIO(bad).read))
        raise SystemExit("%r is taken" % bad[:20])
    except p.Unreadable: pass

def long(n):
    yield b"["
    for i in range(n):
        yield b'{"category": "system_stats", "data": "' + b"x" * 1000 + b'"},'
    yield b"{}]"
chunks = long(30000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(1 for _ in p.elements(lambda _: next(chunks, b""))) == 30001
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 8192, "%d KiB" % grown
def endless():
    yield b'[{"a": "'
    for _ in range(20): yield b"x" * 65536
    raise SystemExit("more than 1 MiB is held")
chunks = endless()
try:
    list(p.elements(lambda _: next(chunks)))
except p.Unreadable as e: print(e)
`
	for _, interpreter := range pythons(t) {
		if got := python(t, interpreter, code); !strings.Contains(got, "more than 1048576 bytes") {
			t.Errorf("%s: %s", interpreter, got)
		}
	}
}

func TestMoments(t *testing.T) {
	code := `
for text in ("2026-02-01T10:25:32.810Z", "2026-02-01T10:25:32", "2026-02-01 10:25:32.5", "2026-02-01T10:25:32.123456789+01:30", "2026-02-01T10:25:32-0530", " 2026-02-01T10:25:32Z ",
             "2026-02-30T10:25:32Z", "2026-02-01", "", "now", None, 5, "2026-02-01T10:25:32Zulu"):
    print(p.moment(text))
`
	base := time.Date(2026, 2, 1, 10, 25, 32, 0, time.UTC).Unix()
	for _, interpreter := range pythons(t) {
		var got []any
		for _, line := range strings.Fields(python(t, interpreter, code)) {
			if line == "None" {
				got = append(got, nil)
				continue
			}
			var seconds float64
			if err := json.Unmarshal([]byte(line), &seconds); err != nil {
				t.Fatal(err)
			}
			got = append(got, int64(seconds)-base)
		}
		for i, want := range []any{int64(0), int64(0), int64(0), int64(-5400), int64(19800), int64(0), nil, nil, nil, nil, nil, nil, nil} {
			if i >= len(got) || got[i] != want {
				t.Fatalf("%s: %v", interpreter, got)
			}
		}
	}
}

func TestFiles(t *testing.T) {
	files := map[string]publisher.File{}
	for _, f := range publisher.Files(publisher.Settings{SSMParameterName: `a"b`, Username: "u", ExcludeUsers: []string{"x"}, Interval: 90 * time.Second}) {
		files[f.Path] = f
		if f.Permissions != map[bool]string{true: "0755", false: "0644"}[f.Path == publisher.ScriptPath] || !filepath.IsAbs(f.Path) || !bytes.HasSuffix(f.Content, []byte("\n")) {
			t.Errorf("%s: %s", f.Path, f.Permissions)
		}
	}
	if want := "{\n  \"ssm_parameter_name\": \"a\\\"b\",\n  \"username\": \"u\",\n  \"exclude_users\": [\n    \"x\"\n  ]\n}\n"; string(files[publisher.ConfigPath].Content) != want {
		t.Errorf("%s", files[publisher.ConfigPath].Content)
	}
	timer := string(files["/etc/systemd/system/"+publisher.Timer].Content)
	if !strings.Contains(timer, "\nOnUnitActiveSec=90s\n") || !strings.Contains(timer, "\nOnBootSec=") || !strings.Contains(timer, "\nWantedBy=timers.target\n") || strings.Contains(timer, "@") {
		t.Errorf("%s", timer)
	}
	service := string(files["/etc/systemd/system/cml-publisher.service"].Content)
	for _, want := range []string{" " + publisher.ScriptPath + "\n", "DynamicUser=yes", "RuntimeDirectory=cml-publisher\n", "RuntimeDirectoryPreserve=yes", "SuccessExitStatus=75", "TimeoutStartSec="} {
		if !strings.Contains(service, want) {
			t.Errorf("the service lacks %q", want)
		}
	}
	for _, f := range publisher.Files(publisher.Settings{SSMParameterName: "a"}) {
		if f.Path == "/etc/systemd/system/"+publisher.Timer && !strings.Contains(string(f.Content), "OnUnitActiveSec=300s\n") {
			t.Errorf("by default: %s", f.Content)
		}
	}
}
