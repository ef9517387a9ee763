package recorder

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
)

// testSigner makes the signer that belongs to a name, always the same.
func testSigner(t testing.TB, name string) (note.Signer, string) {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	public, err := note.NewEd25519VerifierKey(name, ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	require.NoError(t, err)
	hash := strings.Split(public, "+")[1]
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%s+%s", name, hash, base64.StdEncoding.EncodeToString(append([]byte{1}, seed[:]...))))
	require.NoError(t, err)
	return s, public
}

const goldenKey = "sallyport-golden"

// The journals in testdata were written by the version of the format in their
// name. They are never written anew: later versions must read, verify and
// continue them. Where one does not exist yet, this test makes it.
func TestGoldenJournals(t *testing.T) {
	signer, public := testSigner(t, goldenKey)
	for _, version := range []string{"v1"} {
		dir := filepath.Join("testdata", version)
		if there, err := exists(dir); err == nil && !there {
			writeGolden(t, dir, signer, public)
		}
		r := verify(t, dir, VerifyOptions{Key: public})
		require.Empty(t, r.Findings)
		require.Equal(t, r.Events, r.Signed)

		var got bytes.Buffer
		require.NoError(t, Export(&got, read(t, dir).All(0)))
		want, err := os.ReadFile(dir + ".jsonl")
		require.NoError(t, err)
		require.Equal(t, string(want), got.String())

		copied := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
		j := open(t, copied, Options{Signer: signer})
		require.NoError(t, j.Append(context.Background(), Durable, opened("later"), closed("later")))
		require.NoError(t, j.Close())
		r = verify(t, copied, VerifyOptions{Key: public})
		require.Empty(t, r.Findings)
		require.Equal(t, r.Events, r.Signed)
	}
}

func writeGolden(t *testing.T, dir string, signer note.Signer, public string) {
	j := open(t, dir, Options{Signer: signer, SegmentSize: minSegmentSize, CheckpointInterval: time.Hour})
	require.NoError(t, os.WriteFile(filepath.Join(dir, publicKeyName), []byte(public+"\n"), 0o644))
	at := time.Date(2026, 11, 23, 9, 0, 0, 123456789, time.UTC)
	ctx := context.Background()
	add := func(events ...*Event) {
		for _, e := range events {
			at = at.Add(1234567 * time.Nanosecond)
			e.Session, e.Time = "g-1-1", at
		}
		require.NoError(t, j.Append(ctx, Durable, events...))
	}
	add(&Event{Kind: KindSessionOpened, Opened: &Opened{
		Gateway: "g", Protocol: "postgres", Target: "db", Address: "127.0.0.1:5432", Remote: "127.0.0.1:40000", Listener: "127.0.0.1:6432",
		Principal: identity.Principal{
			Issuer: "https://issuer.example", Subject: "agent-1", Name: "Agent", Groups: []string{"agents", "readers"},
			Attributes: map[string]string{"team": "sales", "cost": "7"}, OnBehalfOf: "ann", Expires: at.Add(time.Hour),
		},
		Scheme: "token", Credential: "tok-1", Policy: "abcd", Durability: "durable", Observe: true, User: "app", Details: map[string]string{"database": "app"},
	}})
	add(&Event{Kind: KindOperation, Exchange: 1, OpKey: "00ff", Operation: &protocol.Operation{
		Verb: "select", Text: "select 'é', '\xff\u202e' from t where id = $1", Effects: protocol.Read | protocol.Code,
		Params:  []protocol.Param{{Name: "$1", Type: "int4", Value: "7"}, {Name: "$2", Raw: []byte{0, 255}, Masked: true}, {Name: "$3", Null: true}},
		Objects: []protocol.Object{{Kind: "table", Name: "public.t", Effects: protocol.Read, Resolved: true}},
		Parent:  3, Origin: protocol.OriginTarget, Remark: "remark",
	}, Decision: &protocol.Decision{Verdict: protocol.Ask, Rule: "r", Reason: "why", Approvers: []string{"ops"}, Timeout: time.Minute, Policy: "abcd"}})
	add(&Event{Kind: KindDecision, Exchange: 1, Decision: &protocol.Decision{Verdict: protocol.Allow, Rule: "r", By: "bob"}})
	add(&Event{Kind: KindAnnotation, Exchange: 1, Note: &Note{Kind: "shape", Text: "one column", Shape: 1, Objects: []protocol.Object{{Kind: "table", Name: "t"}}}, Payload: []byte("\x00\x01shape")},
		&Event{Kind: KindOutput, Exchange: 1, Part: &Part{Kind: "rows", Shape: 1, Units: 2, Masked: 1}, Payload: []byte("\x00\xffrows")},
		&Event{Kind: KindOutput, Exchange: 1, Part: &Part{Kind: "rows", Withheld: true, Length: 9, Digest: "beef"}},
		&Event{Kind: KindEnd, Exchange: 1, Outcome: &protocol.Outcome{Result: protocol.Failed, Code: "22012", Text: "division by zero", Units: 2}})
	_, err := j.Checkpoint()
	require.NoError(t, err)
	for range 8 { // into a second segment
		add(&Event{Kind: KindNote, Note: &Note{Kind: "note", Text: strings.Repeat("long ", 150), Withheld: true}})
	}
	add(&Event{Kind: KindSessionClosed, Outcome: &protocol.Outcome{Result: protocol.OK}})
	require.NoError(t, j.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, lockName)))
	f, err := os.Create(dir + ".jsonl")
	require.NoError(t, err)
	require.NoError(t, Export(f, read(t, dir).All(0)))
	require.NoError(t, f.Close())
	t.Log("wrote", dir)
}
