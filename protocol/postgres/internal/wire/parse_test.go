package wire_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

type codec interface {
	Decode([]byte) error
	Encode([]byte) ([]byte, error)
}

// differential holds a parser against pgx's: what ours takes, theirs takes
// with the same values; what ours refuses, theirs refuses too or reads only in
// part, so that encoding it again does not give the same bytes.
func differential[M codec](f *testing.F, fresh func() M, seeds []M, parse func(t *testing.T, body []byte, theirs M) error) {
	for _, s := range seeds {
		b, err := s.Encode(nil)
		require.NoError(f, err)
		for cut := 5; cut <= len(b); cut++ {
			f.Add(b[5:cut])
		}
		f.Add(append(slices.Clone(b[5:]), 0))
	}
	f.Add(bytes.Repeat([]byte{0xff}, 12))
	f.Fuzz(func(t *testing.T, body []byte) {
		theirs := fresh()
		theirErr := theirs.Decode(bytes.Clone(body))
		var whole bool
		if theirErr == nil {
			again, err := theirs.Encode(nil)
			whole = err == nil && bytes.Equal(again[5:], body)
		}
		ourErr := parse(t, bytes.Clone(body), theirs)
		if ourErr == nil {
			require.NoError(t, theirErr)
			return
		}
		var format *wire.FormatError
		require.ErrorAs(t, ourErr, &format)
		if _, ok := ourErr.(stricter); !ok {
			require.False(t, whole, "pgx reads all of it: %v", ourErr)
		}
	})
}

// stricter marks an error over something that pgx does not check.
type stricter struct{ error }

func (s stricter) Unwrap() error { return s.error }

func values(t *testing.T, f wire.Fields) ([][]byte, error) {
	var all [][]byte
	for v, ok := f.Next(); ok; v, ok = f.Next() {
		all = append(all, v)
	}
	return all, f.Err()
}

func same(t *testing.T, want, have [][]byte) {
	require.Len(t, have, len(want))
	for i := range want {
		require.Equal(t, want[i] == nil, have[i] == nil, "NULL")
		require.True(t, bytes.Equal(want[i], have[i]))
	}
}

func FuzzDataRow(f *testing.F) {
	differential(f, func() *pgproto3.DataRow { return &pgproto3.DataRow{} },
		[]*pgproto3.DataRow{{Values: [][]byte{[]byte("a"), nil, {}, []byte("bcd")}}, {}},
		func(t *testing.T, body []byte, theirs *pgproto3.DataRow) error {
			row, err := wire.ParseDataRow(body)
			if err != nil {
				return err
			}
			have, err := values(t, row)
			if err == nil {
				same(t, theirs.Values, have)
				again := wire.AppendDataRow(nil, have)
				require.Equal(t, body, again[5:])
			}
			return err
		})
}

func FuzzBind(f *testing.F) {
	differential(f, func() *pgproto3.Bind { return &pgproto3.Bind{} },
		[]*pgproto3.Bind{
			{DestinationPortal: "p", PreparedStatement: "s", ParameterFormatCodes: []int16{0, 1, 0}, Parameters: [][]byte{[]byte("x"), nil, {}}, ResultFormatCodes: []int16{1}},
			{ParameterFormatCodes: []int16{1}, Parameters: [][]byte{{1, 2, 3, 4}}},
			{},
		},
		func(t *testing.T, body []byte, theirs *pgproto3.Bind) error {
			m, err := wire.ParseBind(body)
			if err != nil {
				if n := len(theirs.ParameterFormatCodes); n > 1 && n != len(theirs.Parameters) {
					return stricter{err} // the server refuses it, pgx does not mind
				}
				return err
			}
			require.Equal(t, theirs.DestinationPortal, string(m.Portal))
			require.Equal(t, theirs.PreparedStatement, string(m.Statement))
			require.Equal(t, len(theirs.ParameterFormatCodes), m.ParamFormats.Len())
			require.Equal(t, len(theirs.ResultFormatCodes), m.ResultFormats.Len())
			for i, code := range theirs.ResultFormatCodes {
				require.Equal(t, code, m.ResultFormats.At(i))
			}
			have, err := values(t, m.Params)
			require.NoError(t, err)
			same(t, theirs.Parameters, have)
			return nil
		})
}

func FuzzRowDescription(f *testing.F) {
	differential(f, func() *pgproto3.RowDescription { return &pgproto3.RowDescription{} },
		[]*pgproto3.RowDescription{{Fields: []pgproto3.FieldDescription{
			{Name: []byte("id"), TableOID: 16384, TableAttributeNumber: 1, DataTypeOID: 23, DataTypeSize: 4, TypeModifier: -1, Format: 1},
			{Name: []byte(""), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: 20},
		}}, {}},
		func(t *testing.T, body []byte, theirs *pgproto3.RowDescription) error {
			columns, err := wire.ParseRowDescription(nil, body)
			if err != nil {
				return err
			}
			require.Len(t, columns, len(theirs.Fields))
			for i, c := range columns {
				w := theirs.Fields[i]
				require.Equal(t, pgproto3.FieldDescription{
					Name: c.Name, TableOID: c.Table, TableAttributeNumber: uint16(c.Attr), DataTypeOID: c.Type,
					DataTypeSize: c.Size, TypeModifier: c.Mod, Format: c.Format,
				}, w)
			}
			require.Equal(t, body, wire.AppendRowDescription(nil, columns)[5:])
			return nil
		})
}

func FuzzParse(f *testing.F) {
	differential(f, func() *pgproto3.Parse { return &pgproto3.Parse{} },
		[]*pgproto3.Parse{{Name: "s1", Query: "select $1", ParameterOIDs: []uint32{23, 0}}, {}},
		func(t *testing.T, body []byte, theirs *pgproto3.Parse) error {
			m, err := wire.ParseParse(body)
			if err != nil {
				return err
			}
			require.Equal(t, theirs.Name, string(m.Name))
			require.Equal(t, theirs.Query, string(m.Query))
			require.Equal(t, len(theirs.ParameterOIDs), m.Types.Len())
			for i, oid := range theirs.ParameterOIDs {
				require.Equal(t, oid, m.Types.At(i))
			}
			return nil
		})
}

func FuzzExecute(f *testing.F) {
	differential(f, func() *pgproto3.Execute { return &pgproto3.Execute{} },
		[]*pgproto3.Execute{{Portal: "p", MaxRows: 10}, {}},
		func(t *testing.T, body []byte, theirs *pgproto3.Execute) error {
			m, err := wire.ParseExecute(body)
			if err == nil {
				require.Equal(t, theirs.Portal, string(m.Portal))
				require.Equal(t, theirs.MaxRows, uint32(m.MaxRows))
			}
			return err
		})
}

func FuzzNotification(f *testing.F) {
	differential(f, func() *pgproto3.NotificationResponse { return &pgproto3.NotificationResponse{} },
		[]*pgproto3.NotificationResponse{{PID: 7, Channel: "c", Payload: "p"}, {}},
		func(t *testing.T, body []byte, theirs *pgproto3.NotificationResponse) error {
			m, err := wire.ParseNotification(body)
			if err == nil {
				require.Equal(t, *theirs, pgproto3.NotificationResponse{PID: m.PID, Channel: string(m.Channel), Payload: string(m.Payload)})
			}
			return err
		})
}

func FuzzErrorResponse(f *testing.F) {
	differential(f, func() *pgproto3.ErrorResponse { return &pgproto3.ErrorResponse{} },
		[]*pgproto3.ErrorResponse{{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "42601", Message: "m", Detail: "d", Hint: "h", Position: 4, Where: "w"}, {}},
		func(t *testing.T, body []byte, theirs *pgproto3.ErrorResponse) error {
			fields, err := wire.ParseErrorFields(nil, body)
			if err != nil {
				return err
			}
			for _, field := range fields {
				require.NotNil(t, field.Value)
			}
			require.Equal(t, body, wire.AppendErrorFields(nil, wire.TypeErrorResponse, fields)[5:])
			m, err := wire.ParseMessage(body)
			require.NoError(t, err)
			require.Equal(t, theirs.Code, m.Code)
			require.Equal(t, theirs.Message, m.Text)
			require.Equal(t, theirs.Detail, m.Detail)
			return nil
		})
}

func FuzzAuthentication(f *testing.F) {
	f.Add(wire.AppendAuthenticationSASL(nil, "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS")[5:])
	f.Add([]byte("\x00\x00\x00\x0aSCRAM-SHA-256"))
	f.Add([]byte("\x00\x00\x00\x0a\x00\x00"))
	f.Add(wire.AppendAuthenticationOK(nil)[5:])
	f.Add(wire.AppendAuthenticationSASLContinue(nil, []byte("r=x"))[5:])
	f.Add([]byte{0, 0, 0, 5, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := wire.ParseAuthentication(body)
		if err != nil {
			return
		}
		var again []byte
		switch a.Kind {
		case wire.AuthSASL:
			var theirs pgproto3.AuthenticationSASL
			require.NoError(t, theirs.Decode(body))
			require.Equal(t, theirs.AuthMechanisms, a.Mechanisms)
			again = wire.AppendAuthenticationSASL(nil, a.Mechanisms...)[5:]
		default:
			again = append(binary.BigEndian.AppendUint32(nil, uint32(a.Kind)), a.Data...)
		}
		require.Equal(t, body, again)
	})
}

// FuzzParsers runs every other parser: no panic, and errors of the right type.
func FuzzParsers(f *testing.F) {
	f.Add([]byte("SELECT 5\x00"))
	f.Add([]byte{0, 0, 0, 1, 'k', 'e', 'y', '!'})
	f.Add([]byte{1, 0, 2, 0, 1, 0, 1})
	f.Add([]byte("SCRAM-SHA-256\x00\x00\x00\x00\x03n,,"))
	f.Add([]byte{0, 3, 0, 0, 0, 0, 0, 1, 'x', 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		check := func(err error) {
			if err != nil {
				var format *wire.FormatError
				require.ErrorAs(t, err, &format)
			}
		}
		_, err := wire.ParseCommandComplete(body)
		check(err)
		wire.Rows(body)
		_, _, err = wire.ParseBackendKeyData(body)
		check(err)
		_, err = wire.ParseCopy(body)
		check(err)
		_, _, err = wire.ParseSASLInitialResponse(body)
		check(err)
		_, _, err = wire.ParseNegotiateProtocolVersion(body)
		check(err)
		_, err = wire.ParseParameterDescription(body)
		check(err)
		_, _, err = wire.ParseParameterStatus(body)
		check(err)
		_, err = wire.ParseReadyForQuery(body)
		check(err)
		_, err = wire.ParseDescribe(body)
		check(err)
		_, err = wire.ParseClose(body)
		check(err)
		_, err = wire.ParseQuery(body)
		check(err)
		_, err = wire.ParseFunctionCall(body)
		check(err)
		check(wire.Empty('S', body))
	})
}

func TestParsersRefuse(t *testing.T) {
	for name, err := range map[string]error{
		"describe of nothing": second(wire.ParseDescribe([]byte("X\x00"))),
		"close left over":     second(wire.ParseClose([]byte("Sname\x00x"))),
		"query without end":   second(wire.ParseQuery([]byte("select 1"))),
		"query with NUL":      second(wire.ParseQuery([]byte("select\x00 1\x00"))),
		"status":              second(wire.ParseReadyForQuery([]byte("X"))),
		"copy format":         second(wire.ParseCopy([]byte{2, 0, 0})),
		"short key":           third(wire.ParseBackendKeyData([]byte{0, 0, 0, 1, 1, 2, 3})),
		"long key":            third(wire.ParseBackendKeyData(make([]byte, 4+257))),
		"sync with body":      wire.Empty('S', []byte{1}),
		"formats":             second(wire.ParseBind([]byte{0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0})),
		"auth kind":           second(wire.ParseAuthentication([]byte{0, 0, 0, 99})),
		"endless fields":      second(wire.ParseErrorFields(nil, append(bytes.Repeat([]byte("Mx\x00"), 65), 0))),
	} {
		var format *wire.FormatError
		assert.ErrorAs(t, err, &format, name)
	}
}

func second[A any](_ A, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }

func TestRows(t *testing.T) {
	for tag, want := range map[string]int64{"INSERT 0 5": 5, "SELECT 100": 100, "COPY 0": 0} {
		n, ok := wire.Rows([]byte(tag))
		assert.True(t, ok, tag)
		assert.Equal(t, want, n, tag)
	}
	for _, tag := range []string{"CREATE TABLE", "BEGIN", "", "5", "SELECT ", "SELECT 9999999999999999999999"} {
		_, ok := wire.Rows([]byte(tag))
		assert.False(t, ok, tag)
	}
}
