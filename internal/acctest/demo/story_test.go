package demo

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStoryOfTheEngine(t *testing.T) {
	var out bytes.Buffer
	s := &story{out: &out}
	caughtUp := 0
	failure := s.engine(strings.NewReader(strings.Join([]string{
		`Warning on standard output, not JSON`,
		`{"@level":"info","@message":"Terraform 1.11.4","type":"version"}`,
		`{"@level":"info","@message":"cml_worker.lab: Plan to create","type":"planned_change"}`,
		`{"@level":"info","@message":"cml_worker.lab: Creating...","type":"apply_start"}`,
		`{"@level":"info","@message":"data.cml_worker_cost.all: Refreshing...","type":"apply_start","hook":{"action":"read"}}`,
		`{"@level":"warn","@message":"Warning: hop limit","type":"diagnostic","diagnostic":{"severity":"warning","summary":"Hop limit","detail":"Is 2.\n[hop-limit]"}}`,
		`{"@level":"error","@message":"Error: x","type":"diagnostic","diagnostic":{"severity":"error","summary":"No capacity","detail":"Try another.","address":"cml_worker.lab"}}`,
		`{"@level":"info","@message":"Outputs: 1","type":"outputs"}`,
	}, "\n")), func() { caughtUp++ })
	if caughtUp == 0 {
		t.Error("the provider was never let speak first")
	}
	const want = `   | cml_worker.lab: Plan to create
   | cml_worker.lab: Creating...
   | Warning: Hop limit
   |   Is 2.
   |   [hop-limit]
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
	if want := "cml_worker.lab: No capacity\nTry another."; failure != want {
		t.Errorf("failure %q, want %q", failure, want)
	}
}

// The lines are as Terraform 1.11 and OpenTofu 1.12 write them.
func TestStoryOfTheProvider(t *testing.T) {
	for name, c := range map[string]struct{ line, want string }{
		"progress of a worker": {
			line: `2026-11-23T15:40:00.123Z [INFO]  provider.terraform-provider-cml_v99.0.0: launched i-0abc: tf_rpc=ApplyResourceChange @caller=/x/create.go:151 @module=cml worker=demo timestamp="2026-11-23T15:40:00.123Z"`,
			want: "   |   launched i-0abc\n",
		},
		"progress of power, a text with a colon": {
			line: `2026-11-23T15:40:00.123Z [INFO]  provider.terraform-provider-cml_v99.0.0: after 3s: https: worker_id=i-0abc tf_rpc=ApplyResourceChange`,
			want: "   |   after 3s: https\n",
		},
		"debug": {
			line: `2026-11-23T15:40:00.123Z [DEBUG] provider.terraform-provider-cml_v99.0.0: request: worker=demo`,
		},
		"nothing about a worker": {
			line: `2026-11-23T15:40:00.123Z [INFO]  provider.terraform-provider-cml_v99.0.0: create timeout configuration not found: tf_rpc=ApplyResourceChange`,
		},
		"the engine itself": {line: `2026-11-23T15:40:00.123Z [INFO]  provider: configuring client automatic mTLS`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			(&story{out: &out}).provider(c.line)
			if out.String() != c.want {
				t.Errorf("got %q, want %q", &out, c.want)
			}
		})
	}
}

func TestStoryOfSeveralWorkers(t *testing.T) {
	var out bytes.Buffer
	(&story{out: &out, several: true}).provider(
		`2026-11-23T15:40:00.123Z [INFO]  provider.terraform-provider-cml_v99.0.0: launched i-0abc: tf_rpc=ApplyResourceChange @module=cml worker=idle timestamp="2026-11-23T15:40:00.123Z"`)
	if want := "   |   idle: launched i-0abc\n"; out.String() != want {
		t.Errorf("got %q, want %q", &out, want)
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var got []string
	l := tail{path: path}
	read := func(appended, want string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(appended); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		got = nil
		l.read(func(line string) { got = append(got, line) })
		if told := strings.Join(got, "|"); told != want {
			t.Errorf("after %q: told %q, want %q", appended, told, want)
		}
	}
	l.read(func(string) { t.Error("a line of a file that is not there") })
	read("one\ntw", "one")
	read("", "")
	read("o\nthree\n", "two|three")
}
