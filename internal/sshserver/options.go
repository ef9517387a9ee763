//go:build unix

package sshserver

import (
	"crypto"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Options says how sshd is set up. The zero value is good for tests.
type Options struct {
	// HostKeys are the server's keys; the default is a new Ed25519 key.
	HostKeys []crypto.Signer
	// HostCA signs a certificate for each host key, for 127.0.0.1 and
	// localhost, good for a day. The default is no certificate.
	HostCA ssh.Signer
	// HostCertificate may change a host's certificate before it is signed.
	HostCertificate func(*ssh.Certificate)
	// AuthorizedKeys may log in besides [Server.ClientKey].
	AuthorizedKeys []ssh.PublicKey
	// UserCAs sign certificates that may log in, if [Server.User] is among
	// their principals or one of UserPrincipals is.
	UserCAs []ssh.PublicKey
	// UserPrincipals are what certificates must name instead of the user.
	UserPrincipals []string
	// Config are further lines for sshd_config. They come first, and with sshd
	// what comes first wins.
	Config []string
}

func (o Options) check() error {
	for _, line := range o.Config {
		if strings.ContainsAny(line, "\n\x00") {
			return fmt.Errorf("sshserver: Config: %q holds a newline or a zero byte", line)
		}
	}
	if o.HostCertificate != nil && o.HostCA == nil {
		return errors.New("sshserver: HostCertificate without HostCA")
	}
	return nil
}

// settings returns sshd_config.
func (s *Server) settings(port int) string {
	lines := append([]string{}, s.options.Config...)
	for i := range s.hostKeys {
		lines = append(lines, "HostKey "+s.hostKeyFile(i))
		if s.options.HostCA != nil {
			lines = append(lines, "HostCertificate "+s.hostKeyFile(i)+"-cert.pub")
		}
	}
	lines = append(lines,
		"ListenAddress 127.0.0.1",
		fmt.Sprintf("Port %d", port),
		"PidFile none",
		"LogLevel VERBOSE",
		"UsePAM no",
		"StrictModes no",
		"PermitRootLogin prohibit-password",
		"PubkeyAuthentication yes",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"AuthorizedKeysFile "+filepath.Join(s.base, "authorized_keys"),
		"AllowTcpForwarding yes",
		"AllowStreamLocalForwarding yes",
		"AllowAgentForwarding yes",
		"PermitTTY yes",
		"AcceptEnv LANG LC_* SALLYPORT_*",
		fmt.Sprintf("SetEnv HOME=%s %s=%s", s.Dir(), marker, s.base),
		"Subsystem sftp internal-sftp -d "+s.Dir(),
		"MaxStartups 1000",
		"MaxSessions 1000",
		"MaxAuthTries 100",
		"UseDNS no",
		"PrintMotd no",
		"PrintLastLog no",
	)
	if len(s.options.UserCAs) > 0 {
		lines = append(lines, "TrustedUserCAKeys "+filepath.Join(s.base, "user_ca"))
	}
	if len(s.options.UserPrincipals) > 0 {
		lines = append(lines, "AuthorizedPrincipalsFile "+filepath.Join(s.base, "principals"))
	}
	return strings.Join(lines, "\n") + "\n"
}
