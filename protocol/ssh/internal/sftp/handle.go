package sftp

import (
	"fmt"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// handle is what the target has open for the client, and its exchange.
type handle struct {
	x       *protocol.Exchange
	objects []protocol.Object
	dir     bool
	reads   bool
	writes  bool
	append  bool
	// truncated says that it was opened to replace the whole file.
	truncated bool

	sent extents // of relay.sums
	got  extents // of relay.gots

	// Of the goroutine that forwards requests.
	sentClear int64 // how much more content may be recorded as it is
	noInput   *protocol.Denied

	// Of the goroutine that answers.
	gotClear int64
	noOutput *protocol.Denied

	digesting sync.WaitGroup // until sent and got have everything

	// Guarded by relay.mu.
	busy    int  // operations on it that are not forwarded yet
	owed    int  // what the target has to answer
	closing bool // CLOSE was forwarded
	closed  *protocol.Outcome

	// Of the goroutine that answers.
	failed     int // writes that the target refused
	failedSize int64
	failure    wire.Code
	entries    int64
	copies     int     // COPY-DATA into it that succeeded
	said       *string // the summary
}

// content sets what may be recorded of the handle's content.
func (h *handle) content(o Options, path string) {
	if o.Content == nil || h.dir {
		return
	}
	if h.writes {
		h.sentClear = o.Content(path, true)
	}
	if h.reads {
		h.gotClear = o.Content(path, false)
	}
}

// summary says what moved, for people, and how much.
func (h *handle) summary() (text string, units int64) {
	h.digesting.Wait()
	units = h.entries
	if !h.dir {
		units = h.sent.bytes - h.failedSize + h.got.bytes
	}
	if h.said == nil {
		t := h.summarise()
		h.said = &t
	}
	return *h.said, units
}

func (h *handle) summarise() string {
	if h.dir {
		return fmt.Sprintf("%d entries", h.entries)
	}
	var list []string
	if t := h.sent.text("written"); t != "" {
		if h.append {
			t += "; appended, the offsets do not count"
		}
		list = append(list, t)
	}
	if h.failed > 0 {
		list = append(list, fmt.Sprintf("the target refused %d of the writes, %d bytes of those (%s)", h.failed, h.failedSize, h.failure))
	}
	if h.copies > 0 {
		list = append(list, fmt.Sprintf("%d times the target copied into it from another file, which no digest has", h.copies))
	}
	if t := h.got.text("read"); t != "" {
		list = append(list, t)
	}
	return strings.Join(list, "; ")
}

// outcome completes o by what moved.
func (h *handle) outcome(o protocol.Outcome, more string) protocol.Outcome {
	text, units := h.summary()
	words := []string{}
	for _, w := range []string{text, o.Text, more} {
		if w != "" {
			words = append(words, w)
		}
	}
	o.Text, o.Units = strings.Join(words, "; "), units
	if o.Result != protocol.OK {
		return o
	}
	switch {
	case h.noInput != nil || h.noOutput != nil:
		o.Result = protocol.Aborted
		o.Text += "; more was refused by the gateway"
	case h.failed > 0:
		o.Result, o.Code = protocol.Failed, h.failure.String()
	}
	return o
}

// annotate puts the digests into the record.
func (h *handle) annotate() error {
	text, _ := h.summary()
	if text == "" || h.dir {
		return nil
	}
	return h.x.Annotate(protocol.Annotation{Kind: "digest", Text: text})
}

// end records the end of a handle that nobody is told about any more.
func (h *handle) end(o protocol.Outcome, more string) error {
	if err := h.annotate(); err != nil {
		return err
	}
	h.sent.drop()
	h.got.drop()
	return h.x.End(h.outcome(o, more))
}

// drop gives back what is held for the digests.
func (h *handle) drop() {
	h.sent.drop()
	h.got.drop()
}
