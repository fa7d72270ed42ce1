package stack

import (
	"os/exec"
	"runtime"
	"syscall"
)

// ownGroup keeps Ctrl-C from reaching the process directly (the stack stops all in order) and has the kernel
// end it should the stack itself be killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

var starter = make(chan func())

func init() {
	// Pdeathsig fires when the starting *thread* ends, so one thread that never ends starts every process.
	go func() {
		runtime.LockOSThread()
		for start := range starter {
			start()
		}
	}()
}

func startLocked(cmd *exec.Cmd) error {
	done := make(chan error)
	starter <- func() { done <- cmd.Start() }
	return <-done
}
