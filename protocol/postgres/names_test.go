package postgres_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
)

// raw speaks the protocol message by message.
type raw struct {
	t    *testing.T
	conn net.Conn
	*pgproto3.Frontend
}

// raw logs in and hands out the bare connection.
func (r *rig) raw(t *testing.T) *raw {
	t.Helper()
	config, err := pgconn.ParseConfig(r.dsn())
	require.NoError(t, err)
	c, err := pgconn.ConnectConfig(t.Context(), config)
	require.NoError(t, err, "%s", r.Log)
	hijacked, err := c.Hijack()
	require.NoError(t, err)
	t.Cleanup(func() { hijacked.Conn.Close() })
	require.NoError(t, hijacked.Conn.SetDeadline(time.Now().Add(20*time.Second)))
	return &raw{t, hijacked.Conn, pgproto3.NewFrontend(hijacked.Conn, hijacked.Conn)}
}

// do sends messages at once and returns what comes, in short, up to the n-th
// ReadyForQuery.
func (c *raw) do(n int, messages ...pgproto3.FrontendMessage) (got []string) {
	c.t.Helper()
	for _, m := range messages {
		c.Send(m)
	}
	require.NoError(c.t, c.Flush())
	return c.until(n)
}

func (c *raw) until(n int) (got []string) {
	c.t.Helper()
	for n > 0 {
		m, err := c.Receive()
		if err != nil {
			return append(got, err.Error())
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			got = append(got, "error "+m.Code)
		case *pgproto3.DataRow:
			got = append(got, fmt.Sprintf("row %s", m.Values))
		case *pgproto3.CommandComplete:
			got = append(got, string(m.CommandTag))
		case *pgproto3.ReadyForQuery:
			got = append(got, "ready "+string(m.TxStatus))
			n--
		default:
			got = append(got, fmt.Sprintf("%T", m)[len("*pgproto3."):])
		}
	}
	return got
}

func parse(name, sql string) pgproto3.FrontendMessage {
	return &pgproto3.Parse{Name: name, Query: sql}
}
func bind(portal, statement string) pgproto3.FrontendMessage {
	return &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement}
}
func execute(portal string) pgproto3.FrontendMessage { return &pgproto3.Execute{Portal: portal} }

// A Parse that fails must not rename what a later Execute runs.
func TestAFailedParseNamesNothing(t *testing.T) {
	r := start(t, options{
		rules: []approve.Rule{
			{Name: "read", Verdict: protocol.Allow, Effects: protocol.Everything},
			{Name: "no-delete", Verdict: protocol.Deny, Verbs: []string{"delete"}},
		},
		setup: "CREATE TABLE t(a int); INSERT INTO t VALUES (1)",
	})
	c := r.raw(t)
	// "p" is bound to something harmless. Then one batch tries to bind it to
	// another statement, which the target refuses because the name is taken,
	// and the next batch executes it.
	assert.Equal(t, []string{"ParseComplete", "ready I"}, c.do(1, parse("p", "SELECT 1"), &pgproto3.Sync{}))
	got := c.do(2, parse("p", "SELECT 2"), &pgproto3.Sync{}, bind("", "p"), execute(""), &pgproto3.Sync{})
	assert.Equal(t, []string{"error 42P05", "ready I", "BindComplete", "row [1]", "SELECT 1", "ready I"}, got)
	ops := r.Record.Operations()
	assert.Equal(t, "SELECT 1", ops[len(ops)-1].Text, "the record must name what really ran")
}

func TestNamesOfSQLAndProtocolAreOne(t *testing.T) {
	r := start(t, options{rules: noDrop, setup: "CREATE TABLE t(a int); INSERT INTO t VALUES (1)"})
	c := r.raw(t)
	q := func(sql string) pgproto3.FrontendMessage { return &pgproto3.Query{String: sql} }
	assert.Equal(t, []string{"error 42501", "ready I"}, c.do(1, q("PREPARE d AS DELETE FROM t")), "judged by what it prepares")
	assert.Equal(t, []string{"PREPARE", "ready I"}, c.do(1, q("PREPARE s AS SELECT a FROM t")))
	assert.Equal(t, []string{"BindComplete", "row [1]", "SELECT 1", "ready I"}, c.do(1, bind("", "s"), execute(""), &pgproto3.Sync{}))
	assert.Equal(t, []string{"RowDescription", "row [1]", "SELECT 1", "ready I"}, c.do(1, q("EXECUTE s")))
	assert.Equal(t, []string{"DEALLOCATE", "ready I"}, c.do(1, q("DEALLOCATE s")))
	assert.Equal(t, []string{"error 26000", "ready I"}, c.do(1, q("EXECUTE s")), "unknown names are not run")
	assert.Equal(t, []string{"ParseComplete", "ready I"}, c.do(1, parse("s", "SELECT 5"), &pgproto3.Sync{}))
	assert.Equal(t, []string{"RowDescription", "row [5]", "SELECT 1", "ready I"}, c.do(1, q("EXECUTE s")))
	assert.Equal(t, []string{"DISCARD ALL", "ready I"}, c.do(1, q("DISCARD ALL")))
	assert.Equal(t, "error 26000", c.do(1, q("EXECUTE s"))[0])
}

// One batch renames a statement by SQL and executes it by name.
func TestRenamingInsideABatch(t *testing.T) {
	r := start(t, options{rules: noDrop, setup: "CREATE TABLE t(a int); INSERT INTO t VALUES (1)"})
	c := r.raw(t)
	c.do(1, &pgproto3.Query{String: "PREPARE s AS SELECT 1"})
	got := c.do(1,
		parse("", "DEALLOCATE s"), bind("", ""), execute(""),
		parse("", "PREPARE s AS DELETE FROM t"), bind("", ""), execute(""),
		parse("", "EXECUTE s"), bind("", ""), execute(""), &pgproto3.Sync{})
	assert.Equal(t, []string{"error 42501", "ready I"}, got)
	assert.Equal(t, 1, value[int](t, r.direct(), "SELECT count(*) FROM t"))
	got = c.do(1, &pgproto3.Query{String: "DEALLOCATE s; PREPARE s AS DELETE FROM t; EXECUTE s"})
	assert.Equal(t, []string{"error 42501", "ready I"}, got)
	assert.Equal(t, 1, value[int](t, r.direct(), "SELECT count(*) FROM t"))
}

func TestAnUnknownPortalIsNotExecuted(t *testing.T) {
	r := start(t, options{})
	c := r.raw(t)
	assert.Equal(t, []string{"error 34000", "ready I"}, c.do(1, execute("nobody"), &pgproto3.Sync{}))
	assert.Equal(t, []string{"RowDescription", "row [1]", "SELECT 1", "ready I"}, c.do(1, &pgproto3.Query{String: "SELECT 1"}))
}

// What is prepared is judged again when it is executed: the rules may have
// changed meanwhile.
func TestJudgedAgainAtExecute(t *testing.T) {
	rules := []approve.Rule{
		{Name: "all", Verdict: protocol.Allow, Effects: protocol.Everything},
		{Name: "ask", Verdict: protocol.Ask, Verbs: []string{"update"}},
	}
	r := start(t, options{rules: rules, setup: "CREATE TABLE t(a int); INSERT INTO t VALUES (1)"})
	c := r.raw(t)
	assert.Equal(t, []string{"ParseComplete", "ready I"}, c.do(1, parse("u", "UPDATE t SET a = a+1"), &pgproto3.Sync{}), "preparing does not ask")
	r.people.Approve().Deny("enough")
	assert.Equal(t, []string{"NoticeResponse", "BindComplete", "UPDATE 1", "ready I"}, c.do(1, bind("", "u"), execute(""), &pgproto3.Sync{}))
	assert.Equal(t, []string{"NoticeResponse", "error 42501", "ready I"}, c.do(1, bind("", "u"), execute(""), &pgproto3.Sync{}))
	assert.Equal(t, 2, value[int](t, r.direct(), "SELECT a FROM t"))
	require.Len(t, r.people.Asked(), 2)
}

func TestPortalsSuspendAndGoOn(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int); INSERT INTO t SELECT generate_series(1,5)"})
	c := r.raw(t)
	got := c.do(1, parse("", "SELECT a FROM t ORDER BY a"), bind("", ""), &pgproto3.Execute{MaxRows: 2}, &pgproto3.Execute{MaxRows: 2}, &pgproto3.Execute{}, &pgproto3.Sync{})
	assert.Equal(t, []string{"ParseComplete", "BindComplete", "row [1]", "row [2]", "PortalSuspended", "row [3]", "row [4]", "PortalSuspended", "row [5]", "SELECT 1", "ready I"}, got)
}

func TestErrorsSkipToSync(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int)"})
	c := r.raw(t)
	got := c.do(2, parse("", "SELECT 1/0"), bind("", ""), execute(""), parse("", "SELECT 8"), bind("", ""), execute(""), &pgproto3.Sync{},
		parse("", "SELECT 3"), bind("", ""), execute(""), &pgproto3.Sync{})
	assert.Equal(t, []string{"ParseComplete", "error 22012", "ready I", "ParseComplete", "BindComplete", "row [3]", "SELECT 1", "ready I"}, got)
	assert.Equal(t, protocol.Failed, r.Record.Outcome(t, "SELECT 1/0"))
	assert.Equal(t, protocol.Skipped, r.Record.Outcome(t, "SELECT 8"))
	assert.Equal(t, protocol.OK, r.Record.Outcome(t, "SELECT 3"))
	// After a Flush the target skips without a Sync in sight.
	c.Send(parse("", "SELECT 1/0"))
	c.Send(bind("", ""))
	c.Send(execute(""))
	c.Send(&pgproto3.Flush{})
	require.NoError(t, c.Flush())
	for {
		m, err := c.Receive()
		require.NoError(t, err)
		if _, ok := m.(*pgproto3.ErrorResponse); ok {
			break
		}
	}
	assert.Equal(t, []string{"ready I"}, c.do(1, parse("", "SELECT 9"), bind("", ""), execute(""), &pgproto3.Sync{}))
	assert.Equal(t, protocol.Skipped, r.Record.Outcome(t, "SELECT 9"))
	assert.Equal(t, []string{"RowDescription", "row [4]", "SELECT 1", "ready I"}, c.do(1, &pgproto3.Query{String: "SELECT 4"}))
}

func TestCopyByTheExtendedProtocol(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int)"})
	c := r.raw(t)
	c.Send(parse("", "COPY t FROM STDIN"))
	c.Send(bind("", ""))
	c.Send(execute(""))
	c.Send(&pgproto3.Sync{}) // libpq sends it at once; the target ignores it while it copies
	require.NoError(t, c.Flush())
	for {
		m, err := c.Receive()
		require.NoError(t, err)
		if _, ok := m.(*pgproto3.CopyInResponse); ok {
			break
		}
	}
	got := c.do(1, &pgproto3.CopyData{Data: []byte("1\n")}, &pgproto3.CopyData{Data: []byte("2\n")}, &pgproto3.CopyDone{}, &pgproto3.Sync{})
	assert.Equal(t, []string{"COPY 2", "ready I"}, got)
	assert.Equal(t, []string{"RowDescription", "row [2]", "SELECT 1", "ready I"}, c.do(1, &pgproto3.Query{String: "SELECT count(*) FROM t"}))
	got = c.do(1, &pgproto3.Query{String: "COPY t FROM STDIN"}, &pgproto3.CopyData{Data: []byte("3\n")}, &pgproto3.CopyFail{Message: "changed my mind"})
	assert.Equal(t, []string{"CopyInResponse", "error 57014", "ready I"}, got)
	assert.Equal(t, []string{"RowDescription", "row [2]", "SELECT 1", "ready I"}, c.do(1, &pgproto3.Query{String: "SELECT count(*) FROM t"}))
}

func TestFunctionCallIsRefused(t *testing.T) {
	r := start(t, options{})
	c := r.raw(t)
	assert.Equal(t, []string{"error 42501", "ready I"}, c.do(1, &pgproto3.FunctionCall{Function: 1598}))
	assert.Equal(t, []string{"RowDescription", "row [1]", "SELECT 1", "ready I"}, c.do(1, &pgproto3.Query{String: "SELECT 1"}))
}

func TestMessageOverTheCap(t *testing.T) {
	r := start(t, options{})
	c := r.raw(t)
	big := make([]byte, 1<<20+100)
	for i := range big {
		big[i] = ' '
	}
	assert.Equal(t, []string{"error 54000", "ready I"}, c.do(1, &pgproto3.Query{String: "SELECT 1" + string(big)}))
	assert.Equal(t, []string{"RowDescription", "row [1]", "SELECT 1", "ready I"}, c.do(1, &pgproto3.Query{String: "SELECT 1"}))
	got := c.do(1, parse("", "SELECT 1"+string(big)), bind("", ""), execute(""), &pgproto3.Sync{})
	assert.Equal(t, []string{"error 54000", "ready I"}, got)
	assert.Equal(t, []string{"RowDescription", "row [1]", "SELECT 1", "ready I"}, c.do(1, &pgproto3.Query{String: "SELECT 1"}))
}

func TestUnknownMessageEndsTheSession(t *testing.T) {
	r := start(t, options{})
	c := r.raw(t)
	_, err := c.conn.Write(append([]byte{'!'}, binary.BigEndian.AppendUint32(nil, 4)...))
	require.NoError(t, err)
	assert.Equal(t, "error 08P01", c.until(1)[0])
	_, err = io.ReadAll(c.conn)
	assert.NoError(t, err)
}

func TestEncodingIsPinned(t *testing.T) {
	r := start(t, options{})
	c := r.raw(t)
	q := func(sql string) string { return c.do(1, &pgproto3.Query{String: sql})[0] }
	assert.Equal(t, "error 42501", q("SET client_encoding = 'SJIS'"))
	assert.Equal(t, "error 42501", q("SET NAMES 'GBK'"))
	assert.Equal(t, "error 42501", q("SELECT set_config('client_encoding', 'BIG5', false)"))
	// pg_dump computes the name of a setting. What follows in the same batch
	// cannot be read with certainty.
	computed := "SELECT set_config(name, setting, false) FROM pg_settings WHERE name = 'work_mem'"
	assert.Equal(t, "RowDescription", q(computed))
	got := c.do(2, parse("", computed), bind("", ""), execute(""), &pgproto3.Sync{}, parse("", "SELECT 1"), bind("", ""), execute(""), &pgproto3.Sync{})
	assert.Equal(t, "ready I", got[len(got)-1])
	assert.NotContains(t, got, "error 42501")
	// What follows in the same batch cannot be read with certainty where it
	// could be read in two ways.
	for text, verb := range map[string]string{"SELECT 1": "select", `SELECT '\'`: "unknown", "SELECT 'ä'": "unknown"} {
		c.do(1, parse("", computed), bind("", ""), execute(""), parse("", text), bind("", ""), execute(""), &pgproto3.Sync{})
		assert.Equal(t, verb, r.Record.Operation(t, text).Verb, text)
	}
	assert.Equal(t, "error 42501", q("SET standard_conforming_strings = off"))
	assert.NotEqual(t, "error 42501", q("SET client_encoding = 'UTF8'"))
	// A way that the text does not show: the target reports the change, and
	// the session ends before another statement is read.
	got = c.do(1, &pgproto3.Query{String: "DO $$BEGIN EXECUTE 'SET standard_conforming_strings = off'; END$$"})
	assert.Contains(t, got, "error 58000", "%v", got)
}

func TestTheDBASeesTheSession(t *testing.T) {
	r := start(t, options{})
	c := r.connect("application_name=mytool")
	name := value[string](t, c, "SHOW application_name")
	assert.Contains(t, name, "sallyport "+r.Sessions()[0].ID)
	assert.Contains(t, name, "mytool")
}
