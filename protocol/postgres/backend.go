package postgres

import (
	"errors"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// backend is the direction from the target to the client: it matches what the
// target says with what it owes, masks, and emits.
type backend struct {
	*session
	out   outbox
	shape uint64 // numbers the shapes in this session's record
	// first is the oldest expectation, nil where it must be looked up.
	first *expectation
}

func (b *backend) run() error {
	b.out.session = b.session
	b.fromTg.Whole(b.wholeUpTo)
	for {
		if err := b.fromTg.Fill(); err != nil {
			_ = b.out.flush()
			if b.left.Load() {
				return errTerminate
			}
			if errors.Is(err, io.EOF) {
				return errTargetLost
			}
			return fmt.Errorf("%w: %w", errTargetLost, err)
		}
		b.queue.setBusy(true)
		err := b.drain()
		b.queue.setBusy(false)
		if err != nil {
			return err
		}
	}
}

// drain takes all messages that were read, and emits what they came to.
func (b *backend) drain() error {
	for {
		if err := b.clearRows(); err != nil {
			return err
		}
		p, ok, err := b.fromTg.Next()
		if err != nil {
			return fmt.Errorf("the target does not keep to the protocol: %w", err)
		}
		if !ok {
			if b.out.over != nil && len(b.out.bytes) < resultSize && b.readyIsNext() {
				b.out.own()
				return nil
			}
			return b.out.flush()
		}
		if err := b.take(p); err != nil {
			_ = b.out.flush()
			return err
		}
	}
}

// readyIsNext reports whether the target owes nothing but ReadyForQuery to
// what has ended: it comes at once, and goes into the same event however the
// stream was cut.
func (b *backend) readyIsNext() bool {
	e := b.head()
	return e != nil && (e.kind == wire.TypeSync || e.kind == wire.TypeQuery && (e.failed || e.at == len(e.runs)))
}

func (b *backend) wholeUpTo(typ byte) int {
	switch typ {
	case wire.TypeDataRow, wire.TypeCopyData:
		if b.looks() {
			return b.plugin.config.MaxRow
		}
		return readSize
	}
	return maxControl
}

// looks reports whether anything may look into rows.
func (b *backend) looks() bool { return b.guards.active() || b.gate.Masks().Detects() }

// head returns the oldest expectation, or nil.
func (b *backend) head() *expectation {
	if b.first == nil {
		b.first = b.queue.first()
	}
	return b.first
}

// pop takes the oldest expectation off.
func (b *backend) pop() {
	b.queue.mu.Lock()
	b.queue.pop()
	b.queue.mu.Unlock()
	b.first = nil
}

// violation means that the target said what it should not say here.
func violation(typ byte, e *expectation) error {
	owed := "nothing"
	if e != nil {
		owed = fmt.Sprintf("an answer to %q", e.kind)
	}
	return fmt.Errorf("the target sent message %q while it owed %s", typ, owed)
}

func (b *backend) take(p wire.Piece) error {
	switch p.Type {
	case wire.TypeDataRow:
		return b.row(p)
	case wire.TypeCopyData:
		return b.copyData(p)
	}
	if !p.Whole() {
		return fmt.Errorf("the target sent message %q of %d bytes, which is over %d", p.Type, p.Total, maxControl)
	}
	switch p.Type {
	case wire.TypeNoticeResponse, wire.TypeParameterStatus, wire.TypeNotificationResponse:
		return b.async(p)
	case wire.TypeErrorResponse:
		return b.failed(p)
	}
	e := b.head()
	if e == nil {
		return violation(p.Type, nil)
	}
	switch p.Type {
	case wire.TypeParseComplete, wire.TypeBindComplete, wire.TypeCloseComplete:
		return b.completed(p, e)
	case wire.TypeParameterDescription:
		return b.parameters(p, e)
	case wire.TypeRowDescription, wire.TypeNoData:
		return b.described(p, e)
	case wire.TypeCommandComplete, wire.TypeEmptyQueryResponse, wire.TypePortalSuspended:
		return b.commandDone(p, e)
	case wire.TypeCopyInResponse, wire.TypeCopyOutResponse:
		return b.copyStarts(p, e)
	case wire.TypeCopyDone:
		return b.copyDone(p, e)
	case wire.TypeReadyForQuery:
		return b.ready(p, e)
	}
	return violation(p.Type, e)
}

// completed handles the answers to Parse, Bind and Close: from here on, the
// target's names have changed.
func (b *backend) completed(p wire.Piece, e *expectation) error {
	q := b.queue
	var ok bool
	q.mu.Lock()
	switch {
	case e.denial != nil:
	case p.Type == wire.TypeParseComplete && e.kind == wire.TypeParse:
		ok = true
		q.names.setStatement(e.name, e.stmt)
	case p.Type == wire.TypeBindComplete && e.kind == wire.TypeBind:
		ok = true
		q.names.setPortal(e.name, e.portal)
	case p.Type == wire.TypeCloseComplete && e.kind == wire.TypeClose:
		ok = true
		if e.target == 'S' {
			q.names.setStatement(e.name, nil)
		} else {
			q.names.setPortal(e.name, nil)
		}
	}
	q.mu.Unlock()
	if !ok {
		return violation(p.Type, e)
	}
	b.pop()
	if len(e.runs) > 0 {
		// The Parse was an operation of its own.
		if err := b.out.add(e.runs[0], p.Raw); err != nil {
			return err
		}
		return b.out.end(e.runs[0], protocol.Outcome{Result: protocol.OK, Text: "prepared"})
	}
	return b.reply(e, p.Raw)
}

// reply passes on a message that answers e: it belongs to the run that is next.
func (b *backend) reply(e *expectation, raw []byte) error {
	if e.hidden {
		return nil
	}
	r, _ := b.next()
	return b.out.add(r, raw)
}

// next returns the run that the coming messages belong to, or nil, and the
// portal that it runs.
func (b *backend) next() (*run, *portal) {
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	for _, e := range b.queue.waiting() {
		switch e.kind {
		case wire.TypeExecute, wire.TypeQuery:
			return e.current(), e.portal
		case wire.TypeSync:
			return nil, nil
		}
	}
	return nil, nil
}

func (b *backend) parameters(p wire.Piece, e *expectation) error {
	if e.kind != wire.TypeDescribe || e.target != 'S' {
		return violation(p.Type, e)
	}
	types, err := wire.ParseParameterDescription(p.Body())
	if err != nil {
		return err
	}
	if e.stmt != nil {
		list := make([]uint32, types.Len())
		for i := range list {
			list[i] = types.At(i)
		}
		b.queue.mu.Lock()
		e.stmt.types = list
		b.queue.mu.Unlock()
	}
	return b.reply(e, p.Raw)
}

// described takes the shape of rows to come.
func (b *backend) described(p wire.Piece, e *expectation) error {
	if e.kind == wire.TypeQuery && p.Type == wire.TypeRowDescription {
		s, err := parseShape(p.Raw)
		if err != nil {
			return err
		}
		r := e.current()
		r.shape, r.inline, r.plan = s, true, nil
		return b.out.add(r, p.Raw)
	}
	if e.kind != wire.TypeDescribe {
		return violation(p.Type, e)
	}
	var s *shape
	if p.Type == wire.TypeRowDescription {
		var err error
		if s, err = e.shapeFrom(p.Raw); err != nil {
			return err
		}
	}
	b.queue.mu.Lock()
	switch {
	case e.portal != nil && e.portal.begun:
	case e.portal != nil:
		e.portal.shape, e.portal.known = s, true
		e.portal.stmt.last = s
	case e.stmt != nil:
		e.stmt.shape, e.stmt.bound = s, nil
	}
	b.queue.mu.Unlock()
	b.pop()
	if e.hidden {
		return nil
	}
	r, of := b.next()
	if s != nil && of != nil && of == e.portal {
		r.inline = true
	}
	return b.out.add(r, p.Raw)
}

// commandDone ends a statement.
func (b *backend) commandDone(p wire.Piece, e *expectation) error {
	if e.kind != wire.TypeExecute && e.kind != wire.TypeQuery || p.Type == wire.TypePortalSuspended && e.kind != wire.TypeExecute {
		return violation(p.Type, e)
	}
	r := e.current()
	o := protocol.Outcome{Result: protocol.OK, Units: r.rows}
	switch p.Type {
	case wire.TypeCommandComplete:
		tag, err := wire.ParseCommandComplete(p.Body())
		if err != nil {
			return err
		}
		o.Text = string(tag)
		if n, ok := wire.Rows(tag); ok {
			o.Units = n
		}
	case wire.TypePortalSuspended:
		o.Text = "suspended"
	}
	if err := b.out.add(r, p.Raw); err != nil {
		return err
	}
	b.queue.endCopy()
	if p.Type == wire.TypeCommandComplete {
		b.queue.mu.Lock()
		b.queue.names.apply(r)
		b.queue.mu.Unlock()
	}
	if e.kind == wire.TypeExecute {
		b.begun(e.portal)
		b.pop()
		return b.out.end(r, o)
	}
	if !e.exact {
		return nil // it may answer several times; ready ends it
	}
	if e.at == len(e.runs) {
		return violation(p.Type, e)
	}
	b.queue.advance(e, false)
	return b.out.end(r, o)
}

// begun says that a portal has returned something.
func (b *backend) begun(p *portal) {
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	p.begun = true
}

// failed handles an error of the target's: what follows up to the next Sync is
// passed over by it, or the rest of a Query.
func (b *backend) failed(p wire.Piece) error {
	fields, err := wire.ParseErrorFields(nil, p.Body())
	if err != nil {
		return err
	}
	e := b.head()
	var r *run
	if e != nil {
		if r = e.current(); r == nil {
			r, _ = b.next()
		}
	}
	raw, o := b.hideError(p, fields, e, r)
	if e != nil && e.denial != nil {
		raw = e.denial
	}
	if severe(fields) {
		b.fatal = true
	}
	if b.fatal || e == nil {
		// The connection ends, or it is about none of the statements.
		return b.out.trail(raw)
	}
	b.queue.endCopy()
	if err := b.out.add(r, raw); err != nil {
		return err
	}
	if r != nil {
		b.queue.mu.Lock()
		b.queue.names.doubt(r, o.Code)
		b.queue.mu.Unlock()
		if err := b.out.end(r, o); err != nil {
			return err
		}
	}
	if e.kind == wire.TypeQuery {
		b.queue.advance(e, true)
		return nil
	}
	return b.passOver(r)
}

// passOver takes off what the target skips, up to the next Sync.
func (b *backend) passOver(failed *run) error {
	var skipped []*run
	q := b.queue
	q.mu.Lock()
	for !q.empty() && q.list[q.head].kind != wire.TypeSync {
		for _, r := range q.list[q.head].runs {
			if r != failed {
				skipped = append(skipped, r)
			}
		}
		q.pop()
	}
	q.skipping = q.empty()
	q.mu.Unlock()
	b.first = nil
	if len(skipped) == 0 {
		return nil
	}
	if err := b.out.flush(); err != nil {
		return err
	}
	for _, r := range skipped {
		if err := r.x.End(protocol.Outcome{Result: protocol.Skipped}); err != nil {
			return err
		}
	}
	return nil
}

// ready ends a Query, or answers a Sync.
func (b *backend) ready(p wire.Piece, e *expectation) error {
	if e.kind != wire.TypeSync && e.kind != wire.TypeQuery {
		return violation(p.Type, e)
	}
	status, err := wire.ParseReadyForQuery(p.Body())
	if err != nil {
		return err
	}
	for ; e.at < len(e.runs); e.at++ {
		o := protocol.Outcome{Result: protocol.Skipped}
		if !e.exact && !e.failed {
			o = protocol.Outcome{Result: protocol.OK, Units: e.runs[e.at].rows}
		}
		if err := b.out.end(e.runs[e.at], o); err != nil {
			return err
		}
	}
	b.queue.endCopy()
	b.queue.mu.Lock()
	b.queue.status = status
	if status == 'I' {
		b.queue.names.clearPortals() // they end with the transaction
	}
	b.queue.mu.Unlock()
	b.pop()
	return b.out.trail(p.Raw)
}

// async handles what may come at any time.
func (b *backend) async(p wire.Piece) error {
	raw := p.Raw
	switch p.Type {
	case wire.TypeParameterStatus:
		name, value, err := wire.ParseParameterStatus(p.Body())
		if err != nil {
			return err
		}
		if err := checkSetting(string(name), string(value)); err != nil {
			return err
		}
	case wire.TypeNotificationResponse:
		n, err := wire.ParseNotification(p.Body())
		if err != nil {
			return err
		}
		if b.guards.active() && len(n.Payload) > 0 {
			// Nobody can tell where it comes from: a trigger may have sent a row.
			raw = wire.AppendNotification(nil, n.PID, string(n.Channel), hiddenText)
		}
	case wire.TypeNoticeResponse:
		fields, err := wire.ParseErrorFields(nil, p.Body())
		if err != nil {
			return err
		}
		e := b.head()
		var r *run
		if e != nil {
			r = e.current()
		}
		raw, _ = b.hideError(p, fields, e, r)
	}
	return b.out.trail(raw)
}
