//go:build !linux

package server

import "syscall"

// dieWithParent needs Linux; elsewhere the next start on the same data ends what was left behind.
func dieWithParent(*syscall.SysProcAttr) {}
