package server

import "syscall"

// dieWithParent has the child shut down when we are killed. PostgreSQL takes SIGINT for a fast shutdown.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
