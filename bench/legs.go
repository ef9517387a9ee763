//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func (b *bed) direct(context.Context) error {
	b.add(&leg{name: "direct", addr: b.server.Addr(), user: benchRole, password: b.server.Password(benchRole), tx: true, bulk: true})
	return nil
}

// pgbouncer pools by session, with SCRAM on both sides, as the gateway does.
func (b *bed) pgbouncer(ctx context.Context) error {
	const name = "pgbouncer"
	if !b.wanted(name) {
		return nil
	}
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			return errors.New("pgbouncer is missing: apt-get install pgbouncer, or leave it out with -legs")
		}
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	dir := b.server.SocketDir() // the server's user may write there
	ini := fmt.Sprintf(`[databases]
%s = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s/userlist.txt
pool_mode = session
max_client_conn = 1000
default_pool_size = %d
log_connections = 0
log_disconnections = 0
`, benchDatabase, b.server.Port(), port, dir, b.many*2)
	users := fmt.Sprintf("%q %q\n", benchRole, b.server.Password(benchRole))
	for file, text := range map[string]string{"pgbouncer.ini": ini, "userlist.txt": users} {
		write := b.server.Command("/bin/sh", "-c", `umask 077; cat > "$0"`, filepath.Join(dir, file))
		write.Stdin = strings.NewReader(text)
		if out, err := write.CombinedOutput(); err != nil {
			return fmt.Errorf("pgbouncer: %w: %s", err, out)
		}
	}
	// The shell ends pgbouncer when our end of its input closes.
	m, err := startMiddle(b.server.Command("/bin/sh", "-c", `"$0" -q "$1" >&2 & echo $!; cat >/dev/null; kill $!; wait $!`, program, filepath.Join(dir, "pgbouncer.ini")))
	if err != nil {
		return err
	}
	l := &leg{name: name, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), user: benchRole, password: b.server.Password(benchRole), middle: m, tx: true, bulk: true}
	b.add(l)
	if m.pid, err = strconv.Atoi(m.first); err != nil {
		return err
	}
	return l.wait(ctx)
}

func (b *bed) relays(ctx context.Context) error {
	for _, r := range []struct {
		name string
		args []string
	}{
		{"relay", nil},
		{"relay-rw", []string{"-read"}},
	} {
		if !b.wanted(r.name) {
			continue
		}
		program, err := build(ctx, b.work, "relay")
		if err != nil {
			return err
		}
		m, err := startMiddle(exec.Command(program, append([]string{"-target", b.server.Addr()}, r.args...)...))
		if err != nil {
			return err
		}
		b.add(&leg{name: r.name, addr: m.addr(), user: benchRole, password: b.server.Password(benchRole), middle: m, tx: true, bulk: true})
	}
	return nil
}

// wait returns once a session can be opened through the leg.
func (l *leg) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := l.connect(ctx)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", l.name, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
