package postgres

import (
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/sql"
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
	x *protocol.Exchange
	// stmt is what runs in the end, where a statement runs another by name.
	stmt   *sql.Statement
	inner  *prepared // of PREPARE and DECLARE: what they are about
	expose sql.Exposure
	guard  *guard
	plan   *plan  // how its rows are masked; nil until their shape is known
	shape  *shape // nil until known
	inline bool   // the client gets the RowDescription together with the rows
	rows   int64
	copied bool // the client has sent all that it copies in
	// renames says that it is not understood and could change names.
	renames bool
}

// copiesIn reports whether the target may still ask the client for data. The
// queue's mutex is held.
func (r *run) copiesIn() bool {
	return !r.copied && (r.stmt.Verb == "copy in" || r.stmt.Verb == "unknown")
}

// current returns the run that an answer belongs to.
func (e *expectation) current() *run {
	if len(e.runs) == 0 {
		return nil
	}
	return e.runs[min(e.at, len(e.runs)-1)]
}
