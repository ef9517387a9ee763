package sftp

import (
	"errors"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// sending is a run of adjacent packets for one handle, on the way to the
// target: one event, one write.
type sending struct {
	h     *handle
	write bool
	clear bool
	data  []byte
	units int64
	bytes int64 // of content in data
}

// requests forwards what the client sends, until it sends no more.
func (r *relay) requests() error {
	rest := r.first
	for {
		var run sending
		for len(rest) > 0 {
			packet, _, err := wire.Next(rest)
			if err != nil {
				return fmt.Errorf("from the client: %w", err)
			}
			if err := r.request(packet, rest, &run); err != nil {
				return err
			}
			rest = rest[len(packet):]
		}
		if err := r.flushSending(&run); err != nil {
			return err
		}
		if r.batch != nil {
			r.sums.done(r.batch)
			r.batch = nil
		}
		var err error
		if rest, err = r.up.next(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("from the client: %w", err)
		}
		r.batch = rest
	}
}

// request deals with one packet, which is at the front of rest.
func (r *relay) request(packet, rest []byte, run *sending) error {
	var q wire.Request
	err := wire.DecodeRequest(packet, &q)
	if q.Kind == wire.Init || q.Kind == wire.VersionReply || len(packet) < wire.Header {
		return fmt.Errorf("from the client: %w", cmpErr(err, wire.ErrMalformed))
	}
	if fresh, err := r.enterID(q.ID, run); err != nil {
		return err
	} else if !fresh {
		return r.refuse(run, &q, wire.BadMessage, "the id of the request is that of one that is not answered yet", false)
	}
	switch {
	case !q.Kind.Known():
		return r.refuse(run, &q, wire.OpUnsupported, "this gateway does not know the request, so it does not pass it on", true)
	case err != nil:
		return r.refuse(run, &q, wire.BadMessage, "the request is malformed", true)
	case q.Kind.Extension() != "" && !r.offers[q.Kind]:
		return r.refuse(run, &q, wire.OpUnsupported, "the target does not offer this extension", true)
	}
	switch q.Kind {
	case wire.Limits:
		if err := r.flushSending(run); err != nil {
			return err
		}
		return r.answer(q.ID, "gateway", wire.AppendResponse(nil, &wire.Response{Kind: wire.ExtendedReply, ID: q.ID, Payload: r.limits}))
	case wire.Read, wire.Write, wire.Readdir, wire.Fstat, wire.Fsync, wire.Fstatvfs, wire.Close:
		return r.onHandle(packet, rest, &q, run)
	case wire.Fsetstat:
		if q.Attrs.Flags == wire.AttrSize && r.truncated(q.Handle) {
			return r.onHandle(packet, rest, &q, run)
		}
	}
	if err := r.flushSending(run); err != nil {
		return err
	}
	return r.onNames(packet, &q)
}

// truncated reports whether a handle was opened to replace the file: then its
// size is part of that. OpenSSH's scp sets it at the end of each upload.
func (r *relay) truncated(name []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.handles[string(name)]
	return h != nil && h.truncated
}

func cmpErr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// enterID notes that a request of the client's is under way, once there is
// room; false means that its id is taken.
func (r *relay) enterID(id uint32, run *sending) (fresh bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.ids[id]; taken {
		return false, nil
	}
	if err := r.until(func() bool { return len(r.ids) < maxRequests }, run); err != nil {
		return false, err
	}
	r.ids[id] = struct{}{}
	return true, nil
}

// until waits for what other goroutines change. The caller holds mu, which is
// not held while what was gathered is sent.
func (r *relay) until(what func() bool, run *sending) error {
	if what() {
		return nil
	}
	r.mu.Unlock()
	err := r.flushSending(run)
	r.mu.Lock()
	for err == nil && !what() {
		if r.ctx.Err() != nil {
			return errOver
		}
		r.changed.Wait()
	}
	return err
}

// errOver is what goroutines end with because another has failed.
var errOver = errors.New("sftp: the channel is over")

// onHandle adds a request that belongs to an open handle to run, or closes it.
func (r *relay) onHandle(packet, rest []byte, q *wire.Request, run *sending) error {
	r.mu.Lock()
	h := r.handles[string(q.Handle)]
	if h != nil && h.busy > 0 {
		if err := r.until(func() bool { return h.busy == 0 }, run); err != nil {
			r.mu.Unlock()
			return err
		}
	}
	r.mu.Unlock()
	if words := misused(h, q.Kind); words != "" {
		return r.refuse(run, q, wire.Failure, words, true)
	}
	if h.noInput != nil && q.Kind != wire.Close {
		return r.deny(run, q.ID, h.noInput)
	}
	write := q.Kind == wire.Write
	clear := write && int64(len(q.Data)) <= h.sentClear
	if write && h.sentClear > 0 {
		if h.sentClear -= int64(len(q.Data)); !clear {
			h.sentClear = 0
		}
	}
	if run.h != h || run.write != write || run.clear != clear || q.Kind == wire.Close {
		if err := r.flushSending(run); err != nil {
			return err
		}
	}
	s := slot{kind: q.Kind, client: q.ID, h: h, n: uint32(q.Length), at: q.Offset}
	if write {
		s.n = uint32(len(q.Data))
	}
	r.mu.Lock()
	id, ok := r.table.enter(s)
	if q.Kind == wire.Close {
		h.closing = true
		delete(r.handles, string(q.Handle))
	} else {
		h.owed++
	}
	r.mu.Unlock()
	if !ok {
		return errFull
	}
	wire.SetID(packet, id)
	if q.Kind == wire.Close {
		if h.writes {
			if err := h.x.Seal(); err != nil {
				return err
			}
		}
		return r.send(packet)
	}
	if run.h == nil {
		*run = sending{h: h, write: write, clear: clear, data: rest[:0]}
	}
	run.data = run.data[:len(run.data)+len(packet)]
	run.units++
	run.bytes += int64(len(q.Data))
	return nil
}

var errFull = errors.New("sftp: more requests are under way than there can be")

// misused says what is wrong with asking kind of h; empty means nothing.
func misused(h *handle, kind wire.Kind) string {
	switch {
	case h == nil:
		return "there is no such handle"
	case kind == wire.Readdir && !h.dir:
		return "the handle is not a directory's"
	case (kind == wire.Read || kind == wire.Write) && h.dir:
		return "the handle is a directory's"
	case kind == wire.Read && !h.reads:
		return "the handle was not opened for reading"
	case kind == wire.Write && !h.writes:
		return "the handle was not opened for writing"
	}
	return ""
}

// flushSending records what was gathered and forwards it.
func (r *relay) flushSending(run *sending) error {
	if run.h == nil {
		return nil
	}
	h, data, write := run.h, run.data, run.write
	p := protocol.Part{Kind: "request", Data: data, Units: run.units, Content: -1}
	if write {
		p.Kind, p.Withheld, p.Digested, p.Content = "write", !run.clear, true, run.bytes
		if run.bytes == 0 {
			p.Content = -1
		}
		if run.clear {
			p.Data, p.Masked = redacted(r.s.Masks(), data)
		}
	}
	*run = sending{}
	err := h.x.Input(p)
	if d, ok := errors.AsType[*protocol.Denied](err); ok {
		h.noInput = d
		return r.denyAll(h, data, d)
	}
	if err != nil {
		return err
	}
	if err := r.send(data); err != nil || !write {
		return err
	}
	r.sums.add(h, &h.sent, data, nil)
	return nil
}

// denyAll answers requests that were about to be forwarded.
func (r *relay) denyAll(h *handle, data []byte, d *protocol.Denied) error {
	var out []byte
	r.mu.Lock()
	for len(data) > 0 {
		packet, _, _ := wire.Next(data)
		if s, ok := r.table.take(wire.ID(packet)); ok {
			h.owed--
			delete(r.ids, s.client)
			out = wire.AppendStatus(out, s.client, wire.PermissionDenied, d.Error())
		}
		data = data[len(packet):]
	}
	r.changed.Broadcast()
	r.mu.Unlock()
	return r.say("gateway", out)
}

// deny answers one request.
func (r *relay) deny(run *sending, id uint32, d *protocol.Denied) error {
	if err := r.flushSending(run); err != nil {
		return err
	}
	return r.answer(id, "gateway", wire.AppendStatus(nil, id, wire.PermissionDenied, d.Error()))
}

// answer emits the answer of a request that the target did not get.
func (r *relay) answer(id uint32, kind string, packet []byte) error {
	r.forget(id)
	return r.say(kind, packet)
}

func (r *relay) forget(id uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ids, id)
	r.changed.Broadcast()
}
