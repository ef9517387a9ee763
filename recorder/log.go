// Package recorder writes down what happens, so that it can be read, searched
// and proven later.
package recorder

import (
	"context"
)

// Need says what must be true of events before Append returns.
type Need uint8

// What Append may be asked for.
const (
	// Taken: the operating system has the bytes (write(2) returned). The end
	// of the process loses nothing; a power cut may lose a stated window.
	Taken Need = iota
	// Durable: the bytes are on disk (fdatasync(2) returned).
	Durable
)

// Log is where the engine writes events and what it waits for. It is the port
// that a gateway's Record takes; [Journal] is the implementation on local disk.
// A Log is safe for concurrent use.
type Log interface {
	// Append adds events in order, all of them or, as far as any reader can
	// tell, none, and returns once they are what need says. It sets Seq and
	// Pos. It keeps neither the events nor their payloads. After an error the
	// log takes no more events: every later Append fails too.
	//
	// The first event of a session is its KindSessionOpened, the last its
	// KindSessionClosed.
	Append(ctx context.Context, need Need, events ...*Event) error
	// Ready returns nil while the log takes events, else why it does not.
	Ready() error
	// Durability is "durable", or "buffered" where Append only ever waits for
	// Taken. Sessions are recorded with it.
	Durability() string
}
