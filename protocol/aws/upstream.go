package aws

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// upstream is a session's way to its target: connections and credentials.
type upstream struct {
	p      *Plugin
	s      *protocol.Session
	small  client          // for bodies that are small and held whole
	others *http.Transport // for all else
	blind  atomic.Bool     // small is of no use for the target
	keys   sigv4.Keys      // that calls are signed with

	turn  chan struct{} // taken while credentials are fetched
	login Login
	creds Credentials // those that calls are signed with
}

// upstreamOf returns the session's upstream, which ends with the session.
func (p *Plugin) upstreamOf(s *protocol.Session) (*upstream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u := p.targets[s.ID()]; u != nil {
		return u, nil
	}
	settings, err := clientTLS(s.Target())
	if err != nil {
		return nil, &protocol.Failure{Public: "the connection to the target is not set up right", Err: err}
	}
	u := &upstream{p: p, s: s, turn: make(chan struct{}, 1)}
	dial := func(ctx context.Context, address string) (*bulk, error) {
		conn, err := s.Dial(ctx, protocol.Endpoint{Address: address})
		if err != nil {
			return nil, err
		}
		return &bulk{Conn: conn, blocks: p.blocks}, nil
	}
	u.small.dial, u.small.tls = dial, settings
	u.others = &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			conn, err := dial(ctx, address)
			if err != nil {
				return nil, err
			}
			return conn, nil
		},
		TLSClientConfig: settings, TLSHandshakeTimeout: handshakeTime,
		DisableCompression: true, MaxIdleConnsPerHost: maxIdle / 2, IdleConnTimeout: idleUpstream, ExpectContinueTimeout: time.Second,
		ReadBufferSize: 16 << 10, WriteBufferSize: 64 << 10, MaxResponseHeaderBytes: maxAnswerHeader,
		Protocols: new(http.Protocols),
	}
	u.others.Protocols.SetHTTP1(true)
	p.targets[s.ID()] = u
	context.AfterFunc(s.Context(), func() {
		p.mu.Lock()
		delete(p.targets, s.ID())
		p.mu.Unlock()
		u.small.close()
		u.others.CloseIdleConnections()
	})
	return u, nil
}

// call makes a call whose body is small and held whole, as client.do does.
func (u *upstream) call(r *http.Request, writes bool, got func(*bulk)) (*http.Response, error) {
	if !u.blind.Load() {
		resp, err := u.small.do(r, writes, got)
		if err != errBlind {
			return resp, err
		}
		u.blind.Store(true)
	}
	return u.large(r, writes, got)
}

// large makes any call.
func (u *upstream) large(r *http.Request, writes bool, got func(*bulk)) (*http.Response, error) {
	if writes && r.Body == http.NoBody && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		// Of a body that it does not know the Transport finds out that it is empty, but
		// does not send the call twice.
		r.Body, r.GetBody = io.NopCloser(strings.NewReader("")), nil
	}
	if got != nil {
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			GotConn: func(i httptrace.GotConnInfo) { got(bulkOf(i.Conn)) },
		}))
	}
	return u.others.RoundTrip(r)
}

// clientTLS returns the settings for TLS with a target.
func clientTLS(t protocol.Target) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.TLS.ServerName}
	if t.TLS.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(t.TLS.CAFile)
	if err != nil {
		return nil, err
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", t.TLS.CAFile)
	}
	return c, nil
}

// assumeTime is how long STS may take.
const assumeTime = 20 * time.Second

// renewBefore is how long before their end credentials are replaced.
const renewBefore = 5 * time.Minute

// credentials returns what calls of the session are signed with now.
func (u *upstream) credentials(ctx context.Context) (sigv4.Credentials, error) {
	select {
	case u.turn <- struct{}{}:
		defer func() { <-u.turn }()
	case <-ctx.Done():
		return sigv4.Credentials{}, context.Cause(ctx)
	}
	if now := time.Now(); u.creds.AccessKeyID == "" || !u.creds.Expires.IsZero() && now.Add(renewBefore).After(u.creds.Expires) {
		login, err := u.p.config.Login(ctx, u.s.Principal(), u.s.Target())
		if err == nil && (login.Credentials.AccessKeyID == "" || login.Credentials.SecretAccessKey.Empty()) {
			err = errors.New("Config.Login returned no credentials")
		}
		creds := login.Credentials
		if err == nil && login.Role.ARN != "" {
			creds, err = u.assume(ctx, login)
		}
		if err != nil {
			return sigv4.Credentials{}, &protocol.Failure{Public: "the gateway has no credentials for the target", Err: err}
		}
		u.login, u.creds = login, creds
	}
	return signing(u.creds), nil
}

func signing(c Credentials) sigv4.Credentials {
	return sigv4.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey.Reveal(), SessionToken: c.SessionToken.Reveal()}
}

// assume assumes the session's role. The call is recorded as the gateway's own.
func (u *upstream) assume(ctx context.Context, l Login) (Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, assumeTime)
	defer cancel()
	who, role := u.s.Principal(), l.Role
	region := role.Region
	if region == "" {
		region = "us-east-1"
	}
	life := role.Life
	if life == 0 {
		life = time.Hour
	}
	form := url.Values{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {role.ARN}, "RoleSessionName": {name64(u.s.ID())},
		"SourceIdentity": {name64(who.String())}, "DurationSeconds": {strconv.Itoa(int(life / time.Second))},
	}
	if role.ExternalID != "" {
		form.Set("ExternalId", role.ExternalID)
	}
	if role.Tags != nil {
		tags := maps.Clone(role.Tags)
		tags["sallyport:principal"], tags["sallyport:session"] = tagValue(who.String()), tagValue(u.s.ID())
		if who.OnBehalfOf != "" {
			tags["sallyport:on-behalf-of"] = tagValue(who.OnBehalfOf)
		}
		for i, key := range slices.Sorted(maps.Keys(tags)) {
			form.Set(fmt.Sprintf("Tags.member.%d.Key", i+1), key)
			form.Set(fmt.Sprintf("Tags.member.%d.Value", i+1), tags[key])
		}
	}
	service, err := u.p.table.Service("sts")
	if err != nil {
		return Credentials{}, err
	}
	at, region, err := u.endpoint(service, region)
	if err != nil {
		return Credentials{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/", strings.NewReader(form.Encode()))
	if err != nil {
		return Credentials{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if _, err := sigv4.Sign(r, signing(l.Credentials), "sts", region, sha256Hex([]byte(form.Encode())), time.Now()); err != nil {
		return Credentials{}, err
	}
	list, err := u.s.Begin(ctx, nil, protocol.Operation{
		Verb: "sts:AssumeRole", Origin: protocol.OriginGateway, Effects: protocol.Credential,
		Text:    "sts:AssumeRole RoleArn=" + role.ARN + " SourceIdentity=" + form.Get("SourceIdentity") + " RoleSessionName=" + form.Get("RoleSessionName"),
		Objects: []protocol.Object{{Kind: "arn", Name: role.ARN, Effects: protocol.Credential}},
	})
	if err != nil {
		return Credentials{}, err
	}
	c, outcome, err := u.ask(r)
	_ = list[0].End(outcome)
	return c, err
}

// ask sends AssumeRole and reads the answer, which is in no record.
func (u *upstream) ask(r *http.Request) (Credentials, protocol.Outcome, error) {
	resp, err := u.call(r, true, nil)
	if err != nil {
		return Credentials{}, protocol.Outcome{Result: protocol.Unknown, Text: "no answer"}, fmt.Errorf("sts:AssumeRole: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return Credentials{}, protocol.Outcome{Text: "the answer broke off"}, fmt.Errorf("sts:AssumeRole: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var e struct {
			Code    string `xml:"Error>Code"`
			Message string `xml:"Error>Message"`
		}
		_ = xml.Unmarshal(body, &e)
		o := protocol.Outcome{Result: protocol.Failed, Code: clip(e.Code, 100), Text: clip(e.Message, 400)}
		return Credentials{}, o, fmt.Errorf("sts:AssumeRole: status %d, %s: %s", resp.StatusCode, o.Code, o.Text)
	}
	var a struct {
		ID      string    `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
		Secret  string    `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
		Token   string    `xml:"AssumeRoleResult>Credentials>SessionToken"`
		Expires time.Time `xml:"AssumeRoleResult>Credentials>Expiration"`
	}
	if err := xml.Unmarshal(body, &a); err != nil || a.ID == "" || a.Secret == "" || a.Token == "" || a.Expires.IsZero() {
		return Credentials{}, protocol.Outcome{Result: protocol.Failed, Text: "no credentials in the answer"}, errors.New("sts:AssumeRole: the answer holds no credentials")
	}
	return Credentials{AccessKeyID: a.ID, SecretAccessKey: NewSecret(a.Secret), SessionToken: NewSecret(a.Token), Expires: a.Expires},
		protocol.Outcome{Result: protocol.OK, Text: "role assumed as " + a.ID}, nil
}

// name64 makes of s what STS takes as a session's name or source identity: 2
// to 64 letters, digits and _+=,.@-. What is longer ends in a digest, so that
// no two become one.
func name64(s string) string {
	if len(s) > 64 {
		s = s[:47] + "-" + sha256Hex([]byte(s))[:16]
	}
	s = strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_+=,.@-", r)) {
			return r
		}
		return '-'
	}, s)
	return (s + "--")[:max(2, len(s))]
}

// tagValue makes of s what IAM takes as a tag's value.
func tagValue(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.:/=+-@ ", r)) {
			return r
		}
		return '-'
	}, s)
	return s[:min(len(s), 256)]
}
