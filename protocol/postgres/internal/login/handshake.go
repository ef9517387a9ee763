package login

import (
	"crypto/md5" // what servers with md5 passwords ask for
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/secret"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// Bounds on what a target may say before it is ready.
const (
	maxMessages = 1000
	maxSettings = 200
	maxNotices  = 16
)

// handshake is the gateway's side of a login, from the StartupMessage on.
type handshake struct {
	conn   net.Conn
	login  Login
	server Server

	sasl *saslClient // nil before SASL
	// answered says that a request for authentication was dealt with: there
	// is one per login.
	answered bool
	ok       bool // AuthenticationOk came
}

func (h *handshake) run() (*Server, error) {
	h.server.Conn = h.conn
	for range maxMessages {
		typ, body, err := readMessage(h.conn)
		if err != nil {
			return nil, err
		}
		ready, err := h.take(typ, body)
		if err != nil {
			return nil, err
		}
		if ready {
			return &h.server, nil
		}
	}
	return nil, fmt.Errorf("it sent %d messages and is still not ready", maxMessages)
}

func (h *handshake) take(typ byte, body []byte) (ready bool, err error) {
	switch {
	case typ == wire.TypeErrorResponse:
		m, err := wire.ParseMessage(body)
		if err != nil {
			return false, err
		}
		return false, &TargetError{h.scrub(m)}
	case typ == wire.TypeNoticeResponse:
		m, err := wire.ParseMessage(body)
		if err == nil && len(h.server.Notices) < maxNotices {
			h.server.Notices = append(h.server.Notices, h.scrub(m))
		}
		return false, err
	case typ == wire.TypeAuthentication && !h.ok:
		return false, h.authenticate(body)
	case typ == wire.TypeParameterStatus && h.ok:
		return false, h.setting(body)
	case typ == wire.TypeBackendKeyData && h.ok:
		h.server.PID, h.server.Key, err = wire.ParseBackendKeyData(body)
		return false, err
	case typ == wire.TypeReadyForQuery && h.ok:
		status, err := wire.ParseReadyForQuery(body)
		if err == nil && status != 'I' {
			err = errors.New("it is in a transaction right after the login")
		}
		return true, err
	}
	return false, fmt.Errorf("it sent a message of type 0x%02x, which does not belong into the login", typ)
}

func (h *handshake) setting(body []byte) error {
	name, value, err := wire.ParseParameterStatus(body)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(h.server.Params, func(p wire.StartupParam) bool { return p.Name == string(name) })
	switch {
	case i >= 0:
		h.server.Params[i].Value = string(value)
	case len(h.server.Params) == maxSettings:
		return fmt.Errorf("it reported more than %d settings", maxSettings)
	default:
		h.server.Params = append(h.server.Params, wire.StartupParam{Name: string(name), Value: string(value)})
	}
	return nil
}

// scrub hides the password where a target puts it into its texts.
func (h *handshake) scrub(m wire.Message) wire.Message {
	if password := h.login.Password.Reveal(); password != "" {
		for _, s := range []*string{&m.Severity, &m.Code, &m.Text, &m.Detail, &m.Hint} {
			*s = strings.ReplaceAll(*s, password, secret.Hidden)
		}
	}
	return m
}

func (h *handshake) authenticate(body []byte) error {
	a, err := wire.ParseAuthentication(body)
	if err != nil {
		return err
	}
	switch a.Kind {
	case wire.AuthOK:
		if h.sasl != nil && !h.sasl.proven {
			return errors.New("it skipped the end of SCRAM, in which it proves that it knows the password")
		}
		h.ok = true
		return nil
	case wire.AuthSASLContinue, wire.AuthSASLFinal:
		if h.sasl == nil {
			return errors.New("it continues a SASL exchange that did not start")
		}
		if a.Kind == wire.AuthSASLFinal {
			return h.sasl.final(a.Data)
		}
		answer, err := h.sasl.next(a.Data)
		if err != nil {
			return err
		}
		return h.send(wire.AppendSASLResponse(nil, answer))
	}
	if h.answered {
		return errors.New("it asks for authentication again")
	}
	h.answered = true
	return h.answer(a)
}

// answer starts whatever the target asks for.
func (h *handshake) answer(a wire.Authentication) error {
	var way string
	switch a.Kind {
	case wire.AuthSASL:
		way = "SASL"
	case wire.AuthMD5Password:
		way = "an md5 password"
	case wire.AuthCleartextPassword:
		way = "a cleartext password"
	default:
		return fmt.Errorf("it asks for a way of authentication that is not supported (%d); use scram-sha-256, md5, password, cert or trust in its pg_hba.conf", a.Kind)
	}
	password := h.login.Password.Reveal()
	if password == "" {
		return fmt.Errorf("it asks for %s, and the login has no Password", way)
	}
	switch a.Kind {
	case wire.AuthSASL:
		var err error
		var first []byte
		if h.sasl, first, err = newSASLClient(a, password, h.tls()); err != nil {
			return err
		}
		return h.send(wire.AppendSASLInitialResponse(nil, h.sasl.mechanism, first))
	case wire.AuthMD5Password:
		return h.send(wire.AppendPassword(nil, md5Answer(h.login.User, password, a.Data)))
	}
	if !h.private() {
		return errors.New("it asks for a cleartext password over a connection that others can read; use TLS or scram-sha-256")
	}
	return h.send(wire.AppendPassword(nil, password))
}

func (h *handshake) send(message []byte) error {
	_, err := h.conn.Write(message)
	return err
}

// tls returns the state of the TLS connection, nil without.
func (h *handshake) tls() *tls.ConnectionState {
	conn, ok := h.conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := conn.ConnectionState()
	return &state
}

// private reports whether nobody else can read the connection.
func (h *handshake) private() bool {
	if h.tls() != nil {
		return true
	}
	switch addr := h.conn.RemoteAddr().(type) {
	case *net.TCPAddr:
		return addr.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

func md5Answer(user, password string, salt []byte) string {
	inner := md5.Sum([]byte(password + user))
	outer := md5.Sum(append([]byte(hex.EncodeToString(inner[:])), salt...))
	return "md5" + hex.EncodeToString(outer[:])
}
