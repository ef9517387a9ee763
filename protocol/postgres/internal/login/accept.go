package login

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// alpn is PostgreSQL's name in TLS; without it TLS can't come first.
const alpn = "postgresql"

// AcceptOptions say how clients may come.
type AcceptOptions struct {
	// TLS is what clients are offered; nil means that TLS is not offered.
	TLS *tls.Config
	// RequireTLS turns away clients that ask for a session without TLS.
	// Cancel requests, which many clients send in the clear, are let through.
	RequireTLS bool
}

// Client is a client that said what it wants and is not proven yet.
type Client struct {
	// Conn is the connection to go on with, through TLS where it was asked for.
	Conn net.Conn
	// Startup is a StartupMessage with a user, or a CancelRequest.
	Startup wire.Startup
	// TLS says that Conn is encrypted.
	TLS bool
}

// Accept reads what a client opens its connection with, and answers its
// requests for encryption. Clients may send SSLRequest and then TLS, or TLS at
// once (PostgreSQL 17's sslnegotiation=direct). A client that asks for a newer
// minor version of the protocol, or for options, is told that it gets 3.0.
//
// The error is a [*Refused] where the client was turned away, and io.EOF where
// it left without a word, as health checks do.
func Accept(ctx context.Context, conn net.Conn, o AcceptOptions) (*Client, error) {
	done := watch(ctx, conn)
	client, err := accept(ctx, conn, o)
	if ended := done(); ended != nil {
		return nil, ended
	}
	return client, err
}

func accept(ctx context.Context, conn net.Conn, o AcceptOptions) (*Client, error) {
	_, encrypted := conn.(*tls.Conn)
	c := &Client{Conn: conn, TLS: encrypted}
	if !encrypted {
		if err := c.direct(ctx, o.TLS); err != nil {
			return nil, err
		}
	}
	askedTLS, askedGSS := c.TLS && !encrypted, false
	for {
		s, err := wire.ReadStartup(c.Conn)
		if err != nil {
			return nil, c.unread(err)
		}
		if p, ok := c.Conn.(*prefixed); ok {
			c.Conn = p.Conn
		}
		switch s.Kind {
		case wire.CancelRequest:
			c.Startup = s
			return c, nil
		case wire.StartupMessage:
			c.Startup = s
			return c, c.check(o)
		case wire.GSSENCRequest:
			if askedGSS || askedTLS {
				return nil, c.repeated()
			}
			askedGSS = true
			if _, err := c.Conn.Write([]byte{'N'}); err != nil {
				return nil, err
			}
		case wire.SSLRequest:
			if askedTLS {
				return nil, c.repeated()
			}
			askedTLS = true
			if err := c.upgrade(ctx, o.TLS); err != nil {
				return nil, err
			}
		}
	}
}

// direct looks whether TLS comes first: a ClientHello starts with 0x16, a
// startup packet with a length below 10,000, so with zero.
func (c *Client) direct(ctx context.Context, config *tls.Config) error {
	var first [1]byte
	if _, err := io.ReadFull(c.Conn, first[:]); err != nil {
		return err
	}
	plain := c.Conn
	c.Conn = &prefixed{plain, first[:]}
	if first[0] != 0x16 {
		return nil
	}
	if config == nil {
		return &Refused{Err: errors.New("the client opened with TLS, which is not offered here")}
	}
	if err := c.handshake(ctx, config); err != nil {
		return err
	}
	if c.Conn.(*tls.Conn).ConnectionState().NegotiatedProtocol != alpn {
		return refuse(c.Conn, "", wire.Message{Code: codeViolation,
			Text: "a direct TLS connection must name the protocol \"" + alpn + "\" by ALPN"}, nil)
	}
	return nil
}

// upgrade answers SSLRequest.
func (c *Client) upgrade(ctx context.Context, config *tls.Config) error {
	answer := byte('S')
	if config == nil || c.TLS {
		answer = 'N'
	}
	if _, err := c.Conn.Write([]byte{answer}); err != nil || answer == 'N' {
		return err
	}
	return c.handshake(ctx, config)
}

func (c *Client) handshake(ctx context.Context, config *tls.Config) error {
	conn := tls.Server(c.Conn, withALPN(config))
	if err := conn.HandshakeContext(ctx); err != nil {
		return &Refused{Err: errors.Join(errors.New("the TLS handshake failed"), err)}
	}
	c.Conn, c.TLS = conn, true
	return nil
}

// withALPN adds PostgreSQL's protocol name, also where the configuration is
// picked per client.
func withALPN(config *tls.Config) *tls.Config {
	config = config.Clone()
	if !slices.Contains(config.NextProtos, alpn) {
		config.NextProtos = append(slices.Clone(config.NextProtos), alpn)
	}
	if pick := config.GetConfigForClient; pick != nil {
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			picked, err := pick(hello)
			if err != nil || picked == nil {
				return nil, err
			}
			return withALPN(picked), nil
		}
	}
	return config
}

// check refuses a StartupMessage that leads nowhere, and settles its version.
func (c *Client) check(o AcceptOptions) error {
	user := c.Startup.Params.Get("user")
	if o.RequireTLS && !c.TLS {
		return refuse(c.Conn, user, wire.Message{Code: codeNotAllowed, Text: "this gateway takes connections through TLS only",
			Hint: "Connect with sslmode=require, or verify-full to be sure whom you reach."}, nil)
	}
	if user == "" {
		return refuse(c.Conn, user, wire.Message{Code: codeNotAllowed, Text: "no PostgreSQL user name specified in startup packet"}, nil)
	}
	if c.Startup.Minor > 0 || len(c.Startup.Options) > 0 {
		_, err := c.Conn.Write(wire.AppendNegotiateProtocolVersion(nil, c.Startup.Options...))
		return err
	}
	return nil
}

func (c *Client) repeated() error {
	return refuse(c.Conn, "", wire.Message{Code: codeViolation, Text: "the client asked for encryption again"}, nil)
}

// unread answers a startup packet that can't be read. To garbage there is no
// answer that its sender would understand, but a PostgreSQL client may be behind it.
func (c *Client) unread(err error) error {
	if version, ok := errors.AsType[*wire.VersionError](err); ok {
		return refuse(c.Conn, "", wire.Message{Code: codeUnsupported, Text: version.Error()}, nil)
	}
	if format, ok := errors.AsType[*wire.FormatError](err); ok {
		return refuse(c.Conn, "", wire.Message{Code: codeViolation, Text: "invalid startup packet"}, format)
	}
	return err
}
