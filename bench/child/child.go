// Package child is what the programs that bench starts have in common: they
// say when they listen, tell their memory when they are asked, write a CPU
// profile where one is wanted, and end with their standard input.
package child

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
)

// AskMemory is the line that asks for memory. The answer is a line of Memory,
// by [Memory.String].
const AskMemory = "memory"

// Memory is what a program has in use after a collection of garbage that gave
// back to the system whatever could be given back.
type Memory struct {
	Heap, Stacks int64 // bytes
	Goroutines   int
}

// String writes what [ParseMemory] reads.
func (m Memory) String() string {
	return fmt.Sprintf("heap %d stacks %d goroutines %d", m.Heap, m.Stacks, m.Goroutines)
}

// ParseMemory reads an answer.
func ParseMemory(line string) (Memory, error) {
	var m Memory
	_, err := fmt.Sscanf(line, "heap %d stacks %d goroutines %d", &m.Heap, &m.Stacks, &m.Goroutines)
	if err != nil {
		return Memory{}, fmt.Errorf("unexpected answer about memory: %q", line)
	}
	return m, nil
}

// Listening says that the program listens at addr, and from then on answers
// what is asked on standard input. Its context ends with that.
func Listening(addr net.Addr) context.Context { return listening(addr, os.Stdin, os.Stdout) }

func listening(addr net.Addr, in io.Reader, out io.Writer) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	fmt.Fprintln(out, "ready", addr)
	go func() {
		defer cancel()
		for lines := bufio.NewScanner(in); lines.Scan(); {
			if lines.Text() == AskMemory {
				fmt.Fprintln(out, inUse())
			}
		}
	}()
	return ctx
}

func inUse() Memory {
	debug.FreeOSMemory()
	debug.FreeOSMemory() // what had a finalizer or stood in a pool goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Memory{Heap: int64(m.HeapAlloc), Stacks: int64(m.StackInuse), Goroutines: runtime.NumGoroutine()}
}

// Profile starts a CPU profile into a file and returns what ends it; an empty
// name means none.
func Profile(name string) (stop func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}

// Roots reads the certificate of a PEM file as an authority to trust.
func Roots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return roots, nil
}
