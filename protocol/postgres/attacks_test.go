package postgres_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
)

// askDestroy lets everything pass and asks before something is destroyed.
var askDestroy = []approve.Rule{
	{Name: "rest", Verdict: protocol.Allow, Effects: protocol.Everything},
	{Name: "ask", Verdict: protocol.Ask, Effects: protocol.Destroy},
}

func query(sql string) pgproto3.FrontendMessage { return &pgproto3.Query{String: sql} }

func closeStatement(name string) pgproto3.FrontendMessage {
	return &pgproto3.Close{ObjectType: 'S', Name: name}
}

// left returns how many rows t has still.
func (r *rig) left(t *testing.T) int {
	t.Helper()
	return value[int](t, r.direct(), "SELECT count(*) FROM t")
}

// The target cuts the names of the protocol to 63 bytes without a word, so
// that two names here are one there.
func TestLongNamesAreOneName(t *testing.T) {
	r := start(t, options{rules: askDestroy, setup: "CREATE TABLE t(a int); INSERT INTO t VALUES (1)"})
	r.people.Deny("no")
	c := r.raw(t)
	long := strings.Repeat("n", 63)
	assert.Equal(t, []string{"error 42622", "ready I"}, c.do(1, parse(strings.Repeat("é", 40), "SELECT 1"), &pgproto3.Sync{}))
	assert.Equal(t, []string{"ParseComplete", "ready I"}, c.do(1, parse(long+"a", "SELECT 1"), &pgproto3.Sync{}))
	assert.Equal(t, []string{"CloseComplete", "ready I"}, c.do(1, closeStatement(long+"b"), &pgproto3.Sync{}))
	assert.Equal(t, []string{"ParseComplete", "ready I"}, c.do(1, parse(long+"c", "DELETE FROM t"), &pgproto3.Sync{}))
	got := c.do(1, bind("", long+"a"), execute(""), &pgproto3.Sync{})
	assert.Equal(t, []string{"NoticeResponse", "error 42501", "ready I"}, got)
	assert.Equal(t, 1, r.left(t))
}

// FETCH and MOVE run portals of the protocol too.
func TestFetchRunsThePortal(t *testing.T) {
	r := start(t, options{rules: askDestroy, setup: "CREATE TABLE t(a int); INSERT INTO t VALUES (1)"})
	r.people.Deny("no").Deny("no").Deny("no")
	for _, sql := range []string{"FETCH ALL FROM p", "MOVE ALL FROM p"} {
		c := r.raw(t)
		assert.Equal(t, []string{"BEGIN", "ready T"}, c.do(1, query("BEGIN")))
		assert.Equal(t, []string{"ParseComplete", "BindComplete", "ready T"}, c.do(1, parse("", "DELETE FROM t RETURNING a"), bind("p", ""), &pgproto3.Sync{}))
		assert.Equal(t, []string{"NoticeResponse", "error 42501", "ready E"}, c.do(1, query(sql)), sql)
	}
	assert.Equal(t, 1, r.left(t))
}

// EXECUTE is judged by the verb of what it runs, and so are the statements
// around it.
func TestExecuteHasTheVerbOfWhatItRuns(t *testing.T) {
	rules := []approve.Rule{
		{Name: "rest", Verdict: protocol.Allow, Effects: protocol.Everything},
		{Name: "ask", Verdict: protocol.Ask, Verbs: []string{"delete"}},
	}
	r := start(t, options{rules: rules, setup: "CREATE TABLE t(a int); INSERT INTO t VALUES (1)"})
	r.people.Deny("no").Deny("no")
	c := r.raw(t)
	assert.Equal(t, []string{"ParseComplete", "ready I"}, c.do(1, parse("d", "DELETE FROM t"), &pgproto3.Sync{}))
	assert.Equal(t, []string{"NoticeResponse", "error 42501", "ready I"}, c.do(1, query("EXECUTE d")))
	assert.Equal(t, []string{"NoticeResponse", "error 42501", "ready I"}, c.do(1, parse("", "EXECUTE d"), bind("", ""), execute(""), &pgproto3.Sync{}))
	assert.Equal(t, 1, r.left(t))
}

// What the target plans anew may read another table than it described.
func TestMaskedByThePortalsOwnShape(t *testing.T) {
	r := start(t, options{masks: []mask.Rule{mask.Columns("public.customers.ssn", mask.Full())}, setup: customers + `CREATE SCHEMA other; CREATE TABLE other.customers(id int, ssn text);`})
	c := r.raw(t)
	c.do(1, query("SET search_path = other"))
	got := c.do(1, parse("s", "SELECT ssn FROM customers"), &pgproto3.Describe{ObjectType: 'S', Name: "s"}, &pgproto3.Sync{})
	assert.Equal(t, []string{"ParseComplete", "ParameterDescription", "RowDescription", "ready I"}, got)
	c.do(1, query("SET search_path = public"))
	got = c.do(1, bind("", "s"), execute(""), &pgproto3.Sync{})
	assert.NotContains(t, strings.Join(got, " "), canary)
	assert.Contains(t, got, "row [********]", "%s", r.Log)
}

// The very first messages of a session may be an Execute without a Describe.
func TestMaskedFromTheFirstMessage(t *testing.T) {
	r := start(t, options{masks: ssnMask, setup: customers})
	got := r.raw(t).do(1, parse("", "SELECT ssn FROM customers WHERE id = 1"), bind("", ""), execute(""), &pgproto3.Sync{})
	assert.Equal(t, []string{"ParseComplete", "BindComplete", "row [********]", "SELECT 1", "ready I"}, got)
}

// A portal of EXECUTE gets its plan when it runs, after it was described.
func TestMaskedByWhatExecuteRuns(t *testing.T) {
	r := start(t, options{masks: []mask.Rule{mask.Columns("public.customers.ssn", mask.Full())}, setup: customers +
		"CREATE SCHEMA other; CREATE TABLE other.customers(id int, ssn text); INSERT INTO other.customers VALUES (1, 'x'), (2, 'y')"})
	describe, sync := &pgproto3.Describe{ObjectType: 'P', Name: "p"}, &pgproto3.Sync{}
	set := func(path string) []pgproto3.FrontendMessage {
		return []pgproto3.FrontendMessage{parse("", "SET search_path = "+path), bind("", ""), execute("")}
	}
	for _, split := range []bool{false, true} {
		c := r.raw(t)
		c.do(1, query("SET search_path = other; PREPARE s AS SELECT ssn FROM customers"))
		c.do(1, query("BEGIN"))
		c.do(1, parse("e", "EXECUTE s"), sync)
		// Described under one path, run under another, and gone on with under the first.
		messages := []pgproto3.FrontendMessage{bind("p", "e"), describe}
		for _, path := range []string{"public", "other", "public", "other"} {
			messages = append(append(messages, set(path)...), &pgproto3.Execute{Portal: "p", MaxRows: 1}, describe)
			if split {
				messages = append(messages, sync)
			}
		}
		n := 1
		if split {
			n = 5
		}
		got := strings.Join(c.do(n, append(messages, sync)...), " ")
		assert.Contains(t, got, "row [********]", "%s", r.Log)
		assert.NotContains(t, got, canary)
	}
	// FETCH may find another cursor.
	c := r.raw(t)
	c.do(1, query("BEGIN; DECLARE c CURSOR FOR SELECT id::text FROM other.customers"))
	run := func(sql string) []pgproto3.FrontendMessage {
		return []pgproto3.FrontendMessage{parse("", sql), bind("", ""), execute("")}
	}
	messages := []pgproto3.FrontendMessage{parse("f", "FETCH ALL FROM c"), bind("p", "f"), describe}
	messages = append(append(messages, run("CLOSE c")...), run("DECLARE c CURSOR FOR SELECT ssn FROM public.customers")...)
	got := strings.Join(c.do(1, append(messages, execute("p"), sync)...), " ")
	assert.Contains(t, got, "row [********]", "%s", r.Log)
	assert.NotContains(t, got, canary)
}

// While a person is asked, the gateway reads ahead. The message in hand must
// be the one that was sent, whatever is read.
func TestReadingAheadKeepsTheMessageInHand(t *testing.T) {
	r := start(t, options{rules: askDestroy, setup: "CREATE TABLE t(a int); INSERT INTO t VALUES (1)"})
	encode := func(m pgproto3.FrontendMessage) []byte {
		b, err := m.Encode(nil)
		require.NoError(t, err)
		return b
	}
	c := r.raw(t)
	r.people.Next(func(_ context.Context, q approve.Request) (approve.Answer, error) {
		// What is read ahead: where the Query in hand lay, another one.
		time.Sleep(50 * time.Millisecond)
		_, err := c.conn.Write(encode(query("SELECT 2")))
		assert.NoError(t, err)
		time.Sleep(200 * time.Millisecond)
		return approve.Answer{Digest: q.Digest, Approved: true, By: "people"}, nil
	})
	var b []byte
	for _, m := range []pgproto3.FrontendMessage{parse("", "DELETE FROM t"), bind("", ""), execute(""), query("SELECT 111")} {
		b = append(b, encode(m)...)
	}
	// Behind the Query lies the first part of one that is not whole yet.
	b = append(b, encode(query("SELECT 3 -- "+strings.Repeat("x", 200)))...)
	_, err := c.conn.Write(b)
	require.NoError(t, err)
	got := c.until(3)
	assert.Equal(t, []string{
		"NoticeResponse", "ParseComplete", "BindComplete", "DELETE 1", "RowDescription", "row [111]", "SELECT 1", "ready I",
		"RowDescription", "row [3]", "SELECT 1", "ready I", "RowDescription", "row [2]", "SELECT 1", "ready I",
	}, got)
}

// The target ignores Sync and Flush while it copies in.
func TestSyncWhileCopyingIn(t *testing.T) {
	r := start(t, options{rules: noDrop, setup: "CREATE TABLE t(a int)"})
	c := r.raw(t)
	sync, one, done := &pgproto3.Sync{}, &pgproto3.CopyData{Data: []byte("1\n")}, &pgproto3.CopyDone{}
	for range 3 {
		got := c.do(1, query("COPY t FROM STDIN"), sync, &pgproto3.Flush{}, one, sync, one, done)
		assert.Equal(t, []string{"CopyInResponse", "COPY 2", "ready I"}, got, "%s", r.Log)
		got = c.do(1, parse("", "COPY t FROM STDIN"), bind("", ""), execute(""), sync, sync, one, sync, &pgproto3.Flush{}, one, done, sync)
		assert.Equal(t, []string{"ParseComplete", "BindComplete", "CopyInResponse", "COPY 2", "ready I"}, got, "%s", r.Log)
	}
	assert.Equal(t, 12, r.left(t))
	// That Sync ended nothing: what is denied now fails the COPY too.
	got := c.do(1, parse("", "COPY t FROM STDIN"), bind("", ""), execute(""), sync, one, done, &pgproto3.Flush{}, parse("", "DELETE FROM t"), bind("", ""), execute(""), sync)
	assert.Equal(t, []string{"ParseComplete", "BindComplete", "CopyInResponse", "COPY 1", "error 42501", "ready I"}, got)
	assert.Equal(t, 12, r.left(t))
}

// Other messages during a COPY end the connection, as without a gateway.
func TestOtherMessagesWhileCopyingIn(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int)"})
	for _, m := range []pgproto3.FrontendMessage{bind("", "s"), parse("s", "SELECT 2"), query("SELECT 1")} {
		c := r.raw(t)
		c.Send(parse("s", "SELECT 1"))
		c.Send(parse("", "COPY t FROM STDIN"))
		c.Send(bind("", ""))
		c.Send(execute(""))
		c.Send(&pgproto3.Flush{})
		c.Send(m)
		c.Send(&pgproto3.Flush{})
		require.NoError(t, c.Flush())
		require.NoError(t, c.conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		assert.Contains(t, c.until(1), "error 08P01", "%T", m)
	}
}

// A target that skips is not idle: it wants its Sync.
func TestDenialWhileTheTargetSkips(t *testing.T) {
	r := start(t, options{rules: noDrop, setup: "CREATE TABLE t(a int)"})
	c := r.raw(t)
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
	assert.Equal(t, []string{"ready I"}, c.do(1, query("SELECT 5"), query("DELETE FROM t"), parse("", "DELETE FROM t"), bind("", ""), execute(""), &pgproto3.Sync{}))
	assert.Equal(t, []string{"RowDescription", "row [6]", "SELECT 1", "ready I"}, c.do(1, query("SELECT 6")))
}

// PREPARE and DEALLOCATE count although the transaction that they end fails,
// and the target does not say that they did.
func TestNamesChangeInATransactionThatFails(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int); INSERT INTO t VALUES (1);" +
		"CREATE TABLE p(a int PRIMARY KEY); CREATE TABLE bad(a int REFERENCES p DEFERRABLE INITIALLY DEFERRED)"})
	c := r.raw(t)
	assert.Equal(t, []string{"PREPARE", "ready I"}, c.do(1, query("PREPARE s AS SELECT 1")))
	assert.Equal(t, []string{"INSERT 0 1", "error 23503", "ready I"}, c.do(1, query("INSERT INTO bad VALUES (1); DEALLOCATE s")))
	assert.Equal(t, []string{"INSERT 0 1", "error 23503", "ready I"}, c.do(1, query("INSERT INTO bad VALUES (1); PREPARE s AS DELETE FROM t")))
	c.do(1, bind("", "s"), execute(""), &pgproto3.Sync{})
	assert.Equal(t, 1, r.left(t), "the record would say SELECT 1")
	// A name that is taken stays what it was.
	assert.Equal(t, []string{"PREPARE", "ready I"}, c.do(1, query("PREPARE taken AS SELECT 1")))
	assert.Equal(t, []string{"error 42P05", "ready I"}, c.do(1, query("PREPARE taken AS SELECT 2")))
	assert.Equal(t, []string{"BindComplete", "row [1]", "SELECT 1", "ready I"}, c.do(1, bind("", "taken"), execute(""), &pgproto3.Sync{}))
}

// EXECUTE can run a PREPARE, and so change names.
func TestNamesChangedByName(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int); INSERT INTO t VALUES (1)"})
	c := r.raw(t)
	sync := &pgproto3.Sync{}
	c.do(1, query("PREPARE s AS SELECT 1"))
	c.do(1, parse("drop", "DEALLOCATE s"), parse("make", "PREPARE s AS DELETE FROM t"), sync)
	assert.Equal(t, []string{"DEALLOCATE", "ready I"}, c.do(1, query("EXECUTE drop")))
	assert.Equal(t, []string{"PREPARE", "ready I"}, c.do(1, query("EXECUTE make")))
	assert.Equal(t, []string{"BindComplete", "DELETE 1", "ready I"}, c.do(1, bind("", "s"), execute(""), sync))
	ops := r.Record.Operations()
	assert.Equal(t, "delete", ops[len(ops)-1].Verb)
}

// Statements that run each other by name have no end.
func TestNamesInACircle(t *testing.T) {
	r := start(t, options{})
	c := r.raw(t)
	sync := &pgproto3.Sync{}
	c.do(1, query("BEGIN"))
	c.do(1, parse("x", "FETCH 1 FROM b"), parse("y", "FETCH 1 FROM a"), bind("a", "x"), bind("b", "y"), sync)
	assert.Equal(t, []string{"error 54000", "ready E"}, c.do(1, execute("a"), sync))
	c.do(1, query("ROLLBACK"))
	assert.Equal(t, []string{"RowDescription", "row [1]", "SELECT 1", "ready I"}, c.do(1, query("SELECT 1")))
}

// Statements and portals that are not there have their own codes.
func TestMissingNames(t *testing.T) {
	r := start(t, options{})
	c := r.raw(t)
	assert.Equal(t, []string{"error 34000", "ready I"}, c.do(1, execute("nobody"), &pgproto3.Sync{}))
	assert.Equal(t, []string{"error 26000", "ready I"}, c.do(1, bind("", "nobody"), execute(""), &pgproto3.Sync{}))
	assert.Equal(t, []string{"error 26000", "ready I"}, c.do(1, query("EXECUTE nobody")))
}

// What is copied in counts for the COPY that takes it.
func TestTwoCopiesInOneQuery(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int); CREATE TABLE u(a int)"})
	c := r.raw(t)
	data := func(s string) pgproto3.FrontendMessage { return &pgproto3.CopyData{Data: []byte(s)} }
	got := c.do(1, query("COPY t FROM STDIN; COPY u FROM STDIN"), data("1\n"), &pgproto3.CopyDone{}, data("2\n"), &pgproto3.CopyDone{})
	assert.Equal(t, []string{"CopyInResponse", "COPY 1", "CopyInResponse", "COPY 1", "ready I"}, got)
	assert.Contains(t, string(r.Record.Operation(t, "COPY u").Input), "2\n")
	assert.NotContains(t, string(r.Record.Operation(t, "COPY t").Input), "2\n")
	// Data that nobody asked for is dropped.
	got = c.do(1, parse("", "COPY t FROM STDIN"), bind("", ""), execute(""), data("1\n"), &pgproto3.CopyDone{}, data("2\n"), &pgproto3.CopyDone{}, data("3\n"), &pgproto3.Sync{})
	assert.Equal(t, []string{"ParseComplete", "BindComplete", "CopyInResponse", "COPY 1", "ready I"}, got)
	assert.Equal(t, 2, r.left(t))
}

// A COPY that the target fails while data is on its way fails natively.
func TestCopyFailsInTheMiddle(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int)"})
	c := r.connect()
	for range 20 {
		data := strings.NewReader("1\nbad\n" + strings.Repeat("1\n", 2<<20))
		_, err := c.PgConn().CopyFrom(t.Context(), data, "COPY t FROM STDIN")
		require.Equal(t, "22P02", code(err), "%v %s", err, r.Log)
	}
	require.Equal(t, 0, value[int](t, c, "SELECT count(*) FROM t"))
}

// A message over the cap has its place in the pipeline; one that is not known
// ends the session, however long it says it is.
func TestMessageOverTheCapInABatch(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int)"})
	c := r.raw(t)
	big := "SELECT 1" + strings.Repeat(" ", 1<<20)
	got := c.do(1, parse("", "INSERT INTO t VALUES (1)"), bind("", ""), execute(""), query(big))
	assert.Equal(t, []string{"ParseComplete", "BindComplete", "INSERT 0 1", "error 54000", "ready I"}, got)
	got = c.do(1, parse("", "INSERT INTO t VALUES (1)"), bind("", ""), execute(""), parse("", big), &pgproto3.Sync{})
	assert.Equal(t, []string{"ParseComplete", "BindComplete", "INSERT 0 1", "error 54000", "ready I"}, got)
	assert.Equal(t, 0, r.left(t))
	_, err := c.conn.Write(append(binary.BigEndian.AppendUint32([]byte{'!'}, 2<<20), bytes.Repeat([]byte{0}, 100)...))
	require.NoError(t, err)
	assert.Equal(t, "error 08P01", c.until(1)[0])
}

// A goodbye right behind a statement does not undo it.
func TestTerminateBehindAStatement(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int)"})
	c := r.raw(t)
	c.Send(query("INSERT INTO t SELECT 1 FROM pg_sleep(0.3)"))
	c.Send(&pgproto3.Terminate{})
	require.NoError(t, c.Flush())
	assert.Equal(t, protocol.OK, r.Record.Outcome(t, "INSERT INTO t"))
	assert.Equal(t, 1, r.left(t))
}

// Statistics quote values; a cursor does not say that they are statistics.
func TestStatisticsByCursor(t *testing.T) {
	r := start(t, options{masks: ssnMask, setup: "CREATE TABLE customers(id int, ssn text); INSERT INTO customers SELECT g, '" + canary + "' FROM generate_series(1, 100) g; ANALYZE"})
	c := r.connect()
	assert.Contains(t, value[string](t, r.direct(), "SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'customers' AND attname = 'ssn'"), canary)
	for _, how := range []string{"simple", "text", "binary"} {
		_, err := c.PgConn().Exec(t.Context(), "BEGIN; DECLARE c CURSOR FOR SELECT most_common_vals FROM pg_stats WHERE tablename = 'customers' AND attname = 'ssn'").ReadAll()
		require.NoError(t, err)
		shown, err := show(t.Context(), c, how, "FETCH ALL FROM c")
		require.NoError(t, err)
		assert.NotContains(t, shown, canary, how)
		_, _ = c.PgConn().Exec(t.Context(), "ROLLBACK").ReadAll()
	}
}
