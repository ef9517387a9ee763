package postgres_test

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
)

func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

var noDrop = []approve.Rule{
	{Name: "rest", Verdict: protocol.Allow, Effects: protocol.Everything},
	{Name: "no-destroy", Verdict: protocol.Deny, Effects: protocol.Destroy, Reason: "nothing is destroyed here"},
}

func TestDenialOfASimpleQuery(t *testing.T) {
	r := start(t, options{rules: noDrop, setup: "CREATE TABLE t(a int)"})
	out, err := r.psql("-c", "DROP TABLE t")
	require.Error(t, err)
	assert.Contains(t, out, "42501")
	assert.Contains(t, out, `no-destroy`)
	assert.Equal(t, protocol.Refused, r.Record.Outcome(t, "DROP TABLE t"))
	assert.Equal(t, 0, value[int](t, r.direct(), "SELECT count(*) FROM t"))
	assert.NotContains(t, server.Logs(), "DROP TABLE t", "nothing reached the target")
}

func TestDenialFailsTheTransaction(t *testing.T) {
	r := start(t, options{rules: noDrop, setup: "CREATE TABLE t(a int)"})
	c := r.connect()
	ctx := t.Context()
	tx, err := c.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, "INSERT INTO t VALUES (1)")
	require.NoError(t, err)
	_, err = tx.Exec(ctx, "DELETE FROM t")
	require.Equal(t, "42501", code(err), "%v", err)
	_, err = tx.Exec(ctx, "INSERT INTO t VALUES (2)")
	require.Equal(t, "25P02", code(err), "%v", err)
	require.Error(t, tx.Commit(ctx))
	assert.Equal(t, 0, value[int](t, r.direct(), "SELECT count(*) FROM t"))
	assert.Equal(t, 7, value[int](t, c, "SELECT 7"))
}

func TestDenialOfOneStatementInAQueryOfSeveral(t *testing.T) {
	r := start(t, options{rules: noDrop, setup: "CREATE TABLE t(a int)"})
	c := r.connect()
	_, err := c.PgConn().Exec(t.Context(), "INSERT INTO t VALUES (1); DROP TABLE t; SELECT 1").ReadAll()
	require.Equal(t, "42501", code(err), "%v", err)
	assert.Equal(t, 0, value[int](t, r.direct(), "SELECT count(*) FROM t"), "nothing of the query may have run")
	assert.Equal(t, protocol.NotSent, r.Record.Outcome(t, "INSERT INTO t VALUES (1)"))
}

func TestDenialInAPipelineComesInOrder(t *testing.T) {
	r := start(t, options{rules: noDrop, setup: "CREATE TABLE t(a int)"})
	c := r.connect()
	ctx := t.Context()
	p := c.PgConn().StartPipeline(ctx)
	p.SendQueryParams("INSERT INTO t VALUES ($1)", [][]byte{[]byte("1")}, nil, nil, nil)
	p.SendPipelineSync()
	p.SendQueryParams("DELETE FROM t", nil, nil, nil, nil)
	p.SendPipelineSync()
	p.SendQueryParams("SELECT a FROM t", nil, nil, nil, nil)
	require.NoError(t, p.Sync())
	var got []string
	for {
		results, err := p.GetResults()
		if results == nil && err == nil {
			break
		}
		if err != nil {
			got = append(got, "error "+code(err))
			continue
		}
		switch results := results.(type) {
		case *pgconn.ResultReader:
			rows := results.Read()
			text := rows.CommandTag.String()
			for _, row := range rows.Rows {
				text += " " + string(row[0])
			}
			if rows.Err != nil {
				text = "error " + code(rows.Err)
			}
			got = append(got, text)
		case *pgconn.PipelineSync:
			got = append(got, "sync")
		}
	}
	require.NoError(t, p.Close())
	assert.Equal(t, []string{"INSERT 0 1", "sync", "error 42501", "sync", "SELECT 1 1", "sync"}, got)
}

func TestDenialBehindAFlushFailsWhatWasSent(t *testing.T) {
	r := start(t, options{rules: noDrop, setup: "CREATE TABLE t(a int)"})
	c := r.connect()
	ctx := t.Context()
	p := c.PgConn().StartPipeline(ctx)
	p.SendQueryParams("INSERT INTO t VALUES (1)", nil, nil, nil, nil)
	p.SendFlushRequest()
	require.NoError(t, p.Flush())
	results, err := p.GetResults()
	require.NoError(t, err)
	_, err = results.(*pgconn.ResultReader).Close()
	require.NoError(t, err)
	p.SendQueryParams("DELETE FROM t", nil, nil, nil, nil)
	p.SendQueryParams("INSERT INTO t VALUES (2)", nil, nil, nil, nil)
	require.NoError(t, p.Sync())
	results, err = p.GetResults()
	if err == nil {
		_, err = results.(*pgconn.ResultReader).Close()
	}
	require.Equal(t, "42501", code(err), "%v", err)
	_ = p.Close()
	assert.Equal(t, 0, value[int](t, r.direct(), "SELECT count(*) FROM t"))
	assert.Equal(t, 1, value[int](t, c, "SELECT 1"))
}

func TestCopyBothWays(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int, b text)"})
	c := r.connect()
	n, err := c.CopyFrom(t.Context(), pgx.Identifier{"t"}, []string{"a", "b"}, pgx.CopyFromSlice(5000, func(i int) ([]any, error) {
		return []any{i, strings.Repeat("x", i%100)}, nil
	}))
	require.NoError(t, err, "%s", r.Log)
	assert.EqualValues(t, 5000, n)
	var b strings.Builder
	tag, err := c.PgConn().CopyTo(t.Context(), &b, "COPY t TO STDOUT")
	require.NoError(t, err)
	assert.EqualValues(t, 5000, tag.RowsAffected())
	assert.Equal(t, 5000, strings.Count(b.String(), "\n"))
	out, err := r.psql("-c", "\\copy t from program 'printf \"9001\\tp\\n9002\\tq\\n\"'")
	require.NoError(t, err, out)
	assert.Equal(t, 5002, value[int](t, c, "SELECT count(*) FROM t"))
	_, err = c.PgConn().CopyFrom(t.Context(), strings.NewReader("bad\n"), "COPY t FROM STDIN")
	require.Equal(t, "22P02", code(err))
	assert.Equal(t, 5002, value[int](t, c, "SELECT count(*) FROM t"))
}

func TestAskedOnTheWire(t *testing.T) {
	rules := append([]approve.Rule{{Name: "ask-drop", Verdict: protocol.Ask, Effects: protocol.Destroy}}, allowEverything...)
	r := start(t, options{rules: rules, setup: "CREATE TABLE t(a int); CREATE TABLE u(a int)"})
	r.people.Deny("not on a Friday").Approve()
	out, err := r.psql("-c", "DROP TABLE t")
	require.Error(t, err)
	assert.Contains(t, out, "waits for approval")
	assert.Contains(t, out, "not on a Friday")
	out, err = r.psql("-c", "DROP TABLE u")
	require.NoError(t, err, out)
	c := r.direct()
	assert.Equal(t, "t", value[string](t, c, "SELECT string_agg(relname,',') FROM pg_class WHERE relname IN ('t','u')"))
}

func TestClientGoneWhileAsked(t *testing.T) {
	rules := append([]approve.Rule{{Name: "ask", Verdict: protocol.Ask, Effects: protocol.Destroy}}, allowEverything...)
	r := start(t, options{rules: rules, setup: "CREATE TABLE t(a int)"})
	c := r.connect()
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(context.Background(), "DROP TABLE t")
		done <- err
	}()
	r.people.WaitAsked(t, 1)
	require.NoError(t, c.PgConn().Conn().Close())
	<-done
	r.people.WaitWithdrawn(t, 1)
	assert.Equal(t, protocol.Refused, r.Record.Outcome(t, "DROP TABLE t"))
	assert.Equal(t, 0, value[int](t, r.direct(), "SELECT count(*) FROM t"))
}

func TestCancel(t *testing.T) {
	r := start(t, options{})
	c := r.connect()
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(context.Background(), "SELECT pg_sleep(30)")
		done <- err
	}()
	require.Eventually(t, func() bool { return len(r.Record.Operations()) > 0 }, 5*time.Second, 10*time.Millisecond)
	time.Sleep(100 * time.Millisecond)
	require.NoError(t, c.PgConn().CancelRequest(t.Context()))
	select {
	case err := <-done:
		assert.Equal(t, "57014", code(err), "%v", err)
	case <-time.After(10 * time.Second):
		t.Fatal("not cancelled")
	}
}

func TestListenAndNotices(t *testing.T) {
	r := start(t, options{})
	c := r.connect()
	_, err := c.Exec(t.Context(), "LISTEN news")
	require.NoError(t, err)
	_, err = r.direct().Exec(t.Context(), "NOTIFY news, 'hello'")
	require.NoError(t, err)
	n, err := c.WaitForNotification(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "hello", n.Payload)
	out, err := r.psql("-c", "DO $$BEGIN RAISE NOTICE 'look'; END$$")
	require.NoError(t, err)
	assert.Contains(t, out, "look")
}

func TestPgbench(t *testing.T) {
	r := start(t, options{})
	init := exec.Command(server.BinDir()+"/pgbench", "-i", "-s", "1", "-q", r.dsn())
	out, err := init.CombinedOutput()
	require.NoError(t, err, "%s %s", out, r.Log)
	for _, mode := range []string{"simple", "extended", "prepared"} {
		cmd := exec.Command(server.BinDir()+"/pgbench", "-M", mode, "-c", "4", "-t", "50", "-n", r.dsn())
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), "number of transactions actually processed: 200/200")
	}
}
