// Package recorder writes down what happens, so that it can be read, searched
// and proven later.
//
// [OpenJournal] opens the journal on local disk, which is the [Log] that a
// gateway writes to. [Open] reads one, also while a gateway writes it, and
// [Verify] proves what can be proven of one. The files are described byte by
// byte in docs/record-format.md.
package recorder

import (
	"context"
	"errors"
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
	// Pos. It keeps neither the events nor their payloads.
	//
	// An error that wraps [ErrEvent], or the error of a ctx that had ended
	// before the call, means that nothing was added and that the log goes on.
	// After any other error the log takes no more events: every later Append
	// fails too, and whether these events are in the log is not known.
	//
	// The first event of a session is its KindSessionOpened, the last its
	// KindSessionClosed. ctx is looked at before the events are added; the
	// wait for the disk is not cut short.
	Append(ctx context.Context, need Need, events ...*Event) error
	// Ready returns nil while the log takes events, else why it does not.
	Ready() error
	// Durability is "durable", or "buffered" where Append only ever waits for
	// Taken. Sessions are recorded with it.
	Durability() string
}

// Errors of logs.
var (
	// ErrEvent means that an event cannot be recorded: it is too large, or its
	// session is not open.
	ErrEvent = errors.New("the event cannot be recorded")
	// ErrClosed means that the log was closed.
	ErrClosed = errors.New("the journal is closed")
	// ErrLocked means that another process has the journal open for writing.
	ErrLocked = errors.New("the journal directory is in use by another gateway")
)
