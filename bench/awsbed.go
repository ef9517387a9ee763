//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sallyport/sallyport/bench/child"
	"github.com/sallyport/sallyport/identity"
)

// awsLeg is one way from AWS clients to the target.
type awsLeg struct {
	name   string
	url    string
	middle *middle // nil for the direct way
	creds  aws.Credentials
	client *http.Client
}

func (l *awsLeg) cpu() (time.Duration, error) {
	if l.middle == nil {
		return 0, nil
	}
	return cpu(l.middle.pid)
}

// awsBed is everything that runs for AWS: the target and the legs.
type awsBed struct {
	config
	work   string         // removed in the end
	pem    string         // file with the certificate and key of every end; empty without TLS
	roots  *x509.CertPool // that clients trust
	target *middle
	legs   []*awsLeg
}

func newAWSBed(ctx context.Context, c config) (_ *awsBed, err error) {
	b := &awsBed{config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.work, err = os.MkdirTemp(c.dir, "sallyport-bench-"); err != nil {
		return nil, err
	}
	program, err := build(ctx, b.work, "awstarget")
	if err != nil {
		return nil, err
	}
	if !c.plain {
		b.pem = filepath.Join(b.work, "pem")
		if err := writeCertificate(b.pem); err != nil {
			return nil, err
		}
		if b.roots, err = child.Roots(b.pem); err != nil {
			return nil, err
		}
	}
	if b.target, err = startMiddle(exec.Command(program, "-pem", b.pem)); err != nil {
		return nil, err
	}
	for _, name := range []string{"direct", relayLeg, "durable-detectors", "buffered-detectors"} {
		if !b.wanted(name) {
			continue
		}
		if err := b.addLeg(ctx, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return b, nil
}

func (b *awsBed) addLeg(ctx context.Context, name string) error {
	l := &awsLeg{
		name: name, url: b.url(b.target), creds: aws.Credentials{AccessKeyID: "AKIABENCHBENCHBENCH0", SecretAccessKey: "bench"},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true, TLSClientConfig: &tls.Config{RootCAs: b.roots}}},
	}
	b.legs = append(b.legs, l)
	if name == "direct" {
		return nil
	}
	mode, _, _ := strings.Cut(name, "-")
	program, token := "awsgateway", identity.NewToken()
	args := []string{"-target", b.target.addr(), "-pem", b.pem}
	if name == relayLeg {
		program = "awsrelay"
	} else {
		args = append(args, "-agent", sshAgent, "-journal", filepath.Join(b.work, "journal-"+name), fmt.Sprintf("-buffered=%t", mode == "buffered"))
	}
	if b.profile != "" {
		args = append(args, "-profile", filepath.Join(b.profile, "aws-"+name+".prof"))
	}
	path, err := build(ctx, b.work, program)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "BENCH_TOKEN="+token)
	cmd.Stderr = os.Stderr
	if l.middle, err = startMiddle(cmd); err != nil {
		return err
	}
	l.url = b.url(l.middle)
	if program == "awsgateway" {
		return l.signIn(ctx, token)
	}
	return nil
}

func (b *awsBed) url(at *middle) string {
	if b.pem == "" {
		return "http://" + at.addr()
	}
	return "https://" + at.addr()
}

// writeCertificate makes a certificate for loopback, which is its own
// authority, and writes it and its key to a file.
func writeCertificate(file string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	return os.WriteFile(file, text, 0o600)
}

// signIn gets the credentials that the gateway issues.
func (l *awsLeg) signIn(ctx context.Context, token string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/.sallyport/credentials", nil)
	if err != nil {
		return err
	}
	r.SetBasicAuth(sshAgent, token)
	resp, err := l.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var d struct{ AccessKeyID, SecretAccessKey, SessionToken string }
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil || d.AccessKeyID == "" {
		return fmt.Errorf("no credentials: status %d, %w", resp.StatusCode, err)
	}
	l.creds = aws.Credentials{AccessKeyID: d.AccessKeyID, SecretAccessKey: d.SecretAccessKey, SessionToken: d.SessionToken}
	return nil
}

// do signs a request as SDKs do, sends it and reads the answer away. It
// returns how many bytes that had.
func (l *awsLeg) do(ctx context.Context, r *http.Request, service, payload string, at time.Time) (int64, error) {
	if err := signer.NewSigner().SignHTTP(ctx, l.creds, r, payload, service, "eu-west-1", at); err != nil {
		return 0, err
	}
	resp, err := l.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		words, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return 0, fmt.Errorf("status %d: %s", resp.StatusCode, words)
	}
	return io.Copy(io.Discard, resp.Body)
}

func (b *awsBed) close() error {
	var errs []error
	for _, l := range b.legs {
		l.client.CloseIdleConnections()
		if l.middle != nil {
			errs = append(errs, l.middle.stop())
		}
	}
	if b.target != nil {
		errs = append(errs, b.target.stop())
	}
	if b.work != "" {
		errs = append(errs, os.RemoveAll(b.work))
	}
	return errors.Join(errs...)
}
