package postgres

import (
	"sync"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

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
	// open says that messages were sent that no Sync has followed yet.
	open bool
	// skipping says that the target ignores messages up to the next Sync.
	skipping bool
	// copyIn is the run into which the client copies; nil for none. It is set
	// back only with input held.
	copyIn *run
	names  names

	// input is held while data is recorded, so that the exchange it belongs to
	// does not end meanwhile. It is taken before mu.
	input sync.Mutex
}

func newQueue() *queue {
	q := &queue{status: 'I', names: newNames()}
	q.change = sync.NewCond(&q.mu)
	return q
}

// add appends what the target will owe for the messages that are about to be
// sent, and returns the runs that it will pass over because it skips. Where
// it says ignored, the only message is a Sync that the target would ignore,
// and that is not to be sent.
func (q *queue) add(list []*expectation) (skipped []*run, ignored bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.copyIn != nil && len(list) == 1 && list[0].kind == wire.TypeSync {
		return nil, true
	}
	for _, e := range list {
		if q.skipping {
			if e.kind != wire.TypeSync {
				skipped = append(skipped, e.runs...)
				continue
			}
			q.skipping = false
		}
		q.list = append(q.list, e)
		q.open = e.kind != wire.TypeSync && e.kind != wire.TypeQuery
	}
	return skipped, false
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

// idle reports whether nothing is under way at the target and the client has
// all its answers, with the transaction status.
func (q *queue) idle() (status byte, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.status, q.empty() && !q.busy && !q.open && !q.skipping
}

// isOpen reports whether messages were sent that no Sync has followed yet.
func (q *queue) isOpen() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.open
}

// knows reports whether the target has said what a portal's rows look like,
// and that stays so.
func (q *queue) knows(p *portal) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return p.known && (p.begun || p.fixed())
}

// close wakes up whoever waits: nothing will come any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.change.Broadcast()
}

// drained waits until the target owes nothing. It does not wait for a target
// that itself waits for the client's data; settled is false then.
func (q *queue) drained() (settled bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for (!q.empty() || q.busy) && q.copyIn == nil && !q.closed {
		q.change.Wait()
	}
	if q.closed {
		return false, errSessionOver
	}
	return q.copyIn == nil, nil
}

// copying waits until it is known whether the target takes data, and returns
// the run that it takes it for.
func (q *queue) copying() *run {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.copyIn == nil && q.mayCopy() && !q.closed {
		q.change.Wait()
	}
	return q.copyIn
}

// mayCopy reports whether something owed may still copy in. The caller holds mu.
func (q *queue) mayCopy() bool {
	for _, e := range q.waiting() {
		if e.failed {
			continue
		}
		for i := e.at; i < len(e.runs); i++ {
			if e.runs[i].copiesIn() {
				return true
			}
		}
	}
	return false
}

// beginCopy says that the target takes data for r, which the oldest
// expectation is about. The target ignores every Sync that it has got and not
// answered before the client's data ends, and so it owes nothing for them.
func (q *queue) beginCopy(r *run) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.copyIn = r
	rest := q.waiting()[1:]
	ignored := 0
	for ignored < len(rest) && rest[ignored].kind == wire.TypeSync {
		ignored++
	}
	if ignored > 0 {
		if ignored == len(rest) {
			q.open = q.list[q.head].kind == wire.TypeExecute
		}
		q.list = append(q.list[:q.head+1], rest[ignored:]...)
	}
	q.change.Broadcast()
}

// endCopy says that the target takes no more data. It waits for data that is
// being recorded.
func (q *queue) endCopy() {
	q.mu.Lock()
	none := q.copyIn == nil
	q.mu.Unlock()
	if none {
		return
	}
	q.input.Lock()
	defer q.input.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.copyIn = nil
	q.change.Broadcast()
}

// copyInto calls record while the target takes data for r, and reports false
// where it does not any more. last says that no data comes behind.
func (q *queue) copyInto(r *run, last bool, record func() error) (bool, error) {
	q.input.Lock()
	defer q.input.Unlock()
	q.mu.Lock()
	takes := r != nil && q.copyIn == r // nil: the target had failed the COPY when the data came
	q.mu.Unlock()
	if !takes {
		return false, nil
	}
	if err := record(); err != nil {
		return true, err
	}
	if last {
		q.mu.Lock()
		q.copyIn, r.copied = nil, true
		q.mu.Unlock()
	}
	return true, nil
}

// advance says that the run under way of a Query is over.
func (q *queue) advance(e *expectation, failed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.at++
	e.failed = e.failed || failed
	q.change.Broadcast()
}
