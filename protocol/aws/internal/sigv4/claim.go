package sigv4

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Payload is how the body belongs to the signature.
type Payload uint8

const (
	// Undeclared: the request doesn't say. The signature covers the SHA-256 of the whole body, so it must be read
	// before [Claim.Verify]. Services other than S3 are mostly called like this.
	Undeclared Payload = iota
	// Hashed: the hash of the whole body is in [Claim.PayloadHash], and the body can be streamed through a [Reader].
	Hashed
	// Unsigned: the signature says nothing about the body.
	Unsigned
	// StreamingUnsignedTrailer is aws-chunked without signatures, usually with a checksum in a trailer.
	StreamingUnsignedTrailer
	// StreamingSigned is aws-chunked with a signature for each chunk.
	StreamingSigned
	// StreamingSignedTrailer is aws-chunked with a signature for each chunk and for the trailers.
	StreamingSignedTrailer
)

const (
	literalUnsigned        = "UNSIGNED-PAYLOAD"
	literalUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	literalSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	literalSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
)

// String is the value as X-Amz-Content-Sha256 has it, or a word for the kinds that have none.
func (p Payload) String() string {
	switch p {
	case Undeclared:
		return "undeclared"
	case Hashed:
		return "hashed"
	case Unsigned:
		return literalUnsigned
	case StreamingUnsignedTrailer:
		return literalUnsignedTrailer
	case StreamingSigned:
		return literalSigned
	case StreamingSignedTrailer:
		return literalSignedTrailer
	}
	return fmt.Sprintf("Payload(%d)", uint8(p))
}

// Chunked reports whether the body is in aws-chunked encoding.
func (p Payload) Chunked() bool {
	return p == StreamingUnsignedTrailer || p == StreamingSigned || p == StreamingSignedTrailer
}

// Claim is what a request says of its signature. Nothing of it is proven before [Claim.Verify] returned nil. It
// prints without the session token and the signature. It may be copied, and used by several goroutines.
type Claim struct {
	// AccessKeyID, Date (YYYYMMDD), Region and Service are the credential's scope.
	AccessKeyID, Date, Region, Service string
	// Time is when the request was signed, in UTC; its day is Date.
	Time time.Time
	// SignedHeaders are the names, lower case, sorted, each once.
	SignedHeaders []string
	// Signature is 32 bytes.
	Signature []byte `json:"-"`
	// Presigned says that the signature was in the query; it is valid from Time for Expires.
	Presigned bool
	Expires   time.Duration
	// SessionToken is what came with the access key, from header or query.
	SessionToken string `json:"-"`
	// Payload says how the body is signed, PayloadHash has its SHA-256 where Payload is Hashed.
	Payload     Payload
	PayloadHash [32]byte
	// DecodedLength is the length of the payload without framing, for chunked payloads; -1 where it wasn't said.
	DecodedLength int64
	// Trailers are the names announced for chunked payloads, lower case.
	Trailers []string
}

// Scope is the credential scope as it stands in the string to sign.
func (c Claim) Scope() string { return scope(c.Date, c.Region, c.Service) }

func scope(date, region, service string) string {
	return string(appendScope(nil, date, region, service))
}

// String names the claim without its secrets.
func (c Claim) String() string {
	kind := "signed"
	if c.Presigned {
		kind = "presigned for " + c.Expires.String()
	}
	return fmt.Sprintf("sigv4: %s by %q for %s at %s, headers %s, payload %s", kind, c.AccessKeyID, c.Scope(),
		c.Time.Format(timeFormat), strings.Join(c.SignedHeaders, ";"), c.Payload)
}

// GoString is String, so that %#v shows no secrets either.
func (c Claim) GoString() string { return c.String() }

// Format makes every verb print String.
func (c Claim) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, c.String()) }

// LogValue is the claim for logs, without its secrets.
func (c Claim) LogValue() slog.Value {
	return slog.GroupValue(slog.String("access_key", c.AccessKeyID), slog.String("scope", c.Scope()),
		slog.Time("time", c.Time), slog.Bool("presigned", c.Presigned), slog.String("payload", c.Payload.String()))
}

// SingleEncoded reports whether a service signs the path as it stands, encoded once and not normalised: S3 and its
// relatives do, all others normalise it and encode it twice.
func SingleEncoded(service string) bool {
	switch service {
	case "s3", "s3-outposts", "s3-object-lambda", "s3express":
		return true
	}
	return false
}
