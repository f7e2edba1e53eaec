//go:build !unix

package sandbox

import "os/exec"

// ownGroup does nothing where there are no process groups: cancellation kills.
func ownGroup(*exec.Cmd) {}

// endGroup does nothing where there are no process groups.
func endGroup(*exec.Cmd) {}
