package ssh

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

var errClientGone = errors.New("the client left")

// connection is one session: a client on one side, a target on the other, and
// any number of channels between them. Each channel is a goroutine and those
// that it starts; work counts all of them.
type connection struct {
	config  Config
	s       *protocol.Session
	permits permits
	client  *xssh.ServerConn
	target  *target

	ctx    context.Context // ends when nothing more is carried
	cancel context.CancelCauseFunc
	work   sync.WaitGroup
	failed sync.Once
	cause  error

	channels     atomic.Int32 // open ones
	lastSession  atomic.Bool  // the client wants no more session channels
	heardClient  atomic.Int64 // when the client last said something, in Unix nanoseconds
	heardTarget  atomic.Int64
	listens      listens
	mu           sync.Mutex
	told         map[string]bool // refusals that stand in the record already
	conversation map[*sessionChannel]bool
}

func newConnection(config Config, s *protocol.Session, who identity.Proven, client *xssh.ServerConn, to *target) *connection {
	c := &connection{
		config: config, s: s, permits: permitted(who.Principal), client: client, target: to,
		told: map[string]bool{}, conversation: map[*sessionChannel]bool{},
	}
	c.ctx, c.cancel = context.WithCancelCause(s.Context())
	return c
}

// run serves until one side leaves. It returns once nothing runs any more.
func (c *connection) run(channels <-chan xssh.NewChannel, requests <-chan *xssh.Request) error {
	stop := context.AfterFunc(c.s.Context(), func() { c.fail(context.Cause(c.s.Context())) })
	c.work.Go(func() { c.clientRequests(requests) })
	c.work.Go(c.targetRequests)
	c.work.Go(c.targetChannels)
	c.work.Go(func() {
		err := c.target.Wait()
		c.fail(&protocol.Failure{Public: "the connection to the target is lost", Err: said(err)})
	})
	if c.config.KeepAlive > 0 {
		c.work.Go(c.keepAlive)
	}
	for n := range channels {
		c.open(n)
	}
	c.fail(nil)
	c.work.Wait()
	stop()
	reason := errClientGone.Error()
	if c.cause != nil {
		reason = protocol.Public(c.cause)
	}
	_ = c.s.Close(reason)
	return c.cause
}

// fail ends the session: the target hears no more, err is told on every channel
// where it can be told, and the connections are closed, so that whoever waits
// for them returns. Only the first call counts; nil is an end in order.
func (c *connection) fail(err error) {
	c.failed.Do(func() {
		c.cause = err
		c.target.Close()
		if err == nil {
			c.cancel(errClientGone)
		} else {
			c.cancel(err)
			c.farewell(protocol.Public(err))
		}
		c.client.Close()
	})
}

// farewell gives every open command and shell its last words, unless the
// client does not take them at once.
func (c *connection) farewell(words string) {
	c.mu.Lock()
	var said sync.WaitGroup
	for ch := range c.conversation {
		said.Go(func() { ch.fatal(words) })
	}
	c.mu.Unlock()
	done := make(chan struct{})
	go func() {
		said.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(200 * time.Millisecond):
	}
}

// open serves a channel that the client opens.
func (c *connection) open(n xssh.NewChannel) {
	c.heard(&c.heardClient)
	if int(c.channels.Add(1)) > c.config.MaxChannels {
		c.channels.Add(-1)
		_ = n.Reject(xssh.ResourceShortage, "too many channels are open")
		return
	}
	serve := c.unknownChannel
	switch n.ChannelType() {
	case "session":
		serve = c.session
	case "direct-tcpip":
		serve = c.forwardConnect
	}
	c.work.Go(func() {
		defer c.channels.Add(-1)
		serve(n)
	})
}

// unknownChannel refuses what the gateway does not carry.
func (c *connection) unknownChannel(n xssh.NewChannel) {
	kind := n.ChannelType()
	why := "the gateway does not know channels of this type"
	switch kind {
	case "direct-streamlocal@openssh.com":
		why = "forwarding to Unix sockets is not possible through this gateway; " + insteadOfForwarding
	case "tun@openssh.com":
		why = "network tunnels (ssh -w) are not possible through this gateway; " + insteadOfForwarding
	}
	_ = n.Reject(xssh.Prohibited, c.refuse("channel", kind, why))
}

// maxTold is how many refusals of the plugin's own stand in a record.
const maxTold = 100

// refuse records that the plugin itself refuses something, once for each kind
// and subject in a session, and returns the words for the client.
func (c *connection) refuse(verb, subject, why string) string {
	subject = c.plain(subject, 100)
	c.mu.Lock()
	known, last := c.told[verb+" "+subject], len(c.told) == maxTold
	if !known && len(c.told) <= maxTold {
		c.told[verb+" "+subject] = true
	}
	full := len(c.told) > maxTold
	c.mu.Unlock()
	switch {
	case known, full && !last:
		return why
	case last:
		if err := c.s.Note("refused", "further requests that the gateway refuses of its own accord are not recorded"); err != nil {
			c.fail(err)
		}
		return why
	}
	_, err := c.s.Begin(c.ctx, nil, protocol.Operation{
		Verb: verb, Text: subject, Effects: protocol.Everything, Refuse: why,
	})
	if denied, ok := errors.AsType[*protocol.Denied](err); ok {
		return denied.Error()
	}
	if err != nil {
		c.fail(err)
	}
	return why
}

func (c *connection) heard(at *atomic.Int64) { at.Store(time.Now().UnixNano()) }

// permits is what a certificate lets its holder do; those who came without one
// may ask for anything.
type permits struct{ pty, forward bool }

func permitted(who identity.Principal) permits {
	list, ok := who.Attributes[extensionsAttribute]
	if !ok {
		return permits{true, true}
	}
	var p permits
	for name := range strings.SplitSeq(list, ",") {
		switch name {
		case "permit-pty":
			p.pty = true
		case "permit-port-forwarding":
			p.forward = true
		}
	}
	return p
}

// extensionsAttribute is where an authenticator of certificates says what they
// permit, see package identity/sshkeys.
const extensionsAttribute = "ssh.extensions"

// plain makes what a peer said fit for people, the other peer and the record.
func (c *connection) plain(s string, n int) string {
	b := []byte(s)
	c.s.Masks().Redact(b)
	return protocol.Visible(clip(string(b), n))
}

// graphic reports whether s is ASCII without blanks and control characters.
func graphic(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// clip cuts what a peer sent down to what a record or a log line bears.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
