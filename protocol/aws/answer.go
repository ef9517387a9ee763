package aws

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// answer brings the target's answer to the client and ends the exchange.
func (k *call) answer(x *protocol.Exchange, resp *http.Response) error {
	if resp.StatusCode < 200 {
		// 101 and what is no status: there is no answer behind it.
		k.s.Logger().Warn("the target's answer is none", "operation", x.Name(), "status", resp.StatusCode)
		_ = x.End(protocol.Outcome{Result: protocol.Unknown, Code: strconv.Itoa(resp.StatusCode), Text: "the target's answer is none"})
		return errNoAnswer
	}
	to := &reply{w: k.w, status: resp.StatusCode}
	x.To(to)
	if err := k.scrub(resp.Header, nil); err != nil {
		return k.withhold(x, resp, err)
	}
	output := k.name.Operation.Output
	if resp.StatusCode < 300 && streams(output) {
		if _, err := k.look(resp, nil); err != nil {
			return k.withhold(x, resp, err)
		}
		if wire.EventStream(output) != nil {
			return k.events(x, to, resp)
		}
		return k.stream(x, to, resp, "object")
	}
	if k.r.Method == http.MethodHead {
		return k.finish(x, to, resp, nil)
	}
	limit := k.p.config.MaxBody
	if resp.ContentLength > limit {
		return k.tooMuch(x, to, resp)
	}
	if err := k.hold(&k.p.answers, resp.ContentLength); err != nil {
		_ = x.End(outcomeOf(resp, "", "the client has too much under way; it did not get the answer"))
		if errors.Is(err, errBusy) {
			return errNoRoom
		}
		return err
	}
	body, err := readAll(resp.Body, resp.ContentLength, limit)
	if err != nil {
		return k.halfAnswered(x, to, resp)
	}
	if int64(len(body)) > limit {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
		return k.tooMuch(x, to, resp)
	}
	return k.finish(x, to, resp, body)
}

// errNoRoom is for answers that found no room in time. It is not errBusy, at
// which SDKs make the call again.
var errNoRoom = errors.New("this client has too many large calls under way at once: the call was made, but its answer found no room")

// tooMuch is for answers that are too large to be looked into: they pass
// where nothing has to be hidden.
func (k *call) tooMuch(x *protocol.Exchange, to *reply, resp *http.Response) error {
	masks := k.s.Masks()
	if masks.Detects() || len(masks.Columns()) > 0 {
		_ = x.End(outcomeOf(resp, "", "the answer was too large to be masked; the client did not get it"))
		return errTooMuch
	}
	return k.stream(x, to, resp, "large answer, not looked into")
}

// errTooMuch is for answers that cannot be masked.
var errTooMuch = errors.New("the answer is too large to be masked: ask for less at once (--page-size, --max-items), or have MaxBody raised")

// finish sends an answer that is held whole.
func (k *call) finish(x *protocol.Exchange, to *reply, resp *http.Response, body []byte) error {
	if err := k.scrub(resp.Header, body); err != nil {
		return k.withhold(x, resp, err)
	}
	seen, err := k.look(resp, body)
	if err != nil {
		return k.withhold(x, resp, err)
	}
	if len(seen.edits) > 0 {
		if body, err = wire.Rewrite(body, seen.edits); err == nil {
			err = recompute(resp.Header, body)
		}
		if err != nil {
			return k.withhold(x, resp, err)
		}
	}
	if len(seen.withheld) > 0 {
		shown, err := wire.Rewrite(body, k.again(resp, body))
		if err != nil {
			shown = []byte("(sensitive)")
		}
		if err := x.Annotate(protocol.Annotation{Kind: "answer", Text: "what AWS calls sensitive is left out: " + clip(strings.Join(seen.withheld, ", "), 400), Data: shown}); err != nil {
			return err
		}
	}
	outcome := outcomeOf(resp, seen.code, seen.message)
	if len(body) > maxJoined || len(seen.withheld) > 0 {
		if err := k.head(x, to, resp, int64(len(body))); err != nil {
			return err
		}
		return to.after(x.Finish(protocol.Part{Kind: "body", Data: body, Withheld: len(seen.withheld) > 0, Masked: len(seen.edits), Content: -1}, outcome))
	}
	text, content := k.headText(to, resp, int64(len(body)))
	text = append(text, "\r\n"...)
	to.skip = len(text)
	return to.after(x.Finish(protocol.Part{Kind: "response", Data: append(text, body...), Masked: len(seen.edits), Content: content}, outcome))
}

// maxJoined is the most bytes of a body that is recorded together with its head.
const maxJoined = 64 << 10

// withhold ends an exchange whose answer the client must not get.
func (k *call) withhold(x *protocol.Exchange, resp *http.Response, err error) error {
	k.s.Logger().Error("the answer cannot be masked; it is withheld", "operation", x.Name(), "error", err)
	_ = x.End(outcomeOf(resp, "", "the answer could not be masked; the client did not get it"))
	return errUnmasked
}

// errUnmasked is for answers in which something should have been hidden.
var errUnmasked = errors.New("the answer could not be masked, so the gateway withheld it; the call itself was made")

// recompute mends the one checksum that is over a body as it is sent; one that
// cannot be mended is an error.
func recompute(h http.Header, body []byte) error {
	if h.Get("X-Amz-Crc32") != "" {
		h.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	}
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-Checksum-") || name == "Content-Md5" {
			return fmt.Errorf("%s covers the answer", name)
		}
	}
	return nil
}

// head records status and headers, which are sent with the first of the body.
// length is the body's, or -1: where it is known, all of it counts at once
// against what is allowed, so that a denial is heard in its own words.
func (k *call) head(x *protocol.Exchange, to *reply, resp *http.Response, length int64) error {
	text, content := k.headText(to, resp, length)
	err := x.EmitTo(io.Discard, protocol.Part{Kind: "head", Data: text, Content: content})
	if _, ok := errors.AsType[*protocol.Denied](err); ok {
		_ = x.End(protocol.Outcome{Result: protocol.Aborted, Code: strconv.Itoa(resp.StatusCode), Text: "more than is allowed"})
	}
	return err
}

// headText returns status and headers as they are recorded, and what counts of
// the body against what is allowed; it has to send those that the client gets.
func (k *call) headText(to *reply, resp *http.Response, length int64) (text []byte, content int64) {
	to.header = resp.Header
	said := to.header.Get("Content-Length")
	for _, name := range hopByHop {
		delete(to.header, name)
	}
	if to.header.Get("Content-Type") == "" {
		to.header["Content-Type"] = nil // net/http would guess
	}
	content = length
	switch {
	case k.r.Method == http.MethodHead:
		content = -1
		if said != "" {
			to.header.Set("Content-Length", said)
		}
	case length >= 0 && resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusNotModified:
		to.header.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	if content == 0 {
		content = -1
	}
	b := bytes.NewBuffer(make([]byte, 0, 512+max(0, min(length, maxJoined))))
	fmt.Fprintf(b, "HTTP %d\r\n", resp.StatusCode)
	_ = k.shown(to.header).Write(b)
	if masks := k.s.Masks(); masks.Suspect(b.Bytes()) {
		masks.Redact(b.Bytes())
	}
	return b.Bytes(), content
}

// shown returns headers without what AWS calls sensitive, for the record.
func (k *call) shown(h http.Header) http.Header {
	output := k.name.Operation.Output
	if output == nil {
		return h
	}
	var shown http.Header // nil while there is nothing to hide
	for i := range output.Members {
		m := &output.Members[i]
		if m.Shape == nil || !m.Shape.Sensitive && (m.Shape.Value == nil || !m.Shape.Value.Shape.Sensitive) {
			continue
		}
		for name := range h {
			switch {
			case m.Location == model.InHeader && strings.EqualFold(name, m.WireName),
				m.Location == model.InHeaders && len(name) > len(m.WireName) && strings.EqualFold(name[:len(m.WireName)], m.WireName):
				if shown == nil {
					shown = maps.Clone(h)
				}
				shown[name] = []string{"(sensitive)"}
			}
		}
	}
	if shown == nil {
		return h
	}
	return shown
}

var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length"}

// reply is an answer on its way to the client. As long as nothing of it was
// written, the client can be told something else.
type reply struct {
	w      http.ResponseWriter
	status int
	header http.Header
	skip   int // bytes of the next write that are its head, as it is recorded
	begun  bool
	flush  bool  // what is written waits for nothing
	all    bool  // a write returns when all was taken
	bulk   *bulk // nil, or where it gathers
}

// gather has what is written sent in few system calls, if c is not nil.
func (a *reply) gather(c *bulk) {
	a.bulk = c
	c.gather()
}

// leave sends what was gathered where that was not done: for connections that
// are cut.
func (a *reply) leave() {
	if a.bulk != nil {
		_ = http.NewResponseController(a.w).SetWriteDeadline(time.Now().Add(leaveTime))
		_ = a.bulk.passOn()
	}
}

const leaveTime = 5 * time.Second

// begin sends status and headers.
func (a *reply) begin() {
	if a.begun {
		return
	}
	a.begun = true
	maps.Copy(a.w.Header(), a.header)
	a.w.WriteHeader(a.status)
}

// Write implements io.Writer. It sends the headers first; some statuses have
// nothing behind them.
func (a *reply) Write(b []byte) (int, error) {
	a.begin()
	head := a.skip
	b, a.skip = b[head:], 0
	if len(b) == 0 {
		return head, nil
	}
	n, err := a.w.Write(b)
	n += head
	if err == nil && (a.flush || a.all) {
		err = a.send()
	}
	return n, err
}

// send sends what was written.
func (a *reply) send() error {
	if err := http.NewResponseController(a.w).Flush(); err != nil {
		return err
	}
	if !a.all {
		a.bulk.flush() // its error comes with a later write
		return nil
	}
	gathered := a.bulk
	a.all, a.bulk = false, nil
	return gathered.passOn()
}

// after returns err as one that the client can be told, or not any more.
func (a *reply) after(err error) error {
	if a.begun {
		return sent(err)
	}
	return err
}

// errSent is for what goes wrong when the client has part of the answer: there
// is nothing more to be said to it.
type errSent struct{ error }

func (e errSent) Unwrap() error { return e.error }

func sent(err error) error {
	if err == nil {
		return nil
	}
	return errSent{err}
}

// stream sends an answer of any length, piece by piece.
func (k *call) stream(x *protocol.Exchange, to *reply, resp *http.Response, kind string) error {
	if err := k.head(x, to, resp, resp.ContentLength); err != nil {
		return err
	}
	part := protocol.Part{Kind: kind, Withheld: true, Digested: true}
	if resp.ContentLength < 0 {
		to.begin() // however long the first of it takes
		_ = to.send()
	} else {
		part.Content = -1 // it was counted with the head
	}
	from := eager{body: resp.Body}
	if from.begin(k.p.places, resp.ContentLength, k.target.Load(), nil) {
		to.gather(k.c.bulk)
		defer to.leave()
	}
	defer from.end()
	sum, total := newDigest(), int64(0)
	pieces, giveBack := from.buffers(k.p.pieces, resp.ContentLength)
	defer sum.wait()
	var piece []byte
	for turn := 0; ; turn = 1 - turn {
		n, err := from.Read(pieces[turn])
		piece = pieces[turn][:n]
		sum.add(piece)
		total += int64(n)
		if err == io.EOF || err == nil && total == resp.ContentLength {
			break
		}
		if err != nil {
			return k.halfAnswered(x, to, resp)
		}
		part.Data, to.flush = piece, !from.from.ready()
		if err := x.Emit(part); err != nil {
			return k.brokenOff(x, to, err)
		}
	}
	if to.bulk != nil && len(piece) > 1 {
		// What was gathered is on its way: whether the client takes it, the outcome has to say.
		cut := len(piece) - min(len(piece)/2, lastBytes)
		part.Data, piece, to.all = piece[:cut], piece[cut:], true
		if err := x.Emit(part); err != nil {
			return k.brokenOff(x, to, err)
		}
	}
	// The client has the last of it once the record has everything.
	if err := x.Annotate(protocol.Annotation{Kind: "digest", Text: fmt.Sprintf("received %d bytes, sha256 %s", total, sum.hex())}); err != nil {
		return to.after(err)
	}
	part.Data, to.all = piece, to.bulk != nil
	if err := x.Finish(part, outcomeOf(resp, "", "")); err != nil {
		return to.after(err) // by HTTP/2, the buffers may be sent from still
	}
	giveBack()
	return nil
}

// lastBytes is how much of a large body goes to the client when all else was
// taken and the outcome is in the record.
const lastBytes = 4 << 10

// halfAnswered ends an exchange whose answer did not come whole.
func (k *call) halfAnswered(x *protocol.Exchange, to *reply, resp *http.Response) error {
	o := protocol.Outcome{Result: protocol.Unknown, Code: strconv.Itoa(resp.StatusCode), Text: "the answer broke off"}
	if k.r.Context().Err() != nil {
		o.Text = "the client left before the end of the answer"
	}
	_ = x.End(o)
	return to.after(errNoAnswer)
}

// brokenOff ends an exchange whose answer the client did not get whole.
func (k *call) brokenOff(x *protocol.Exchange, to *reply, err error) error {
	o := protocol.Outcome{Result: protocol.Aborted, Text: "the client did not take the answer"}
	if _, ok := errors.AsType[*protocol.Denied](err); ok {
		o.Text = "more than is allowed"
	}
	_ = x.End(o)
	return to.after(err)
}

func outcomeOf(resp *http.Response, code, message string) protocol.Outcome {
	o := protocol.Outcome{Result: protocol.OK, Code: strconv.Itoa(resp.StatusCode), Text: clip(message, 400)}
	if resp.StatusCode >= 300 || code != "" {
		o.Result = protocol.Failed
	}
	if code != "" {
		o.Code += " " + clip(code, 100)
	}
	return o
}
