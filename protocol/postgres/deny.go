package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// The SQLSTATEs that the gateway itself uses (PostgreSQL docs, appendix A).
const (
	codeDenied      = "42501" // insufficient_privilege
	codeProtocol    = "08P01" // protocol_violation
	codeLost        = "08006" // connection_failure
	codeUnreachable = "08001" // sqlclient_unable_to_establish_sqlconnection
	codeCanceled    = "57014" // query_canceled
	codeShutdown    = "57P01" // admin_shutdown
	codeInternal    = "58000" // system_error
	codeTooLarge    = "54000" // program_limit_exceeded
	codeAuth        = "28000" // invalid_authorization_specification
	codeTooMany     = "53300" // too_many_connections
	codeUnsupported = "0A000" // feature_not_supported
	codeNoDatabase  = "3D000" // invalid_catalog_name
	codeNoStatement = "26000" // invalid_sql_statement_name
	codeNoPortal    = "34000" // invalid_cursor_name
	codeNameTooLong = "42622" // name_too_long
)

var (
	// errTargetLost means that the connection to the target broke.
	errTargetLost = errors.New("the connection to the target was lost")
	// errSessionOver means that the session ended while something waited.
	errSessionOver = errors.New("the session is over")
)

// clientError is a mistake of the client's that ends the session; it is told.
type clientError struct {
	code string
	err  error
}

func (e *clientError) Error() string { return e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

// denialMessage is the error that a client gets in place of its statement.
func denialMessage(d *protocol.Denied, code string) []byte {
	m := wire.Message{Severity: wire.SeverityError, Code: code, Text: "sallyport: " + protocol.Visible(d.Error())}
	if d.Decision.By != "" {
		m.Detail = "Decided by " + protocol.Visible(d.Decision.By) + "."
	}
	return wire.AppendError(nil, m)
}

// denyBatch answers a denied batch of the extended protocol, of which nothing
// was forwarded. After a Flush, or where the target is in a transaction, the
// target must fail too, and the answer takes its place in the pipeline.
func (f *frontend) denyBatch(d *protocol.Denied, closing byte) error {
	sync := closing == wire.TypeSync
	answer := denialMessage(d, f.denialCode)
	status, idle := f.queue.idle()
	if sync {
		f.nextGroup()
	}
	f.skipping = !sync
	if idle && status != 'T' {
		if sync {
			answer = wire.AppendReadyForQuery(answer, status)
		}
		return f.tell(answer)
	}
	return f.failTarget(d, answer, wire.TypeParse, closing)
}

// denySimple answers a denied Query message.
func (f *frontend) denySimple(d *protocol.Denied) error {
	answer := denialMessage(d, f.denialCode)
	f.nextGroup()
	status, idle := f.queue.idle()
	if idle && status != 'T' {
		return f.tell(wire.AppendReadyForQuery(answer, status))
	}
	return f.failTarget(d, answer, wire.TypeQuery, 0)
}

// failTarget fails whatever the target has under way by a statement that
// cannot parse, so that a later COMMIT can't keep half of it. The target's
// error takes the denial's place in the pipeline; answer replaces it. typ is
// the type of what was denied, a Query or a Parse, so that the target passes
// over it where it would have passed over that; closing follows a Parse.
func (f *frontend) failTarget(d *protocol.Denied, answer []byte, typ, closing byte) error {
	text := "denied by the gateway: operation " + strings.Map(plain, d.ID)
	list, err := f.begin(protocol.Operation{Verb: "fail transaction", Text: text, Origin: protocol.OriginGateway})
	if err != nil {
		return err
	}
	e := &expectation{kind: typ, denial: answer, exact: true, runs: []*run{{x: list[0], stmt: f.plugin.nothing}}}
	if typ == wire.TypeQuery {
		return f.forward(wire.AppendQuery(nil, text), []*expectation{e})
	}
	raw := wire.AppendParse(nil, "sallyport denial", text)
	if closing == wire.TypeSync {
		return f.forward(wire.AppendEmpty(raw, closing), []*expectation{e, {kind: closing}})
	}
	return f.forward(wire.AppendEmpty(raw, closing), []*expectation{e})
}

// plain keeps what an operation's id is made of.
func plain(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_' {
		return r
	}
	return -1
}

// tell sends the client a message of the gateway's own. It waits for no one.
func (f *frontend) tell(message []byte) error {
	f.emitting.Lock()
	defer f.emitting.Unlock()
	return f.gate.Emit(protocol.Part{Kind: "gateway", Data: message})
}

// farewell returns the last message for a client whose session ends with err,
// or nil where there is nothing to say.
func farewell(err error) []byte {
	m := wire.Message{Severity: wire.SeverityFatal}
	var bad *clientError
	var f *protocol.Failure
	switch {
	case errors.Is(err, errTerminate):
		return nil
	case errors.As(err, &bad):
		m.Code, m.Text = bad.code, bad.Error()
	case errors.As(err, &f):
		m.Code, m.Text = failureCode(f), f.Public
	case ended(err) && !errors.Is(err, errTargetLost):
		return nil
	case errors.Is(err, errTargetLost):
		m.Code, m.Text = codeLost, errTargetLost.Error()
	default:
		m.Code, m.Text = codeInternal, protocol.Public(err)
	}
	m.Text = fmt.Sprintf("sallyport: %s", protocol.Visible(m.Text))
	return wire.AppendError(nil, m)
}

// failureCode returns the SQLSTATE for why the engine ended a session.
func failureCode(f *protocol.Failure) string {
	for _, c := range []struct {
		err  error
		code string
	}{
		{protocol.ErrShutdown, codeShutdown}, {protocol.ErrEnded, codeShutdown}, {protocol.ErrExpired, codeAuth},
		{protocol.ErrLimit, codeTooMany}, {protocol.ErrUnreachable, codeUnreachable}, {protocol.ErrNoTarget, codeNoDatabase},
	} {
		if errors.Is(f, c.err) {
			return c.code
		}
	}
	return codeInternal
}
