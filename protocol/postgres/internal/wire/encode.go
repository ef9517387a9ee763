package wire

import (
	"encoding/binary"
	"strings"

	"github.com/jackc/pgproto3/v2"
)

// begin appends a header whose length finish fills in.
func begin(dst []byte, typ byte) ([]byte, int) {
	return append(dst, typ, 0, 0, 0, 0), len(dst) + 1
}

func finish(dst []byte, at int) []byte {
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at))
	return dst
}

// clean drops NUL bytes: inside a string they would end it and let what
// follows pass for fields of their own.
func clean(s string) string {
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "")
}

func appendString(dst []byte, s string) []byte {
	return append(append(dst, clean(s)...), 0)
}

// encoded appends m. pgproto3 fails only for messages over 1 GiB and lists
// over 65,535; the callers here stay below.
func encoded(dst []byte, m interface {
	Encode(dst []byte) ([]byte, error)
}) []byte {
	out, err := m.Encode(dst)
	if err != nil {
		return dst
	}
	return out
}

// AppendReadyForQuery appends a ReadyForQuery with a transaction status.
func AppendReadyForQuery(dst []byte, status byte) []byte {
	return encoded(dst, &pgproto3.ReadyForQuery{TxStatus: status})
}

// AppendAuthenticationOK appends an AuthenticationOk.
func AppendAuthenticationOK(dst []byte) []byte {
	return encoded(dst, &pgproto3.AuthenticationOk{})
}

// AppendAuthenticationCleartext appends an AuthenticationCleartextPassword.
func AppendAuthenticationCleartext(dst []byte) []byte {
	return encoded(dst, &pgproto3.AuthenticationCleartextPassword{})
}

// AppendAuthenticationSASL appends an AuthenticationSASL that offers mechanisms.
func AppendAuthenticationSASL(dst []byte, mechanisms ...string) []byte {
	return encoded(dst, &pgproto3.AuthenticationSASL{AuthMechanisms: mechanisms})
}

// AppendAuthenticationSASLContinue appends an AuthenticationSASLContinue.
func AppendAuthenticationSASLContinue(dst, data []byte) []byte {
	return encoded(dst, &pgproto3.AuthenticationSASLContinue{Data: data})
}

// AppendAuthenticationSASLFinal appends an AuthenticationSASLFinal.
func AppendAuthenticationSASLFinal(dst, data []byte) []byte {
	return encoded(dst, &pgproto3.AuthenticationSASLFinal{Data: data})
}

// AppendParameterStatus appends a ParameterStatus.
func AppendParameterStatus(dst []byte, name, value string) []byte {
	return encoded(dst, &pgproto3.ParameterStatus{Name: clean(name), Value: clean(value)})
}

// AppendNotification appends a NotificationResponse.
func AppendNotification(dst []byte, pid uint32, channel, payload string) []byte {
	return encoded(dst, &pgproto3.NotificationResponse{PID: pid, Channel: clean(channel), Payload: clean(payload)})
}

// AppendBackendKeyData appends a BackendKeyData.
func AppendBackendKeyData(dst []byte, pid uint32, key []byte) []byte {
	dst, at := begin(dst, TypeBackendKeyData)
	dst = binary.BigEndian.AppendUint32(dst, pid)
	return finish(append(dst, key...), at)
}

// AppendNegotiateProtocolVersion appends the answer to a client that asked for
// a newer minor version or for options: version 3.0, and none of the options.
func AppendNegotiateProtocolVersion(dst []byte, options ...string) []byte {
	dst, at := begin(dst, TypeNegotiateProtocolVersion)
	dst = binary.BigEndian.AppendUint32(dst, ProtocolVersion)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(options)))
	for _, o := range options {
		dst = appendString(dst, o)
	}
	return finish(dst, at)
}

// AppendRowDescription appends a RowDescription. It takes at most 65,535 columns.
func AppendRowDescription(dst []byte, columns []Column) []byte {
	dst, at := begin(dst, TypeRowDescription)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(columns)))
	for _, c := range columns {
		dst = appendString(dst, string(c.Name))
		dst = binary.BigEndian.AppendUint32(dst, c.Table)
		dst = binary.BigEndian.AppendUint16(dst, uint16(c.Attr))
		dst = binary.BigEndian.AppendUint32(dst, c.Type)
		dst = binary.BigEndian.AppendUint16(dst, uint16(c.Size))
		dst = binary.BigEndian.AppendUint32(dst, uint32(c.Mod))
		dst = binary.BigEndian.AppendUint16(dst, uint16(c.Format))
	}
	return finish(dst, at)
}

// AppendDataRow appends a DataRow of values, nil for NULL. It takes at most
// 65,535 values.
func AppendDataRow(dst []byte, values [][]byte) []byte {
	dst, at := BeginDataRow(dst, len(values))
	for _, v := range values {
		dst = AppendValue(dst, v)
	}
	return FinishDataRow(dst, at)
}

// BeginDataRow starts a DataRow of n values, which [AppendValue] adds one by
// one; [FinishDataRow] takes the position that it returns.
func BeginDataRow(dst []byte, n int) ([]byte, int) {
	dst, at := begin(dst, TypeDataRow)
	return binary.BigEndian.AppendUint16(dst, uint16(n)), at
}

// AppendValue appends a value of a row or a Bind, nil for NULL.
func AppendValue(dst, value []byte) []byte {
	if value == nil {
		return append(dst, 0xff, 0xff, 0xff, 0xff)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
	return append(dst, value...)
}

// FinishDataRow ends what [BeginDataRow] started.
func FinishDataRow(dst []byte, at int) []byte { return finish(dst, at) }

// AppendCommandComplete appends a CommandComplete.
func AppendCommandComplete(dst []byte, tag string) []byte {
	return encoded(dst, &pgproto3.CommandComplete{CommandTag: []byte(clean(tag))})
}

// AppendParse appends a Parse. It takes at most 65,535 types.
func AppendParse(dst []byte, name, query string, types ...uint32) []byte {
	return encoded(dst, &pgproto3.Parse{Name: clean(name), Query: clean(query), ParameterOIDs: types})
}

// AppendBind appends a Bind of values, nil for NULL, all of one format, that
// asks for all results in another. It takes at most 65,535 values.
func AppendBind(dst []byte, portal, statement string, format int16, values [][]byte, results int16) []byte {
	return encoded(dst, &pgproto3.Bind{
		DestinationPortal: clean(portal), PreparedStatement: clean(statement),
		ParameterFormatCodes: []int16{format}, Parameters: values, ResultFormatCodes: []int16{results},
	})
}

// AppendDescribe appends a Describe of a statement ('S') or portal ('P').
func AppendDescribe(dst []byte, kind byte, name string) []byte {
	return encoded(dst, &pgproto3.Describe{ObjectType: kind, Name: clean(name)})
}

// AppendClose appends a Close of a statement ('S') or portal ('P').
func AppendClose(dst []byte, kind byte, name string) []byte {
	return encoded(dst, &pgproto3.Close{ObjectType: kind, Name: clean(name)})
}

// AppendExecute appends an Execute; zero rows stands for all.
func AppendExecute(dst []byte, portal string, rows uint32) []byte {
	return encoded(dst, &pgproto3.Execute{Portal: clean(portal), MaxRows: rows})
}

// AppendQuery appends a Query.
func AppendQuery(dst []byte, text string) []byte {
	return encoded(dst, &pgproto3.Query{String: clean(text)})
}

// AppendEmpty appends a message without a body: Sync, Flush, Terminate,
// CopyDone, ParseComplete, BindComplete, CloseComplete, NoData, …
func AppendEmpty(dst []byte, typ byte) []byte { return append(dst, typ, 0, 0, 0, 4) }

// AppendCopyFail appends a CopyFail with a reason.
func AppendCopyFail(dst []byte, reason string) []byte {
	return encoded(dst, &pgproto3.CopyFail{Message: clean(reason)})
}

// AppendPassword appends a PasswordMessage.
func AppendPassword(dst []byte, password string) []byte {
	return encoded(dst, &pgproto3.PasswordMessage{Password: clean(password)})
}

// AppendSASLInitialResponse appends a SASLInitialResponse.
func AppendSASLInitialResponse(dst []byte, mechanism string, data []byte) []byte {
	return encoded(dst, &pgproto3.SASLInitialResponse{AuthMechanism: clean(mechanism), Data: data})
}

// AppendSASLResponse appends a SASLResponse.
func AppendSASLResponse(dst, data []byte) []byte {
	return encoded(dst, &pgproto3.SASLResponse{Data: data})
}
