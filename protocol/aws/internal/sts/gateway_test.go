package sts

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/protocol/aws/internal/leaf"
)

const (
	webToken       = "eyJ.web-identity.token"
	containerToken = "container-authorization-token"
)

// gateway is as much of one as clients need to get credentials and to use them
// once: reached as an endpoint, or as a proxy that has certificates for AWS's
// names.
type gateway struct {
	t      *testing.T
	issuer *awskeys.Issuer
	leaves *leaf.Maker
	url    string
	caFile string

	mu       sync.Mutex
	actions  []string // what was asked, in order
	problems []error
}

func newGateway(t *testing.T) *gateway {
	g := &gateway{t: t, issuer: newIssuer(t)}
	cert, key, err := leaf.NewCA("gateway", time.Hour)
	require.NoError(t, err)
	ca, err := tls.X509KeyPair(cert, key)
	require.NoError(t, err)
	g.leaves, err = leaf.New(ca)
	require.NoError(t, err)
	g.caFile = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(g.caFile, cert, 0o600))
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	g.url = s.URL
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		g.connect(w, r)
	case r.URL.Path == "/credentials" && r.Header.Get("Authorization") == containerToken:
		g.note("container")
		c, err := g.issue(identity.Principal{Issuer: "i", Subject: "coder"}, 0)
		if err != nil {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(c.Document())
	case r.URL.Path == "/":
		body, status := g.sts(r)
		w.Header().Set("Content-Type", ContentType)
		w.WriteHeader(status)
		_, _ = w.Write(body)
	default:
		http.NotFound(w, r)
	}
}

func (g *gateway) note(what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.actions = append(g.actions, what)
}

func (g *gateway) asked() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.actions...)
}

func (g *gateway) issue(p identity.Principal, life time.Duration) (awskeys.Credentials, error) {
	return g.issuer.Issue(identity.Proven{Principal: p, Scheme: identity.SchemeToken, Credential: "t-1"}, life)
}

// connect is proxy mode: TLS with a certificate for the host that is asked for.
func (g *gateway) connect(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	g.note("CONNECT " + host)
	cert, err := g.leaves.Certificate(host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	done := make(chan struct{})
	inner := &http.Server{Handler: g, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			close(done)
		}
	}}
	_ = inner.Serve(&once{conn: tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*cert}})})
	<-done
}

// once is a listener that has one connection.
type once struct{ conn net.Conn }

func (o *once) Accept() (net.Conn, error) {
	if c := o.conn; c != nil {
		o.conn = nil
		return c, nil
	}
	return nil, io.EOF
}
func (*once) Close() error   { return nil }
func (*once) Addr() net.Addr { return &net.TCPAddr{} }

func (g *gateway) sts(r *http.Request) (body []byte, status int) {
	const id = "6b0f6a36-0000-4000-8000-000000000001"
	raw, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return Validation("unreadable").XML(id), 400
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return Validation("unreadable").XML(id), 400
	}
	g.note(form.Get("Action"))
	asked, err := Parse(form)
	if err == nil {
		body, err = g.answer(r.Context(), r, raw, asked, id)
	}
	if err != nil {
		refusal := Refusal(err)
		return refusal.XML(id), refusal.Status
	}
	return body, 200
}

func (g *gateway) answer(ctx context.Context, r *http.Request, raw []byte, asked Request, id string) ([]byte, error) {
	w, ok := asked.(*AssumeRoleWithWebIdentity)
	if !ok {
		who, err := g.signer(ctx, r, raw)
		if err != nil {
			g.mu.Lock()
			g.problems = append(g.problems, err)
			g.mu.Unlock()
			return nil, err
		}
		return CallerAnswer(CallerOf(who.Principal, ""), id), nil
	}
	switch w.Token.Reveal() {
	case webToken:
	case "expired":
		return nil, identity.ErrExpired
	case "away":
		return nil, identity.ErrUnavailable
	default:
		return nil, identity.ErrRefused
	}
	p := Remember(identity.Principal{Issuer: "https://id.example.com", Subject: "coder"}, w)
	c, err := g.issue(p, w.Duration)
	if err != nil {
		return nil, err
	}
	return WebIdentityAnswer(w, c, p, id), nil
}

// signer returns who has signed a request to "/" without a query, by AWS's
// rules for this one simple case.
func (g *gateway) signer(ctx context.Context, r *http.Request, body []byte) (identity.Proven, error) {
	fields := map[string]string{}
	for f := range strings.SplitSeq(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "), ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(f), "=")
		fields[k] = v
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 5 {
		return identity.Proven{}, errors.New("it is not signed")
	}
	v, err := g.issuer.Verifier(ctx, identity.SchemeSigV4, scope[0])
	if err != nil {
		return identity.Proven{}, err
	}
	secret, who, err := v.(identity.SigningVerifier).Secret(ctx, r.Header.Get("X-Amz-Security-Token"))
	if err != nil {
		return identity.Proven{}, err
	}
	var canonical bytes.Buffer
	fmt.Fprintf(&canonical, "%s\n/\n\n", r.Method)
	for name := range strings.SplitSeq(fields["SignedHeaders"], ";") {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		fmt.Fprintf(&canonical, "%s:%s\n", name, strings.Join(strings.Fields(value), " "))
	}
	fmt.Fprintf(&canonical, "\n%s\n%x", fields["SignedHeaders"], sha256.Sum256(body))
	key := []byte("AWS4" + secret)
	for _, part := range scope[1:] {
		key = mac(key, part)
	}
	text := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", r.Header.Get("X-Amz-Date"), strings.Join(scope[1:], "/"), sha256.Sum256(canonical.Bytes()))
	if hex.EncodeToString(mac(key, text)) != fields["Signature"] {
		return identity.Proven{}, fmt.Errorf("%w: the signature is wrong", identity.ErrRefused)
	}
	return who, nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, text)
	return h.Sum(nil)
}
