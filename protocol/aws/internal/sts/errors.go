package sts

import (
	"errors"
	"strconv"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
)

// Error is a refusal in the words of STS. Status and code decide whether a
// client tries again: of those made here, clients repeat what
// [IDPCommunication] returns, and the Go SDK what [InvalidIdentityToken] does.
type Error struct {
	Status  int    // of HTTP
	Code    string // of STS
	Message string // shown to people; nothing secret
}

// Error implements error.
func (e *Error) Error() string {
	return "STS: " + e.Code + " (" + strconv.Itoa(e.Status) + "): " + e.Message
}

// XML returns the body that says so to the client.
func (e *Error) XML(requestID string) []byte {
	w := errorResponse{XMLNS: namespace, RequestID: requestID}
	w.Error.Type, w.Error.Code, w.Error.Message = "Sender", e.Code, e.Message
	if e.Status >= 500 {
		w.Error.Type = "Receiver"
	}
	return encode(w)
}

// Validation says that a parameter is wrong.
func Validation(message string) *Error { return &Error{400, "ValidationError", message} }

// AccessDenied says that the gateway's rules do not allow it.
func AccessDenied(message string) *Error { return &Error{403, "AccessDenied", message} }

// ExpiredToken says that the web identity token has expired.
func ExpiredToken() *Error {
	return &Error{400, "ExpiredTokenException", "The web identity token has expired; get a new one from its issuer."}
}

// InvalidIdentityToken says that the token cannot be read. For one that is
// refused, [Rejected] is better: the Go SDK takes this for temporary.
func InvalidIdentityToken(message string) *Error {
	return &Error{400, "InvalidIdentityToken", message}
}

// Rejected says that the token proves nobody.
func Rejected() *Error {
	return &Error{403, "IDPRejectedClaim", "The web identity token is not accepted by this gateway."}
}

// IDPCommunication says that the token's issuer cannot be asked now. Clients
// try again.
func IDPCommunication() *Error {
	return &Error{400, "IDPCommunicationError", "The issuer of the web identity token cannot be reached from this gateway now; try again later."}
}

// PackedPolicyTooLarge says that the principal does not fit into a session
// token.
func PackedPolicyTooLarge() *Error {
	return &Error{400, "PackedPolicyTooLarge", "What the web identity token says of you, such as your groups, is too much for a session token; its issuer can say less."}
}

func invalidAction(message string) *Error { return &Error{400, "InvalidAction", message} }

// Refusal returns what is said to a client whose token, or whose asking for
// credentials, came to err. An [*Error] is itself; of any other, nothing but its kind is
// told, and what is not known is denied.
func Refusal(err error) *Error {
	var own *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, identity.ErrExpired):
		return ExpiredToken()
	case errors.Is(err, identity.ErrUnavailable):
		return IDPCommunication()
	case errors.Is(err, identity.ErrRefused):
		return Rejected()
	case errors.Is(err, awskeys.ErrTooLarge):
		return PackedPolicyTooLarge()
	}
	return AccessDenied("This gateway could not issue credentials; its log says why.")
}
