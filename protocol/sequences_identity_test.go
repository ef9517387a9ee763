package protocol_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
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

const schemeKey identity.Scheme = "ssh-publickey"

type keyVerifier struct {
	keys sshKeys
	user string
}

func (k sshKeys) Verifier(_ context.Context, scheme identity.Scheme, name string) (identity.Verifier, error) {
	if scheme != schemeKey {
		return nil, identity.ErrSchemeUnsupported
	}
	return keyVerifier{k, name}, nil
}

func (keyVerifier) Scheme() identity.Scheme { return schemeKey }

func (v keyVerifier) Accepts(key []byte) bool { return v.keys[string(key)] != "" }

func (v keyVerifier) VerifySignature(key, signed, signature []byte) (identity.Proven, error) {
	subject := v.keys[string(key)]
	if subject == "" || !ed25519.Verify(key, signed, signature) {
		return identity.Proven{}, identity.ErrRefused
	}
	return identity.Proven{
		Principal: identity.Principal{Issuer: "ssh", Subject: subject}, Scheme: schemeKey,
		Credential: base64.RawStdEncoding.EncodeToString(key[:8]),
	}, nil
}

// The session is of who signed, not of whose key was asked about last.
func TestSequenceSSHKeyQueryThenSignature(t *testing.T) {
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		v, err := g.Verifier(ctx, schemeKey, "root")
		if err != nil {
			return err
		}
		keys := v.(keyVerifier)
		for {
			w := words(c.hear(), 3)
			key, _ := base64.StdEncoding.DecodeString(w[1])
			switch w[0] {
			case "query":
				c.say("%v", keys.Accepts(key))
			case "sign":
				signature, _ := base64.StdEncoding.DecodeString(w[2])
				who, err := keys.VerifySignature(key, []byte("session id"), signature)
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
	require.Equal(t, "false", send("query", "stranger"))
	require.Equal(t, "refused", send("sign", "stranger"))
	require.Equal(t, "true", send("query", "alice"))
	require.Equal(t, "true", send("query", "bob"))
	require.Equal(t, "welcome alice", send("sign", "alice"))
	require.Equal(t, []string{"alice"}, r.opened())
}
