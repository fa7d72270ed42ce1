package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
)

// brokerMode has this program be the broker: in a process of its own, its CPU time can be told apart from ours.
const brokerMode = "broker"

// runBroker serves a broker with its data in dir, says where, and ends when standard input does, as it does with its parent.
func runBroker(dir string) error {
	kafka, err := server.StartKafka(context.Background(), server.KafkaConfig{Dir: dir})
	if err != nil {
		return err
	}
	fmt.Println(kafka.Bootstrap)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return kafka.Stop()
}

// broker is a process in brokerMode.
type broker struct {
	cmd       *exec.Cmd
	stdin     io.Closer
	bootstrap string
}

func startBroker(dir string) (*broker, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	cmd := exec.CommandContext(context.Background(), program, brokerMode, dir) // stop ends it
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                      // Ctrl-C is for us
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("broker: pipes: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	b := &broker{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if b.bootstrap = strings.TrimSpace(line); err != nil {
		b.stop()
		return nil, fmt.Errorf("broker: it ended without an address: %w", err)
	}
	return b, nil
}

func (b *broker) stop() {
	_ = b.stdin.Close()
	_ = b.cmd.Wait()
}
