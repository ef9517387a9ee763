package wire

import "slices"

// Auth is what an Authentication message of the server asks for.
type Auth uint32

// The kinds of Authentication messages.
const (
	AuthOK                Auth = 0
	AuthKerberosV5        Auth = 2
	AuthCleartextPassword Auth = 3
	AuthMD5Password       Auth = 5
	AuthGSS               Auth = 7
	AuthGSSContinue       Auth = 8
	AuthSSPI              Auth = 9
	AuthSASL              Auth = 10
	AuthSASLContinue      Auth = 11
	AuthSASLFinal         Auth = 12
)

// Authentication is an Authentication message.
type Authentication struct {
	// Kind says what it is.
	Kind Auth
	// Data is the salt of AuthMD5Password (4 bytes) or the server's message of
	// AuthSASLContinue, AuthSASLFinal and AuthGSSContinue. It borrows from the body.
	Data []byte
	// Mechanisms are those that AuthSASL offers.
	Mechanisms []string
}

// maxMechanisms bounds a server's list; PostgreSQL has two.
const maxMechanisms = 16

// ParseAuthentication reads an Authentication message's body.
func ParseAuthentication(body []byte) (Authentication, error) {
	const message = "Authentication"
	c := cursor{b: body}
	a := Authentication{Kind: Auth(c.u32())}
	if c.bad {
		return a, c.end(message)
	}
	switch a.Kind {
	case AuthMD5Password:
		a.Data = c.take(4)
	case AuthGSSContinue, AuthSASLContinue, AuthSASLFinal:
		a.Data = c.take(len(c.b))
	case AuthSASL:
		for {
			name := c.str()
			if len(name) == 0 {
				break // the end, or no NUL was left
			}
			if len(a.Mechanisms) == maxMechanisms {
				return a, malformed(message, "it offers more than %d mechanisms", maxMechanisms)
			}
			a.Mechanisms = append(a.Mechanisms, string(name))
		}
	case AuthOK, AuthKerberosV5, AuthCleartextPassword, AuthGSS, AuthSSPI:
	default:
		return a, malformed(message, "unknown kind %d", a.Kind)
	}
	return a, c.end(message)
}

// Offers reports whether an AuthSASL message offers a mechanism.
func (a Authentication) Offers(mechanism string) bool {
	return slices.Contains(a.Mechanisms, mechanism)
}
