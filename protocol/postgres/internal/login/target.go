package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// Server is a target that the gateway is logged in to, idle.
type Server struct {
	// Conn is the connection to go on with, through TLS where the target's
	// settings ask for it.
	Conn net.Conn
	// Params are the settings that the target reported, the last value of each.
	Params wire.Params
	// PID and Key are what a cancel request must name. Key is empty where the
	// target gave none.
	PID uint32
	Key []byte
	// Notices are what the target said meanwhile, 16 at most.
	Notices []wire.Message
}

// TargetError is what a target answered to the login instead of taking it. Its
// texts are the target's own, with the password hidden where it stands in them.
type TargetError struct{ wire.Message }

// Error returns SQLSTATE and text.
func (e *TargetError) Error() string {
	return fmt.Sprintf("the target refused the login: %s (SQLSTATE %s)", e.Text, e.Code)
}

// Connect logs in to target over conn, which is open and unused: TLS as
// target.TLS says, then a StartupMessage, then whatever way of authentication
// the target asks for and l can answer. params are further settings, such as
// application_name; user, database, replication and protocol options in it
// are left out.
//
// SCRAM-SHA-256 is bound to the TLS channel where the target offers that, and
// must prove the target too. md5 and certificates are answered, and no
// authentication at all is accepted; a cleartext password is given only through
// TLS or to this machine. Everything else is refused.
//
// Where it fails conn is of no more use; the caller closes it. The error is a
// [*TargetError] where the target refused.
func Connect(ctx context.Context, conn net.Conn, target protocol.Target, l Login, params wire.Params) (*Server, error) {
	if l.User == "" {
		return nil, errors.New("the login for the target has no User")
	}
	done := watch(ctx, conn)
	s, err := connect(ctx, conn, target, l, params)
	if ended := done(); ended != nil {
		return nil, ended
	}
	if err != nil {
		return nil, fmt.Errorf("target %q: %w", target.Name, err)
	}
	return s, nil
}

func connect(ctx context.Context, conn net.Conn, target protocol.Target, l Login, params wire.Params) (*Server, error) {
	conn, err := secure(ctx, conn, target, l)
	if err != nil {
		return nil, err
	}
	packet := wire.AppendStartup(nil, startupParams(target, l, params))
	if len(packet) > wire.MaxStartup {
		return nil, fmt.Errorf("the startup parameters take %d bytes, more than the %d that a server accepts", len(packet), wire.MaxStartup)
	}
	if _, err := conn.Write(packet); err != nil {
		return nil, err
	}
	h := handshake{conn: conn, login: l}
	return h.run()
}

func startupParams(target protocol.Target, l Login, params wire.Params) wire.Params {
	all := wire.Params{{Name: "user", Value: l.User}}
	database := l.Database
	if database == "" {
		database = target.Database
	}
	if database != "" {
		all = append(all, wire.StartupParam{Name: "database", Value: database})
	}
	for _, p := range params {
		switch {
		case p.Name == "user", p.Name == "database", p.Name == "replication", strings.HasPrefix(p.Name, "_pq_."):
		default:
			all = append(all, p)
		}
	}
	return all
}

// secure brings up TLS as the target's settings say.
func secure(ctx context.Context, conn net.Conn, target protocol.Target, l Login) (net.Conn, error) {
	if strings.HasPrefix(target.Address, "/") || target.TLS.Mode == protocol.TLSDisable {
		return conn, nil
	}
	config, err := tlsConfig(target, l)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(wire.AppendSSLRequest(nil)); err != nil {
		return nil, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return nil, fmt.Errorf("it closed the connection when it was asked for TLS: %w", err)
	}
	switch answer[0] {
	case 'S':
	case 'N':
		return nil, errors.New("it does not offer TLS; turn TLS on there, or set the target's TLS mode to disable where the network between is trusted")
	default:
		// An error text would be unauthenticated, so it is not read.
		return nil, fmt.Errorf("it answered 0x%02x when it was asked for TLS", answer[0])
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("the TLS handshake failed: %w", err)
	}
	return secured, nil
}

func tlsConfig(target protocol.Target, l Login) (*tls.Config, error) {
	if target.TLS.Mode != protocol.TLSVerifyFull {
		return nil, fmt.Errorf("unknown TLS mode %d", target.TLS.Mode)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: target.TLS.ServerName, NextProtos: []string{alpn}}
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(target.Address)
		if err != nil || host == "" {
			return nil, fmt.Errorf("no name to verify: Address %q has no host and TLS no ServerName", target.Address)
		}
		config.ServerName = host
	}
	if target.TLS.CAFile != "" {
		pem, err := os.ReadFile(target.TLS.CAFile)
		if err != nil {
			return nil, fmt.Errorf("CAFile: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CAFile %s holds no certificate in PEM form", target.TLS.CAFile)
		}
	}
	if l.Certificate != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return l.Certificate, nil }
	}
	return config, nil
}

// Cancel sends a cancel request for a session over conn, a fresh connection to
// the same target, and waits until the target closes it, so that the request
// was handled.
func Cancel(ctx context.Context, conn net.Conn, target protocol.Target, l Login, pid uint32, key []byte) error {
	done := watch(ctx, conn)
	err := cancel(ctx, conn, target, l, pid, key)
	if ended := done(); ended != nil {
		return ended
	}
	if err != nil {
		return fmt.Errorf("target %q: %w", target.Name, err)
	}
	return nil
}

func cancel(ctx context.Context, conn net.Conn, target protocol.Target, l Login, pid uint32, key []byte) error {
	conn, err := secure(ctx, conn, target, l)
	if err != nil {
		return err
	}
	if _, err := conn.Write(wire.AppendCancelRequest(nil, pid, key)); err != nil {
		return err
	}
	var none [1]byte
	if n, _ := conn.Read(none[:]); n > 0 {
		return errors.New("it answered a cancel request, which has no answer")
	}
	return nil
}
