//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"time"
)

// move is one way of moving a file with OpenSSH's clients.
type move struct {
	name    string
	upload  bool
	text    bool // a quarter as much, of lines as logs have them, for the masks to look at
	prepare func(b *sshBed, ctx context.Context, leg, from, to string) *exec.Cmd
}

func moves() []move {
	scp := func(options ...string) func(b *sshBed, ctx context.Context, leg, from, to string) *exec.Cmd {
		return func(b *sshBed, ctx context.Context, _, from, to string) *exec.Cmd {
			return b.client(ctx, "scp", append(append([]string{"-q"}, options...), from, to)...)
		}
	}
	sftp := func(verb string) func(b *sshBed, ctx context.Context, leg, from, to string) *exec.Cmd {
		return func(b *sshBed, ctx context.Context, leg, from, to string) *exec.Cmd {
			cmd := b.client(ctx, "sftp", "-q", "-b", "-", leg)
			path := func(s string) string { return strings.TrimPrefix(s, leg+":") }
			cmd.Stdin = strings.NewReader(fmt.Sprintf("%s %s %s\n", verb, path(from), path(to)))
			return cmd
		}
	}
	cat := func(b *sshBed, ctx context.Context, leg, from, _ string) *exec.Cmd {
		return b.client(ctx, "ssh", leg, "cat "+strings.TrimPrefix(from, leg+":"))
	}
	return []move{
		{name: "sftp, upload", upload: true, prepare: sftp("put")},
		{name: "sftp, download", prepare: sftp("get")},
		{name: "scp, upload", upload: true, prepare: scp()},
		{name: "scp, download", prepare: scp()},
		{name: "scp -O, upload", upload: true, prepare: scp("-O")},
		{name: "scp -O, download", prepare: scp("-O")},
		{name: "ssh cat, text", text: true, prepare: cat},
	}
}

// source is a file that is moved.
type source struct {
	name string
	size int64
}

// files moves a file both ways, in each of the ways that OpenSSH has. It is
// read from the page cache; what is downloaded goes to /dev/null, and what is
// uploaded is removed before the system writes it out.
func (b *sshBed) files(ctx context.Context, r *report) error {
	noise := source{b.path("noise"), int64(b.file) << 20}
	text := source{b.path("text"), int64(max(b.file/4, 1)) << 20}
	random := rand.NewChaCha8([32]byte{})
	err := errors.Join(noise.write(func(block []byte) { _, _ = random.Read(block) }), text.write(fillWithLines))
	if err != nil {
		return err
	}
	for _, m := range moves() {
		from := noise
		if m.text {
			from = text
		}
		s := &section{Title: fmt.Sprintf("%s of %d MiB", m.name, from.size>>20), Reference: relayLeg}
		for round := range b.rounds {
			for _, l := range b.legs {
				if !l.files {
					continue
				}
				if err := b.move(ctx, s, l, m, from); err != nil {
					return fmt.Errorf("%s through %s: %w", s.Title, l.name, err)
				}
				fmt.Fprintf(os.Stderr, "round %d/%d  %-34s %-22s %s MB/s  %s s CPU/GiB\n", round+1, b.rounds, s.Title, l.name, s.last(l.name, "MB/s"), s.last(l.name, "CPU s/GiB"))
			}
		}
		r.Sections = append(r.Sections, s)
	}
	return nil
}

// write makes a file that is on the disk, and in memory.
func (s source) write(fill func(block []byte)) error {
	f, err := os.Create(s.name)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for range s.size / int64(len(block)) {
		fill(block)
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return f.Sync()
}

func fillWithLines(block []byte) {
	b := block[:0]
	for i := 0; len(b) < len(block); i++ {
		b = fmt.Appendf(b, "2026-03-01T12:%02d:%02dZ INFO served method=GET path=/api/v1/orders/%d status=200 bytes=%d took=%dms client=10.0.3.%d\n",
			i/60%60, i%60, i*7919, i*31, i%97, i%250)
	}
	copy(block, b[:len(block)])
	block[len(block)-1] = '\n'
}

func (b *sshBed) move(ctx context.Context, s *section, l *sshLeg, m move, file source) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	from, to, remote := l.name+":"+file.name, os.DevNull, b.path("uploaded")
	if m.upload {
		from, to = file.name, l.name+":"+remote
	}
	var idle float64
	if l.middle != nil {
		var err error
		if idle, _, err = memory(l.middle.pid); err != nil {
			return err
		}
		if err := resetPeak(l.middle.pid); err != nil {
			return err
		}
	}
	before, err := b.times(l)
	if err != nil {
		return err
	}
	cmd := m.prepare(b, ctx, l.name, from, to)
	var words bytes.Buffer
	cmd.Stderr = &words
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, words.Bytes())
	}
	took := time.Since(start)
	time.Sleep(100 * time.Millisecond) // the server's process ends, and counts then
	after, err := b.times(l)
	if err != nil {
		return err
	}
	if m.upload {
		if err := arrived(remote, file.size); err != nil {
			return err
		}
	}
	size := float64(file.size)
	used := after.minus(before)
	ends := used.server + cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	perGiB := func(d time.Duration) float64 { return d.Seconds() * (1 << 30) / size }
	s.add(l.name, "MB/s", size/1e6/took.Seconds())
	s.add(l.name, "all CPU s/GiB", perGiB(ends+used.middle))
	if l.middle == nil {
		return nil
	}
	_, peak, err := memory(l.middle.pid)
	s.add(l.name, "CPU s/GiB", perGiB(used.middle))
	s.add(l.name, "growth MB", max(peak-idle, 0))
	return err
}

// times are CPU times so far: of the process in the middle, and of the
// server's processes that have ended.
type times struct{ middle, server time.Duration }

func (t times) minus(other times) times {
	return times{t.middle - other.middle, t.server - other.server}
}

func (b *sshBed) times(l *sshLeg) (t times, err error) {
	if t.middle, err = l.cpu(); err != nil {
		return t, err
	}
	_, t.server, err = processTimes(b.server.Pid())
	return t, err
}

// arrived removes what was uploaded, if all of it is there.
func arrived(name string, size int64) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.Size() != size {
		return fmt.Errorf("%d bytes arrived instead of %d", info.Size(), size)
	}
	return os.Remove(name)
}
