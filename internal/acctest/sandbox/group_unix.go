//go:build unix

package sandbox

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the engine into a process group of its own, so that Ctrl-C in
// a terminal reaches it once, through us, and not twice: a second interrupt
// makes it drop everything. Cancellation sends that one interrupt.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
}

// endGroup kills what is left of the group once the engine has ended: provider
// processes of an engine that was killed.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		// No process of the group is left in the usual case, which is an error here.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
