package ssh

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
)

// process is an admitted exec, shell or subsystem: its streams and its end.
// What arrives on different queues (standard output, standard error, requests)
// is recorded in the order in which the gateway takes it up, which may not be
// the one in which it was sent.
type process struct {
	ch    *sessionChannel
	x     *protocol.Exchange
	kind  streams
	to    xssh.Channel
	masks *mask.Set

	results chan ended
	over    sync.Once
	in, out *moved // what moved, where the streams are files

	mu      sync.Mutex
	aborted string // why the gateway broke it off
}

// ended is how the target said that it ended, and in which message.
type ended struct {
	outcome protocol.Outcome
	kind    string
	payload []byte
}

// run starts the command at the target and carries its streams until it ends.
func (m *process) run(r *xssh.Request, requests <-chan *xssh.Request) {
	ch := m.ch
	defer m.to.Close()
	defer context.AfterFunc(ch.ctx, func() {
		if ch.c.ctx.Err() == nil { // else the connection is closed, without another word
			m.to.Close()
		}
	})()
	m.results = make(chan ended, 1)
	ch.c.work.Go(func() { m.results <- m.result(requests) })

	refused := m.begin(r)
	ch.answers.release(r, true)
	switch {
	case refused == nil:
	case refused.Result == protocol.Unknown:
		m.to.Close()
		m.finish(<-m.results)
		return
	default:
		m.to.Close()
		ch.unsent(m.x, *refused)
		return
	}
	if m.kind.sftp {
		m.sftp()
		return
	}
	if m.kind.files {
		m.in, m.out = newMoved("to the target"), newMoved("from the target")
	}
	ch.c.work.Go(m.input)
	var outputs sync.WaitGroup
	outputs.Go(func() { m.output(m.to.Stderr(), ch.client.Stderr(), "stderr") })
	m.output(m.to, ch.client, "stdout")
	outputs.Wait()
	m.finish(<-m.results)
}

// begin sends what prepares the command, and then the command. It returns nil
// where that runs, and an outcome without words where nobody knows.
func (m *process) begin(r *xssh.Request) *protocol.Outcome {
	ch := m.ch
	for _, e := range ch.env {
		if _, err := m.to.SendRequest("env", false, xssh.Marshal(e)); err != nil {
			return &targetGone
		}
	}
	ch.mu.Lock()
	terminal := ch.terminal
	var sent ptyRequest
	if terminal != nil {
		sent = *terminal
	}
	ch.mu.Unlock()
	if terminal != nil {
		ok, err := m.to.SendRequest("pty-req", true, xssh.Marshal(sent))
		if err != nil {
			return &targetGone
		}
		if !ok {
			return &protocol.Outcome{Result: protocol.Failed, Text: "the target gives no terminal"}
		}
	}
	ok, err := m.to.SendRequest(r.Type, true, r.Payload)
	if err != nil {
		return &protocol.Outcome{Result: protocol.Unknown}
	}
	if !ok {
		return &protocol.Outcome{Result: protocol.Failed, Text: "the target refused the " + r.Type}
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.running = m
	if terminal != nil && (terminal.Columns != sent.Columns || terminal.Rows != sent.Rows) { // meanwhile
		w := windowChange{terminal.Columns, terminal.Rows, terminal.Width, terminal.High}
		m.control("window-change", fmt.Sprintf("%dx%d", w.Columns, w.Rows), xssh.Marshal(w))
	}
	return nil
}

var targetGone = protocol.Outcome{Result: protocol.NotSent, Text: "the connection to the target is lost"}

// control records a signal, a new size or the like, and passes it on.
func (m *process) control(kind, text string, payload []byte) bool {
	if err := m.x.Input(protocol.Part{Kind: kind, Data: []byte(text)}); err != nil {
		m.broken(err)
		return false
	}
	_, err := m.to.SendRequest(kind, false, payload)
	return err == nil
}

// result waits for the target to close the channel and returns what it said.
func (m *process) result(requests <-chan *xssh.Request) ended {
	e := ended{outcome: protocol.Outcome{Result: protocol.Unknown, Text: "the target did not say how it ended"}}
	for r := range requests {
		m.ch.c.heard(&m.ch.c.heardTarget)
		switch r.Type {
		case "exit-status":
			var s exitStatus
			if xssh.Unmarshal(r.Payload, &s) != nil {
				break
			}
			e.kind, e.payload = r.Type, r.Payload
			e.outcome = protocol.Outcome{Result: protocol.OK, Code: strconv.FormatUint(uint64(s.Status), 10)}
			if s.Status != 0 {
				e.outcome.Result = protocol.Failed
			}
		case "exit-signal":
			var s exitSignal
			if xssh.Unmarshal(r.Payload, &s) != nil {
				break
			}
			s.Message, s.Name, s.Language = m.ch.c.plain(s.Message, 200), m.ch.c.plain(s.Name, 64), ""
			e.kind, e.payload = r.Type, xssh.Marshal(s)
			e.outcome = protocol.Outcome{Result: protocol.Failed, Code: "SIG" + s.Name, Text: s.Message}
		case "eow@openssh.com": // the command reads no more
			_, _ = m.ch.client.SendRequest(r.Type, false, nil)
		}
		_ = r.Reply(false, nil)
	}
	return e
}

// finish records the end and tells the client; only the first call counts.
// Nothing of the exchange is written to the client once its end is recorded.
func (m *process) finish(e ended) { m.over.Do(func() { m.conclude(e) }) }

func (m *process) conclude(e ended) {
	ch := m.ch
	m.mu.Lock()
	aborted := m.aborted
	m.mu.Unlock()
	switch {
	case aborted != "":
		e = ended{outcome: protocol.Outcome{Result: protocol.Aborted, Text: aborted}}
	case e.kind == "":
		e.outcome.Text = ch.why(e.outcome.Text)
	}
	for _, moved := range []*moved{m.in, m.out} {
		if moved == nil {
			continue
		}
		if err := m.x.Annotate(protocol.Annotation{Kind: "digest", Text: moved.String()}); err != nil {
			m.broken(err)
		}
	}
	if err := m.x.End(e.outcome); err != nil {
		ch.c.fail(err)
		return
	}
	switch {
	case aborted != "":
		ch.end(aborted, exitDenied)
	case e.kind == "":
		ch.end(e.outcome.Text, exitGateway)
	default:
		ch.once.Do(func() {
			ch.exit(e.kind, e.payload)
			ch.client.Close()
		})
	}
}

// breakOff is how long the target may take to end what the gateway broke off,
// before the client is told. Programs need not end because nobody listens.
const breakOff = 500 * time.Millisecond

// broken ends what cannot go on: the command, where a bound is reached or the
// client does not take what is sent; or else the session.
func (m *process) broken(err error) {
	if denied, ok := errors.AsType[*protocol.Denied](err); ok {
		m.mu.Lock()
		if m.aborted == "" {
			m.aborted = denied.Error()
			if !m.kind.sftp { // there others write to the client too
				time.AfterFunc(breakOff, func() { m.finish(ended{}) })
			}
		}
		m.mu.Unlock()
	} else if m.ch.c.s.Context().Err() != nil {
		m.ch.c.fail(err)
		return
	}
	m.to.Close()
}
