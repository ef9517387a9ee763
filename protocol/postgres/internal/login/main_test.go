package login_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xdg-go/scram"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// certificate makes a self-signed certificate for 127.0.0.1 and a file of it.
func certificate(t testing.TB) (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gateway"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// engine is a gate that knows static tokens, by SCRAM, and bearer tokens.
type engine struct {
	protocol.Engine // what a login does not ask for

	static map[string]string // name to password
	tokens map[string]error  // token to what its verifier says; nil proves it
	broken error             // what asking for any verifier gives

	mu      sync.Mutex
	offered []identity.Scheme
}

func (e *engine) gate() *protocol.Gate { return protocol.NewGate(e) }

func (e *engine) Verifier(_ context.Context, scheme identity.Scheme, name string) (identity.Verifier, error) {
	e.mu.Lock()
	e.offered = append(e.offered, scheme)
	e.mu.Unlock()
	switch {
	case e.broken != nil:
		return nil, e.broken
	case scheme == identity.SchemeSCRAMSHA256 && e.static != nil:
		return &scramVerifier{e, name}, nil
	case scheme == identity.SchemeToken && e.tokens != nil:
		return tokenVerifier{e}, nil
	}
	return nil, identity.ErrSchemeUnsupported
}

func proven(name string, scheme identity.Scheme) identity.Proven {
	return identity.Proven{Principal: identity.Principal{Issuer: "test", Subject: name}, Scheme: scheme}
}

type tokenVerifier struct{ e *engine }

func (tokenVerifier) Scheme() identity.Scheme { return identity.SchemeToken }

func (v tokenVerifier) VerifyToken(_ context.Context, token string) (identity.Proven, error) {
	err, ok := v.e.tokens[token]
	switch {
	case !ok:
		return identity.Proven{}, identity.ErrRefused
	case err != nil:
		return identity.Proven{}, err
	}
	return proven("jwt", identity.SchemeToken), nil
}

type scramVerifier struct {
	e    *engine
	name string
}

func (*scramVerifier) Scheme() identity.Scheme { return identity.SchemeSCRAMSHA256 }

func (v *scramVerifier) Known() bool { _, ok := v.e.static[v.name]; return ok }

func (v *scramVerifier) Start() identity.SCRAMConversation {
	password, ok := v.e.static[v.name]
	if !ok {
		password = rand.Text()
	}
	client, _ := scram.SHA256.NewClient(v.name, password, "")
	stored, _ := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "0123456789abcdef", Iters: 4096})
	server, _ := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
	return &scramConversation{v.name, server.NewConversation()}
}

type scramConversation struct {
	name string
	c    *scram.ServerConversation
}

func (s *scramConversation) Step(message []byte) ([]byte, error) {
	answer, err := s.c.Step(string(message))
	if err != nil {
		return nil, errors.Join(identity.ErrRefused, err)
	}
	return []byte(answer), nil
}

func (s *scramConversation) Proven() (identity.Proven, error) {
	if !s.c.Valid() {
		return identity.Proven{}, identity.ErrRefused
	}
	return proven(s.name, identity.SchemeSCRAMSHA256), nil
}
