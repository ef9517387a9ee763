package wire

import "encoding/binary"

// Parse is a client's Parse message. Its slices borrow from the body.
type Parse struct {
	// Name is the statement's name; empty is the unnamed one.
	Name []byte
	// Query is the statement's text.
	Query []byte
	// Types are the parameter types that the client sets; zero leaves one open.
	Types OIDs
}

// ParseParse reads a Parse message's body.
func ParseParse(body []byte) (Parse, error) {
	c := cursor{b: body}
	m := Parse{Name: c.str(), Query: c.str()}
	m.Types = OIDs(c.take(4 * int(c.u16())))
	return m, c.end("Parse")
}

// Bind is a client's Bind message. Its slices borrow from the body.
type Bind struct {
	// Portal and Statement are names; empty is the unnamed one.
	Portal, Statement []byte
	// ParamFormats are the formats of the parameters.
	ParamFormats Formats
	// Params are the parameters. They were checked: going over them can't fail.
	Params Fields
	// ResultFormats are the formats that the client wants.
	ResultFormats Formats
}

// ParseBind reads a Bind message's body. The number of parameter formats must
// be zero, one or that of the parameters, as the server demands.
func ParseBind(body []byte) (Bind, error) {
	c := cursor{b: body}
	m := Bind{Portal: c.str(), Statement: c.str()}
	m.ParamFormats = Formats(c.take(2 * int(c.u16())))
	n := int(c.u16())
	params := c.b
	for range n {
		if size := int32(c.u32()); size != -1 {
			c.take(int(size))
		}
		if c.bad {
			return m, c.end("Bind")
		}
	}
	m.Params = Fields{rest: params[:len(params)-len(c.b)], left: n, message: "Bind"}
	m.ResultFormats = Formats(c.take(2 * int(c.u16())))
	if f := m.ParamFormats.Len(); !c.bad && f > 1 && f != n {
		return m, malformed("Bind", "%d parameter formats for %d parameters", f, n)
	}
	return m, c.end("Bind")
}

// Name is what a Describe or a Close message names.
type Name struct {
	// Kind is 'S' for a statement, 'P' for a portal.
	Kind byte
	// Name is its name; empty is the unnamed one.
	Name []byte
}

// ParseDescribe reads a Describe message's body.
func ParseDescribe(body []byte) (Name, error) { return parseName("Describe", body) }

// ParseClose reads a Close message's body.
func ParseClose(body []byte) (Name, error) { return parseName("Close", body) }

func parseName(message string, body []byte) (Name, error) {
	c := cursor{b: body}
	m := Name{Kind: c.u8(), Name: c.str()}
	if err := c.end(message); err != nil {
		return m, err
	}
	if m.Kind != 'S' && m.Kind != 'P' {
		return m, malformed(message, "kind 0x%02x is neither statement nor portal", m.Kind)
	}
	return m, nil
}

// Execute is a client's Execute message.
type Execute struct {
	// Portal is the portal's name; empty is the unnamed one.
	Portal []byte
	// MaxRows is how many rows to return; zero or less means all.
	MaxRows int32
}

// ParseExecute reads an Execute message's body.
func ParseExecute(body []byte) (Execute, error) {
	c := cursor{b: body}
	m := Execute{Portal: c.str(), MaxRows: int32(c.u32())}
	return m, c.end("Execute")
}

// ParseQuery returns the text of a Query message.
func ParseQuery(body []byte) ([]byte, error) { return parseString("Query", body) }

// ParseCopyFail returns the reason in a CopyFail message.
func ParseCopyFail(body []byte) ([]byte, error) { return parseString("CopyFail", body) }

// ParsePassword returns the password in a PasswordMessage. It is a secret.
func ParsePassword(body []byte) ([]byte, error) { return parseString("PasswordMessage", body) }

func parseString(message string, body []byte) ([]byte, error) {
	c := cursor{b: body}
	s := c.str()
	return s, c.end(message)
}

// ParseSASLInitialResponse returns the mechanism that a client chose and its
// first message, nil where it sent none. The body of a SASLResponse, the
// message that follows, is the client's message itself.
func ParseSASLInitialResponse(body []byte) (mechanism, data []byte, err error) {
	c := cursor{b: body}
	mechanism = c.str()
	if n := int32(c.u32()); n != -1 {
		data = c.take(int(n))
	}
	return mechanism, data, c.end("SASLInitialResponse")
}

// Empty checks the body of a message that has none: Sync, Flush, Terminate,
// CopyDone and the Complete messages.
func Empty(typ byte, body []byte) error {
	if len(body) > 0 {
		return malformed("message '"+string(rune(typ))+"'", "%d bytes where it has none", len(body))
	}
	return nil
}

// ParseFunctionCall returns the function's identifier: enough to name what is
// refused. The rest is not read.
func ParseFunctionCall(body []byte) (oid uint32, err error) {
	if len(body) < 4 {
		return 0, malformed("FunctionCall", "it ends too early")
	}
	return binary.BigEndian.Uint32(body), nil
}
