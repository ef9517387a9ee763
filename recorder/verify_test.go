package recorder

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// soak makes the same tests try more.
func soak() bool { return os.Getenv("SALLYPORT_SOAK") != "" }

// sample makes a small journal with several segments, sessions that span
// them, batches and checkpoints, and returns its key and newest checkpoint.
func sample(t testing.TB, dir string) (key string, newest Checkpoint) {
	t.Helper()
	j := open(t, dir, Options{SegmentSize: minSegmentSize, CheckpointInterval: time.Hour})
	ctx := context.Background()
	add := func(events ...*Event) { require.NoError(t, j.Append(ctx, Taken, events...)) }
	add(opened("gw"))
	for s := range 3 {
		id := fmt.Sprintf("s%d", s)
		add(opened(id))
		for x := range protocol.ExchangeID(4) {
			add(operation(id, 2*x+1, "select 1 from somewhere"), operation(id, 2*x+2, "select 2"))
			add(output(id, 2*x+1, strings.Repeat("row ", 40)))
			add(ended(id, 2*x+1), ended(id, 2*x+2))
			if x%2 == 1 {
				_, err := j.Checkpoint()
				require.NoError(t, err)
			}
		}
		if s != 1 {
			add(closed(id))
		}
	}
	add(closed("s1"), closed("gw"))
	require.NoError(t, j.Close())
	key, err := PublicKey(dir)
	require.NoError(t, err)
	return key, j.LastCheckpoint()
}

func verify(t testing.TB, dir string, opts VerifyOptions) *Report {
	t.Helper()
	r, err := Verify(context.Background(), dir, opts)
	require.NoError(t, err)
	return r
}

func TestVerifyAcceptsWhatWasWritten(t *testing.T) {
	dir := tempDir(t)
	key, newest := sample(t, dir)
	r := verify(t, dir, VerifyOptions{Key: key, Checkpoint: newest.Note})
	require.Empty(t, r.Findings)
	require.Equal(t, r.Events, r.Signed)
	require.Equal(t, uint64(4), r.Sessions)
	require.Greater(t, r.Segments, uint64(2))
	require.Greater(t, r.Checkpoints, uint64(3))
	require.Len(t, r.Limits, 1)
	r = verify(t, dir, VerifyOptions{})
	require.Empty(t, r.Findings)
	require.Len(t, r.Limits, 2)
	require.Contains(t, strings.Join(r.Limits, " "), "put back to an earlier state")
}

func TestVerifyAcceptsAJournalThatWasRecovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := tempDir(t)
		sample(t, dir)
		for i := range 3 {
			j := open(t, dir, Options{SegmentSize: minSegmentSize, CheckpointInterval: time.Hour})
			id := fmt.Sprintf("later%d", i)
			require.NoError(t, j.Append(context.Background(), Durable, opened(id), operation(id, 1, "x")))
			_, err := j.Checkpoint()
			require.NoError(t, err)
			// What the recovery has asked to be signed soon is signed by then.
			time.Sleep(time.Second)
			synctest.Wait()
			require.NoError(t, j.Append(context.Background(), Durable, operation(id, 2, "x")))
			crash(j)
			r := verify(t, dir, VerifyOptions{})
			require.Empty(t, r.Findings)
			require.Equal(t, uint64(1), r.Events-r.Signed)
			require.Contains(t, strings.Join(r.Limits, " "), "under no checkpoint")
		}
		open(t, dir, Options{}).Close()
		r := verify(t, dir, VerifyOptions{})
		require.Empty(t, r.Findings)
		require.Equal(t, r.Events, r.Signed)
	})
}

// crash leaves the journal as the end of the process would.
func crash(j *Journal) {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	close(j.stop)
	<-j.kept
	j.tail.f.Close()
	j.marks.Close()
	if j.heads.f != nil {
		j.heads.f.Close()
	}
	j.lock.Close()
}

// evidence lists the files that a journal's proof rests on.
func evidence(t testing.TB, dir string) []string {
	var list []string
	require.NoError(t, filepath.Walk(dir, func(name string, info os.FileInfo, err error) error {
		base := filepath.Base(name)
		if err == nil && !info.IsDir() && base != lockName && base != keyName {
			list = append(list, name)
		}
		return err
	}))
	return list
}

// tamper verifies dir with one file changed, and puts it back.
func tamper(t *testing.T, dir, name, what string, changed []byte, opts VerifyOptions) *Report {
	t.Helper()
	was, err := os.ReadFile(name)
	require.NoError(t, err)
	if bytes.Equal(was, changed) {
		t.Fatalf("%s changes nothing", what)
	}
	if changed == nil {
		require.NoError(t, os.Remove(name))
	} else {
		require.NoError(t, os.WriteFile(name, changed, 0o600))
	}
	defer func() { require.NoError(t, os.WriteFile(name, was, 0o600)) }()
	r, err := Verify(context.Background(), dir, opts)
	if err != nil {
		// Only the files that say what the directory is may stop it.
		base := filepath.Base(name)
		assert.Contains(t, []string{formatName, publicKeyName}, base, what)
		return nil
	}
	if strings.Contains(strings.Join(r.Limits, " "), "under no checkpoint: the gateway ended in between, or they were added") {
		return r // one more line behind the last signed one proves nothing, and is said
	}
	assert.NotEmpty(t, r.Findings, "%s in %s", what, name)
	return r
}

func TestVerifyFindsEveryChangedByte(t *testing.T) {
	dir := tempDir(t)
	key, newest := sample(t, dir)
	opts := VerifyOptions{Key: key, Checkpoint: newest.Note}
	step := 211
	if soak() {
		step = 1
	}
	for _, name := range evidence(t, dir) {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		start := 0
		if step > 1 {
			start = len(data) % 7
		}
		for i := start; i < len(data); i += step {
			changed := bytes.Clone(data)
			changed[i] ^= 1 << (i % 8)
			r := tamper(t, dir, name, fmt.Sprintf("byte %d flipped", i), changed, opts)
			if r == nil || !strings.HasSuffix(name, segmentSuffix) || len(r.Findings) == 0 {
				continue
			}
			f := r.Findings[0]
			assert.Equal(t, name, f.File, "byte %d of %s: %s", i, name, f)
			assert.LessOrEqual(t, f.Offset, int64(i))
			assert.Less(t, int64(i)-f.Offset, int64(2000), "byte %d of %s: %s", i, name, f)
		}
		for i := start; i < len(data); i += 3 * step {
			tamper(t, dir, name, fmt.Sprintf("cut at %d", i), data[:i:i], opts)
			tamper(t, dir, name, fmt.Sprintf("byte %d dropped", i), append(bytes.Clone(data[:i]), data[i+1:]...), opts)
			tamper(t, dir, name, fmt.Sprintf("byte %d doubled", i), append(bytes.Clone(data[:i+1]), data[i:]...), opts)
		}
	}
}

// pieces splits a file into what can be dropped and swapped whole.
func pieces(t *testing.T, name string, data []byte) [][]byte {
	var list [][]byte
	switch {
	case strings.HasSuffix(name, segmentSuffix):
		list = append(list, data[:segmentHeaderSize])
		for rest := data[segmentHeaderSize:]; len(rest) > 0; {
			_, n, err := parseRecord(rest)
			require.NoError(t, err)
			list = append(list, rest[:n])
			rest = rest[n:]
		}
	case strings.HasSuffix(name, headsSuffix):
		for _, l := range bytes.SplitAfter(data, []byte("\n")) {
			if len(l) > 0 {
				list = append(list, l)
			}
		}
	case filepath.Base(name) == checkpointsName:
		parts := bytes.SplitAfter(data, []byte("\n\n"))
		for i := 0; i+1 < len(parts); i += 2 {
			list = append(list, append(bytes.Clone(parts[i]), parts[i+1]...))
		}
	}
	return list
}

func TestVerifyFindsWhatIsDroppedSwappedOrRepeated(t *testing.T) {
	dir := tempDir(t)
	key, newest := sample(t, dir)
	opts := VerifyOptions{Key: key, Checkpoint: newest.Note}
	for _, name := range evidence(t, dir) {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		if filepath.Base(name) != publicKeyName { // the key was given
			tamper(t, dir, name, "file removed", nil, opts)
		}
		p := pieces(t, name, data)
		for i := range p {
			join := func(list ...[]byte) []byte { return bytes.Join(list, nil) }
			before, after := join(p[:i]...), join(p[i+1:]...)
			if join(before, after) == nil {
				continue
			}
			tamper(t, dir, name, fmt.Sprintf("piece %d dropped", i), append(join(before, after), []byte{}...), opts)
			tamper(t, dir, name, fmt.Sprintf("piece %d repeated", i), join(before, p[i], p[i], after), opts)
			if i+1 < len(p) && !bytes.Equal(p[i], p[i+1]) {
				tamper(t, dir, name, fmt.Sprintf("pieces %d and %d swapped", i, i+1), join(before, p[i+1], p[i], join(p[i+2:]...)), opts)
			}
		}
	}
}

// A careful forger mends the checksum.
func TestVerifyFindsAForgedRecord(t *testing.T) {
	dir := tempDir(t)
	key, _ := sample(t, dir)
	for _, name := range evidence(t, dir) {
		if !strings.HasSuffix(name, segmentSuffix) {
			continue
		}
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		off := segmentHeaderSize
		for n := 0; off < len(data); n++ {
			r, size, err := parseRecord(data[off:])
			require.NoError(t, err)
			if n > 0 { // not the carry
				e, err := decodeEvent(&r)
				require.NoError(t, err)
				changed := bytes.Clone(data)
				forged := changed[off : off+size]
				forged[frameSize+10] ^= 0xff // in the salt
				binary.BigEndian.PutUint32(forged[4:], recordCRC(forged[:4], forged[frameSize:]))
				report := tamper(t, dir, name, fmt.Sprintf("record %d forged", n), changed, VerifyOptions{Key: key})
				f := report.Findings[0]
				require.Equal(t, e.Session, f.Session)
				require.LessOrEqual(t, f.First, e.Seq)
				require.GreaterOrEqual(t, f.Last, e.Seq)
			}
			off += size
		}
	}
}

func TestVerifyFindsRollbackWithACheckpointKeptElsewhere(t *testing.T) {
	dir := tempDir(t)
	key, old := sample(t, dir)
	early := tempDir(t)
	require.NoError(t, os.CopyFS(early+"/j", os.DirFS(dir)))
	j := open(t, dir, Options{})
	require.NoError(t, j.Append(context.Background(), Durable, opened("more")))
	require.NoError(t, j.Close())
	kept := j.LastCheckpoint()

	r := verify(t, early+"/j", VerifyOptions{Key: key})
	require.Empty(t, r.Findings, "nothing shows without a checkpoint kept elsewhere")
	require.Contains(t, strings.Join(r.Limits, " "), "put back to an earlier state")
	r = verify(t, early+"/j", VerifyOptions{Key: key, Checkpoint: kept.Note})
	require.Len(t, r.Findings, 1)
	require.Contains(t, r.Findings[0].Problem, "put back to an earlier state")
	require.Empty(t, verify(t, dir, VerifyOptions{Key: key, Checkpoint: old.Note}).Findings)

	// A fork: the same beginning, another end, signed by the same key.
	require.NoError(t, os.Chmod(early+"/j/"+keyName, 0o600))
	fork := open(t, early+"/j", Options{})
	require.NoError(t, fork.Append(context.Background(), Durable, opened("other"), closed("other")))
	require.NoError(t, fork.Append(context.Background(), Durable, opened("else")))
	require.NoError(t, fork.Close())
	r = verify(t, early+"/j", VerifyOptions{Key: key, Checkpoint: kept.Note})
	require.Len(t, r.Findings, 1)
	require.Contains(t, r.Findings[0].Problem, "rewritten")
}

func TestVerifyRefusesAnotherKey(t *testing.T) {
	dir := tempDir(t)
	sample(t, dir)
	other := tempDir(t)
	key, _ := sample(t, other)
	r := verify(t, dir, VerifyOptions{Key: key})
	require.NotEmpty(t, r.Findings)
	_, err := Verify(context.Background(), dir, VerifyOptions{Key: "nonsense"})
	require.Error(t, err)
	_, err = Verify(context.Background(), tempDir(t), VerifyOptions{Key: key})
	require.ErrorContains(t, err, "not a journal")
}
