package wire

import (
	"encoding/binary"
	"io"
	"slices"
	"strings"
)

// MaxStartup is the largest packet that may open a connection, as at the server.
const MaxStartup = 10_000

// ProtocolVersion is the version that is spoken here: 3.0.
const ProtocolVersion = 3 << 16

const (
	codeCancel = 1234<<16 | 5678
	codeSSL    = 1234<<16 | 5679
	codeGSSENC = 1234<<16 | 5680

	maxCancelKey = 256
)

// StartupKind says what a packet at the start of a connection is.
type StartupKind uint8

// The kinds.
const (
	// StartupMessage asks for a session.
	StartupMessage StartupKind = iota
	// SSLRequest asks for TLS, which is answered with one byte.
	SSLRequest
	// GSSENCRequest asks for GSSAPI encryption, answered likewise.
	GSSENCRequest
	// CancelRequest asks that another session's statement be cancelled. It
	// has no answer.
	CancelRequest
)

// Startup is a packet at the start of a connection.
type Startup struct {
	// Kind says which fields count.
	Kind StartupKind
	// Minor is the minor version asked for; the major version is 3. Where it
	// is not zero, or Options is not empty, the server answers with
	// NegotiateProtocolVersion.
	Minor uint16
	// Params are the parameters of a StartupMessage, in order, without Options.
	Params Params
	// Options are the names of the protocol options ("_pq_.…") that the
	// client asks for.
	Options []string
	// PID and Key are those of a CancelRequest.
	PID uint32
	Key []byte
}

// Params are parameters in the order they came in. No name is there twice.
type Params []StartupParam

// StartupParam is one parameter of a StartupMessage.
type StartupParam struct{ Name, Value string }

// Get returns the value of a parameter, empty where it isn't there.
func (p Params) Get(name string) string {
	for _, one := range p {
		if one.Name == name {
			return one.Value
		}
	}
	return ""
}

// Has reports whether a parameter is there.
func (p Params) Has(name string) bool {
	return slices.ContainsFunc(p, func(one StartupParam) bool { return one.Name == name })
}

// ReadStartup reads one packet from r and not a byte more, so that bytes sent
// in the clear behind a request for TLS can never be taken for bytes that came
// through it. Errors are those of r, a [*FormatError] or a [*VersionError].
// io.EOF means that the connection ended before the packet.
func ReadStartup(r io.Reader) (Startup, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Startup{}, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < 8 || n > MaxStartup {
		return Startup{}, malformed("startup packet", "its length field says %d, it must be 8 to %d; is the client speaking PostgreSQL?", n, MaxStartup)
	}
	packet := make([]byte, n-4)
	if _, err := io.ReadFull(r, packet); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Startup{}, err
	}
	return ParseStartup(packet)
}

// ParseStartup reads what follows the length field of a startup packet.
func ParseStartup(packet []byte) (Startup, error) {
	c := cursor{b: packet}
	switch code := c.u32(); code {
	case codeSSL:
		return Startup{Kind: SSLRequest}, c.end("SSLRequest")
	case codeGSSENC:
		return Startup{Kind: GSSENCRequest}, c.end("GSSENCRequest")
	case codeCancel:
		s := Startup{Kind: CancelRequest, PID: c.u32()}
		if n := len(c.b); c.bad || n < 4 || n > maxCancelKey {
			return Startup{}, malformed("CancelRequest", "its key has %d bytes instead of 4 to %d", n, maxCancelKey)
		}
		s.Key = slices.Clone(c.b)
		return s, nil
	default:
		if c.bad {
			return Startup{}, malformed("startup packet", "it ends too early")
		}
		major, minor := uint16(code>>16), uint16(code)
		if major != 3 {
			return Startup{}, &VersionError{major, minor}
		}
		return parseParams(c, minor)
	}
}

// maxStartupParams bounds how many parameters one client may set.
const maxStartupParams = 256

func parseParams(c cursor, minor uint16) (Startup, error) {
	s := Startup{Minor: minor}
	seen := make(map[string]bool)
	for {
		name := string(c.str())
		if name == "" {
			break // the end, or no NUL was left
		}
		value := string(c.str())
		switch {
		case c.bad:
		case seen[name]:
			return Startup{}, malformed("startup packet", "a parameter is there twice")
		case len(seen) == maxStartupParams:
			return Startup{}, malformed("startup packet", "it has more than %d parameters", maxStartupParams)
		case strings.HasPrefix(name, "_pq_."):
			s.Options = append(s.Options, name)
		default:
			s.Params = append(s.Params, StartupParam{name, value})
		}
		seen[name] = true
	}
	if err := c.end("startup packet"); err != nil {
		return Startup{}, err
	}
	return s, nil
}

// AppendStartup appends a StartupMessage of version 3.0. NUL bytes in names
// and values are left out; a parameter without a name is passed over.
func AppendStartup(dst []byte, params Params) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, ProtocolVersion)
	for _, p := range params {
		if clean(p.Name) != "" {
			dst = appendString(dst, p.Name)
			dst = appendString(dst, p.Value)
		}
	}
	dst = append(dst, 0)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at))
	return dst
}

// AppendSSLRequest appends a request for TLS.
func AppendSSLRequest(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 8), codeSSL)
}

// AppendCancelRequest appends a cancel request.
func AppendCancelRequest(dst []byte, pid uint32, key []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(12+len(key)))
	dst = binary.BigEndian.AppendUint32(dst, codeCancel)
	dst = binary.BigEndian.AppendUint32(dst, pid)
	return append(dst, key...)
}
