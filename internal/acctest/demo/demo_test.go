package demo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/demo"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
)

func options(t *testing.T, out *output) demo.Options {
	t.Helper()
	e, err := engine.Find(t.Context(), engine.Options{})
	if err != nil {
		t.Skip(err)
	}
	// What the demo leaves behind would be in here.
	t.Setenv("TMPDIR", t.TempDir())
	// None of these may get through.
	t.Setenv("AWS_PROFILE", "nobody")
	t.Setenv("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:1")
	t.Setenv("CML_TOKEN", "stale")
	t.Setenv("TF_CLI_ARGS_apply", "-no-such-flag")
	t.Setenv("TF_CLI_CONFIG_FILE", filepath.Join(t.TempDir(), "missing"))
	return demo.Options{Engine: e, Out: out, Simulator: simulator.Options{Timing: simulator.Quick()}}
}

// output collects the story and tells when a text comes up in it.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	await string
	then  func()
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.text.Write(p)
	if o.then != nil && strings.Contains(o.text.String(), o.await) {
		o.then()
		o.then = nil
	}
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func nothingLeft(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "cml-sandbox-*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestDemo sees the whole story, then takes it at its word: the simulator is
// still up, and the file with the settings leads to it.
func TestDemo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := output{await: "In another terminal", then: func() {
		defer cancel()
		if err := asksSimulator(ctx); err != nil {
			t.Error(err)
		}
	}}
	o := options(t, &out)
	o.Keep = true
	if err := demo.Run(ctx, o); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	rest := out.String()
	for _, want := range []string{
		"1. Create", "cml_worker.lab: Creation complete", "url            = https://127.",
		"2. Plan again", "No changes.",
		"3. Stop", "The instance is stopped",
		"4. Start", "the dependant (bookmark) has the new one",
		"5. Destroy", "Nothing is left", "RunInstances",
		"In another terminal", "Ending the simulator",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("the story lacks %q, or has it too early:\n%s", want, &out)
		}
		rest = after
	}
	nothingLeft(t)
}

// asksSimulator sources the file with the settings in a shell, and sends a
// request to the endpoint that it names.
func asksSimulator(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "cml-sandbox-*", "env"))
	if err != nil {
		return err
	}
	if len(files) != 1 {
		return fmt.Errorf("files with settings: %v, want one", files)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", `. "$0" && printf %s "$AWS_ENDPOINT_URL"`, files[0])
	endpoint, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("sourcing %s: %w", files[0], err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, string(endpoint), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the simulator is not up any more: %w", err)
	}
	return resp.Body.Close()
}

func TestDemoInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := output{await: "cml_worker.lab: Creating...", then: cancel}
	err := demo.Run(ctx, options(t, &out))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled\n%s", err, &out)
	}
	nothingLeft(t)
}

// TestFleet sees the second act. What its tables show is checked by the story
// itself.
func TestFleet(t *testing.T) {
	out := output{}
	o := options(t, &out)
	o.Act = demo.Fleet
	if err := demo.Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	rest := out.String()
	for _, want := range []string{
		"1. Apply", "cml_worker.fleet[\"metal\"]: Creation complete",
		"2. 20 minutes later", "metal", "m5zn.metal", "Known to no configuration: forgotten",
		"3. 15 more minutes", "CloudWatch stopped i-",
		"4. Plan again", "No changes.",
		"5. Look again",
		"6. Destroy", "Left: forgotten", "StopInstances",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("the story lacks %q, or has it too early:\n%s", want, &out)
		}
		rest = after
	}
	nothingLeft(t)
}

func TestParseAct(t *testing.T) {
	for name, want := range map[string]demo.Act{"": demo.Tour, "fleet": demo.Fleet} {
		if got, err := demo.ParseAct(name); err != nil || got != want {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	if _, err := demo.ParseAct("opera"); err == nil {
		t.Error("an act that is not there was taken")
	}
}
