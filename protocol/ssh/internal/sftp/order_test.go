package sftp_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// What is sent for one handle happens in the order in which it was sent, also
// where one of it is an operation of its own, and even if a person is asked.
func TestOrderOnAHandle(t *testing.T) {
	for name, verdict := range map[string]protocol.Verdict{"allowed": protocol.Allow, "asked": protocol.Ask} {
		t.Run(name, func(t *testing.T) {
			rules := append(allowAll(), approve.Rule{Name: "truncation", Verbs: []string{"sftp.setstat"}, Verdict: verdict})
			if verdict == protocol.Ask {
				rules[1].Timeout = time.Minute
			}
			r := start(t, setup{rules: rules})
			r.people.Approve()
			c := r.raw()
			h := c.open("f", wire.FlagWrite|wire.FlagCreate)
			c.send(
				c.request(wire.Request{Kind: wire.Write, Handle: h, Data: []byte("0123456789")}),
				c.request(wire.Request{Kind: wire.Fsetstat, Handle: h, Attrs: wire.Attrs{Flags: wire.AttrSize, Size: 3}}),
				c.request(wire.Request{Kind: wire.Write, Handle: h, Offset: 5, Data: []byte("xy")}),
				c.request(wire.Request{Kind: wire.Close, Handle: h}),
				c.request(wire.Request{Kind: wire.Write, Handle: h, Data: []byte("late")}),
			)
			codes := map[uint32]wire.Code{}
			for range 5 {
				a := c.response()
				codes[a.ID-c.id+4] = a.Code
			}
			assert.Equal(t, map[uint32]wire.Code{0: wire.OK, 1: wire.OK, 2: wire.OK, 3: wire.OK, 4: wire.Failure}, codes)
			got, err := os.ReadFile(filepath.Join(r.root, "f"))
			require.NoError(t, err)
			assert.Equal(t, "012\x00\x00xy", string(got))
		})
	}
}

// A client cannot slip a request that changes where a path leads between the
// judgement of another and its effect.
func TestNoRequestComesBetween(t *testing.T) {
	r := start(t, setup{rules: denySecrets()})
	in := func(name string) string { return filepath.Join(r.root, name) }
	for _, dir := range []string{"plain", "secret"} {
		require.NoError(t, os.Mkdir(in(dir), 0o700))
		require.NoError(t, os.WriteFile(in(dir+"/key"), []byte(dir), 0o600))
	}
	c := r.raw()
	for range 50 {
		require.NoError(t, os.RemoveAll(in("x")))
		require.NoError(t, os.RemoveAll(in("evil")))
		require.NoError(t, os.RemoveAll(in("away")))
		require.NoError(t, os.Symlink("plain", in("x")))
		require.NoError(t, os.Symlink("secret", in("evil")))
		p := func(s string) []byte { return []byte(s) }
		c.send(
			c.request(wire.Request{Kind: wire.Open, Path: p("x/key"), Flags: wire.FlagRead}),
			c.request(wire.Request{Kind: wire.Rename, Path: p("x"), Path2: p("away")}),
			c.request(wire.Request{Kind: wire.PosixRename, Path: p("evil"), Path2: p("x")}),
			c.request(wire.Request{Kind: wire.Open, Path: p("x/key"), Flags: wire.FlagRead}),
		)
		first := c.id - 3
		var h []byte
		for range 4 {
			a := c.response()
			switch a.ID {
			case first:
				require.Equal(t, wire.Handle, a.Kind, "%s", a.Message)
				h = append(h, a.Handle...)
			case first + 3:
				require.Equal(t, wire.PermissionDenied, a.Code)
			default:
				require.Equal(t, wire.OK, a.Code, "%s", a.Message)
			}
		}
		require.Equal(t, "plain", string(c.ask(wire.Request{Kind: wire.Read, Handle: h, Length: 10}).Data))
		require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: h}).Code)
	}
}

// A client that sends and ends at once gets its answers: the target hears of
// the end after it has given them.
func TestAnsweredBeforeTheEnd(t *testing.T) {
	early := make(chan error, 1)
	r := start(t, setup{server: scripted(func(p *fake) {
		p.greet()
		p.serve(func(p *fake, q *wire.Request) {
			_ = p.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			_, err := p.Read(make([]byte, 1))
			early <- err
			_ = p.SetReadDeadline(time.Now().Add(time.Minute))
			p.say(wire.Response{Kind: wire.Attributes, ID: q.ID})
		})
	})})
	c := r.raw()
	c.send(c.request(wire.Request{Kind: wire.Stat, Path: []byte("f")}))
	require.NoError(t, c.Conn.(interface{ CloseWrite() error }).CloseWrite())
	assert.Equal(t, wire.Attributes, c.response().Kind)
	require.ErrorIs(t, <-early, errTimeout)
	c.gone()
	require.NoError(t, r.ended())
	assert.Equal(t, protocol.OK, r.Record.Operation(t, "stat f").Outcome.Result)
}
