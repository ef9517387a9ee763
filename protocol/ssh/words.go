package ssh

import (
	"fmt"
	"strings"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/protocol"
)

// insteadOfForwarding says what to do where ssh -J, -L or -R does not work.
const insteadOfForwarding = "to reach another host behind this gateway connect to it as user%target, without -J"

// words makes a line of the gateway's own. A terminal that is in raw mode
// needs the carriage return.
func (ch *sessionChannel) words(text string) []byte {
	end := "\n"
	if ch.raw.Load() {
		end = "\r\n"
	}
	return []byte("sallyport: " + protocol.Visible(text) + end)
}

// stall is how long a client may take to take a line of the gateway's words;
// who waits for people must not wait for it for ever.
const stall = 30 * time.Second

// say tells the client something on standard error, recorded first.
func (ch *sessionChannel) say(text string) error {
	defer time.AfterFunc(stall, func() {
		ch.c.fail(&protocol.Failure{Public: "the client did not take what was sent to it", Err: protocol.ErrLimit})
	}).Stop()
	ch.errs.Lock()
	defer ch.errs.Unlock()
	return ch.c.s.EmitTo(ch.client.Stderr(), protocol.Part{Kind: "stderr", Data: ch.words(text)})
}

// tellEvery is how often a client is told that it still waits.
const tellEvery = 30 * time.Second

// waiting tells the client where it stands while a person is asked: at once,
// and then every half minute. It is called by several goroutines at once.
func (ch *sessionChannel) waiting(p protocol.Pending) {
	ch.mu.Lock()
	again := ch.told[p.ID]
	if p.Waited < again {
		ch.mu.Unlock()
		return
	}
	if ch.told == nil {
		ch.told = map[string]time.Duration{}
	}
	ch.told[p.ID] = p.Waited + tellEvery
	ch.mu.Unlock()
	whom := "a person"
	if len(p.Asked) > 0 {
		whom = strings.Join(p.Asked, ", ")
	}
	left := time.Until(p.Deadline).Round(time.Second)
	_ = ch.say(fmt.Sprintf("waiting for %s to approve this (rule %q, operation %s); denied in %v unless someone does", whom, p.Rule, p.ID, left))
}

// end says why and ends the channel with a status of the gateway's own.
func (ch *sessionChannel) end(why string, status uint32) {
	ch.once.Do(func() {
		if err := ch.say(why); err != nil { // the session is over
			ch.lastWords(why)
		}
		ch.exit("exit-status", xssh.Marshal(exitStatus{status}))
		ch.client.Close()
	})
}

// fatal is end for when the session is over and nothing is recorded any more.
func (ch *sessionChannel) fatal(why string) {
	ch.once.Do(func() {
		ch.lastWords(why)
		_, _ = ch.client.SendRequest("exit-status", false, xssh.Marshal(exitStatus{exitGateway}))
		ch.client.Close() // without CloseWrite, which may not run beside a Write
	})
}

// lastWords says something that can be recorded no more.
func (ch *sessionChannel) lastWords(text string) {
	ch.errs.Lock()
	defer ch.errs.Unlock()
	_, _ = ch.client.Stderr().Write(ch.words(text))
}

// exit says how the command ended. Nothing writes to the channel any more.
func (ch *sessionChannel) exit(kind string, payload []byte) {
	_ = ch.client.CloseWrite()
	_, _ = ch.client.SendRequest(kind, false, payload)
}

// turnAway is fatal for a channel that never came so far.
func turnAway(channel xssh.Channel, why string, status uint32) {
	_, _ = channel.Stderr().Write([]byte("sallyport: " + protocol.Visible(why) + "\r\n"))
	_, _ = channel.SendRequest("exit-status", false, xssh.Marshal(exitStatus{status}))
	channel.Close()
}
