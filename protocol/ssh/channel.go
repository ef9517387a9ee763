package ssh

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/protocol"
)

// Exit statuses of the gateway's own.
const (
	exitDenied  = 126 // as a shell says of what may not be executed
	exitGateway = 255 // as OpenSSH says of what is wrong with the connection
)

const (
	maxVariables = 64      // environment variables of one command
	maxSetup     = 8 << 10 // bytes of them and of the terminal's name and modes
	maxTerm      = 64      // bytes of the terminal's name
	maxModes     = 1 << 10 // and of its modes
)

// sessionChannel is a client's session channel (RFC 4254, section 6): what
// prepares a command, and then the command. Until it is admitted, nothing of
// it has reached the target: the gateway answers for environment and terminal.
type sessionChannel struct {
	c      *connection
	client xssh.Channel

	ctx    context.Context // ends when the client has closed the channel
	cancel context.CancelCauseFunc

	env     []envRequest
	dropped []string // names of variables that are not passed on
	setup   int      // bytes of env and terminal
	answers answers
	done    chan struct{}
	once    sync.Once   // the last words
	errs    sync.Mutex  // standard error: the target's and the gateway's words
	raw     atomic.Bool // the client has a terminal

	mu       sync.Mutex
	terminal *ptyRequest
	running  *process                 // nil until the target has it
	told     map[string]time.Duration // by operation, until when its wait need not be told again
	started  bool
}

// session serves a session channel until both sides have closed it.
func (c *connection) session(n xssh.NewChannel) {
	if c.lastSession.Load() {
		_ = n.Reject(xssh.Prohibited, "the client has said that it opens no more sessions")
		return
	}
	channel, requests, err := n.Accept()
	if err != nil {
		return
	}
	ch := &sessionChannel{c: c, client: channel, done: make(chan struct{})}
	ch.ctx, ch.cancel = context.WithCancelCause(c.ctx)
	c.mu.Lock()
	c.conversation[ch] = true
	c.mu.Unlock()
	for r := range requests {
		c.heard(&c.heardClient)
		ch.request(r)
	}
	ch.cancel(errClientGone)
	if ch.started {
		<-ch.done
	}
	c.mu.Lock()
	delete(c.conversation, ch)
	c.mu.Unlock()
	channel.Close()
}

// starts reports whether a request starts something.
func starts(kind string) bool { return kind == "exec" || kind == "shell" || kind == "subsystem" }

// request handles one request of the client's.
func (ch *sessionChannel) request(r *xssh.Request) {
	ok := false
	switch {
	case starts(r.Type):
		ch.start(r)
		return
	case r.Type == "window-change":
		ok = ch.resize(r.Payload)
	case r.Type == "signal", r.Type == "break", r.Type == "eow@openssh.com":
		ok = ch.pass(r)
	case ch.started: // the rest is for before
	case r.Type == "env":
		ok = ch.setenv(r.Payload)
	case r.Type == "pty-req":
		ok = ch.pty(r.Payload)
	case r.Type == "auth-agent-req@openssh.com":
		ch.c.refuse("forward", "the client's agent", "agent forwarding is not possible through this gateway: the target could use your keys")
	case r.Type == "x11-req":
		ch.c.refuse("forward", "X11", "X11 forwarding is not possible through this gateway: the target could read your screen and keyboard")
	}
	ch.answer(r, ok)
}

func (ch *sessionChannel) setenv(payload []byte) bool {
	var e envRequest
	if xssh.Unmarshal(payload, &e) != nil || len(ch.env)+len(ch.dropped) >= maxVariables {
		return false
	}
	ch.setup += len(payload)
	if ch.setup > maxSetup {
		return false
	}
	for _, pattern := range ch.c.config.Env {
		if ok, _ := path.Match(pattern, e.Name); ok {
			ch.env = append(ch.env, e)
			return true
		}
	}
	ch.dropped = append(ch.dropped, e.Name)
	return false
}

func (ch *sessionChannel) pty(payload []byte) bool {
	var t ptyRequest
	if xssh.Unmarshal(payload, &t) != nil || ch.terminal != nil || len(t.Term) > maxTerm || !graphic(t.Term) || len(t.Modes) > maxModes {
		return false
	}
	ch.setup += len(payload)
	if ch.setup > maxSetup {
		return false
	}
	if !ch.c.permits.pty {
		ch.c.refuse("pty", "", "the client's certificate permits no terminal")
		return false
	}
	ch.mu.Lock()
	ch.terminal = &t
	ch.mu.Unlock()
	ch.raw.Store(true)
	return true
}

// start begins what the client asks for; the answer comes when it is decided.
func (ch *sessionChannel) start(r *xssh.Request) {
	text, ok := what(r)
	if !ok || ch.started {
		ch.answer(r, false)
		return
	}
	ch.started = true
	ch.answers.hold()
	ch.c.work.Go(func() {
		defer close(ch.done)
		ch.run(r, text)
	})
}

// what returns the command line or the subsystem's name of a request that
// starts something.
func what(r *xssh.Request) (string, bool) {
	switch r.Type {
	case "exec":
		var e execRequest
		err := xssh.Unmarshal(r.Payload, &e)
		return e.Command, err == nil
	case "subsystem":
		var s subsystemRequest
		err := xssh.Unmarshal(r.Payload, &s)
		return s.Name, err == nil
	}
	return "", len(r.Payload) == 0
}

// run has what was asked for judged, and carries it.
func (ch *sessionChannel) run(r *xssh.Request, text string) {
	if len(text) > ch.c.config.MaxCommand {
		why := ch.c.refuse(r.Type, "(too long)", fmt.Sprintf("the command is longer than %d bytes; put it in a file", ch.c.config.MaxCommand))
		ch.answers.release(r, true)
		ch.end(why, exitDenied)
		return
	}
	op, kind := ch.operation(r.Type, text)
	list, err := ch.c.s.Begin(ch.ctx, ch.waiting, op)
	if denied, ok := errors.AsType[*protocol.Denied](err); ok {
		ch.answers.release(r, true)
		ch.end(denied.Error(), exitDenied)
		return
	}
	if err != nil && ch.c.ctx.Err() == nil && ch.ctx.Err() != nil { // the client closed the channel
		ch.answers.release(r, false)
		ch.client.Close()
		return
	}
	if err != nil {
		ch.answers.release(r, true)
		ch.fatal(protocol.Public(err))
		ch.c.fail(err)
		return
	}
	x := list[0]
	x.To(ch.client)
	to, requests, err := ch.openTarget()
	if err != nil {
		ch.answers.release(r, true)
		ch.unsent(x, protocol.Outcome{Result: protocol.NotSent, Text: "the target opened no channel: " + err.Error()})
		return
	}
	cmd := &process{ch: ch, x: x, kind: kind, to: to, masks: ch.c.s.Masks()}
	cmd.run(r, requests)
}

// unsent ends what the target has not carried out.
func (ch *sessionChannel) unsent(x *protocol.Exchange, o protocol.Outcome) {
	if o.Result == protocol.NotSent {
		o.Text = ch.why(o.Text)
	}
	if err := x.End(o); err != nil {
		ch.c.fail(err)
	}
	ch.end(o.Text, exitGateway)
}

// why returns why something has ended for which there are only these words:
// perhaps because a connection is lost, which is about to be known.
func (ch *sessionChannel) why(words string) string {
	select {
	case <-ch.ctx.Done():
	case <-time.After(100 * time.Millisecond):
		return words
	}
	if f, ok := errors.AsType[*protocol.Failure](context.Cause(ch.ctx)); ok {
		return f.Public
	}
	return "the client left before it ended"
}

// openTarget opens the channel at the target.
func (ch *sessionChannel) openTarget() (xssh.Channel, <-chan *xssh.Request, error) {
	to, requests, err := ch.c.target.OpenChannel("session", nil)
	if refused, ok := errors.AsType[*xssh.OpenChannelError](err); ok {
		return nil, nil, errors.New(ch.c.plain(refused.Message, 200))
	}
	if err != nil {
		return nil, nil, errors.New("the connection is lost")
	}
	return to, requests, nil
}

// resize remembers a terminal's size for later, or passes it on.
func (ch *sessionChannel) resize(payload []byte) bool {
	var w windowChange
	if xssh.Unmarshal(payload, &w) != nil {
		return false
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.terminal == nil {
		return false
	}
	ch.terminal.Columns, ch.terminal.Rows, ch.terminal.Width, ch.terminal.High = w.Columns, w.Rows, w.Width, w.High
	if ch.running == nil {
		return true
	}
	return ch.running.control("window-change", fmt.Sprintf("%dx%d", w.Columns, w.Rows), payload)
}

// pass passes a signal on. While a person is asked, one withdraws the question.
func (ch *sessionChannel) pass(r *xssh.Request) bool {
	text := ""
	if r.Type == "signal" {
		var s signalRequest
		if xssh.Unmarshal(r.Payload, &s) != nil || len(s.Name) > 64 || !graphic(s.Name) {
			return false
		}
		text = s.Name
	} else if len(r.Payload) > 4 {
		return false
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.running == nil {
		if r.Type == "signal" && ch.started {
			ch.cancel(errors.New("the client sent a signal while it waited"))
		}
		return true
	}
	return ch.running.control(r.Type, text, r.Payload)
}
