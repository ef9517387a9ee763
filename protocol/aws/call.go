package aws

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// call is one request of a client's, on its way.
type call struct {
	c *connection
	p *Plugin
	w http.ResponseWriter
	r *http.Request // as it came; it changes when the signature was verified

	claim  sigv4.Claim
	secret string
	who    identity.Proven
	route  route
	s      *protocol.Session
	name   model.Call
	wire   model.Wire // of the answer; guessed until the call has a name
	body   []byte     // where it is held whole
	whole  bool
	hash   [sha256.Size]byte // of body
	held   []func()          // give back the memory that the call's bodies take
	ahead  *ahead            // reads the body while the call waits; mostly nil
	waited bool              // for a person, which may take long
	signed bool              // the signature was noted as used, by this call
	writes bool              // more than reading may happen
	token  string            // the gateway's own session token, that the target was sent
	// reached says that there was a connection to send the call on.
	reached atomic.Bool
	target  atomic.Pointer[bulk] // of that connection; nil where it has none
	// hostLabels are the operation's parameters that stand in the host's name.
	hostLabels map[string]string
	tables     []string // of DynamoDB that it is about
}

// handle answers one request.
func (c *connection) handle(w http.ResponseWriter, r *http.Request) {
	k := &call{c: c, p: c.p, w: w, r: r}
	k.wire = guessWire(r)
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			c.gate.Logger().Error("a call panicked; its connection is cut", "panic", p, "stack", string(debug.Stack()))
			panic(http.ErrAbortHandler)
		}
	}()
	defer func() {
		for _, giveBack := range k.held {
			giveBack()
		}
	}()
	if err := k.serve(); err != nil {
		k.refuse(err)
	}
}

// serve carries the call out. An error is for the client: nothing was written
// to it yet.
func (k *call) serve() error {
	k.route = k.p.routeOf(k.c, k.r)
	if err := k.c.leadsTo(k.r.Host); err != nil {
		return err
	}
	if k.route.credentials(k.c, k.r) {
		return k.handOutCredentials()
	}
	var err error
	if k.claim, err = sigv4.Parse(k.r); errors.Is(err, sigv4.ErrUnsigned) {
		return k.signIn()
	} else if err != nil {
		return err
	}
	if err := k.prove(); err != nil {
		return err
	}
	if err := k.open(); err != nil {
		return err
	}
	if err := k.understand(); err != nil {
		return k.notUnderstood(err)
	}
	if k.name.Operation.Service.Name == "sts" && k.name.Operation.Name == "GetCallerIdentity" {
		return k.tellCaller()
	}
	return k.carry()
}

// prove verifies the signature. The secret is asked for before anything of the
// body is read: only who has a session token of the gateway's gets that far.
func (k *call) prove() error {
	if err := k.known(); err != nil {
		return err
	}
	var hash []byte
	if k.claim.Payload == sigv4.Undeclared {
		var err error
		if hash, err = k.readBody(); err != nil {
			return err
		}
	}
	return k.claim.Verify(k.r, k.secret, time.Now(), hash, sigv4.Options{Keys: &k.c.keys})
}

// known asks who has the access key, and for the secret that belongs to it.
func (k *call) known() error {
	ctx := k.r.Context()
	v, err := k.c.gate.Verifier(ctx, identity.SchemeSigV4, k.claim.AccessKeyID)
	if err != nil {
		return err
	}
	signing, ok := v.(identity.SigningVerifier)
	if !ok {
		return fmt.Errorf("%w: the verifier for %s tells no secret", identity.ErrSchemeUnsupported, identity.SchemeSigV4)
	}
	k.secret, k.who, err = signing.Secret(ctx, k.claim.SessionToken)
	return err
}

// readBody reads the body whole, within the bound, and returns its digest.
func (k *call) readBody() ([]byte, error) {
	limit := k.p.config.MaxBody
	if k.r.ContentLength > limit {
		return nil, &tooLarge{limit}
	}
	if err := k.hold(&k.p.requests, k.r.ContentLength); err != nil {
		return nil, err
	}
	body, err := readAll(k.r.Body, k.r.ContentLength, limit)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: the body broke off", sigv4.ErrIncomplete)
	case int64(len(body)) > limit:
		return nil, &tooLarge{limit}
	}
	k.body, k.whole, k.hash = body, true, sha256.Sum256(body)
	return k.hash[:], nil
}

// readAll reads a body that is said to have that length, or any if it is
// negative, up to one byte beyond limit.
func readAll(from io.Reader, length, limit int64) ([]byte, error) {
	if length < 0 || length > smallSize || length > limit {
		return io.ReadAll(io.LimitReader(from, limit+1))
	}
	body := make([]byte, length+1) // its end has to be seen
	switch n, err := io.ReadFull(from, body); {
	case int64(n) == length && (err == io.EOF || err == io.ErrUnexpectedEOF):
		return body[:length], nil
	case err == nil || err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	default:
		return nil, err
	}
}

// hold takes the memory for a body of that length, or of any if it is negative,
// until the call is over.
func (k *call) hold(from *budget, length int64) error {
	if length < 0 {
		length = k.p.config.MaxBody
	}
	giveBack, err := from.take(k.r.Context(), k.claim.AccessKeyID, length)
	if err == nil {
		k.held = append(k.held, giveBack)
	}
	return err
}

const (
	holdTime   = 20 * time.Second
	heldBodies = 8 // of the largest size, in each direction, for each credential
)

// errBusy is for a client that has too much under way.
var errBusy = errors.New("this client has too many large calls under way at once; make fewer")

// tooLarge is for bodies that would be held whole.
type tooLarge struct{ limit int64 }

func (e *tooLarge) Error() string {
	return fmt.Sprintf("the body has more than the %d bytes that this gateway holds to judge it", e.limit)
}

// understand makes of the verified request one that can be read in one way,
// and names it.
func (k *call) understand() error {
	sigv4.Strip(k.r)
	k.route.cut(k.r, k.claim.Service)
	if err := sigv4.Normalise(k.r, k.claim.Service); err != nil {
		return err
	}
	form, err := k.form()
	if err != nil {
		return err
	}
	k.name, err = k.p.table.Name(model.Request{
		Method: k.r.Method, Host: k.c.host, Path: k.r.URL.EscapedPath(), Query: k.r.URL.Query(), Header: k.r.Header, Form: form,
		SigningName: k.claim.Service, Service: k.route.service,
	})
	if err != nil {
		return err
	}
	k.wire = k.name.Wire
	if err := k.c.answersIn(k.name.Operation.Service, k.claim.Region); err != nil {
		return err
	}
	if err := k.onePlace(); err != nil {
		return err
	}
	if streams(k.name.Operation.Input) {
		return nil
	}
	if !k.whole {
		if err := k.readProven(); err != nil {
			return err
		}
	}
	if err := k.unpack(); err != nil {
		return err
	}
	return k.readAs()
}

// notUnderstood records a call that has no name, or a body that it must not
// have, as one that is refused.
func (k *call) notUnderstood(err error) error {
	to := k.refusal(err)
	verb := k.claim.Service + ":?"
	if op := k.name.Operation; op != nil {
		verb = op.Service.Name + ":" + op.Name
	}
	_, denied := k.s.Begin(k.r.Context(), nil, protocol.Operation{
		Verb: verb, Text: clip(k.r.Method+" "+k.r.URL.EscapedPath(), 400), Effects: protocol.Everything, Refuse: to.message,
		Objects: []protocol.Object{{Kind: "arn", Name: "arn:aws:" + k.claim.Service + ":" + k.claim.Region + ":" + k.p.config.Account + ":*", Effects: protocol.Everything}},
	})
	return &misunderstood{to, denied}
}

// misunderstood is an error that has been recorded, with what the client is told.
type misunderstood struct {
	refusal
	denied error
}

func (e *misunderstood) Error() string { return e.message }
func (e *misunderstood) Unwrap() error { return e.denied }

// readProven reads the body whole and compares it with what was signed.
func (k *call) readProven() error {
	if k.claim.Payload.Chunked() {
		return fmt.Errorf("%w: only objects may come in chunks", sigv4.ErrUnsupported)
	}
	hash, err := k.readBody()
	if err == nil && k.claim.Payload == sigv4.Hashed && !bytes.Equal(hash, k.claim.PayloadHash[:]) {
		err = sigv4.ErrPayload
	}
	return err
}

// streams reports whether a shape has a blob of any length, or events.
func streams(s *model.Shape) bool {
	if wire.EventStream(s) != nil {
		return true
	}
	if s == nil || s.Payload == "" {
		return false
	}
	m := s.Member(s.Payload)
	return m != nil && m.Shape != nil && m.Shape.Streaming
}

// open opens the principal's session, or joins it.
func (k *call) open() error {
	var err error
	k.s, err = k.c.gate.Open(k.r.Context(), k.who, protocol.Route{
		Target: k.route.target, Join: k.claim.AccessKeyID, User: k.claim.AccessKeyID,
		Details: map[string]string{"user_agent": clip(k.r.UserAgent(), 200)},
	})
	return err
}

// carry has the operation admitted and forwards it.
func (k *call) carry() error {
	to, err := k.p.upstreamOf(k.s)
	if err != nil {
		return err
	}
	op, err := k.operation()
	if err != nil {
		return k.notUnderstood(err)
	}
	k.writes = writes(op.Effects)
	out, region, err := k.outbound(to)
	if err != nil {
		return k.notUnderstood(err)
	}
	x, err := k.admit(op)
	if err != nil {
		return err
	}
	defer func() { _ = x.End(protocol.Outcome{Result: protocol.Aborted, Text: "the gateway broke it off"}) }() // the first end counts
	if k.waited {
		if err := k.known(); err != nil {
			_ = x.End(protocol.Outcome{Result: protocol.NotSent, Text: "the credentials have ended meanwhile"})
			return err
		}
	}
	return k.forward(to, x, out, region)
}

// writes reports whether more than reading may happen.
func writes(e protocol.Effects) bool { return e&^protocol.Read != 0 }

// errRepeated is for a writing call that came twice with one signature.
var errRepeated = errors.New("this signature was used for a call before; sign the call anew")

// drained reads what the client still sends of a body, so that it reads the
// answer; a client that waits for "100 Continue" sends nothing. By HTTP/2 the
// two do not get in each other's way, and clients stop sending by themselves.
func (k *call) drained() {
	if k.r.ProtoMajor != 1 || k.whole || k.r.Body == nil || k.r.ContentLength == 0 || strings.EqualFold(k.r.Header.Get("Expect"), "100-continue") {
		return
	}
	_ = http.NewResponseController(k.w).SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.CopyN(io.Discard, k.r.Body, drainBytes)
}

const (
	drainTime  = 30 * time.Second
	drainBytes = 256 << 20
)

func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return protocol.Visible(s)
}
