package wire

import "bytes"

// Column describes one column of a result.
type Column struct {
	// Name is the name that it is shown under. It borrows from the body.
	Name []byte
	// Table and Attr say which table's column the value is; zero where it is none.
	Table uint32
	Attr  int16
	// Type, Size and Mod are the type's identifier, size and modifier.
	Type uint32
	Size int16
	Mod  int32
	// Format is the format of the values; after Describe of a statement it is
	// not known yet and zero.
	Format int16
}

// ParseRowDescription appends the columns of a RowDescription's body to dst.
func ParseRowDescription(dst []Column, body []byte) ([]Column, error) {
	c := cursor{b: body}
	for n := int(c.u16()); n > 0 && !c.bad; n-- {
		dst = append(dst, Column{
			Name: c.str(), Table: c.u32(), Attr: int16(c.u16()),
			Type: c.u32(), Size: int16(c.u16()), Mod: int32(c.u32()), Format: int16(c.u16()),
		})
	}
	return dst, c.end("RowDescription")
}

// ParseParameterDescription returns the types of a statement's parameters.
func ParseParameterDescription(body []byte) (OIDs, error) {
	c := cursor{b: body}
	types := OIDs(c.take(4 * int(c.u16())))
	return types, c.end("ParameterDescription")
}

// ParseCommandComplete returns the command tag.
func ParseCommandComplete(body []byte) ([]byte, error) {
	return parseString("CommandComplete", body)
}

// Rows returns the number at the end of a command tag, as in "INSERT 0 5".
func Rows(tag []byte) (int64, bool) {
	digits := tag[bytes.LastIndexByte(tag, ' ')+1:]
	if len(digits) == 0 || len(digits) == len(tag) || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = 10*n + int64(d-'0')
	}
	return n, true
}

// ParseReadyForQuery returns the transaction status: 'I' idle, 'T' in a
// transaction, 'E' in a failed one.
func ParseReadyForQuery(body []byte) (byte, error) {
	if len(body) != 1 {
		return 0, malformed("ReadyForQuery", "it has %d bytes instead of 1", len(body))
	}
	switch body[0] {
	case 'I', 'T', 'E':
		return body[0], nil
	}
	return 0, malformed("ReadyForQuery", "unknown status 0x%02x", body[0])
}

// ParseParameterStatus returns a setting's name and value.
func ParseParameterStatus(body []byte) (name, value []byte, err error) {
	c := cursor{b: body}
	name, value = c.str(), c.str()
	return name, value, c.end("ParameterStatus")
}

// Notification is a NotificationResponse.
type Notification struct {
	PID              uint32
	Channel, Payload []byte
}

// ParseNotification reads a NotificationResponse's body.
func ParseNotification(body []byte) (Notification, error) {
	c := cursor{b: body}
	m := Notification{PID: c.u32(), Channel: c.str(), Payload: c.str()}
	return m, c.end("NotificationResponse")
}

// Copy is a CopyInResponse, CopyOutResponse or CopyBothResponse.
type Copy struct {
	// Binary says that the data is in COPY's binary format.
	Binary bool
	// Columns are the formats of the columns.
	Columns Formats
}

// ParseCopy reads the body of a CopyInResponse, CopyOutResponse or
// CopyBothResponse.
func ParseCopy(body []byte) (Copy, error) {
	c := cursor{b: body}
	format := c.u8()
	m := Copy{Binary: format == 1, Columns: Formats(c.take(2 * int(c.u16())))}
	if err := c.end("CopyResponse"); err != nil {
		return m, err
	}
	if format > 1 {
		return m, malformed("CopyResponse", "unknown format %d", format)
	}
	return m, nil
}

// ParseBackendKeyData returns the process id and the key that cancel requests
// name. The key has 4 bytes, or up to 256 from protocol 3.2 on.
func ParseBackendKeyData(body []byte) (pid uint32, key []byte, err error) {
	c := cursor{b: body}
	pid = c.u32()
	key = c.take(len(c.b))
	if c.bad || len(key) < 4 || len(key) > maxCancelKey {
		return 0, nil, malformed("BackendKeyData", "its key has %d bytes instead of 4 to %d", len(key), maxCancelKey)
	}
	return pid, key, nil
}

// ParseNegotiateProtocolVersion returns the newest version that the server
// speaks, as in a startup packet, and the options that it did not know.
func ParseNegotiateProtocolVersion(body []byte) (version uint32, options [][]byte, err error) {
	c := cursor{b: body}
	version = c.u32()
	for n := c.u32(); n > 0 && !c.bad; n-- {
		options = append(options, c.str())
	}
	return version, options, c.end("NegotiateProtocolVersion")
}
