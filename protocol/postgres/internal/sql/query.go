package sql

import "github.com/sallyport/sallyport/protocol"

// Query is what one text holds: its statements in order. It is shared between
// all who ask for the same text and must not be changed.
type Query struct {
	// Statements are the statements of the text; none for an empty one.
	Statements []*Statement
	// Parsed says that the text was understood as SQL. Otherwise there is one
	// statement of unknown verb that counts as everything.
	Parsed bool
	// Remark says why the text was not parsed. It quotes nothing of it.
	Remark string
}

// Effects returns what the statements may do together.
func (q *Query) Effects() protocol.Effects {
	var e protocol.Effects
	for _, s := range q.Statements {
		e |= s.Effects
	}
	return e
}

// Statement is one judged statement. It is shared and must not be changed.
type Statement struct {
	// Start and End bound the statement in its query's text, in bytes. Both
	// are zero for the only statement of a text; see Text.
	Start, End int
	// Verb names the kind of statement in lower case, with the kind of object
	// where that helps: "select", "copy in", "drop table"; "unknown" where the
	// text does not parse.
	Verb string
	// Effects is what the statement may do. Zero for those that do nothing
	// beyond the session: BEGIN, most of SET, DEALLOCATE, and a SELECT of
	// nothing that is anyone's, such as SELECT 1.
	Effects protocol.Effects
	// Objects is what the statement names, once each, with what it may do to
	// it: kinds "table", "function", "role", "schema", "database" and so on.
	Objects []protocol.Object
	// ReturnsRows says that the statement may answer with rows.
	ReturnsRows bool
	// Transaction is what the statement does to the transaction.
	Transaction TransactionKind
	// Name is what PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH, MOVE, CLOSE,
	// SAVEPOINT, RELEASE, ROLLBACK TO, PREPARE TRANSACTION, COMMIT PREPARED,
	// LISTEN, NOTIFY and UNLISTEN name; empty for "all".
	Name string
	// Inner is the statement inside PREPARE, DECLARE, EXPLAIN and CREATE TABLE AS.
	Inner *Statement
	// Settings are the run-time settings that SET, RESET and set_config change.
	Settings []Setting
	// Remark names what was not understood.
	Remark string

	facts facts
}

// Text returns the statement's part of the text that it was parsed from.
func (s *Statement) Text(query string) string {
	if s.End == 0 || s.Start < 0 || s.End > len(query) || s.Start > s.End {
		return query
	}
	return query[s.Start:s.End]
}

// Setting is one change of a run-time setting.
type Setting struct {
	// Name is in lower case: "search_path", "role", "session_authorization",
	// "client_encoding". Empty where it is computed or where all are reset.
	Name string
	// Value is the new value, lists joined by ", ".
	Value string
	// Known says that Value is what will be set; false for DEFAULT, RESET,
	// FROM CURRENT and computed values.
	Known bool
	// Local says that it ends with the transaction.
	Local bool
}

// TransactionKind is what a statement does to the transaction it runs in.
type TransactionKind uint8

// The kinds.
const (
	NoTransaction TransactionKind = iota
	Begin
	Commit
	Rollback
	Savepoint
	Release
	RollbackTo
	PrepareTransaction
	CommitPrepared
	RollbackPrepared
)
