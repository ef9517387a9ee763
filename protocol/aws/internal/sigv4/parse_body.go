package sigv4

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	maxTrailers = 16
	maxDecoded  = 1 << 50 // far above the largest object, far below what overflows
)

// checkSigned holds that the host and every x-amz-* header are signed, which all clients do and S3 demands. Others may
// be unsigned, as AWS has it: some clients leave out even Content-Type.
func (c *Claim) checkSigned(r *http.Request, query []pair) error {
	if !c.signs("host") {
		return fmt.Errorf("%w: Host", ErrHeaderNotSigned)
	}
	var room [64]byte
	for name := range r.Header {
		if !isToken(name) {
			return fmt.Errorf("%w: %.64q is no name of a header", ErrMalformed, name)
		}
		if isAmazon(name) && !c.signs(string(appendLower(room[:0], name))) {
			return fmt.Errorf("%w: %.64q", ErrHeaderNotSigned, name)
		}
	}
	if !c.Presigned && r.Header.Get("X-Amz-Date") == "" && !c.signs("date") {
		return fmt.Errorf("%w: Date", ErrHeaderNotSigned)
	}
	if c.Presigned && SingleEncoded(c.Service) {
		return checkHoisted(r, query)
	}
	return nil
}

func (c *Claim) signs(lower string) bool {
	_, found := slices.BinarySearch(c.SignedHeaders, lower)
	return found
}

func (c *Claim) readPayload(r *http.Request, query []pair) error {
	declared, err := c.declared(r, query)
	if err != nil {
		return err
	}
	s3 := SingleEncoded(c.Service)
	switch {
	case declared == "" && s3 && c.Presigned:
		c.Payload = Unsigned
	case declared == "" && s3:
		return fmt.Errorf("%w: S3 needs the header X-Amz-Content-Sha256", ErrMalformed)
	case declared == "":
		c.Payload = Undeclared
	case declared == literalUnsigned:
		c.Payload = Unsigned
	case declared == literalUnsignedTrailer:
		c.Payload = StreamingUnsignedTrailer
	case declared == literalSigned:
		c.Payload = StreamingSigned
	case declared == literalSignedTrailer:
		c.Payload = StreamingSignedTrailer
	case strings.HasPrefix(declared, "STREAMING-AWS4-ECDSA"):
		return ErrSigV4A
	case declared == "STREAMING-AWS4-HMAC-SHA256-EVENTS":
		return fmt.Errorf("%w: a stream of signed events, which would have to be signed anew event by event", ErrUnsupported)
	case strings.HasPrefix(declared, "STREAMING-"):
		return fmt.Errorf("%w: an unknown kind of streaming in X-Amz-Content-Sha256", ErrUnsupported)
	default:
		if !isHash(declared) {
			return fmt.Errorf("%w: X-Amz-Content-Sha256 is neither a SHA-256 in lower case nor a known word", ErrMalformed)
		}
		_, _ = hex.Decode(c.PayloadHash[:], []byte(declared))
		c.Payload = Hashed
	}
	if c.Payload.Chunked() && (c.Presigned || !s3) {
		return fmt.Errorf("%w: aws-chunked in a presigned request, or to another service than S3", ErrUnsupported)
	}
	return c.readFraming(r)
}

// declared is X-Amz-Content-Sha256, which presigned requests may have in the query.
func (c *Claim) declared(r *http.Request, query []pair) (string, error) {
	const name = "X-Amz-Content-Sha256"
	inHeader, err := single(r, name)
	if err != nil {
		return "", err
	}
	if inHeader == "" && len(r.Header.Values(name)) > 0 {
		return "", fmt.Errorf("%w: an empty %s", ErrMalformed, name)
	}
	if !c.Presigned {
		return inHeader, nil
	}
	value := inHeader
	for _, p := range query {
		if !strings.EqualFold(p.name, name) {
			continue
		}
		if p.value == "" || value != "" && p.value != value {
			return "", fmt.Errorf("%w: several values of %s, or an empty one", ErrMalformed, name)
		}
		value = p.value
	}
	return value, nil
}

// readFraming reads what belongs to aws-chunked only, and refuses it elsewhere: a target could take the framing for
// part of the body, or the other way round.
func (c *Claim) readFraming(r *http.Request) error {
	c.DecodedLength = -1
	length, err := single(r, "X-Amz-Decoded-Content-Length")
	if err != nil {
		return err
	}
	trailers := r.Header.Values("X-Amz-Trailer")
	if !c.Payload.Chunked() {
		if length != "" || len(trailers) > 0 || hasToken(r.Header.Values("Content-Encoding"), "aws-chunked") {
			return fmt.Errorf("%w: headers of aws-chunked encoding, but X-Amz-Content-Sha256 says another", ErrMalformed)
		}
		return nil
	}
	if length != "" {
		n, err := strconv.ParseUint(length, 10, 63)
		if err != nil || n > maxDecoded {
			return fmt.Errorf("%w: X-Amz-Decoded-Content-Length is not a length", ErrMalformed)
		}
		c.DecodedLength = int64(n)
	} else if c.Payload != StreamingUnsignedTrailer {
		return fmt.Errorf("%w: X-Amz-Decoded-Content-Length is missing", ErrMalformed)
	}
	for _, list := range trailers {
		for name := range strings.SplitSeq(list, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if !strings.HasPrefix(name, "x-amz-") || !isToken(name) || name == trailerSignature ||
				slices.Contains(c.Trailers, name) || len(c.Trailers) == maxTrailers {
				return fmt.Errorf("%w: X-Amz-Trailer must name at most %d trailers of AWS, each once", ErrMalformed, maxTrailers)
			}
			c.Trailers = append(c.Trailers, name)
		}
	}
	if len(c.Trailers) > 0 && c.Payload == StreamingSigned {
		return fmt.Errorf("%w: X-Amz-Trailer, but no trailers are signed", ErrMalformed)
	}
	return nil
}

func hasToken(lists []string, token string) bool {
	for _, list := range lists {
		for t := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
