package postgres_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// Detectors hide a secret wherever the target may put it, and wherever the
// client itself writes it, in what is shown and in what is recorded.
func TestDetectors(t *testing.T) {
	const secret = "AKIAQ3EXAMPLE7KEYZ2B"
	r := start(t, options{
		masks: []mask.Rule{mask.Pattern("key", `AKIA[A-Z0-9]{16}`)},
		setup: "CREATE TABLE t(a text, b bytea, c text[]); INSERT INTO t VALUES ('key " + secret + " end', '" + secret + "', ARRAY['" + secret + "'])",
	})
	var notices strings.Builder
	config, err := pgx.ParseConfig(r.dsn())
	require.NoError(t, err)
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notices.WriteString(n.Message) }
	c, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer c.Close(t.Context())
	for _, sql := range []string{
		"SELECT a FROM t", "SELECT b FROM t", "SELECT c FROM t", "COPY (SELECT a FROM t) TO STDOUT", "SELECT a::int FROM t",
		"DO $$BEGIN RAISE NOTICE '%', (SELECT a FROM t); END$$", "DO $$BEGIN RAISE EXCEPTION '%', (SELECT a FROM t); END$$",
	} {
		for _, how := range []string{"simple", "text", "binary"} {
			shown, err := show(t.Context(), c, how, sql)
			if err != nil {
				shown += err.Error()
			}
			assert.NotContains(t, shown+notices.String(), secret, "%s %s", sql, how)
			if sql == "SELECT a FROM t" {
				assert.Equal(t, "key "+strings.Repeat("*", len(secret))+" end\n", shown, how)
			}
			notices.Reset()
		}
	}
	// What the client writes reaches the target as it is, and the record masked.
	_, err = c.Exec(t.Context(), "INSERT INTO t(a) VALUES ('"+secret+"'), ($1)", secret)
	require.NoError(t, err)
	_, err = c.PgConn().CopyFrom(t.Context(), strings.NewReader(secret+"\n"), "COPY t(a) FROM STDIN")
	require.NoError(t, err)
	assert.Equal(t, 3, value[int](t, r.direct(), "SELECT count(*) FROM t WHERE a = '"+secret+"'"))
	for _, op := range r.Record.Operations() {
		assert.NotContains(t, op.Text, secret)
		for _, p := range op.Params {
			assert.NotContains(t, p.Value+string(p.Raw), secret)
		}
	}
	assert.False(t, r.Record.Holds([]byte(secret)))
}

// The data of a COPY is durable before the word that makes it count is
// forwarded.
func TestCopyIsSealedBeforeItIsDone(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int)"})
	c := r.connect()
	_, err := c.PgConn().CopyFrom(t.Context(), strings.NewReader("1\n2\n"), "COPY t FROM STDIN")
	require.NoError(t, err)
	var id protocol.ExchangeID
	var data, sealed, ended int
	for i, e := range r.Record.Events() {
		switch {
		case e.Operation != nil && strings.HasPrefix(e.Operation.Text, "COPY t"):
			id = e.Exchange
		case id == 0 || e.Exchange != id:
		case e.Kind == recorder.KindInput && bytes.Contains(e.Payload, []byte("1\n")):
			data = i
		case e.Note != nil && e.Note.Kind == "sealed":
			sealed = i
		case e.Kind == recorder.KindEnd:
			ended = i
		}
	}
	assert.True(t, 0 < data && data < sealed && sealed < ended, "data %d, sealed %d, ended %d\n%s", data, sealed, ended, r.Record)
}
