//go:build unix

package pgserver

import (
	"errors"
	"fmt"
	"strings"
)

// Superuser is the name of the role that every server has.
const Superuser = "postgres"

// Options says how a server is set up. The zero value is good for tests.
type Options struct {
	// Auth is how clients that come over TCP prove themselves:
	// "scram-sha-256" (the default), "md5", "password" (in clear), "trust" or
	// "cert" (which needs TLS; the certificate's common name is the role).
	Auth string
	// TLS makes the server accept TLS, with a certificate for localhost and
	// 127.0.0.1 from an authority of its own; see [Server.CAFile]. Plaintext
	// is accepted too, except where Auth is "cert".
	TLS bool
	// Conf holds further settings; they win over those of this package.
	Conf map[string]string
	// HBA lines stand before this package's own in pg_hba.conf.
	HBA []string
	// Fsync runs the server as safely as in production. Without it the server is
	// faster and a power cut may destroy its data.
	Fsync bool
	// Dir is where the server's directory is made; empty means the directory
	// for temporary files. The user that the server runs as must be able to
	// reach it.
	Dir string
	// Cache keeps a fresh data directory per PostgreSQL version in the user's
	// cache directory, so that later servers start by copying it.
	Cache bool
}

func (o Options) check() error {
	switch o.Auth {
	case "scram-sha-256", "md5", "password", "trust":
	case "cert":
		if !o.TLS {
			return errors.New(`pgserver: Auth "cert" needs TLS`)
		}
	default:
		return fmt.Errorf("pgserver: unknown Auth %q", o.Auth)
	}
	for name, value := range o.Conf {
		if strings.ContainsAny(name+value, "\n\x00") {
			return fmt.Errorf("pgserver: setting %q holds a newline or a zero byte", name)
		}
	}
	return nil
}

// settings returns postgresql.conf.
func (o Options) settings(port int, socketDir string) string {
	var b strings.Builder
	set := func(name, value string) {
		value = strings.ReplaceAll(value, `\`, `\\`)
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''"))
	}
	set("listen_addresses", "127.0.0.1")
	set("port", fmt.Sprint(port))
	set("unix_socket_directories", socketDir)
	// Shared memory in files of the data directory: nothing stays behind in
	// /dev/shm when a server is killed.
	set("dynamic_shared_memory_type", "mmap")
	set("timezone", "UTC")
	set("log_timezone", "UTC")
	set("log_line_prefix", "%m [%p] %u@%d ")
	if o.Auth == "md5" {
		set("password_encryption", "md5")
	}
	if !o.Fsync {
		set("fsync", "off")
		set("synchronous_commit", "off")
		set("full_page_writes", "off")
		set("shared_buffers", "32MB")
	}
	if o.TLS {
		set("ssl", "on")
		set("ssl_cert_file", "server.crt")
		set("ssl_key_file", "server.key")
		set("ssl_ca_file", "ca.crt")
	}
	for name, value := range o.Conf {
		set(name, value)
	}
	return b.String()
}

// hba returns pg_hba.conf. The superuser always has a password on the socket.
func (o Options) hba() string {
	local, kind := "scram-sha-256", "host"
	if o.Auth == "md5" {
		local = "md5" // which takes SCRAM verifiers as well
	}
	if o.Auth == "cert" {
		kind = "hostssl"
	}
	lines := append([]string{}, o.HBA...)
	lines = append(lines,
		"local all "+Superuser+" "+local,
		"local all all "+local,
		kind+" all all 127.0.0.1/32 "+o.Auth,
		kind+" replication all 127.0.0.1/32 "+o.Auth,
	)
	return strings.Join(lines, "\n") + "\n"
}
