package sigv4

import "errors"

// What is wrong with a request, for errors.Is. The text of an error says what to do and may be shown to the client.
var (
	// ErrUnsigned is a request that carries no signature at all.
	ErrUnsigned = errors.New("the request is not signed: configure credentials that this gateway issued")
	// ErrSigV2 is a request signed with Signature Version 2, or older.
	ErrSigV2 = errors.New("signature version 2 is not accepted: use signature version 4 (in the AWS CLI, " +
		"aws configure set default.s3.signature_version s3v4)")
	// ErrSigV4A is a request signed for several regions at once, which only AWS itself can verify.
	ErrSigV4A = errors.New("multi-region signatures (SigV4A) can't be verified here: use an endpoint of one region, " +
		"and sigv4 as the preferred authentication scheme")
	// ErrBearer is a request that carries a token in place of a signature.
	ErrBearer = errors.New("bearer tokens and other HTTP authentication are not accepted: sign the request with " +
		"signature version 4")
	// ErrUnsupported is a signature of version 4 in a form that the gateway doesn't take.
	ErrUnsupported = errors.New("this form of signature version 4 is not supported")
	// ErrMalformed is a request whose signature or whose address can't be read in one way only.
	ErrMalformed = errors.New("the request's signature or address is malformed")
	// ErrHeaderNotSigned is a request with a header that must be signed and is not.
	ErrHeaderNotSigned = errors.New("a header that must be signed is not")
	// ErrMismatch is a signature that is not the one that the secret makes: of the head, of a chunk, or of trailers.
	ErrMismatch = errors.New("the signature is not that of this request: check the secret key, and that nothing on " +
		"the way changes requests")
	// ErrSkewed is a signature made too long ago, or in the future.
	ErrSkewed = errors.New("the time of the signature is too far from the gateway's time: set the clock")
	// ErrExpired is a presigned request after its end.
	ErrExpired = errors.New("the presigned request has expired: sign it anew")
	// ErrPayload is a body that isn't the one whose hash was signed.
	ErrPayload = errors.New("the body is not the one whose SHA-256 was signed")
	// ErrIncomplete is a body that ends before its end, or isn't as long as was said.
	ErrIncomplete = errors.New("the body is not as long as the request said")
	// ErrFraming is a body that is not valid aws-chunked encoding, or has what it must not.
	ErrFraming = errors.New("the body is not valid aws-chunked encoding")
)
