package postgres_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

func TestUpdateReachesLiveSessions(t *testing.T) {
	r := start(t, options{setup: customers})
	c := r.connect()
	ctx := t.Context()
	read := func() string {
		shown, err := show(ctx, c, "text", "SELECT ssn FROM customers WHERE id = 1")
		if err != nil {
			return code(err)
		}
		return strings.TrimSpace(shown)
	}
	assert.Equal(t, canary, read())
	before := r.Record.Operation(t, "SELECT ssn").Decision.Policy

	require.NoError(t, r.Update(ctx, proxy.Change{Masks: ssnMask}))
	assert.Equal(t, "********", read(), "masks hold from the next operation on")
	require.NoError(t, r.Update(ctx, proxy.Change{Masks: []mask.Rule{mask.Columns("customers.ssn", mask.Keep(2))}}))
	assert.Equal(t, "*********81", read())

	// A statement that was prepared under the old masks is masked by the new ones.
	require.NoError(t, r.Update(ctx, proxy.Change{Masks: []mask.Rule{}}))
	_, err := c.PgConn().Prepare(ctx, "s", "SELECT ssn FROM customers WHERE id = 1", nil)
	require.NoError(t, err)
	require.NoError(t, r.Update(ctx, proxy.Change{Masks: ssnMask}))
	got := c.PgConn().ExecPrepared(ctx, "s", nil, nil, nil).Read()
	require.NoError(t, got.Err)
	assert.Equal(t, "********", string(got.Rows[0][0]))

	deny := append([]approve.Rule{{Name: "closed", Verdict: protocol.Deny, Objects: []string{"customers"}}}, allowEverything...)
	require.NoError(t, r.Update(ctx, proxy.Change{Policy: deny}))
	assert.Equal(t, "42501", read())
	ops := r.Record.Operations()
	assert.NotEqual(t, before, ops[len(ops)-1].Decision.Policy, "every decision names the policy in force")

	err = r.Update(ctx, proxy.Change{Policy: []approve.Rule{{Name: "", Verdict: protocol.Allow}}, Masks: []mask.Rule{}})
	require.Error(t, err)
	assert.Equal(t, "42501", read(), "a bad update changes nothing")
	require.NoError(t, r.Update(ctx, proxy.Change{Policy: allowEverything}))
	assert.Equal(t, "********", read())

	other := proxytest.NewMint()
	token := other.Token("agent")
	require.NoError(t, r.Update(ctx, proxy.Change{Identity: []identity.Authenticator{other}}))
	_, err = pgx.Connect(ctx, r.dsn())
	assert.Equal(t, "28P01", code(unwrapConnect(err)))
	r.token = token
	assert.Equal(t, 1, value[int](t, r.connect(), "SELECT 1"))
	assert.Equal(t, "********", read(), "who is in stays in")
}

// A mask that the target lacks ends the session instead of unmasking.
func TestUpdateToAMaskThatIsNotThere(t *testing.T) {
	r := start(t, options{setup: customers, masks: ssnMask})
	c := r.connect()
	require.NoError(t, r.Update(t.Context(), proxy.Change{Masks: []mask.Rule{mask.Columns("customers.snn", mask.Full())}}))
	_, err := c.Exec(t.Context(), "SELECT ssn FROM customers")
	require.ErrorContains(t, err, "rules name objects that the target does not have")
	assert.False(t, r.Record.Holds([]byte(canary)))
}

func TestASessionIsEndedWithinASecond(t *testing.T) {
	r := start(t, options{})
	c := r.connect()
	done := make(chan error, 1)
	go func() {
		_, err := c.Exec(t.Context(), "SELECT pg_sleep(30)")
		done <- err
	}()
	require.Eventually(t, func() bool { s := r.Sessions(); return len(s) == 1 && s[0].Open == 1 }, 5*time.Second, 10*time.Millisecond)
	begun := time.Now()
	require.True(t, r.End(r.Sessions()[0].ID, "on a whim"))
	select {
	case err := <-done:
		assert.Equal(t, "57P01", code(err), "%v", err)
		assert.ErrorContains(t, err, "on a whim")
		assert.Less(t, time.Since(begun), time.Second)
	case <-time.After(5 * time.Second):
		t.Fatal("the session goes on")
	}
	require.Eventually(t, func() bool { return len(r.Sessions()) == 0 }, 5*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		return value[int](t, r.direct(), "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'sallyport %' AND datname = current_database()") == 0
	}, 10*time.Second, 100*time.Millisecond, "the target's side must be gone too")
}

func TestShutdownTellsIdleClients(t *testing.T) {
	r := start(t, options{build: func(b *proxy.Builder) *proxy.Builder { return b.Limits(proxy.Limits{Drain: 5 * time.Second}) }})
	c := r.connect()
	stopped := make(chan error, 1)
	go func() { stopped <- r.Stop() }()
	_, err := c.WaitForNotification(t.Context())
	assert.ErrorContains(t, err, "shutting down")
	select {
	case err := <-stopped:
		assert.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("the gateway does not stop")
	}
}

func TestSeveralTargetsOnOneListener(t *testing.T) {
	mint := proxytest.NewMint()
	token := mint.Token("agent")
	target := func(name string) protocol.Target {
		return protocol.Target{Name: name, Address: server.Addr(), Database: newDatabase(t, "CREATE TABLE "+name+"(a int)"), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}
	}
	g := proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Identify(mint).AllowAll().Limits(proxy.Limits{Drain: -1}).Listen("127.0.0.1:0", plugin, target("east"), target("west"))
	})
	host, port, _ := net.SplitHostPort(g.Addr())
	for _, name := range []string{"east", "west"} {
		c, err := pgx.Connect(t.Context(), "host="+host+" port="+port+" user=agent password="+token+" sslmode=disable dbname="+name)
		require.NoError(t, err)
		assert.Equal(t, 0, value[int](t, c, "SELECT count(*) FROM "+name))
		require.NoError(t, c.Close(t.Context()))
	}
	_, err := pgx.Connect(t.Context(), "host="+host+" port="+port+" user=agent password="+token+" sslmode=disable dbname=north")
	assert.Equal(t, "3D000", code(unwrapConnect(err)), "%v", err)
}

func TestObserveRecordsWhatWouldHaveBeenDenied(t *testing.T) {
	r := start(t, options{rules: noDrop, setup: "CREATE TABLE t(a int); INSERT INTO t VALUES (1)", build: func(b *proxy.Builder) *proxy.Builder { return b.Observe() }})
	c := r.connect()
	_, err := c.Exec(t.Context(), "DELETE FROM t")
	require.NoError(t, err)
	op := r.Record.Operation(t, "DELETE FROM t")
	assert.Equal(t, protocol.Deny, op.Decision.Verdict)
	assert.True(t, op.Decision.Observed)
	assert.Equal(t, 0, value[int](t, c, "SELECT count(*) FROM t"))
}
