package wire_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// What a server sends is read back by pgx as a client.
func TestEncodeForClients(t *testing.T) {
	var b []byte
	b = wire.AppendAuthenticationOK(b)
	b = wire.AppendAuthenticationCleartext(b)
	b = wire.AppendAuthenticationSASL(b, "SCRAM-SHA-256")
	b = wire.AppendAuthenticationSASLContinue(b, []byte("r=1"))
	b = wire.AppendAuthenticationSASLFinal(b, []byte("v=1"))
	b = wire.AppendParameterStatus(b, "client_encoding", "UTF8")
	b = wire.AppendBackendKeyData(b, 7, []byte("0123456789"))
	b = wire.AppendNegotiateProtocolVersion(b, "_pq_.a", "_pq_.b")
	b = wire.AppendReadyForQuery(b, 'T')
	b = wire.AppendError(b, wire.Message{Severity: "ERROR", Code: "42501", Text: "no\x00Cfake", Detail: "d", Hint: "h"})
	b = wire.AppendNotice(b, wire.Message{Severity: "NOTICE", Code: "00000", Text: "wait"})
	b = wire.AppendRowDescription(b, []wire.Column{{Name: []byte("a"), Type: 25, Size: -1, Mod: -1}})
	b = wire.AppendDataRow(b, [][]byte{nil, {}, []byte("x")})
	b = wire.AppendCommandComplete(b, "SELECT 1")
	b = wire.AppendEmpty(b, wire.TypeParseComplete)
	var have []pgproto3.Message
	frontend := pgproto3.NewFrontend(bytes.NewReader(b), nil)
	for range 15 {
		m, err := frontend.Receive()
		require.NoError(t, err)
		switch m := m.(type) { // the frontend reuses these
		case *pgproto3.DataRow:
			have = append(have, &pgproto3.DataRow{Values: slices.Clone(m.Values)})
		case *pgproto3.ErrorResponse:
			c := *m
			have = append(have, &c)
		default:
			have = append(have, m)
		}
	}
	assert.Equal(t, []pgproto3.Message{
		&pgproto3.AuthenticationOk{},
		&pgproto3.AuthenticationCleartextPassword{},
		&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}},
		&pgproto3.AuthenticationSASLContinue{Data: []byte("r=1")},
		&pgproto3.AuthenticationSASLFinal{Data: []byte("v=1")},
		&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"},
		&pgproto3.BackendKeyData{ProcessID: 7, SecretKey: []byte("0123456789")},
		&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: 196608, UnrecognizedOptions: []string{"_pq_.a", "_pq_.b"}},
		&pgproto3.ReadyForQuery{TxStatus: 'T'},
		&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "42501", Message: "noCfake", Detail: "d", Hint: "h"},
		&pgproto3.NoticeResponse{Severity: "NOTICE", SeverityUnlocalized: "NOTICE", Code: "00000", Message: "wait"},
		&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("a"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1}}},
		&pgproto3.DataRow{Values: [][]byte{nil, {}, []byte("x")}},
		&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")},
		&pgproto3.ParseComplete{},
	}, have)
}

// What a client sends is read back by our own parsers.
func TestEncodeForServers(t *testing.T) {
	var b []byte
	b = wire.AppendParse(b, "s", "select $1", 23)
	b = wire.AppendBind(b, "p", "s", wire.FormatText, [][]byte{[]byte("5"), nil}, wire.FormatBinary)
	b = wire.AppendDescribe(b, 'S', "s")
	b = wire.AppendExecute(b, "p", 9)
	b = wire.AppendClose(b, 'P', "p")
	b = wire.AppendEmpty(b, wire.TypeSync)
	b = wire.AppendQuery(b, "select\x00 1")
	b = wire.AppendCopyFail(b, "why")
	b = wire.AppendPassword(b, "secret")
	b = wire.AppendSASLInitialResponse(b, "SCRAM-SHA-256", []byte("n,,"))
	b = wire.AppendSASLResponse(b, []byte("c=biws"))
	r := wire.NewReader(bytes.NewReader(b), 0)
	require.NoError(t, r.Fill())
	next := func(typ byte) []byte {
		p, ok, err := r.Next()
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, string(typ), string(p.Type))
		return p.Body()
	}

	parse, err := wire.ParseParse(next(wire.TypeParse))
	require.NoError(t, err)
	assert.Equal(t, "select $1", string(parse.Query))
	assert.Equal(t, uint32(23), parse.Types.At(0))
	bind, err := wire.ParseBind(next(wire.TypeBind))
	require.NoError(t, err)
	assert.Equal(t, 2, bind.Params.Len())
	assert.Equal(t, wire.FormatText, bind.ParamFormats.For(1))
	assert.Equal(t, wire.FormatBinary, bind.ResultFormats.For(17))
	describe, err := wire.ParseDescribe(next(wire.TypeDescribe))
	require.NoError(t, err)
	assert.Equal(t, wire.Name{Kind: 'S', Name: []byte("s")}, describe)
	execute, err := wire.ParseExecute(next(wire.TypeExecute))
	require.NoError(t, err)
	assert.Equal(t, wire.Execute{Portal: []byte("p"), MaxRows: 9}, execute)
	shut, err := wire.ParseClose(next(wire.TypeClose))
	require.NoError(t, err)
	assert.Equal(t, wire.Name{Kind: 'P', Name: []byte("p")}, shut)
	require.NoError(t, wire.Empty(wire.TypeSync, next(wire.TypeSync)))
	query, err := wire.ParseQuery(next(wire.TypeQuery))
	require.NoError(t, err)
	assert.Equal(t, "select 1", string(query))
	reason, err := wire.ParseCopyFail(next(wire.TypeCopyFail))
	require.NoError(t, err)
	assert.Equal(t, "why", string(reason))
	password, err := wire.ParsePassword(next(wire.TypePassword))
	require.NoError(t, err)
	assert.Equal(t, "secret", string(password))
	mechanism, data, err := wire.ParseSASLInitialResponse(next(wire.TypePassword))
	require.NoError(t, err)
	assert.Equal(t, "SCRAM-SHA-256", string(mechanism))
	assert.Equal(t, "n,,", string(data))
	assert.Equal(t, "c=biws", string(next(wire.TypePassword)))
}

func TestParseServerMessages(t *testing.T) {
	pid, key, err := wire.ParseBackendKeyData(wire.AppendBackendKeyData(nil, 7, []byte("0123456789"))[5:])
	require.NoError(t, err)
	assert.Equal(t, uint32(7), pid)
	assert.Equal(t, "0123456789", string(key))
	version, options, err := wire.ParseNegotiateProtocolVersion(wire.AppendNegotiateProtocolVersion(nil, "_pq_.a")[5:])
	require.NoError(t, err)
	assert.EqualValues(t, wire.ProtocolVersion, version)
	assert.Equal(t, [][]byte{[]byte("_pq_.a")}, options)
	m, err := wire.ParseMessage(wire.AppendError(nil, wire.Message{Severity: "FATAL", Code: "28P01", Text: "t", Hint: "h"})[5:])
	require.NoError(t, err)
	assert.Equal(t, wire.Message{Severity: "FATAL", Code: "28P01", Text: "t", Hint: "h"}, m)
	copied, err := wire.ParseCopy([]byte{1, 0, 2, 0, 1, 0, 1})
	require.NoError(t, err)
	assert.True(t, copied.Binary)
	assert.Equal(t, 2, copied.Columns.Len())
	oids, err := wire.ParseParameterDescription([]byte{0, 1, 0, 0, 0, 23})
	require.NoError(t, err)
	assert.Equal(t, uint32(23), oids.At(0))
	_, err = wire.ParseMessage([]byte("Mcut"))
	assert.Error(t, err)
	oid, err := wire.ParseFunctionCall([]byte{0, 0, 4, 0, 9})
	require.NoError(t, err)
	assert.Equal(t, uint32(1024), oid)
}
