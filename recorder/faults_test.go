package recorder

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// faultFS is the disk until its nth call, which fails, as does every later
// one: a full disk stays full.
type faultFS struct {
	fileSystem
	calls  atomic.Int64
	at     int64
	err    error
	short  bool // the failing write writes a part
	onlyAt bool // later calls succeed again: an EIO that goes away must stay final for the journal
}

func (f *faultFS) next() (fault, first bool) {
	n := f.calls.Add(1)
	return f.at > 0 && (n == f.at || n > f.at && !f.onlyAt), n == f.at
}

func (f *faultFS) fired() bool { return f.at > 0 && f.calls.Load() >= f.at }

func (f *faultFS) call() error {
	if fault, _ := f.next(); fault {
		return f.err
	}
	return nil
}

func (f *faultFS) file(name string, open func(string) (file, error)) (file, error) {
	if err := f.call(); err != nil {
		return nil, err
	}
	x, err := open(name)
	return &faultFile{x, f}, err
}

func (f *faultFS) Create(name string) (file, error) { return f.file(name, f.fileSystem.Create) }
func (f *faultFS) Append(name string) (file, error) { return f.file(name, f.fileSystem.Append) }
func (f *faultFS) Open(name string) (file, error)   { return f.file(name, f.fileSystem.Open) }

func (f *faultFS) Remove(name string) error {
	if err := f.call(); err != nil {
		return err
	}
	return f.fileSystem.Remove(name)
}

func (f *faultFS) Rename(from, to string) error {
	if err := f.call(); err != nil {
		return err
	}
	return f.fileSystem.Rename(from, to)
}

func (f *faultFS) SyncDir(name string) error {
	if err := f.call(); err != nil {
		return err
	}
	return f.fileSystem.SyncDir(name)
}

type faultFile struct {
	file
	fs *faultFS
}

func (f *faultFile) write(b []byte, write func([]byte) (int, error)) (int, error) {
	fault, first := f.fs.next()
	if !fault {
		return write(b)
	}
	if first && f.fs.short {
		n, _ := write(b[:len(b)/2])
		return n, f.fs.err
	}
	return 0, f.fs.err
}

func (f *faultFile) Write(b []byte) (int, error) { return f.write(b, f.file.Write) }
func (f *faultFile) WriteAt(b []byte, off int64) (int, error) {
	return f.write(b, func(b []byte) (int, error) { return f.file.WriteAt(b, off) })
}

func (f *faultFile) Sync() error {
	if err := f.fs.call(); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.fs.call(); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f *faultFile) Allocate(size int64) error {
	if err := f.fs.call(); err != nil {
		return err
	}
	return f.file.Allocate(size)
}

// acked is what Append has acknowledged: how many events of each session.
type acked struct {
	mu   sync.Mutex
	next map[string]uint64
}

func (a *acked) append(j *Journal, need Need, events ...*Event) error {
	if err := j.Append(context.Background(), need, events...); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range events {
		a.next[e.Session] = max(a.next[e.Session], e.Seq+1)
	}
	return nil
}

// script uses every part of the journal; it stops at the first error.
func script(dir string, fsys fileSystem, need Need, a *acked) error {
	j, err := OpenJournal(dir, Options{
		SegmentSize: minSegmentSize, fs: fsys, Logger: quiet(),
		CheckpointInterval: time.Hour, SyncInterval: time.Hour,
	})
	if err != nil {
		return err
	}
	run := func() error {
		for s := range 2 {
			id := fmt.Sprintf("s%d", s)
			if err := a.append(j, need, opened(id)); err != nil {
				return err
			}
			for range 3 {
				if err := a.append(j, need, operation(id, 1, "select 1"), output(id, 1, strings.Repeat("x", 1700))); err != nil {
					return err
				}
				if err := a.append(j, need, ended(id, 1)); err != nil {
					return err
				}
			}
			if _, err := j.Checkpoint(); err != nil {
				return err
			}
		}
		return nil
	}
	err = run()
	if err != nil && j.Ready() == nil {
		return fmt.Errorf("ready after %w", err)
	}
	if err != nil && j.Append(context.Background(), Taken, opened("late")) == nil {
		return fmt.Errorf("an event was taken after %w", err)
	}
	if closing := j.Close(); err == nil {
		err = closing
	}
	return err
}

// holds checks that the journal opens, has all that was acknowledged, and
// verifies.
func (a *acked) holds(t *testing.T, dir, what string) {
	t.Helper()
	a.holdsIn(t, dir, what, Options{Logger: quiet(), SegmentSize: 1 << 20, fs: quickFS{}})
}

func (a *acked) holdsIn(t *testing.T, dir, what string, opts Options) {
	t.Helper()
	j, err := OpenJournal(dir, opts)
	require.NoError(t, err, what)
	require.NoError(t, j.Close(), what)
	r, err := Open(dir)
	require.NoError(t, err)
	have := make(map[string]uint64)
	for e, err := range r.All(0) {
		require.NoError(t, err, what)
		require.Equal(t, have[e.Session], e.Seq, what)
		have[e.Session]++
	}
	for id, n := range a.next {
		require.GreaterOrEqual(t, have[id], n, "%s: acknowledged events of %s are lost", what, id)
	}
	require.Zero(t, have["late"], what)
	report, err := Verify(context.Background(), dir, VerifyOptions{})
	require.NoError(t, err, what)
	require.Empty(t, report.Findings, what)
	require.Equal(t, report.Events, report.Signed, what)
}

func TestEveryFaultIsSurvived(t *testing.T) {
	for _, fault := range []struct {
		name          string
		err           error
		short, onlyAt bool
	}{
		{name: "ENOSPC", err: syscall.ENOSPC},
		{name: "EIO once", err: syscall.EIO, onlyAt: true},
		{name: "short write", err: syscall.ENOSPC, short: true},
	} {
		t.Run(fault.name, func(t *testing.T) {
			for n := int64(1); ; n++ {
				dir := tempDir(t)
				a := &acked{next: make(map[string]uint64)}
				fsys := &faultFS{fileSystem: quickFS{}, at: n, err: fault.err, short: fault.short, onlyAt: fault.onlyAt}
				err := script(dir, fsys, Durable, a)
				a.holds(t, dir, fmt.Sprintf("call %d", n))
				if !fsys.fired() {
					require.NoError(t, err)
					require.Greater(t, n, int64(60), "the script is to use the disk")
					return
				}
				require.ErrorIs(t, err, fault.err, "call %d: the failure is to be reported", n)
			}
		})
	}
}

// A fault while the journal is being recovered leaves it as good as it was.
func TestEveryFaultOfARecoveryIsSurvived(t *testing.T) {
	crashed := tempDir(t)
	a := &acked{next: make(map[string]uint64)}
	j := open(t, crashed, Options{SegmentSize: minSegmentSize, CheckpointInterval: time.Hour})
	for i := range 6 {
		id := fmt.Sprint("s", i)
		require.NoError(t, a.append(j, Durable, opened(id), operation(id, 1, "x"), output(id, 1, strings.Repeat("x", 1500))))
		if i == 3 {
			_, err := j.Checkpoint()
			require.NoError(t, err)
		}
	}
	_, err := j.tail.f.WriteAt([]byte("\x00\x00\x01\x00torn"), j.tail.offset)
	require.NoError(t, err)
	crash(j)
	for n := int64(1); ; n++ {
		dir := tempDir(t) + "/j"
		require.NoError(t, os.CopyFS(dir, os.DirFS(crashed)))
		require.NoError(t, os.Chmod(filepath.Join(dir, keyName), 0o600))
		fsys := &faultFS{fileSystem: quickFS{}, at: n, err: syscall.EIO, short: true}
		j, err := OpenJournal(dir, Options{SegmentSize: minSegmentSize, fs: fsys, Logger: quiet(), CheckpointInterval: time.Hour})
		if err == nil {
			require.Len(t, j.Recovery().Torn, 1)
			require.Len(t, j.Recovery().Abandoned, 6)
			err = j.Close()
		}
		a.holds(t, dir, fmt.Sprintf("call %d", n))
		if !fsys.fired() {
			require.NoError(t, err)
			require.Greater(t, n, int64(15), "recovery is to use the disk")
			return
		}
		require.ErrorIs(t, err, syscall.EIO)
	}
}

// powerFS forgets, when the power is cut, some of what was not synced.
type powerFS struct {
	quickFS
	mu    sync.Mutex
	files []*powerFile
}

func (p *powerFS) keep(f file, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	x := &powerFile{file: f, fs: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files = append(p.files, x)
	return x, nil
}

func (p *powerFS) Create(name string) (file, error) { return p.keep(p.quickFS.Create(name)) }
func (p *powerFS) Append(name string) (file, error) { return p.keep(p.quickFS.Append(name)) }

type powerFile struct {
	file
	fs    *powerFS
	undos []func() // of what is not synced, by sector
}

const sector = 512

func (f *powerFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	for at := 0; at < len(b); {
		n := min(len(b)-at, sector-int(off+int64(at))%sector)
		old := make([]byte, n)
		_, _ = f.file.ReadAt(old, off+int64(at))
		where := off + int64(at)
		f.undos = append(f.undos, func() { _, _ = f.file.WriteAt(old, where) })
		at += n
	}
	return f.file.WriteAt(b, off)
}

func (f *powerFile) Write(b []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	size, err := f.file.Size()
	if err != nil {
		return 0, err
	}
	keep := size + int64(rand.IntN(len(b)+1))
	f.undos = append(f.undos, func() { _ = f.file.Truncate(keep) })
	return f.file.Write(b)
}

func (f *powerFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.undos = nil
	return f.file.Sync()
}

func (f *powerFile) Close() error { return nil } // closed by cut

func (p *powerFS) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.files {
		for _, undo := range f.undos {
			if rand.IntN(2) == 0 {
				undo()
			}
		}
		f.file.Close()
	}
}

func TestPowerCutLosesNothingDurable(t *testing.T) {
	rounds := 20
	if soak() {
		rounds = 500
	}
	for range rounds {
		dir := tempDir(t)
		fsys := &powerFS{}
		j, err := OpenJournal(dir, Options{SegmentSize: minSegmentSize, fs: fsys, Logger: quiet(), SyncInterval: 2 * time.Millisecond, CheckpointInterval: 3 * time.Millisecond})
		require.NoError(t, err)
		a := &acked{next: make(map[string]uint64)}
		var wg sync.WaitGroup
		for s := range 3 {
			wg.Go(func() {
				id := fmt.Sprintf("s%d", s)
				require.NoError(t, a.append(j, Durable, opened(id)))
				for range 10 + rand.IntN(20) {
					require.NoError(t, j.Append(context.Background(), Taken, output(id, 1, strings.Repeat("y", rand.IntN(1500)))))
					if rand.IntN(3) == 0 {
						require.NoError(t, a.append(j, Durable, operation(id, 1, "select"), ended(id, 1)))
					}
				}
			})
		}
		wg.Wait()
		crash(j)
		fsys.cut()
		a.holds(t, dir, "power cut")
	}
}

// quickFS does not wait for the disk, which matters only where the power goes.
type quickFS struct{ diskFS }

type quickFile struct{ file }

func (quickFile) Sync() error                      { return nil }
func (quickFS) SyncDir(string) error               { return nil }
func (q quickFS) Create(name string) (file, error) { return quick(q.diskFS.Create(name)) }
func (q quickFS) Append(name string) (file, error) { return quick(q.diskFS.Append(name)) }
func (q quickFS) Open(name string) (file, error)   { return quick(q.diskFS.Open(name)) }

func quick(f file, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return quickFile{f}, nil
}
