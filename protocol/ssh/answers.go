package ssh

import (
	"errors"
	"sync"

	xssh "golang.org/x/crypto/ssh"
)

// maxOwed is how many requests may wait for their answer behind the one that
// starts something.
const maxOwed = 256

var errFlood = errors.New("the client asks without waiting for answers")

// answers are those to a channel's requests. They have no names, so they go
// out in the order of the requests (RFC 4254, section 4): what is asked behind
// a command that waits to be admitted is answered behind it.
type answers struct {
	mu   sync.Mutex
	held bool
	owed []owedAnswer
}

type owedAnswer struct {
	r  *xssh.Request
	ok bool
}

// hold keeps answers back until release.
func (a *answers) hold() {
	a.mu.Lock()
	a.held = true
	a.mu.Unlock()
}

// release answers r, and then what was asked behind it.
func (a *answers) release(r *xssh.Request, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = r.Reply(ok, nil)
	for _, o := range a.owed {
		_ = o.r.Reply(o.ok, nil)
	}
	a.held, a.owed = false, nil
}

// give answers r when it is r's turn. It returns false where too many wait.
func (a *answers) give(r *xssh.Request, ok bool) bool {
	if !r.WantReply {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.held {
		_ = r.Reply(ok, nil)
		return true
	}
	if len(a.owed) == maxOwed {
		return false
	}
	a.owed = append(a.owed, owedAnswer{r, ok})
	return true
}

// answer answers a request that starts nothing.
func (ch *sessionChannel) answer(r *xssh.Request, ok bool) {
	if !ch.answers.give(r, ok) {
		ch.cancel(errFlood)
		ch.client.Close()
	}
}
