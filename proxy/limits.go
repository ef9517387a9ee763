package proxy

import (
	"errors"
	"fmt"
	"time"
)

// Limits bounds what clients may take. In every field zero means the default
// and a negative value means no limit.
type Limits struct {
	// Connections is how many client connections may be open at once; those
	// above are closed as they come. Default 4000.
	Connections int
	// Sessions is how many sessions may be open at once; those above get a
	// native error. Default 2000.
	Sessions int
	// SessionsPerPrincipal is how many of them one principal may have.
	// Default: no limit of its own.
	SessionsPerPrincipal int
	// Handshake is how long a client may take to open its session. Default 15 s.
	Handshake time.Duration
	// Dial is how long a connection to a target may take. Default 10 s.
	Dial time.Duration
	// Idle ends a session in which nothing was under way for so long.
	// Default: no limit.
	Idle time.Duration
	// Linger is how long a session that connections share, see
	// [protocol.Route], stays open without one. Default 5 min.
	Linger time.Duration
	// Operation ends a session in which one operation, admitted, has taken so
	// long. Default: no limit.
	Operation time.Duration
	// Stall ends a session whose client has not taken what was written to it
	// for so long. Default 5 min.
	Stall time.Duration
	// Approval is how long an operation waits for a person where its rule
	// does not say. Default 5 min.
	Approval time.Duration
	// Drain is how long sessions may go on after Serve's context has ended.
	// Default 30 s.
	Drain time.Duration
}

func (l Limits) withDefaults() Limits {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if l.Connections == 0 {
		l.Connections = 4000
	}
	if l.Sessions == 0 {
		l.Sessions = 2000
	}
	def(&l.Handshake, 15*time.Second)
	def(&l.Dial, 10*time.Second)
	def(&l.Stall, 5*time.Minute)
	def(&l.Linger, 5*time.Minute)
	def(&l.Approval, 5*time.Minute)
	def(&l.Drain, 30*time.Second)
	return l
}

// validate reports settings that would let waiting go on for ever.
func (l Limits) validate() error {
	if l.Approval < 0 {
		return errors.New("Limits: Approval must end some time; give a duration instead of a negative value")
	}
	if l.Handshake < 0 {
		return fmt.Errorf("Limits: Handshake must end some time; give a duration instead of %v", l.Handshake)
	}
	return nil
}
