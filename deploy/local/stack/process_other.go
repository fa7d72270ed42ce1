//go:build !linux

package stack

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps Ctrl-C from reaching the process directly: the stack stops all in order.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func startLocked(cmd *exec.Cmd) error { return cmd.Start() }
