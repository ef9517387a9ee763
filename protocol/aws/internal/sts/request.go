package sts

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/secret"
)

// The actions that a gateway answers by itself.
const (
	ActionAssumeRoleWithWebIdentity = "AssumeRoleWithWebIdentity"
	ActionAssumeRoleWithSAML        = "AssumeRoleWithSAML"
	ActionGetCallerIdentity         = "GetCallerIdentity"
)

// Answered reports whether the gateway answers an action by itself. All others
// are the target's.
func Answered(action string) bool {
	switch action {
	case ActionAssumeRoleWithWebIdentity, ActionAssumeRoleWithSAML, ActionGetCallerIdentity:
		return true
	}
	return false
}

// Request is one of [AssumeRoleWithWebIdentity] and [GetCallerIdentity].
type Request interface {
	// Action is the name of the operation.
	Action() string
}

// AssumeRoleWithWebIdentity asks for credentials, with a token of an OpenID
// Connect issuer. It comes unsigned.
type AssumeRoleWithWebIdentity struct {
	Role RoleARN
	// Session is what the client calls its session: 2 to 64 letters, digits
	// and _+=,.@-.
	Session string
	// Token is the web identity token: 4 to 20,000 characters of visible ASCII.
	Token secret.Secret
	// Duration is how long the credentials shall live, from 15 minutes to 12
	// hours; zero where the client does not say.
	Duration time.Duration
	// Provider is the host name of an OAuth 2.0 provider; clients of OpenID
	// Connect leave it empty.
	Provider string
}

// Action implements [Request].
func (*AssumeRoleWithWebIdentity) Action() string { return ActionAssumeRoleWithWebIdentity }

// GetCallerIdentity asks who has signed it.
type GetCallerIdentity struct{}

// Action implements [Request].
func (*GetCallerIdentity) Action() string { return ActionGetCallerIdentity }

const (
	maxToken    = 20000
	maxSession  = 64
	maxProvider = 2048
)

// Parse reads a request from its form, or from its query where it came as GET.
// It keeps nothing of form. The error is an [*Error] that holds no token.
//
// A parameter that is not known, or is there twice, is an error and not passed
// over as AWS does: it may limit what is asked for. So are Policy and
// PolicyArns, which a gateway cannot apply. Parameters that begin with "X-Amz-" are
// of the signature in a query.
func Parse(form url.Values) (Request, error) {
	p := &parameters{form: form}
	action, version := p.one("Action"), p.one("Version")
	switch {
	case p.err != nil:
		return nil, p.err
	case action == "":
		return nil, &Error{400, "MissingAction", "The request has no parameter Action."}
	case version != Version:
		return nil, invalidAction("Could not find the operation in this version; Version must be " + Version + ".")
	case action == ActionGetCallerIdentity:
		if p.nothingElse(); p.err != nil {
			return nil, p.err
		}
		return &GetCallerIdentity{}, nil
	case action == ActionAssumeRoleWithWebIdentity:
		return webIdentity(p)
	case action == ActionAssumeRoleWithSAML:
		return nil, invalidAction("AssumeRoleWithSAML is not supported by this gateway yet; use AssumeRoleWithWebIdentity with a token of OpenID Connect.")
	}
	return nil, invalidAction("This gateway does not answer this operation by itself.")
}

func webIdentity(p *parameters) (Request, error) {
	for _, name := range slices.Sorted(maps.Keys(p.form)) {
		if name == "Policy" || name == "PolicyArns" || strings.HasPrefix(name, "PolicyArns.") {
			return nil, Validation(base(name) + ": this gateway cannot narrow credentials by a session policy, its own rules do; leave Policy and PolicyArns out.")
		}
	}
	r := &AssumeRoleWithWebIdentity{}
	role := p.required("RoleArn")
	r.Session = p.required("RoleSessionName")
	// Clients send the file as it is, and "echo" ends it with a line end.
	token := strings.TrimRight(p.required("WebIdentityToken"), "\r\n")
	r.Provider = p.one("ProviderId")
	duration := p.one("DurationSeconds")
	p.nothingElse()
	if p.err != nil {
		return nil, p.err
	}
	var ok bool
	if r.Role, ok = ParseRoleARN(role); !ok {
		return nil, Validation("RoleArn is not the ARN of a role, such as arn:aws:iam::123456789012:role/name.")
	}
	if !validName(r.Session, maxSession) || len(r.Session) < 2 {
		return nil, Validation("RoleSessionName must have 2 to 64 letters, digits or characters of _+=,.@-.")
	}
	if len(token) < 4 || len(token) > maxToken || !visible(token) {
		return nil, Validation("WebIdentityToken must have 4 to 20000 characters of visible ASCII.")
	}
	r.Token = secret.New(token)
	if r.Provider != "" && (len(r.Provider) < 4 || len(r.Provider) > maxProvider || !visible(r.Provider)) {
		return nil, Validation("ProviderId must have 4 to 2048 characters of visible ASCII.")
	}
	if duration != "" {
		seconds, err := strconv.ParseUint(duration, 10, 16)
		if err != nil || seconds < 900 || seconds > 43200 {
			return nil, Validation("DurationSeconds must be a number from 900 to 43200.")
		}
		r.Duration = time.Duration(seconds) * time.Second
	}
	return r, nil
}

// parameters reads a form, and keeps the first mistake.
type parameters struct {
	form url.Values
	read []string
	err  *Error
}

func (p *parameters) one(name string) string {
	p.read = append(p.read, name)
	values := p.form[name]
	switch {
	case len(values) == 0:
		return ""
	case len(values) > 1:
		p.fail(name + " is there more than once.")
		return ""
	}
	return values[0]
}

func (p *parameters) required(name string) string {
	v := p.one(name)
	if v == "" {
		p.fail(name + " is missing.")
	}
	return v
}

// nothingElse fails where there is what nobody has read.
func (p *parameters) nothingElse() {
	for _, name := range slices.Sorted(maps.Keys(p.form)) {
		if !slices.Contains(p.read, name) && !strings.HasPrefix(name, "X-Amz-") {
			p.fail(base(name) + " is not a parameter that this gateway knows.")
		}
	}
}

func (p *parameters) fail(message string) {
	if p.err == nil {
		p.err = Validation(message)
	}
}

// base is the name of a parameter as far as it can be shown: it is the
// client's, and may be anything.
func base(name string) string {
	name, _, _ = strings.Cut(name, ".")
	if name == "" || !validName(name, maxSession) {
		return "A parameter with an odd name"
	}
	return name
}

// validName reports whether s has 1 to most of the characters that AWS's names
// of roles and sessions have.
func validName(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for _, c := range []byte(s) {
		if !nameByte(c) {
			return false
		}
	}
	return true
}

func nameByte(c byte) bool {
	return c < utf8.RuneSelf && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_+=,.@-", c) >= 0)
}

func visible(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
