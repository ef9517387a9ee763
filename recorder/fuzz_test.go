package recorder

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// mended returns data as a segment body whose first record has right lengths
// and checksum, so that the fuzzer gets behind them.
func mended(data []byte) []byte {
	data = bytes.Clone(data)
	if len(data) < frameSize+prefixSize {
		return data
	}
	binary.BigEndian.PutUint32(data, uint32(len(data)-frameSize))
	binary.BigEndian.PutUint32(data[4:], recordCRC(data[:4], data[frameSize:]))
	return data
}

func FuzzRecord(f *testing.F) {
	enc := newEncoder()
	for _, e := range []*Event{opened("s"), operation("s", 1, "x\xff"), output("s", 1, "payload"), ended("s", 1), closed("s")} {
		b := beginRecord(nil, typeEvent, 0, new([saltSize]byte))
		head := len(b)
		b = enc.event(b, e)
		head = len(b) - head
		b = append(b, e.Payload...)
		endRecord(b, 0, head)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, b := range [][]byte{data, mended(data)} {
			r, n, err := parseRecord(b)
			if err != nil {
				require.True(t, notWhole(err))
				continue
			}
			require.LessOrEqual(t, n, len(b))
			require.Len(t, r.body, prefixSize+len(r.header)+len(r.payload))
			e, err := decodeEvent(&r)
			if err != nil {
				continue
			}
			// What was read can be written, and then comes back the same.
			again := enc.event(nil, e)
			back, err := decodeEvent(&record{typ: typeEvent, header: again, payload: e.Payload})
			require.NoError(t, err, "%s", again)
			require.Equal(t, enc.event(nil, back), again)
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte("origin\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\ntime 2026-01-01T00:00:00Z\nevents 9\nprevious AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— origin sig\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		start, end := lastNote(data)
		require.LessOrEqual(t, start, end)
		if c, err := unsignedCheckpoint(data); err == nil {
			require.True(t, bytes.HasPrefix(data, []byte(c.text())))
		}
		if h, err := parseHead(data); err == nil {
			require.Equal(t, data, h.appendLine(nil))
		}
	})
}

// FuzzJournal reads and verifies journals with a hostile segment, heads file
// and checkpoints file.
func FuzzJournal(f *testing.F) {
	signed := f.TempDir()
	key, newest := sample(f, signed)
	names := []string{segmentName(signed, 2), headsName(signed, 0), filepath.Join(signed, checkpointsName)}
	for i, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(i, data[:min(len(data), 3000)], true)
	}
	f.Fuzz(func(t *testing.T, which int, data []byte, mend bool) {
		dir := filepath.Join(tempDir(t), "j")
		require.NoError(t, os.CopyFS(dir, os.DirFS(signed)))
		require.NoError(t, os.Chmod(filepath.Join(dir, keyName), 0o600))
		name := []string{segmentName(dir, 2), headsName(dir, 0), filepath.Join(dir, checkpointsName)}[uint(which)%3]
		if mend && len(data) > segmentHeaderSize && uint(which)%3 == 0 {
			was, err := os.ReadFile(name)
			require.NoError(t, err)
			data = append(was[:segmentHeaderSize:segmentHeaderSize], mended(data[segmentHeaderSize:])...)
		}
		was, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(name, data, 0o600))
		report, err := Verify(context.Background(), dir, VerifyOptions{Key: key, Checkpoint: newest.Note})
		require.NoError(t, err)
		if !bytes.Equal(was, data) && !bytes.HasPrefix(data, was) {
			require.NotEmpty(t, report.Findings)
		}
		r, err := Open(dir)
		require.NoError(t, err)
		for range r.All(0) {
		}
		for range r.Sessions(Filter{Verb: "select"}) {
		}
		if j, err := OpenJournal(dir, Options{Logger: quiet(), fs: quickFS{}, SegmentSize: 1 << 20}); err == nil {
			require.NoError(t, j.Close())
		}
	})
}
