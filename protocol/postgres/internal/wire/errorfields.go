package wire

// ErrorField is one field of an ErrorResponse or NoticeResponse.
type ErrorField struct {
	// Code says which, see the Field constants.
	Code byte
	// Value borrows from the body.
	Value []byte
}

// The codes of fields that Sallyport reads or writes.
const (
	FieldSeverity      = 'S' // may be translated
	FieldSeverityPlain = 'V' // never translated
	FieldCode          = 'C'
	FieldMessage       = 'M'
	FieldDetail        = 'D'
	FieldHint          = 'H'
	FieldPosition      = 'P'
	FieldInternalQuery = 'q'
	FieldWhere         = 'W'
	FieldSchema        = 's'
	FieldTable         = 't'
	FieldColumn        = 'c'
	FieldDataType      = 'd'
	FieldConstraint    = 'n'
)

// maxErrorFields bounds a message's fields; PostgreSQL has 18.
const maxErrorFields = 64

// ParseErrorFields appends the fields of an ErrorResponse's or
// NoticeResponse's body to dst.
func ParseErrorFields(dst []ErrorField, body []byte) ([]ErrorField, error) {
	const message = "ErrorResponse"
	c := cursor{b: body}
	n := 0
	for code := c.u8(); code != 0; code = c.u8() {
		if n++; n > maxErrorFields {
			return dst, malformed(message, "it has more than %d fields", maxErrorFields)
		}
		dst = append(dst, ErrorField{code, c.str()})
	}
	return dst, c.end(message)
}

// AppendErrorFields appends an ErrorResponse or NoticeResponse, as typ says,
// of the fields. NUL bytes in values are left out, and so are fields without
// a code.
func AppendErrorFields(dst []byte, typ byte, fields []ErrorField) []byte {
	dst, at := begin(dst, typ)
	for _, f := range fields {
		if f.Code != 0 {
			dst = append(dst, f.Code)
			dst = appendString(dst, string(f.Value))
		}
	}
	return finish(append(dst, 0), at)
}
