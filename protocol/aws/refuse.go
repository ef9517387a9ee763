package aws

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// refusal is an error in HTTP's and AWS's terms.
type refusal struct {
	status  int
	code    string
	message string
}

// refuse answers a call that is not carried out, in the words of its wire, and
// records it where no session does.
func (k *call) refuse(err error) {
	if _, ok := errors.AsType[errSent](err); ok {
		panic(http.ErrAbortHandler) // half an answer was sent: the connection is cut
	}
	if k.r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client has left; an empty answer would look like success
	}
	to := k.refusal(err)
	id := ""
	if denied, ok := errors.AsType[*protocol.Denied](err); ok {
		id = denied.ID
	}
	if k.s == nil {
		k.c.gate.Refused(k.claim.AccessKeyID, err)
	}
	service := ""
	switch {
	case k.name.Operation != nil:
		service = k.name.Operation.Service.Name
	case k.wire == model.RESTXML: // guessed
		service = "s3"
	}
	// The answer goes out first: it may be long before the client has sent all.
	answered := http.NewResponseController(k.w)
	_ = answered.EnableFullDuplex()
	defer func() {
		_ = answered.Flush()
		k.drained()
	}()
	header, body := wire.Denial(k.wire, service, to.code, to.message, id)
	for name, values := range header {
		k.w.Header()[name] = values
	}
	if k.r.Method == http.MethodHead {
		body = nil
	} else {
		k.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	wrote := false
	write := func(b []byte) (int, error) {
		wrote = true
		k.w.WriteHeader(to.status)
		return k.w.Write(b)
	}
	if k.s != nil {
		// What the client is told stands in the record too.
		if _ = k.s.EmitTo(writerFunc(write), protocol.Part{Kind: "gateway", Data: body, Content: -1}); wrote {
			return
		}
	}
	_, _ = write(body)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// refusal finds status, code and words for an error. SDKs try again at 429 and
// 5xx, and on some codes: only what may pass has those.
func (k *call) refusal(err error) refusal {
	json := k.wire == model.JSON10 || k.wire == model.JSON11 || k.wire == model.CBOR || k.wire == model.RESTJSON
	pick := func(a, b string) string {
		if json {
			return a
		}
		return b
	}
	forbidden := pick("AccessDeniedException", "AccessDenied")
	if m, ok := errors.AsType[*misunderstood](err); ok {
		if d, ok := errors.AsType[*protocol.Denied](m.denied); ok {
			m.message = fmt.Sprintf("%s (operation %s)", m.refusal.message, d.ID)
			return m.refusal
		}
		return k.refusal(m.denied)
	}
	if large, ok := errors.AsType[*tooLarge](err); ok {
		return refusal{http.StatusRequestEntityTooLarge, pick("ValidationException", "EntityTooLarge"), large.Error()}
	}
	if _, ok := errors.AsType[*protocol.Denied](err); ok {
		return refusal{http.StatusForbidden, forbidden, protocol.Public(err)}
	}
	if f, ok := errors.AsType[*protocol.Failure](err); ok {
		if errors.Is(f, protocol.ErrUnreachable) || errors.Is(f, protocol.ErrShutdown) {
			return refusal{http.StatusBadGateway, pick("ServiceUnavailableException", "ServiceUnavailable"), f.Public}
		}
		if errors.Is(f, protocol.ErrExpired) {
			return refusal{http.StatusForbidden, pick("ExpiredTokenException", "ExpiredToken"), f.Public}
		}
		return refusal{http.StatusForbidden, forbidden, f.Public}
	}
	for _, one := range []struct {
		err       error
		status    int
		json, xml string
	}{
		{sigv4.ErrMismatch, 403, "InvalidSignatureException", "SignatureDoesNotMatch"},
		{sigv4.ErrSkewed, 403, "InvalidSignatureException", "RequestTimeTooSkewed"},
		{sigv4.ErrExpired, 403, "InvalidSignatureException", "AccessDenied"},
		{sigv4.ErrUnsigned, 403, "MissingAuthenticationTokenException", "MissingAuthenticationToken"},
		{sigv4.ErrSigV2, 403, "InvalidSignatureException", "InvalidRequest"},
		{sigv4.ErrSigV4A, 403, "InvalidSignatureException", "InvalidRequest"},
		{sigv4.ErrBearer, 403, "InvalidSignatureException", "InvalidRequest"},
		{sigv4.ErrUnsupported, 403, "InvalidSignatureException", "InvalidRequest"},
		{sigv4.ErrHeaderNotSigned, 403, "InvalidSignatureException", "AccessDenied"},
		{sigv4.ErrMalformed, 400, "IncompleteSignatureException", "IncompleteSignature"},
		{sigv4.ErrPayload, 400, "InvalidSignatureException", "XAmzContentSHA256Mismatch"},
		{sigv4.ErrIncomplete, 400, "SerializationException", "IncompleteBody"},
		{sigv4.ErrFraming, 400, "SerializationException", "InvalidRequest"},
		{wire.ErrMalformed, 400, "SerializationException", "MalformedXML"},
		{model.ErrUnknown, 403, "UnknownOperationException", "InvalidAction"},
		{errNoEndpoint, 400, "ValidationException", "InvalidRequest"},
		{errTooMuch, 403, "AccessDeniedException", "AccessDenied"},
		{errUnmasked, 403, "AccessDeniedException", "AccessDenied"},
		{errNoRoom, 403, "AccessDeniedException", "AccessDenied"},
		{identity.ErrExpired, 403, "ExpiredTokenException", "ExpiredToken"},
		{identity.ErrRefused, 403, "UnrecognizedClientException", "InvalidClientTokenId"},
	} {
		if errors.Is(err, one.err) {
			words := err.Error()
			if errors.Is(err, identity.ErrRefused) || errors.Is(err, identity.ErrExpired) {
				words = one.err.Error() + ": ask this gateway for new ones"
			}
			return refusal{one.status, pick(one.json, one.xml), words}
		}
	}
	switch {
	case errors.Is(err, errRepeated):
		// SDKs sign anew and try again on this code: who made the call in earnest gets through.
		return refusal{http.StatusBadRequest, pick("ThrottlingException", "Throttling"), errRepeated.Error()}
	case errors.Is(err, errBusy):
		return refusal{http.StatusBadRequest, pick("ThrottlingException", "Throttling"), errBusy.Error()}
	case errors.Is(err, errNoAnswer):
		return refusal{http.StatusBadGateway, pick("ServiceUnavailableException", "ServiceUnavailable"), errNoAnswer.Error()}
	case errors.Is(err, identity.ErrUnavailable):
		return refusal{http.StatusBadGateway, pick("ServiceUnavailableException", "ServiceUnavailable"), identity.ErrUnavailable.Error()}
	case errors.Is(err, identity.ErrSchemeUnsupported):
		k.c.gate.Logger().Error("the gateway's Identify lacks Config.Issuer", "error", err)
		return refusal{http.StatusForbidden, forbidden, "this gateway cannot verify signatures; its operator's log says why"}
	}
	k.c.gate.Logger().Error("call failed", "error", err)
	return refusal{http.StatusForbidden, forbidden, protocol.Public(err)}
}

// guessWire tells in which form an error is understood before the call has a
// name. The XML of REST is S3's then.
func guessWire(r *http.Request) model.Wire {
	auth, query := r.Header.Get("Authorization"), r.URL.RawQuery
	switch kind := r.Header.Get("Content-Type"); {
	case strings.Contains(auth, "/s3/aws4_request"): // objects have any type of content
		return model.RESTXML
	case r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		return model.CBOR
	case r.Header.Get("X-Amz-Target") != "":
		return model.JSON10
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		return model.Query
	case strings.HasPrefix(kind, "application/json"):
		return model.RESTJSON
	case strings.Contains(query, "X-Amz-Algorithm"), strings.HasPrefix(auth, "AWS "), strings.Contains(query, "AWSAccessKeyId="): // version 2 is S3's
		return model.RESTXML
	case auth == "": // who asks without a signature asks S3, mostly
		return model.RESTXML
	}
	return model.RESTJSON
}
