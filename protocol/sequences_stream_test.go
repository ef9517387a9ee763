package protocol_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

const chunk = 32 << 10

// size is what a test streams: enough to show that memory is flat, or the
// real size where there is time.
func size(real int64) int64 {
	if soak() {
		return real
	}
	return 64 << 20
}

// flat fails where the live heap grows by more than 16 MiB while it is called
// again and again.
type flat struct {
	t     *testing.T
	start uint64
	calls int
}

func newFlat(t *testing.T) *flat { return &flat{t, heap(), 0} }

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (f *flat) check() {
	if f.calls++; f.calls%512 != 0 {
		return
	}
	now := heap()
	// The record in memory keeps the parts' headers: half a KiB for each.
	assert.Less(f.t, now, f.start+16<<20+uint64(f.calls)<<9)
}

// An SFTP file is one operation for the life of its handle: one head is waited
// for, its packets are parts. Content stays out of the record.
func TestSequenceUploadOfOneGiB(t *testing.T) {
	total := size(1 << 30)
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		s, err := byToken(ctx, c, g)
		if err != nil {
			return err
		}
		target, err := dialed(ctx, s)
		if err != nil {
			return err
		}
		var handle *protocol.Exchange
		buf := make([]byte, chunk)
		for {
			line := c.hear()
			w := words(line, 2)
			switch w[0] {
			case "open":
				handle, _, err = begin(ctx, s, protocol.Operation{
					Verb: "sftp.open", Text: line, Effects: protocol.Write,
					Objects: []protocol.Object{{Kind: "path", Name: w[1], Effects: protocol.Write}},
				})
				if err == nil {
					target.say("%s", line)
					err = handle.Emit(text("%s", target.hear()))
				}
			case "write":
				if _, err = io.ReadFull(c.in, buf); err == nil {
					err = handle.Input(protocol.Part{Kind: "file", Data: buf, Withheld: true})
				}
				if err == nil {
					_, err = target.Write(buf)
				}
			case "drop": // something else done to the file while it is open
				_, denied, other := begin(ctx, s, protocol.Operation{Verb: "drop", Text: line, Parent: handle.ID()})
				if err = other; denied != nil {
					err = s.Emit(text("%s", denied.Decision.Reason))
				}
			case "close":
				if err = handle.Seal(); err == nil {
					target.Close() // the end of the file
					err = handle.Finish(text("closed"), done())
				}
			default:
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	var took atomic.Int64
	stored := sha256.New()
	target := func(r *rig, p *peer) {
		r.reached(p.hear())
		p.say("handle 1")
		n, _ := io.Copy(stored, p.in)
		if !r.sealed() {
			r.t.Error("the file was closed before the seal")
		}
		took.Store(n)
	}
	r := start(t, speaker{speak}, target)
	c := r.agent("agent")
	c.say("open /data")
	require.Equal(t, "handle 1", c.hear())
	block := bytes.Repeat([]byte("content "), chunk/8)
	memory, sent := newFlat(t), sha256.New()
	for range total / chunk {
		c.say("write")
		_, err := c.Write(block)
		require.NoError(t, err)
		sent.Write(block)
		memory.check()
	}
	c.say("drop /data")
	require.Equal(t, "nobody drops here", c.hear())
	c.say("close")
	require.Equal(t, "closed", c.hear())
	r.stopped()
	require.Equal(t, total, took.Load())
	require.Equal(t, sent.Sum(nil), stored.Sum(nil))
	op, denied := r.Record.Operation(t, "open /data"), r.Record.Operation(t, "drop /data")
	require.Equal(t, op.ID, denied.Parent)
	require.Len(t, r.Record.Operations(), 2, "two heads, whatever the size")
	require.False(t, r.Record.Holds([]byte("content ")))
	require.Less(t, r.Record.PayloadBytes(), int64(1000))
}

// An S3 object whose hash was announced: parts stream, the last is held back
// until the hash is known to be right. Else the target gets too little, and
// stores nothing.
func TestSequencePutOfFiveGiBWithWrongHash(t *testing.T) {
	total := size(5 << 30)
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		s, err := byToken(ctx, c, g)
		if err != nil {
			return err
		}
		for {
			line := c.hear()
			w := words(line, 3)
			if w[0] != "put" {
				return nil
			}
			length, _ := strconv.ParseInt(w[1], 10, 64)
			x, _, err := begin(ctx, s, protocol.Operation{
				Verb: "s3:PutObject", Text: line, Effects: protocol.Write,
				Params: []protocol.Param{{Name: "x-amz-content-sha256", Type: "string", Value: w[2]}},
			})
			if err != nil {
				return err
			}
			target, err := dialed(ctx, s)
			if err != nil {
				return err
			}
			target.say("put %d", length)
			input := func(b []byte) error {
				return x.Input(protocol.Part{Kind: "object", Data: b, Withheld: true})
			}
			pass := func(b []byte) error {
				if err := input(b); err != nil {
					return err
				}
				_, err := target.Write(b)
				return err
			}
			sum, held, next := sha256.New(), make([]byte, 0, chunk), make([]byte, chunk)
			for left := length; left > 0; left -= chunk {
				if err := pass(held); err != nil {
					return err
				}
				if _, err := io.ReadFull(c.in, next); err != nil {
					return err
				}
				sum.Write(next)
				held, next = next, held[:chunk]
			}
			if hex.EncodeToString(sum.Sum(nil)) != w[2] {
				target.Close()
				err = x.Finish(text("400 the content has another hash"),
					protocol.Outcome{Result: protocol.Failed, Code: "XAmzContentSHA256Mismatch", Text: "aborted short by the gateway"})
			} else if err = errors.Join(input(held), x.Seal()); err == nil {
				if _, err = target.Write(held); err == nil {
					err = x.Finish(text("%s", target.hear()), done())
				}
			}
			if err != nil {
				return err
			}
		}
	}
	got := make(chan int64, 1)
	target := func(r *rig, p *peer) {
		w := words(p.hear(), 2)
		length, _ := strconv.ParseInt(w[1], 10, 64)
		n, err := io.CopyN(io.Discard, p.in, length)
		if err == nil && !r.sealed() {
			r.t.Error("the object was whole before the seal")
		}
		if got <- n; err == nil {
			p.say("200 stored %d", n)
		}
	}
	r := start(t, speaker{speak}, target)
	c := r.agent("agent")
	block := bytes.Repeat([]byte("object  "), chunk/8)
	put := func(length int64, sum []byte) string {
		memory := newFlat(t)
		c.say("put %d %x", length, sum)
		for range length / chunk {
			_, err := c.Write(block)
			require.NoError(t, err)
			memory.check()
		}
		return c.hear()
	}
	right := sha256.Sum256(bytes.Repeat(block, 10))
	require.Equal(t, "200 stored 327680", put(10*chunk, right[:]))
	require.EqualValues(t, 10*chunk, <-got)
	require.Equal(t, "400 the content has another hash", put(total, right[:]))
	require.Equal(t, total-chunk, <-got, "the target lacks the end")
	r.stopped()
	var recorded int64
	for _, e := range r.Record.Events() {
		if e.Part != nil && e.Part.Withheld {
			recorded += e.Part.Length
		}
	}
	require.Equal(t, 10*chunk+total-chunk, recorded, "the record has what the target got")
	require.Equal(t, "XAmzContentSHA256Mismatch", r.Record.Operations()[1].Outcome.Code)
}
