package protocol_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xdg-go/scram"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

func noTarget(*rig, *peer) {}

func TestSequenceSCRAM(t *testing.T) {
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		name := c.hear()
		v, err := g.Verifier(ctx, identity.SchemeSCRAMSHA256, name)
		if err != nil {
			return err
		}
		conv := v.(identity.SCRAMVerifier).Start()
		for range 2 {
			answer, err := conv.Step([]byte(c.hear()))
			if err != nil {
				g.Refused(name, err)
				c.say("refused")
				return nil
			}
			c.say("%s", answer)
		}
		who, err := conv.Proven()
		if err != nil {
			return err
		}
		_, err = g.Open(ctx, who, protocol.Route{Client: c, User: name})
		c.hear()
		return err
	}
	r := start(t, speaker{speak}, noTarget)
	token := r.mint.Token("agent")
	prove := func(password string) (conv *scram.ClientConversation, last string) {
		conn := r.client()
		client, err := scram.SHA256.NewClient("agent", password, "")
		require.NoError(t, err)
		conv = client.NewConversation()
		conn.say("agent")
		for range 2 {
			message, err := conv.Step(last)
			require.NoError(t, err)
			conn.say("%s", message)
			last = conn.hear()
		}
		return conv, last
	}

	conv, last := prove(token)
	_, err := conv.Step(last)
	require.NoError(t, err)
	require.True(t, conv.Valid(), "the gateway has proven itself too")
	r.Record.WaitForKind(t, recorder.KindSessionOpened, 2) // the gateway's own is one
	require.Equal(t, []string{"agent"}, r.opened())

	_, last = prove(token + "x")
	require.Equal(t, "refused", last)
	r.Record.WaitForKind(t, recorder.KindRefused, 1)
	require.Equal(t, []string{"agent"}, r.opened())
	require.False(t, r.Record.Holds([]byte(token)))
}

// sshKeys is an authenticator as SSH needs it: which key the client may use is
// asked before the signature is there.
type sshKeys map[string]string // subjects by public key

func (k sshKeys) Verifier(_ context.Context, scheme identity.Scheme, _ string) (identity.Verifier, error) {
	if scheme != identity.SchemeSSHKey {
		return nil, identity.ErrSchemeUnsupported
	}
	return k, nil
}

func (sshKeys) Scheme() identity.Scheme { return identity.SchemeSSHKey }

func (k sshKeys) Holder(_ context.Context, key []byte, _ netip.Addr) (identity.Proven, error) {
	subject := k[string(key)]
	if subject == "" {
		return identity.Proven{}, identity.ErrRefused
	}
	return identity.Proven{
		Principal: identity.Principal{Issuer: "ssh", Subject: subject}, Scheme: identity.SchemeSSHKey,
		Credential: base64.RawStdEncoding.EncodeToString(key[:8]),
	}, nil
}

// The session is of who signed, not of whose key was asked about last.
func TestSequenceSSHKeyQueryThenSignature(t *testing.T) {
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		v, err := g.Verifier(ctx, identity.SchemeSSHKey, "root")
		if err != nil {
			return err
		}
		keys, from := v.(identity.KeyVerifier), netip.MustParseAddr("127.0.0.1")
		for {
			w := words(c.hear(), 3)
			key, _ := base64.StdEncoding.DecodeString(w[1])
			switch w[0] {
			case "query":
				_, err := keys.Holder(ctx, key, from)
				c.say("%v", err == nil)
			case "sign":
				signature, _ := base64.StdEncoding.DecodeString(w[2])
				who, err := keys.Holder(ctx, key, from)
				if err == nil && !ed25519.Verify(key, []byte("session id"), signature) {
					err = identity.ErrRefused
				}
				if err != nil {
					g.Refused("root", err)
					c.say("refused")
					continue
				}
				s, err := g.Open(ctx, who, protocol.Route{Client: c, User: "root"})
				if err != nil {
					return err
				}
				c.say("welcome %s", s.Principal())
			default:
				return nil
			}
		}
	}
	list := sshKeys{}
	private := map[string]ed25519.PrivateKey{}
	for _, name := range []string{"alice", "bob", "stranger"} {
		public, p, err := ed25519.GenerateKey(nil)
		require.NoError(t, err)
		private[name] = p
		if name != "stranger" {
			list[string(public)] = name
		}
	}
	r := start(t, speaker{speak}, noTarget, func(b *proxy.Builder) *proxy.Builder { return b.Identify(list) })
	c := r.client()
	send := func(verb, name string) string {
		key := private[name].Public().(ed25519.PublicKey)
		signature := ed25519.Sign(private[name], []byte("session id"))
		b64 := base64.StdEncoding.EncodeToString
		c.say("%s %s %s", verb, b64(key), b64(signature))
		return c.hear()
	}
	forge := func(name string) string {
		key := private[name].Public().(ed25519.PublicKey)
		b64 := base64.StdEncoding.EncodeToString
		c.say("sign %s %s", b64(key), b64(ed25519.Sign(private["stranger"], []byte("session id"))))
		return c.hear()
	}
	require.Equal(t, "false", send("query", "stranger"))
	require.Equal(t, "refused", send("sign", "stranger"))
	require.Equal(t, "true", send("query", "alice"))
	require.Equal(t, "true", send("query", "bob"))
	require.Equal(t, "refused", forge("bob"), "a key that is known and has not signed")
	require.Equal(t, "welcome alice", send("sign", "alice"))
	require.Equal(t, []string{"alice"}, r.opened())
}
