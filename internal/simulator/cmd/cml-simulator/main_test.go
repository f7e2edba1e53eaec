package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

const patience = 20 * time.Second // far beyond what any step takes on a busy machine

// asProgram makes the test binary behave as the program, for the tests of signals.
const asProgram = "CML_SIMULATOR_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// variables reads the exports of a ready file.
func variables(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		name, value, found := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !found {
			t.Fatalf("the ready file has the line %q", line)
		}
		out[name] = strings.Trim(value, "'")
	}
	return out
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return body.String()
}

func TestRunServesUntilItIsTold(t *testing.T) {
	world := write(t, "world.json", `{"cml":{"admin":{"username":"root","password":"it's secret"}},"instances":[{"name":"existing"}]}`)
	faults := write(t, "faults.json", `[{"service":"sts","kind":"throttle","times":1}]`)
	ready := filepath.Join(t.TempDir(), "ready")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr bytes.Buffer
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"--listen", "127.0.0.1:0", "--cml-port", "0", "--world", world, "--faults", faults, "--ready-file", ready}, &stdout, &stderr)
	}()
	eventually(t, "it is ready", func() bool { _, err := os.Stat(ready); return err == nil })
	env := variables(t, ready)
	if env["CML_USERNAME"] != "root" || env["CML_PORT"] == "0" || env["AWS_REGION"] != "us-east-1" {
		t.Errorf("the environment is %v", env)
	}
	eventually(t, "the seeded instance has booted", func() bool {
		return strings.Contains(get(t, env["AWS_ENDPOINT_URL"]+"/_simulator/state"), `"existing"`)
	})
	if requests := strings.TrimSpace(get(t, env["AWS_ENDPOINT_URL"]+"/_simulator/requests")); requests != "[]" {
		t.Errorf("the record begins with %s", requests)
	}
	if pending := get(t, env["AWS_ENDPOINT_URL"]+"/_simulator/faults"); !strings.Contains(pending, "1") {
		t.Errorf("faults are %s", pending)
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("it ended with %v", err)
	}
	if _, err := os.Stat(ready); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the ready file is still there: %v", err)
	}
	for _, want := range []string{env["AWS_ENDPOINT_URL"], `provider "cml"`, `export CML_PASSWORD='it'\''s secret'`, "Ready."} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, stdout.String())
		}
	}
	if stderr.Len() > 0 {
		t.Errorf("errors: %s", stderr.String())
	}
}

func TestSignalsEndItCleanly(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		ready := filepath.Join(t.TempDir(), "ready")
		command := exec.CommandContext(t.Context(), program, "--listen", "127.0.0.1:0", "--cml-port", "0", "--ready-file", ready)
		command.Env = append(os.Environ(), asProgram+"=1")
		var output bytes.Buffer
		command.Stdout, command.Stderr = &output, &output
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is ready", func() bool { _, err := os.Stat(ready); return err == nil })
		if err := command.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := command.Wait(); err != nil {
			t.Errorf("after %v: %v\n%s", signal, err, output.String())
		}
		if _, err := os.Stat(ready); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("after %v the ready file is still there", signal)
		}
	}
}

func TestHelpNamesEverything(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, &stdout, &stderr); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("got %v", err)
	}
	text := stdout.String()
	wanted := []string{"--listen", "--cml-port", "--timing", "--world", "--faults", "--cml-version", "--clock-offset", "--print-env", "--ready-file", simulator.ControlHelp}
	wanted = append(wanted, cml.SwitchNames()...)
	for _, d := range delays(&simulator.Timing{}) {
		wanted = append(wanted, "--"+d.name)
	}
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("the help lacks %q", want)
		}
	}
	if stderr.Len() > 0 {
		t.Errorf("errors: %s", stderr.String())
	}
}

// TestTheHelpsWorldFileIsOne keeps the example in the help right.
func TestTheHelpsWorldFileIsOne(t *testing.T) {
	_, example, found := strings.Cut(helpTail, "World file (all members optional):")
	if !found {
		t.Fatal("the help has no world file")
	}
	example = example[:strings.LastIndex(example, "}")+1]
	if _, err := simulator.ReadWorld([]byte(example)); err != nil {
		t.Errorf("%v in %s", err, example)
	}
}

func TestPrintEnv(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), []string{"--print-env", "--admin-username", "root"}, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"export AWS_ENDPOINT_URL='http://127.0.0.1:4577'\n", "export CML_PORT='8443'\n", "export CML_USERNAME='root'\n", "\n# provider \"cml\" {\n#   region",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, stdout.String())
		}
	}
	for _, args := range [][]string{{"--listen", "127.0.0.1:0"}, {"--cml-port", "0"}, {"--listen", "nowhere"}} {
		if err := run(t.Context(), append(args, "--print-env"), &stdout, &stderr); err == nil {
			t.Errorf("%v: an environment was printed that cannot be right", args)
		}
	}
}

func TestDelaysChangeThePreset(t *testing.T) {
	var sink bytes.Buffer
	for _, d := range delays(&simulator.Timing{}) {
		s, err := parse([]string{"--timing", "demo", "--" + d.name, "777ms"}, &sink, &sink)
		if err != nil {
			t.Fatal(err)
		}
		want := simulator.Demo()
		for _, other := range delays(&want) {
			if other.name == d.name {
				*other.value = 777 * time.Millisecond
			}
		}
		if s.options.Timing != want {
			t.Errorf("--%s gives %+v", d.name, s.options.Timing)
		}
	}
}

func TestTheWorldMayBeginInThePast(t *testing.T) {
	s, err := parse([]string{"--clock-offset", "-45m"}, os.Stdout, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.options.ClockOffset; got != -45*time.Minute {
		t.Errorf("the offset is %v", got)
	}
}

func TestWrongUsage(t *testing.T) {
	bad := write(t, "bad.json", `{"colour":1}`)
	for _, args := range [][]string{
		{"--listen", "0.0.0.0:0"}, {"--listen", "192.0.2.1:4577"}, {"--timing", "slow"}, {"--world", bad}, {"--faults", bad},
		{"--world", "/does/not/exist"}, {"--faults", "/does/not/exist"}, {"--cml-version", "two", "--listen", "127.0.0.1:0"},
		{"--unknown"}, {"argument"}, {"--cml-port", "many"},
		{"--listen", "127.0.0.1:0", "--cml-port", "0", "--ready-file", "/does/not/exist/ready"},
	} {
		var sink bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := run(ctx, args, &sink, &sink); err == nil || ctx.Err() != nil {
			t.Errorf("%v: got %v (%v)", args, err, ctx.Err())
		}
		cancel()
	}
}
