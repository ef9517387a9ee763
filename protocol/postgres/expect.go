package postgres

import (
	"sync"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/sql"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// expectation is a response that the target owes for a message that was
// forwarded, in order.
type expectation struct {
	// kind is the type of the message that was sent.
	kind byte
	// hidden says that the gateway sent it of its own accord: the response
	// isn't for the client.
	hidden bool
	// denial, where not nil, is what the client hears in place of the error
	// that this message provokes.
	denial []byte

	// runs is the statements under way: one of an Execute, one of a Parse
	// that is an operation of its own, all of a Query.
	runs []*run
	at   int // Query: the run under way
	// exact says that a Query has as many statements as runs. What did not
	// parse is one run, however often it answers.
	exact  bool
	failed bool // Query: an error came

	name   string // Parse, Bind, Close: of the statement or portal
	target byte   // Close, Describe: 'S' or 'P'
	stmt   *prepared
	portal *portal
}

// run is a statement under way.
type run struct {
	x      *protocol.Exchange
	stmt   *sql.Statement
	inner  *prepared // SQL's PREPARE: what it prepares
	expose sql.Exposure
	guard  *guard
	plan   *plan  // how its rows are masked; nil until their shape is known
	shape  *shape // nil until known
	inline bool   // the client gets the RowDescription together with the rows
	rows   int64
}

// current returns the run that an answer belongs to.
func (e *expectation) current() *run {
	if len(e.runs) == 0 {
		return nil
	}
	return e.runs[min(e.at, len(e.runs)-1)]
}

// queue holds what the target owes. The client's side adds, the target's side
// takes. Its mutex also guards the session's names and status.
type queue struct {
	mu     sync.Mutex
	change *sync.Cond
	list   []*expectation
	head   int
	busy   bool // answers were taken and are not emitted yet
	closed bool
	// status is the transaction status of the last ReadyForQuery.
	status byte
	// skipping says that the target ignores messages up to the next Sync.
	skipping bool
	// copyIn is the run into which the client copies; nil for none.
	copyIn *run
	names  names
}

func newQueue() *queue {
	q := &queue{status: 'I', names: newNames()}
	q.change = sync.NewCond(&q.mu)
	return q
}

// add appends what the target will owe for the messages that are about to be
// sent, and returns the runs that it will pass over because it skips.
func (q *queue) add(list []*expectation) (skipped []*run) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range list {
		if q.skipping {
			if e.kind != wire.TypeSync {
				skipped = append(skipped, e.runs...)
				continue
			}
			q.skipping = false
		}
		q.list = append(q.list, e)
	}
	return skipped
}

// first returns the oldest expectation, or nil.
func (q *queue) first() *expectation {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.empty() {
		return nil
	}
	return q.list[q.head]
}

// pop takes the oldest expectation off. The caller holds mu.
func (q *queue) pop() {
	q.list[q.head] = nil
	q.head++
	if q.empty() {
		q.list, q.head = q.list[:0], 0
	}
	q.change.Broadcast()
}

// empty reports whether the target owes nothing. The caller holds mu.
func (q *queue) empty() bool { return q.head == len(q.list) }

// waiting returns what is owed. The caller holds mu and does not keep it.
func (q *queue) waiting() []*expectation { return q.list[q.head:] }

// setBusy says whether answers were taken that the client has not got yet.
func (q *queue) setBusy(busy bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = busy
	if !busy {
		q.change.Broadcast()
	}
}

// idle reports whether the client has everything that the target owed, with
// the transaction status.
func (q *queue) idle() (status byte, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.status, q.empty() && !q.busy
}

// close wakes up whoever waits: nothing will come any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.change.Broadcast()
}

// drained waits until the target owes nothing; false means that the session
// ended first.
func (q *queue) drained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for (!q.empty() || q.busy) && !q.closed {
		q.change.Wait()
	}
	return !q.closed
}

// names is the namespace of prepared statements and portals as the target has
// it. A name that Parse binds counts from its ParseComplete on; until then it
// is known only to the batch that it came in: had the Parse failed, what is
// behind the name would be another statement.
type names struct {
	statements map[string]*prepared
	portals    map[string]*portal
}

func newNames() names {
	return names{statements: map[string]*prepared{}, portals: map[string]*portal{}}
}

func (n *names) setStatement(name string, s *prepared) {
	if s == nil {
		delete(n.statements, name)
		return
	}
	n.statements[name] = s
}

func (n *names) setPortal(name string, p *portal) {
	if p == nil {
		delete(n.portals, name)
		return
	}
	n.portals[name] = p
}
