package leaf

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

const maxCALife = 10 * 366 * 24 * time.Hour

// Domains returns the domains below which AWS's partitions have their
// endpoints.
func Domains() []string {
	return []string{
		"amazonaws.com", "api.aws", "on.aws", // aws, aws-us-gov
		"amazonaws.com.cn", "api.amazonwebservices.com.cn", // aws-cn
		"amazonaws.eu", "api.amazonwebservices.eu", // aws-eusc
		"c2s.ic.gov", "api.aws.ic.gov", // aws-iso
		"sc2s.sgov.gov", "api.aws.scloud", // aws-iso-b
		"cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", // aws-iso-e
		"csp.hci.ic.gov", "api.aws.hci.ic.gov", // aws-iso-f
	}
}

// NewCA makes a new authority for [New]: its certificate, which clients are to
// trust, and its private key in PKCS #8, both as PEM. It is an ECDSA key on P-256. name is
// what people see of it. It lives for life, at most ten years.
//
// The certificate says that it vouches for servers below domains only, and for
// no addresses: who steals the key cannot pose as anything else to a client
// that trusts it. Without domains they are [Domains].
func NewCA(name string, life time.Duration, domains ...string) (certPEM, keyPEM []byte, err error) {
	if len(domains) == 0 {
		domains = Domains()
	}
	var errs []error
	if strings.TrimSpace(name) == "" || len(name) > 64 {
		errs = append(errs, errors.New("the authority needs a name of 1 to 64 bytes"))
	}
	if life < time.Minute || life > maxCALife {
		errs = append(errs, errors.New("the authority must live for a minute to ten years"))
	}
	domains = slices.Clone(domains)
	for i, d := range domains {
		if domains[i], err = normal(d); err != nil {
			errs = append(errs, fmt.Errorf("domain %d: %w", i+1, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	ca := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(life),
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: domains,
		// Constraints on names say nothing of addresses.
		ExcludedIPRanges: []*net.IPNet{
			{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
		},
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}
