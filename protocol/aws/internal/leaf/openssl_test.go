package leaf

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shakes says of each name whether OpenSSL takes the certificate for it, as
// strictly as it can be told to.
const shakes = `import socket, ssl, sys
for name in sys.argv[3:]:
    c = ssl.create_default_context(cafile=sys.argv[1])
    c.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        c.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[2]))), server_hostname=name).close()
        print(name, "taken")
    except ssl.SSLCertVerificationError as e:
        print(name, e.verify_message)`

// What Go thinks of constraints, OpenSSL must think too: Python and Node have it.
func TestOpenSSL(t *testing.T) {
	ca := authority(t, time.Hour)
	parent, err := x509.ParseCertificate(ca.Certificate[0])
	require.NoError(t, err)
	m := maker(t, ca)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if c, err := m.Certificate(h.ServerName); err == nil {
			return c, nil
		}
		stolen := signed(t, parent, ca.PrivateKey, func(c *x509.Certificate) {
			if c.DNSNames = []string{h.ServerName}; h.ServerName == "" {
				c.DNSNames, c.IPAddresses = nil, []net.IP{net.IPv4(127, 0, 0, 1)}
			}
		})
		return &stolen, nil
	}})
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			_ = c.Close()
		}
	})
	defer wg.Wait()
	defer func() { _ = l.Close() }()

	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]}), 0o600))
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := exec.CommandContext(ctx, "/usr/bin/python3", "-c", shakes, file, port,
		"s3.eu-west-1.amazonaws.com", "my_bucket.s3.amazonaws.com", "iam.api.aws", "bank.example.com", "amazonaws.com.example.com", "127.0.0.1").CombinedOutput()
	require.NoError(t, err, string(b))
	assert.Equal(t, `s3.eu-west-1.amazonaws.com taken
my_bucket.s3.amazonaws.com taken
iam.api.aws taken
bank.example.com permitted subtree violation
amazonaws.com.example.com permitted subtree violation
127.0.0.1 excluded subtree violation
`, string(b))
}
