package aws

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
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
		if own := k.name.Host.Prefix; own != "" && k.name.Operation.HostPrefix == "{AccountId}." && own+"." != k.hostPrefix() {
			return nil, "", fmt.Errorf("%w: the host is of another account than the call", sigv4.ErrMalformed)
		}
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
	if k.c.host == "" && len(u.s.Target().Endpoints) > 0 {
		// A client that knows AWS's own host has said it.
		out.URL.Path, out.URL.RawPath = service.EndpointPath+out.URL.Path, service.EndpointPath+out.URL.RawPath
	}
	if err := k.empty(); err != nil {
		return nil, "", err
	}
	out.Header = maps.Clone(k.r.Header) // values are replaced, never changed
	out.Header.Del("Expect")
	// No API of AWS has these; net/http's Transport would take leave from them to send a call that writes twice.
	out.Header.Del("Idempotency-Key")
	out.Header.Del("X-Idempotency-Key")
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
	k.token = creds.SessionToken
	now, signing := time.Now(), k.name.Operation.Service.SigningName
	if k.claim.Service != "" {
		signing = k.claim.Service
	}
	payload := k.claim.Payload.String()
	if k.whole || k.claim.Payload == sigv4.Hashed {
		payload = hex.EncodeToString(k.claim.PayloadHash[:])
		if k.whole {
			payload = hex.EncodeToString(k.hash[:])
		}
	}
	seed, err := u.keys.Sign(out, creds, signing, region, payload, now)
	if err != nil {
		_ = x.End(protocol.Outcome{Result: protocol.NotSent, Text: "the request cannot be signed"})
		return err
	}
	if !k.whole && k.r.ContentLength != 0 {
		body := newUpload(k, x, &sigv4.Resign{SecretAccessKey: creds.SecretAccessKey, Region: region, Service: signing, Time: now, Seed: seed})
		out.Body, out.ContentLength = body, k.r.ContentLength
		if k.r.ContentLength > expectFrom {
			out.Header.Set("Expect", "100-continue")
		}
		return k.upload(u, x, out, body)
	}
	k.send(out)
	var resp *http.Response
	if len(k.body) <= smallSize {
		resp, err = u.call(out, k.writes, k.connected)
	} else {
		resp, err = u.large(out, k.writes, k.connected)
	}
	if err != nil {
		return k.unanswered(x, err)
	}
	defer resp.Body.Close()
	return k.answer(x, resp)
}

// connected notes that there is a connection to the target, and what carries large
// bodies there.
func (k *call) connected(b *bulk) {
	k.target.Store(b)
	k.reached.Store(true)
}

// send gives out the body that is held whole.
func (k *call) send(out *http.Request) {
	if len(k.body) == 0 {
		out.Body = http.NoBody
		return
	}
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(k.body)), nil }
	out.Body, _ = out.GetBody()
	out.ContentLength = int64(len(k.body))
}

// empty checks what was signed of a body that is not there.
func (k *call) empty() error {
	switch {
	case k.whole || k.r.ContentLength != 0:
		return nil
	case k.claim.Payload.Chunked():
		return fmt.Errorf("%w: there is none", sigv4.ErrIncomplete)
	case k.claim.Payload == sigv4.Hashed && k.claim.PayloadHash != sha256.Sum256(nil):
		return sigv4.ErrPayload
	}
	return nil
}

// upload sends a call whose body streams. A target may answer before it has
// all of it.
func (k *call) upload(u *upstream, x *protocol.Exchange, out *http.Request, body *upload) error {
	// The answer may be written before the body was read, and net/http leaves what is unread alone.
	_ = http.NewResponseController(k.w).EnableFullDuplex()
	resp, err := u.large(out, k.writes, k.connected)
	if err == nil {
		err = k.early(x, resp, body)
		resp.Body.Close() // the target gets no more
	}
	if _, cut := errors.AsType[errSent](err); cut {
		return err
	}
	// From here on nobody else reads the client's body.
	_ = http.NewResponseController(k.w).SetReadDeadline(time.Now().Add(drainTime))
	body.stop.Store(true)
	<-body.closed
	if body.begun.Load() {
		k.r.Header.Del("Expect") // the client was told to send
	}
	if resp != nil {
		if err == nil && !body.whole.Load() {
			_ = http.NewResponseController(k.w).Flush()
			k.drained() // lest the client be cut off while it sends, and miss the answer
		}
		return err
	}
	if cause := body.failed.Load(); cause != nil {
		o := protocol.Outcome{Result: protocol.Aborted, Text: "the body was not taken"}
		if _, denied := errors.AsType[*protocol.Denied](*cause); denied {
			o.Text = "more than is allowed"
		}
		_ = x.End(o)
		return *cause
	}
	return k.unanswered(x, err)
}

// early brings an answer to the client that may have come before the target
// had all of the body.
func (k *call) early(x *protocol.Exchange, resp *http.Response, body *upload) error {
	if body.whole.Load() {
		body.annotate()
	} else if cause := body.failed.Load(); cause != nil && resp.StatusCode < 300 {
		_ = x.End(protocol.Outcome{Result: protocol.Aborted, Text: "the body was not taken"})
		return *cause
	} else if err := x.Annotate(protocol.Annotation{Kind: "early", Text: "the target answered before it had the whole body"}); err != nil {
		return err
	}
	return k.answer(x, resp)
}

// expectFrom is the length from which on a target is asked before it is sent a
// body: it may refuse by the head.
const expectFrom = 1 << 20

// unanswered tells why there is no answer.
func (k *call) unanswered(x *protocol.Exchange, err error) error {
	if k.r.Context().Err() != nil {
		o := protocol.Outcome{Result: protocol.Unknown, Text: "the client left before the answer"}
		if !k.reached.Load() {
			o.Result = protocol.NotSent
		}
		_ = x.End(o)
		return err
	}
	if failure, ok := errors.AsType[*protocol.Failure](err); ok && !k.reached.Load() {
		_ = x.End(protocol.Outcome{Result: protocol.NotSent, Text: "the target cannot be reached"})
		return failure
	}
	k.s.Logger().Warn("the target did not answer", "operation", x.Name(), "error", err)
	if !k.reached.Load() { // a certificate that is not right, for one
		_ = x.End(protocol.Outcome{Result: protocol.NotSent, Text: "the target cannot be reached"})
	} else {
		_ = x.End(protocol.Outcome{Result: protocol.Unknown, Text: "the target did not answer"})
	}
	return errNoAnswer
}

// errNoAnswer is for a target that breaks off.
var errNoAnswer = errors.New("the target did not answer")

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
