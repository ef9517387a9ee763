package aws

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
	"github.com/sallyport/sallyport/protocol/aws/internal/sts"
)

// maxSignIn is how large a request for credentials may be: a token has at most
// 20,000 characters.
const maxSignIn = 64 << 10

// signIn answers what comes without a signature: requests for credentials. All
// else is refused.
func (k *call) signIn() error {
	form := k.r.URL.Query()
	if k.r.Method == http.MethodPost && strings.HasPrefix(k.r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		body, err := io.ReadAll(io.LimitReader(k.r.Body, maxSignIn+1))
		if err != nil || len(body) > maxSignIn {
			return &tooLarge{maxSignIn}
		}
		k.whole = true
		if form, err = url.ParseQuery(string(body)); err != nil {
			return fmt.Errorf("%w: the form cannot be read", sigv4.ErrMalformed)
		}
	}
	if !sts.Answered(form.Get("Action")) {
		return sigv4.ErrUnsigned
	}
	if err := k.assumeRole(form); err != nil {
		k.c.gate.Refused("", err)
		said := told(err)
		k.tell(said.Status, sts.ContentType, said.XML(""))
	}
	return nil
}

// assumeRole answers AssumeRoleWithWebIdentity.
func (k *call) assumeRole(form url.Values) error {
	asked, err := sts.Parse(form)
	if err != nil {
		return err
	}
	r, ok := asked.(*sts.AssumeRoleWithWebIdentity)
	if !ok {
		return sts.AccessDenied("this call must be signed")
	}
	who, err := k.verifyToken(k.r.Context(), "", r.Token.Reveal())
	if err != nil {
		return err
	}
	who.Principal = sts.Remember(who.Principal, r)
	creds, err := k.issue(who, r.Duration)
	if err != nil {
		return err
	}
	return k.handOut(who, creds, sts.ContentType, sts.WebIdentityAnswer(r, creds, who.Principal, ""))
}

// handOutCredentials answers at CredentialsPath.
func (k *call) handOutCredentials() error {
	if k.r.Method != http.MethodGet {
		k.tell(http.StatusMethodNotAllowed, "text/plain", []byte("use GET\n"))
		return nil
	}
	if err := k.containerCredentials(); err != nil {
		k.c.gate.Refused("", err)
		status, words := http.StatusUnauthorized, "the token was refused"
		switch {
		case errors.Is(err, identity.ErrExpired):
			words = "the token has expired"
		case errors.Is(err, identity.ErrUnavailable):
			status, words = http.StatusBadGateway, "the token's issuer cannot be asked now"
		case errors.Is(err, errAuthorization):
			words = err.Error()
		case !errors.Is(err, identity.ErrRefused):
			status, words = http.StatusForbidden, told(err).Message
		}
		body, err := json.Marshal(map[string]string{"code": "AccessDenied", "message": words})
		if err != nil {
			return err
		}
		k.tell(status, "application/json", append(body, '\n'))
	}
	return nil
}

// containerCredentials hands out credentials for the token that came.
func (k *call) containerCredentials() error {
	name, token, err := bearer(k.r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	who, err := k.verifyToken(k.r.Context(), name, token)
	if err != nil {
		return err
	}
	creds, err := k.issue(who, 0)
	if err != nil {
		return err
	}
	return k.handOut(who, creds, "application/json", creds.Document())
}

// told is what a client learns about why it gets no credentials.
func told(err error) *sts.Error {
	if f, ok := errors.AsType[*protocol.Failure](err); ok {
		return sts.AccessDenied(f.Public)
	}
	return sts.Refusal(err)
}

// errAuthorization is for a header that holds no token.
var errAuthorization = errors.New(`the Authorization header must be "Bearer" and a token, or "Basic" with name and token`)

// bearer reads the name and the token of an Authorization header. A static
// token comes with its name, as in RFC 7617; one of an issuer has none.
func bearer(header string) (name, token string, err error) {
	scheme, rest, _ := strings.Cut(header, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer") && rest != "":
		return "", rest, nil
	case strings.EqualFold(scheme, "Basic"):
		plain, err := base64.StdEncoding.DecodeString(rest)
		if name, token, ok := strings.Cut(string(plain), ":"); err == nil && ok {
			return name, token, nil
		}
	}
	return "", "", errAuthorization
}

// verifyToken proves a principal by a token that travelled.
func (k *call) verifyToken(ctx context.Context, name, token string) (identity.Proven, error) {
	v, err := k.c.gate.Verifier(ctx, identity.SchemeToken, name)
	if err != nil {
		return identity.Proven{}, err
	}
	verifier, ok := v.(identity.TokenVerifier)
	if !ok {
		return identity.Proven{}, fmt.Errorf("%w: the verifier for %s takes no token", identity.ErrSchemeUnsupported, identity.SchemeToken)
	}
	return verifier.VerifyToken(ctx, token)
}

func (k *call) issue(who identity.Proven, life time.Duration) (awskeys.Credentials, error) {
	if life == 0 {
		life = k.p.config.Life
	}
	creds, err := k.p.config.Issuer.Issue(who, life)
	if errors.Is(err, awskeys.ErrTooLarge) {
		return creds, sts.PackedPolicyTooLarge()
	}
	return creds, err
}

// handOut opens the session that the credentials are for, and sends them once
// the record says so.
func (k *call) handOut(who identity.Proven, creds awskeys.Credentials, kind string, document []byte) error {
	v, err := k.p.config.Issuer.Verifier(k.r.Context(), identity.SchemeSigV4, creds.AccessKeyID)
	if err != nil {
		return err
	}
	_, proven, err := v.(identity.SigningVerifier).Secret(k.r.Context(), creds.SessionToken())
	if err != nil {
		return err
	}
	s, err := k.c.gate.Open(k.r.Context(), proven, protocol.Route{
		Target: k.route.target, Join: creds.AccessKeyID, User: who.Principal.String(), Details: map[string]string{"user_agent": clip(k.r.UserAgent(), 200)},
	})
	if err != nil {
		return err
	}
	if err := s.Note("credentials", fmt.Sprintf("issued %s until %s", creds.AccessKeyID, creds.Expires.Format(time.RFC3339))); err != nil {
		return err
	}
	k.tell(http.StatusOK, kind, document)
	return nil
}

// tellCaller answers GetCallerIdentity, as an operation of the session.
func (k *call) tellCaller() error {
	list, err := k.s.Begin(k.r.Context(), nil, protocol.Operation{
		Verb: "sts:GetCallerIdentity", Text: "sts:GetCallerIdentity, answered by the gateway", Origin: protocol.OriginGateway, Effects: protocol.Read,
	})
	if err != nil {
		return err
	}
	x := list[0]
	x.To(writerFunc(func(b []byte) (int, error) {
		k.tell(http.StatusOK, sts.ContentType, b)
		return len(b), nil
	}))
	body := sts.CallerAnswer(sts.CallerOf(k.who.Principal, k.p.config.Account), x.Name())
	return sent(x.Finish(protocol.Part{Kind: "body", Data: body}, protocol.Outcome{Result: protocol.OK, Code: "200"}))
}

func (k *call) tell(status int, kind string, body []byte) {
	h := k.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	k.w.WriteHeader(status)
	_, _ = k.w.Write(body)
}
