package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
)

// certify puts a new certificate for 127.0.0.1, which is its own authority,
// where the gateway looks for it.
func (b *bed) certify() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: rand.Text()}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(b.t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(b.t, err)
	write(b.t, b.dir, "server.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	write(b.t, b.dir, "server.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

// reviewer is what stands behind a webhook: it approves what says that it is
// fine, and posts its answer to the gateway's socket, as a person would later.
type reviewer struct {
	t           *testing.T
	url, socket string
	secret      string
	key         []byte
	client      *http.Client
	answering   sync.WaitGroup
}

func newReviewer(t *testing.T, socket string) *reviewer {
	r := &reviewer{t: t, socket: socket, key: make([]byte, 32)}
	_, _ = rand.Read(r.key)
	r.secret = "whsec_" + base64.StdEncoding.EncodeToString(r.key)
	r.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	server := httptest.NewServer(r)
	r.url = server.URL
	t.Cleanup(func() {
		server.Close()
		r.answering.Wait()
		r.client.CloseIdleConnections()
	})
	return r
}

func (r *reviewer) signature(id, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, r.key)
	fmt.Fprintf(h, "%s.%s.%s", id, timestamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func (r *reviewer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	assert.NoError(r.t, err)
	assert.Equal(r.t, r.signature(req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp"), body), req.Header.Get("webhook-signature"))
	var question struct{ Data approve.Request }
	assert.NoError(r.t, json.Unmarshal(body, &question))
	w.WriteHeader(http.StatusAccepted)
	r.answering.Go(func() { r.answer(question.Data) })
}

func (r *reviewer) answer(q approve.Request) {
	a := approve.Answer{Digest: q.Digest, By: "ada", Reason: "not all of them"}
	if strings.Contains(q.Operation.Text, "fine") {
		a.Approved, a.Reason = true, ""
	}
	body, err := json.Marshal(map[string]any{"type": "approval.answered", "timestamp": time.Now(), "data": a})
	assert.NoError(r.t, err)
	req, err := http.NewRequest(http.MethodPost, "http://gateway/answers/reviewers", bytes.NewReader(body))
	assert.NoError(r.t, err)
	id, now := "msg_"+rand.Text(), fmt.Sprint(time.Now().Unix())
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", now)
	req.Header.Set("webhook-signature", r.signature(id, now, body))
	resp, err := r.client.Do(req)
	if assert.NoError(r.t, err) {
		resp.Body.Close()
		assert.Equal(r.t, http.StatusNoContent, resp.StatusCode)
	}
}
