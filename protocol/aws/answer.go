package aws

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// answer brings the target's answer to the client and ends the exchange.
func (k *call) answer(x *protocol.Exchange, resp *http.Response) error {
	x.To(k.w)
	output := k.name.Operation.Output
	if resp.StatusCode < 300 && streams(output) {
		if wire.EventStream(output) != nil {
			return k.events(x, resp)
		}
		return k.stream(x, resp, "object")
	}
	if k.r.Method == http.MethodHead {
		return k.finish(x, resp, nil)
	}
	limit := k.p.config.MaxBody
	if resp.ContentLength > limit {
		return k.tooMuch(x, resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		_ = x.End(protocol.Outcome{Result: protocol.Unknown, Text: "the answer broke off"})
		return errNoAnswer
	}
	if int64(len(body)) > limit {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
		return k.tooMuch(x, resp)
	}
	return k.finish(x, resp, body)
}

// tooMuch is for answers that are too large to be looked into: they pass
// where nothing has to be hidden.
func (k *call) tooMuch(x *protocol.Exchange, resp *http.Response) error {
	masks := k.s.Masks()
	if masks.Detects() || len(masks.Columns()) > 0 {
		_ = x.End(outcomeOf(resp, "", "the answer was too large to be masked; the client did not get it"))
		return errTooMuch
	}
	return k.stream(x, resp, "large answer, not looked into")
}

// errTooMuch is for answers that cannot be masked.
var errTooMuch = errors.New("the answer is too large to be masked: ask for less at once (--page-size, --max-items), or have MaxBody raised")

// finish sends an answer that is held whole.
func (k *call) finish(x *protocol.Exchange, resp *http.Response, body []byte) error {
	seen, err := k.look(resp, body)
	if err != nil {
		k.s.Logger().Error("the answer cannot be masked; it is withheld", "operation", x.Name(), "error", err)
		_ = x.End(outcomeOf(resp, "", "the answer could not be masked; the client did not get it"))
		return errUnmasked
	}
	if len(seen.edits) > 0 {
		if body, err = wire.Rewrite(body, seen.edits); err == nil {
			err = recompute(resp.Header, body)
		}
		if err != nil {
			_ = x.End(outcomeOf(resp, "", "the answer could not be masked; the client did not get it"))
			return errUnmasked
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
	if err := k.head(x, resp, int64(len(body))); err != nil {
		return err
	}
	part := protocol.Part{Kind: "body", Data: body, Withheld: len(seen.withheld) > 0, Masked: len(seen.edits)}
	return sent(x.Finish(part, outcomeOf(resp, seen.code, seen.message)))
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

// head records and sends status and headers. length is the body's, or -1.
func (k *call) head(x *protocol.Exchange, resp *http.Response, length int64) error {
	to := k.w.Header()
	for name, values := range resp.Header {
		if !slices.Contains(hopByHop, name) {
			to[name] = values
		}
	}
	if resp.Header.Get("Content-Type") == "" {
		to["Content-Type"] = nil // net/http would guess
	}
	switch {
	case k.r.Method == http.MethodHead:
		if v := resp.Header.Get("Content-Length"); v != "" {
			to.Set("Content-Length", v)
		}
	case length >= 0 && resp.StatusCode != http.StatusNoContent && resp.StatusCode != http.StatusNotModified:
		to.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "HTTP %d\n", resp.StatusCode)
	_ = to.Write(&text)
	if masks := k.s.Masks(); masks.Suspect(text.Bytes()) {
		masks.Redact(text.Bytes())
	}
	return sent(x.EmitTo(headWriter{k.w, resp.StatusCode}, protocol.Part{Kind: "head", Data: text.Bytes()}))
}

var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length"}

// headWriter sends the head of an answer in place of the text that stands for
// it in the record.
type headWriter struct {
	w      http.ResponseWriter
	status int
}

func (h headWriter) Write(b []byte) (int, error) {
	h.w.WriteHeader(h.status)
	return len(b), nil
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

// pieces are the buffers that streams pass through.
var pieces = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// stream sends an answer of any length as it comes.
func (k *call) stream(x *protocol.Exchange, resp *http.Response, kind string) error {
	if err := k.head(x, resp, resp.ContentLength); err != nil {
		return err
	}
	buffer := pieces.Get().(*[]byte)
	defer pieces.Put(buffer)
	digest, total := sha256.New(), int64(0)
	flush := resp.ContentLength < 0
	for {
		n, err := io.ReadAtLeast(resp.Body, *buffer, 1)
		if n > 0 {
			piece := (*buffer)[:n]
			if err := x.Emit(protocol.Part{Kind: kind, Data: piece, Withheld: true, Digested: true}); err != nil {
				return k.brokenOff(x, err)
			}
			digest.Write(piece)
			total += int64(n)
			if flush {
				_ = http.NewResponseController(k.w).Flush()
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			_ = x.End(protocol.Outcome{Result: protocol.Unknown, Code: strconv.Itoa(resp.StatusCode), Text: "the answer broke off"})
			return sent(errNoAnswer)
		}
	}
	if err := x.Annotate(protocol.Annotation{Kind: "digest", Text: fmt.Sprintf("received %d bytes, sha256 %s", total, hex.EncodeToString(digest.Sum(nil)))}); err != nil {
		return sent(err)
	}
	return sent(x.End(outcomeOf(resp, "", "")))
}

// brokenOff ends an exchange whose answer the client did not get whole.
func (k *call) brokenOff(x *protocol.Exchange, err error) error {
	o := protocol.Outcome{Result: protocol.Aborted, Text: "the client did not take the answer"}
	if _, ok := errors.AsType[*protocol.Denied](err); ok {
		o.Text = "more than is allowed"
	}
	_ = x.End(o)
	return sent(err)
}

func outcomeOf(resp *http.Response, code, message string) protocol.Outcome {
	o := protocol.Outcome{Result: protocol.OK, Code: strconv.Itoa(resp.StatusCode), Text: clip(message, 400)}
	if resp.StatusCode >= 300 {
		o.Result = protocol.Failed
		if code != "" {
			o.Code += " " + clip(code, 100)
		}
	}
	return o
}
