package login

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// Refused is the error of a client that was turned away. The client was told.
type Refused struct {
	// User is the name that the client gave; it may be empty and was not proven.
	User string
	// Told is what the client was told; its Code is empty where it was told nothing.
	Told wire.Message
	// Err is the cause, for the operator. It may be nil.
	Err error
}

// Error returns both, for logs.
func (r *Refused) Error() string {
	switch {
	case r.Err == nil:
		return r.Told.Text
	case r.Told.Text == "":
		return r.Err.Error()
	}
	return fmt.Sprintf("%s: %v", r.Told.Text, r.Err)
}

// Unwrap returns the cause.
func (r *Refused) Unwrap() error { return r.Err }

// The SQLSTATEs that clients are refused with.
const (
	codeBadPassword = "28P01" // invalid_password
	codeNotAllowed  = "28000" // invalid_authorization_specification
	codeNotNow      = "57P03" // cannot_connect_now
	codeViolation   = "08P01" // protocol_violation
	codeUnsupported = "0A000" // feature_not_supported
	codeInternal    = "XX000" // internal_error
)

// PartingWords is how long telling a client why it is turned away may take. The
// words fit into any socket's buffer: it is the machine that may be slow, when
// a thousand clients come at once.
const PartingWords = 10 * time.Second

// refuse tells the client and returns the error.
func refuse(conn net.Conn, user string, m wire.Message, cause error) error {
	m.Severity = wire.SeverityFatal
	_ = conn.SetWriteDeadline(time.Now().Add(PartingWords))
	_, _ = conn.Write(wire.AppendError(nil, m))
	return &Refused{User: user, Told: m, Err: cause}
}

// said turns the error of a proof into what the client is told: no more than
// which of the four cases it is.
func said(user string, err error) wire.Message {
	switch {
	case errors.Is(err, identity.ErrExpired):
		return wire.Message{Code: codeNotAllowed, Text: fmt.Sprintf("the credentials of user \"%s\" have expired", user),
			Hint: "Get a new token and connect again."}
	case errors.Is(err, identity.ErrUnavailable):
		return wire.Message{Code: codeNotNow, Text: "the identity provider is not available",
			Hint: "Connect again in a moment."}
	case errors.Is(err, identity.ErrRefused):
		return wire.Message{Code: codeBadPassword, Text: fmt.Sprintf("password authentication failed for user \"%s\"", user)}
	}
	if _, ok := errors.AsType[*wire.FormatError](err); ok {
		return wire.Message{Code: codeViolation, Text: "the authentication message is malformed"}
	}
	return wire.Message{Code: codeInternal, Text: "authentication could not be carried out",
		Hint: "The operator's log of the gateway says why."}
}
