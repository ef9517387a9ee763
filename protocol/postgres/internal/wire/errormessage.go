package wire

import "github.com/jackc/pgproto3/v2"

// The severities that a gateway uses.
const (
	SeverityFatal  = "FATAL"
	SeverityError  = "ERROR"
	SeverityNotice = "NOTICE"
	SeverityInfo   = "INFO"
)

// Message is what an ErrorResponse or a NoticeResponse says.
type Message struct {
	// Severity is one of the Severity constants, or what a server sent.
	Severity string
	// Code is the SQLSTATE.
	Code string
	// Text is the primary message, one line.
	Text string
	// Detail and Hint are optional.
	Detail, Hint string
}

// AppendError appends an ErrorResponse. NUL bytes are left out.
func AppendError(dst []byte, m Message) []byte {
	e := m.response()
	return encoded(dst, &e)
}

// AppendNotice appends a NoticeResponse. NUL bytes are left out.
func AppendNotice(dst []byte, m Message) []byte {
	n := pgproto3.NoticeResponse(m.response())
	return encoded(dst, &n)
}

func (m Message) response() pgproto3.ErrorResponse {
	return pgproto3.ErrorResponse{
		Severity: clean(m.Severity), SeverityUnlocalized: clean(m.Severity), Code: clean(m.Code),
		Message: clean(m.Text), Detail: clean(m.Detail), Hint: clean(m.Hint),
	}
}

// ParseMessage reads the body of an ErrorResponse or NoticeResponse. The
// severity is the one that is never translated, where there is one.
func ParseMessage(body []byte) (Message, error) {
	var e pgproto3.ErrorResponse // bounds are checked in this decoder
	if err := e.Decode(body); err != nil {
		return Message{}, malformed("ErrorResponse", "it ends too early")
	}
	m := Message{Severity: e.SeverityUnlocalized, Code: e.Code, Text: e.Message, Detail: e.Detail, Hint: e.Hint}
	if m.Severity == "" {
		m.Severity = e.Severity
	}
	return m, nil
}
