package examples_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// The provider is killed, or the run interrupted, in the very request that
// registers and in the one that gives back: the next run ends where it would
// have ended, with a token of one use, one licence counted, and none in the end.
func TestLicenseOutlivesTheProvider(t *testing.T) {
	box := newSandbox(t, engine.WriteOnly)
	noEnvironment(box)
	existing(box, box.Simulator.CML.Admin().Password)
	dir := t.TempDir()
	write(t, dir, "main.tf", licensed)
	run(t, box, dir, "init", "-no-color", "-input=false")
	counted := func() int { return len(box.Simulator.CML.SSMS().Registrations()) }

	for name, end := range map[string]func(*exec.Cmd, context.CancelFunc){
		"killed":      func(cmd *exec.Cmd, _ context.CancelFunc) { killProvider(t, cmd.Process.Pid) },
		"interrupted": func(_ *exec.Cmd, cancel context.CancelFunc) { cancel() },
	} {
		token := "b25lLXVzZS10b2tlbg-" + name
		box.Simulator.CML.SSMS().AddToken(token, 1)
		box.Set("TF_VAR_smart_token=" + token)
		box.Simulator.Recorder.Reset()

		cut(t, box, dir, "POST /licensing/registration", end, "apply")
		if box.Simulator.Recorder.Count("ec2", "TerminateInstances") != 0 {
			t.Fatalf("%s: something was terminated", name)
		}
		run(t, box, dir, "apply", "-no-color", "-input=false", "-auto-approve")
		all := box.Simulator.CML.SSMS().Registrations()
		if len(all) != 1 || all[0].Times != 1 {
			t.Fatalf("%s: counted %+v", name, all)
		}
		if state := read(t, filepath.Join(dir, "terraform.tfstate")); !strings.Contains(state, "cml_worker_license") || !strings.Contains(state, "IN_COMPLIANCE") {
			t.Errorf("%s: the licence is not in the state", name)
		}

		cut(t, box, dir, "DELETE /licensing/deregistration", end, "destroy")
		if n := box.Simulator.Recorder.Count("ec2", "TerminateInstances"); n != 0 {
			t.Errorf("%s: the worker was terminated after a release that did not end", name)
		}
		run(t, box, dir, "destroy", "-no-color", "-input=false", "-auto-approve")
		if n := counted(); n != 0 {
			t.Errorf("%s: %d licences are still counted", name, n)
		}
		if n := box.Simulator.Recorder.Count("ec2", "TerminateInstances"); n != 1 {
			t.Errorf("%s: %d terminations", name, n)
		}
	}
}

// The provider is killed after CML has registered with a new token of one use,
// and before anything is in the state: the next run does not use it again.
func TestTokenOutlivesTheProvider(t *testing.T) {
	box := newSandbox(t, engine.WriteOnly)
	noEnvironment(box)
	existing(box, box.Simulator.CML.Admin().Password)
	dir := t.TempDir()
	apply := func(token, more string) {
		box.Simulator.CML.SSMS().AddToken(token, 1)
		box.Set("TF_VAR_smart_token=" + token)
		write(t, dir, "main.tf", strings.Replace(licensed, "  token_wo    =", more+"\n  token_wo    =", 1))
	}
	apply("Zmlyc3QtdG9rZW4", "  token_wo_version = 1")
	run(t, box, dir, "init", "-no-color", "-input=false")
	run(t, box, dir, "apply", "-no-color", "-input=false", "-auto-approve")

	apply("c2Vjb25kLXRva2Vu", "  token_wo_version = 2\n  extra_nodes = 7")
	// The nodes come after the registration.
	cut(t, box, dir, "PATCH /licensing/features", func(cmd *exec.Cmd, _ context.CancelFunc) { killProvider(t, cmd.Process.Pid) }, "apply")
	run(t, box, dir, "apply", "-no-color", "-input=false", "-auto-approve")
	all := box.Simulator.CML.SSMS().Registrations()
	if len(all) != 1 || all[0].Times != 2 || all[0].Nodes != 7 {
		t.Fatalf("counted %+v", all)
	}
	if state := read(t, filepath.Join(dir, "terraform.tfstate")); !strings.Contains(state, `"token_wo_version": 2`) || !strings.Contains(state, "IN_COMPLIANCE") {
		t.Error("the new version is not in the state")
	}
	run(t, box, dir, "destroy", "-no-color", "-input=false", "-auto-approve")
	if n := len(box.Simulator.CML.SSMS().Registrations()); n != 0 {
		t.Errorf("%d licences are still counted", n)
	}
}

// cut runs the engine and ends something once an operation is asked, whose
// answer takes longer than anybody waits.
func cut(t *testing.T, box *sandbox.Sandbox, dir, operation string, end func(*exec.Cmd, context.CancelFunc), verb string) {
	t.Helper()
	box.Simulator.Faults.Add(wire.Rule{Service: "cml", Operation: operation, Times: 1, Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(10 * time.Minute)}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd, after := box.Command(ctx, dir, verb, "-no-color", "-input=false", "-auto-approve")
	defer after()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for box.Simulator.Faults.Pending() > 0 {
		select {
		case err := <-ended:
			t.Fatalf("%s ended before it asked for %s: %v\n%s", verb, operation, err, out.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	end(cmd, cancel)
	if err := <-ended; err == nil {
		t.Logf("%s succeeded all the same:\n%s", verb, out.String())
	}
	box.Simulator.Faults.Clear()
}

// killProvider kills the provider's process among the children of an engine.
func killProvider(t *testing.T, parent int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		status, err := os.ReadFile("/proc/" + entry.Name() + "/status")
		if err != nil || !strings.Contains(string(status), "PPid:\t"+strconv.Itoa(parent)+"\n") {
			continue
		}
		if command, _ := os.ReadFile("/proc/" + entry.Name() + "/cmdline"); strings.Contains(string(command), "terraform-provider-cml") {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			killed++
		}
	}
	if killed == 0 {
		t.Fatal("no process of the provider was found")
	}
}
