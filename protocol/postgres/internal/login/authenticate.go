package login

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// Scheme is how clients prove who they are.
type Scheme uint8

// The schemes.
const (
	// SchemeAuto is SCRAM-SHA-256 for the names that the gateway has it for. A
	// token in place of the password serves the other names, where the gateway
	// takes tokens and the wire is private.
	SchemeAuto Scheme = iota
	// SchemeSCRAM is SCRAM-SHA-256 alone.
	SchemeSCRAM
	// SchemeToken is a token in place of the password, alone, and only where
	// the wire is private.
	SchemeToken
)

const scramSHA256 = "SCRAM-SHA-256"

// AuthenticateOptions say how a client may prove who it is.
type AuthenticateOptions struct {
	// Scheme is the way; the zero value is SchemeAuto.
	Scheme Scheme
	// Private says that nobody else can read the connection: it goes through
	// TLS, or does not leave the machine. Tokens are asked for only then.
	Private bool
}

// Authenticate proves who the client is that calls itself user. It does not
// send AuthenticationOk: that follows once the session stands.
//
// In SchemeAuto, whether a SCRAM verifier knows its name is asked by a method
// Known() bool that the verifier may have; without it, all names are known.
// That a name has no SCRAM secret can therefore be told on a private wire, by
// the method offered, and not on others.
//
// The error is a [*Refused] where the client was turned away.
func Authenticate(ctx context.Context, conn net.Conn, gate *protocol.Gate, user string, o AuthenticateOptions) (identity.Proven, error) {
	done := watch(ctx, conn)
	a := authentication{conn: conn, gate: gate, user: user, options: o}
	proven, err := a.run(ctx)
	if ended := done(); ended != nil {
		return identity.Proven{}, refuse(conn, user, wire.Message{Code: codeNotNow, Text: "authentication took too long, or the gateway is shutting down"}, ended)
	}
	return proven, err
}

type authentication struct {
	conn    net.Conn
	gate    *protocol.Gate
	user    string
	options AuthenticateOptions
}

func (a *authentication) run(ctx context.Context) (identity.Proven, error) {
	v, err := a.verifier(ctx)
	if err != nil {
		return identity.Proven{}, err
	}
	var proven identity.Proven
	switch v := v.(type) {
	case identity.SCRAMVerifier:
		proven, err = a.scram(v)
	case identity.TokenVerifier:
		proven, err = a.token(ctx, v)
	default:
		err = fmt.Errorf("the authenticator returned a %T for scheme %q", v, v.Scheme())
	}
	if err == nil {
		return proven, nil
	}
	if gone, ok := errors.AsType[*lost](err); ok {
		return identity.Proven{}, gone.err
	}
	m := said(a.user, err)
	if m.Code == codeBadPassword && a.mayNeedTLS(ctx) {
		m.Hint = "If your password is a token of an identity provider, connect with sslmode=require: tokens are not taken in the clear."
	}
	return identity.Proven{}, refuse(a.conn, a.user, m, err)
}

// mayNeedTLS reports whether a token would have been asked for on a private
// wire. It does not depend on the name.
func (a *authentication) mayNeedTLS(ctx context.Context) bool {
	if a.options.Private || a.options.Scheme == SchemeSCRAM {
		return false
	}
	_, err := a.gate.Verifier(ctx, identity.SchemeToken, a.user)
	return err == nil
}

// verifier picks the scheme. An error is a [*Refused].
func (a *authentication) verifier(ctx context.Context) (identity.Verifier, error) {
	var scram, token identity.Verifier
	var err error
	if a.options.Scheme != SchemeToken {
		if scram, err = a.ask(ctx, identity.SchemeSCRAMSHA256); err != nil {
			return nil, err
		}
		if scram != nil && (a.options.Scheme == SchemeSCRAM || known(scram)) {
			return scram, nil
		}
	}
	if a.options.Scheme != SchemeSCRAM {
		if token, err = a.ask(ctx, identity.SchemeToken); err != nil {
			return nil, err
		}
	}
	switch {
	case token != nil && a.options.Private:
		return token, nil
	case scram != nil:
		return scram, nil
	case token != nil:
		return nil, refuse(a.conn, a.user, wire.Message{Code: codeNotAllowed, Text: "a token is not taken over a connection that others can read",
			Hint: "Connect with sslmode=require, or verify-full to be sure whom you reach."}, nil)
	}
	return nil, refuse(a.conn, a.user, wire.Message{Code: codeNotAllowed, Text: "this gateway has no way to authenticate PostgreSQL clients",
		Hint: "The operator's log of the gateway says more."},
		fmt.Errorf("the authenticator serves neither of the schemes that the settings allow: %w", identity.ErrSchemeUnsupported))
}

// ask returns nil where the scheme is not served.
func (a *authentication) ask(ctx context.Context, scheme identity.Scheme) (identity.Verifier, error) {
	v, err := a.gate.Verifier(ctx, scheme, a.user)
	switch {
	case errors.Is(err, identity.ErrSchemeUnsupported):
		return nil, nil
	case err != nil:
		return nil, refuse(a.conn, a.user, said(a.user, err), err)
	}
	return v, nil
}

func known(v identity.Verifier) bool {
	k, ok := v.(interface{ Known() bool })
	return !ok || k.Known()
}

func (a *authentication) token(ctx context.Context, v identity.TokenVerifier) (identity.Proven, error) {
	body, err := a.request(wire.AppendAuthenticationCleartext(nil))
	if err != nil {
		return identity.Proven{}, err
	}
	password, err := wire.ParsePassword(body)
	if err != nil {
		return identity.Proven{}, err
	}
	if len(password) == 0 {
		return identity.Proven{}, fmt.Errorf("the password is empty: %w", identity.ErrRefused)
	}
	return v.VerifyToken(ctx, string(password))
}

func (a *authentication) scram(v identity.SCRAMVerifier) (identity.Proven, error) {
	body, err := a.request(wire.AppendAuthenticationSASL(nil, scramSHA256))
	if err != nil {
		return identity.Proven{}, err
	}
	mechanism, message, err := wire.ParseSASLInitialResponse(body)
	if err != nil {
		return identity.Proven{}, err
	}
	if string(mechanism) != scramSHA256 {
		return identity.Proven{}, &wire.FormatError{Message: "SASLInitialResponse", Reason: "its mechanism was not offered"}
	}
	if message == nil {
		// The client waits for an empty challenge before it starts.
		if message, err = a.request(wire.AppendAuthenticationSASLContinue(nil, nil)); err != nil {
			return identity.Proven{}, err
		}
	}
	conversation := v.Start()
	first, err := conversation.Step(message)
	if err != nil {
		return identity.Proven{}, err
	}
	if message, err = a.request(wire.AppendAuthenticationSASLContinue(nil, first)); err != nil {
		return identity.Proven{}, err
	}
	final, err := conversation.Step(message)
	if err != nil {
		return identity.Proven{}, err
	}
	proven, err := conversation.Proven()
	if err != nil {
		return identity.Proven{}, err
	}
	if _, err := a.conn.Write(wire.AppendAuthenticationSASLFinal(nil, final)); err != nil {
		return identity.Proven{}, &lost{err}
	}
	return proven, nil
}

// lost marks an error of the client's connection: there is nobody to tell. An
// error of a verifier may be a network error too.
type lost struct{ err error }

func (l *lost) Error() string { return l.err.Error() }

// request sends a message and reads the client's answer.
func (a *authentication) request(message []byte) ([]byte, error) {
	if _, err := a.conn.Write(message); err != nil {
		return nil, &lost{err}
	}
	typ, body, err := readMessage(a.conn)
	if _, ok := errors.AsType[*wire.FormatError](err); ok {
		return nil, err
	}
	if err != nil {
		return nil, &lost{err}
	}
	if typ != wire.TypePassword {
		return nil, &wire.FormatError{Message: "login", Reason: "the client sent something else than its password"}
	}
	return body, nil
}
