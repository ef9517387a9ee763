//go:build unix

package pgserver

import (
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
	"time"
)

// authority signs the certificates of one server and its clients.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority() (*authority, error) {
	t := certificate("Sallyport test authority")
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign
	a := &authority{cert: t}
	certPEM, _, key, err := a.sign(t)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(certPEM)
	a.cert, err = x509.ParseCertificate(block.Bytes)
	a.key, a.pem = key, certPEM
	return a, err
}

func certificate(name string) *x509.Certificate {
	now := time.Now()
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
	}
}

// sign makes a key and a certificate for it, signed by the authority, or by
// the key itself while the authority has none.
func (a *authority) sign(t *x509.Certificate) (certPEM, keyPEM []byte, key *ecdsa.PrivateKey, err error) {
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), signer)
	if err != nil {
		return nil, nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, nil, err
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	return certPEM, keyPEM, key, nil
}

func (s *Server) writeServerCertificate() error {
	t := certificate("localhost")
	t.DNSNames = []string{"localhost"}
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	cert, key, _, err := s.ca.sign(t)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(s.CAFile(), s.ca.pem, 0o644),
		s.write("ca.crt", string(s.ca.pem)),
		s.write("server.crt", string(cert)),
		s.write("server.key", string(key)),
	)
}

// CAFile returns the path of the PEM file of the authority that signed the
// server's certificate; there is one only with [Options].TLS.
func (s *Server) CAFile() string { return filepath.Join(s.base, "ca.crt") }

// ClientCertificate makes a certificate that proves to a server with
// [Options].TLS and Auth "cert" that the client is the role.
func (s *Server) ClientCertificate(role string) (tls.Certificate, error) {
	certPEM, keyPEM, err := s.clientPEM(role)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

// ClientFiles writes such a certificate and its key as PEM files into the
// server's directory and returns their paths.
func (s *Server) ClientFiles(role string) (certFile, keyFile string, err error) {
	certPEM, keyPEM, err := s.clientPEM(role)
	if err != nil {
		return "", "", err
	}
	dir, err := os.MkdirTemp(s.base, "client-")
	if err != nil {
		return "", "", err
	}
	certFile, keyFile = filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key")
	return certFile, keyFile, errors.Join(
		os.WriteFile(certFile, certPEM, 0o600),
		os.WriteFile(keyFile, keyPEM, 0o600),
	)
}

func (s *Server) clientPEM(role string) (certPEM, keyPEM []byte, err error) {
	if s.ca == nil {
		return nil, nil, errors.New("pgserver: the server has no TLS and so no authority")
	}
	t := certificate(role)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	certPEM, keyPEM, _, err = s.ca.sign(t)
	return certPEM, keyPEM, err
}
