//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/bench/child"
)

// middle is a process in the middle whose cost is measured.
type middle struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	pid    int
	first  string // the first line that it wrote
}

// build compiles one of the programs beside this one into a directory, without
// cgo, as users do; what is there already stays.
func build(ctx context.Context, dir, name string) (string, error) {
	program := filepath.Join(dir, name)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/sallyport/sallyport/bench/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", name, err, out)
	}
	return program, nil
}

// startMiddle starts a program that writes one line when it is ready and ends
// when its standard input does, so that none outlives the benchmark.
func startMiddle(cmd *exec.Cmd) (*middle, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	m := &middle{cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout), pid: cmd.Process.Pid}
	line, err := m.stdout.ReadString('\n')
	if err != nil {
		_ = m.stop()
		return nil, fmt.Errorf("%s did not start: %s", cmd.Path, strings.TrimSpace(stderr.String()))
	}
	m.first = strings.TrimSpace(line)
	return m, nil
}

// addr returns where a program that follows package child listens.
func (m *middle) addr() string { return strings.TrimPrefix(m.first, "ready ") }

// inUse asks a program that follows package child for its memory.
func (m *middle) inUse() (child.Memory, error) {
	if _, err := io.WriteString(m.stdin, child.AskMemory+"\n"); err != nil {
		return child.Memory{}, err
	}
	line, err := m.stdout.ReadString('\n')
	if err != nil {
		return child.Memory{}, err
	}
	return child.ParseMemory(line)
}

func (m *middle) stop() error {
	_ = m.stdin.Close()
	done := make(chan struct{})
	go func() {
		_ = m.cmd.Wait() // how it ends is its own affair
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		_ = m.cmd.Process.Kill()
		<-done
		return fmt.Errorf("%s did not end when told to", m.cmd.Path)
	}
	return nil
}

// cpu returns user and system time of a process so far.
func cpu(pid int) (time.Duration, error) {
	own, _, err := processTimes(pid)
	return own, err
}

// processTimes returns user and system time of a process so far, and that of
// its children which have ended, with theirs.
func processTimes(pid int) (own, children time.Duration, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	return parseStat(string(b))
}

// parseStat reads the 14th to 17th field. The second, the program's name in
// parentheses, may hold anything, so counting starts after the last ")".
func parseStat(s string) (own, children time.Duration, err error) {
	i := strings.LastIndexByte(s, ')')
	if i < 0 {
		return 0, 0, errors.New("no program name in stat")
	}
	f := strings.Fields(s[i+1:])
	if len(f) < 15 {
		return 0, 0, errors.New("too few fields in stat")
	}
	var ticks [4]int64 // user, system; the same of children
	for i := range ticks {
		if ticks[i], err = strconv.ParseInt(f[11+i], 10, 64); err != nil {
			return 0, 0, err
		}
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every architecture that Go knows
	return time.Duration(ticks[0]+ticks[1]) * tick, time.Duration(ticks[2]+ticks[3]) * tick, nil
}

// memory returns resident and peak resident memory in MB.
func memory(pid int) (rss, peak float64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	return statusField(string(b), "VmRSS:"), statusField(string(b), "VmHWM:"), nil
}

func statusField(status, name string) float64 {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

// resetPeak makes VmHWM start again from what is resident now.
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
