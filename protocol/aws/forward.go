package aws

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// endpoint returns where the target answers for a service, as scheme and host,
// and the region to sign for.
func (u *upstream) endpoint(service *model.Service, region string) (at, signingRegion string, err error) {
	t := u.s.Target()
	if len(t.Endpoints) == 0 {
		if t.TLS.Mode == protocol.TLSDisable {
			return "http://" + t.Address, region, nil
		}
		return "https://" + t.Address, region, nil
	}
	host, signingRegion, err := u.p.table.Endpoint(service, region)
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", errNoEndpoint, err)
	}
	return "https://" + host, signingRegion, nil
}

// errNoEndpoint is for a service that AWS does not have in a region.
var errNoEndpoint = errors.New("no such endpoint")

// outbound makes the request for the target, without body and signature.
func (k *call) outbound(u *upstream) (*http.Request, string, error) {
	service := k.name.Operation.Service
	at, region, err := u.endpoint(service, k.claim.Region)
	if err != nil {
		return nil, "", err
	}
	if k.c.host != "" && len(u.s.Target().Endpoints) > 0 {
		// In proxy mode the client has chosen, among AWS's hosts.
		at, region = "https://"+k.c.host, k.claim.Region
	} else if prefix := k.hostPrefix(); prefix != "" && len(u.s.Target().Endpoints) > 0 {
		scheme, host, _ := strings.Cut(at, "://")
		if _, ok := k.p.table.ParseHost(prefix + host); !ok {
			return nil, "", fmt.Errorf("%w: %s", errNoEndpoint, protocol.Visible(prefix+host))
		}
		at = scheme + "://" + prefix + host
	}
	out, err := http.NewRequestWithContext(k.r.Context(), k.r.Method, at, nil)
	if err != nil {
		return nil, "", err
	}
	out.URL.Path, out.URL.RawPath, out.URL.RawQuery = k.r.URL.Path, k.r.URL.RawPath, k.r.URL.RawQuery
	out.Header = k.r.Header.Clone()
	out.Header.Del("Expect")
	if !streams(k.name.Operation.Output) {
		out.Header.Del("Accept-Encoding") // what is compressed cannot be masked
	}
	if out.Header.Get("User-Agent") == "" {
		out.Header["User-Agent"] = []string{""}
	}
	return out, region, nil
}

// hostPrefix fills the labels in the operation's host prefix.
func (k *call) hostPrefix() string {
	prefix := k.name.Operation.HostPrefix
	for name, value := range k.hostLabels {
		prefix = strings.ReplaceAll(prefix, "{"+name+"}", value)
	}
	return prefix
}

// forward sends the call on and brings the answer back. It ends the exchange.
func (k *call) forward(u *upstream, x *protocol.Exchange, out *http.Request, region string) error {
	creds, err := u.credentials(k.r.Context())
	if err != nil {
		_ = x.End(protocol.Outcome{Result: protocol.NotSent, Text: "no credentials"})
		return err
	}
	now, signing := time.Now(), k.name.Operation.Service.SigningName
	if k.claim.Service != "" {
		signing = k.claim.Service
	}
	payload := k.claim.Payload.String()
	if k.whole || k.claim.Payload == sigv4.Hashed {
		payload = hex.EncodeToString(k.claim.PayloadHash[:])
		if k.whole {
			payload = sha256Hex(k.body)
		}
	}
	seed, err := sigv4.Sign(out, creds, signing, region, payload, now)
	if err != nil {
		_ = x.End(protocol.Outcome{Result: protocol.NotSent, Text: "the request cannot be signed"})
		return err
	}
	var body *upload
	switch {
	case k.whole:
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(k.body)), int64(len(k.body))
		if len(k.body) == 0 {
			out.Body = http.NoBody
		}
	case k.r.ContentLength != 0:
		body = newUpload(k, x, &sigv4.Resign{SecretAccessKey: creds.SecretAccessKey, Region: region, Service: signing, Time: now, Seed: seed})
		out.Body, out.ContentLength = body, k.r.ContentLength
		if k.r.ContentLength > expectFrom {
			out.Header.Set("Expect", "100-continue")
		}
	}
	resp, err := u.http.RoundTrip(out)
	if err != nil {
		return k.unanswered(x, body, err)
	}
	defer resp.Body.Close()
	if body != nil {
		body.annotate()
	}
	return k.answer(x, resp)
}

// expectFrom is the length from which on a target is asked before it is sent a
// body: it may refuse by the head.
const expectFrom = 1 << 20

// unanswered tells why there is no answer.
func (k *call) unanswered(x *protocol.Exchange, body *upload, err error) error {
	if body != nil {
		if cause := body.failed.Load(); cause != nil {
			o := protocol.Outcome{Result: protocol.Aborted, Text: "the body was not taken"}
			if _, denied := errors.AsType[*protocol.Denied](*cause); denied {
				o.Text = "more than is allowed"
			}
			_ = x.End(o)
			return *cause
		}
	}
	if k.r.Context().Err() != nil {
		_ = x.End(protocol.Outcome{Result: protocol.Unknown, Text: "the client left before the answer"})
		return err
	}
	if failure, ok := errors.AsType[*protocol.Failure](err); ok {
		_ = x.End(protocol.Outcome{Result: protocol.NotSent, Text: "the target cannot be reached"})
		return failure
	}
	k.s.Logger().Warn("the target did not answer", "operation", x.Name(), "error", err)
	if _, dial := errors.AsType[*net.OpError](err); dial && strings.HasPrefix(err.Error(), "dial") {
		_ = x.End(protocol.Outcome{Result: protocol.NotSent, Text: "the target cannot be reached"})
	} else {
		_ = x.End(protocol.Outcome{Result: protocol.Unknown, Text: "the target did not answer"})
	}
	return errNoAnswer
}

// errNoAnswer is for a target that breaks off.
var errNoAnswer = errors.New("the target did not answer")

// upload is a streaming body on its way to the target: proven, recorded, then
// forwarded.
type upload struct {
	x      *protocol.Exchange
	from   *sigv4.Reader
	length int64 // of what is sent; -1 where it is not known
	sent   int64
	sealed bool
	rest   []byte // of the piece at hand
	digest hash.Hash
	hashed string // by the client's own signature; then digest is nil
	failed atomic.Pointer[error]
	whole  atomic.Bool // all of it was read
}

func newUpload(k *call, x *protocol.Exchange, resign *sigv4.Resign) *upload {
	b := &upload{x: x, from: sigv4.NewReader(k.r.Body, k.claim, k.secret, resign), length: k.r.ContentLength}
	if k.claim.Payload == sigv4.Hashed {
		b.hashed = hex.EncodeToString(k.claim.PayloadHash[:])
	} else {
		b.digest = sha256.New()
	}
	return b
}

// Read implements io.Reader for the connection to the target.
func (b *upload) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		piece, err := b.from.Next()
		if err == io.EOF {
			if err := b.seal(); err != nil {
				return 0, b.fail(err)
			}
			b.whole.Store(true)
			return 0, io.EOF
		}
		if err != nil {
			return 0, b.fail(err)
		}
		if b.digest != nil {
			b.digest.Write(piece.Data)
		}
		content := int64(len(piece.Data))
		if content == 0 {
			content = -1
		}
		if err := b.x.Input(protocol.Part{Kind: "object", Data: piece.Wire, Withheld: true, Digested: true, Content: content}); err != nil {
			return 0, b.fail(err)
		}
		b.rest, b.sent = piece.Wire, b.sent+int64(len(piece.Wire))
		if b.sent == b.length {
			if err := b.seal(); err != nil {
				return 0, b.fail(err)
			}
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close implements io.Closer; the client's body is net/http's to close.
func (b *upload) Close() error { return nil }

func (b *upload) seal() error {
	if b.sealed {
		return nil
	}
	b.sealed = true
	return b.x.Seal()
}

func (b *upload) fail(err error) error {
	b.failed.CompareAndSwap(nil, &err)
	return err
}

// annotate records what was sent, once it was sent whole.
func (b *upload) annotate() {
	if !b.whole.Load() {
		return
	}
	sum := b.hashed
	if b.digest != nil {
		sum = hex.EncodeToString(b.digest.Sum(nil))
	}
	_ = b.x.Annotate(protocol.Annotation{Kind: "digest", Text: fmt.Sprintf("sent %d bytes, sha256 of the content %s", b.sent, sum)})
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
