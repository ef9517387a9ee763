package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/internal/pgserver"
	"github.com/sallyport/sallyport/internal/pgserver/pgservertest"
	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bed is a gateway that runs from a file, in front of a private PostgreSQL.
type bed struct {
	t      *testing.T
	dir    string
	file   string
	port   string
	admin  string // the socket
	psql   string
	token  string
	log    *output
	client *http.Client

	gateway *exec.Cmd
}

func startBed(t *testing.T, rules string) *bed {
	pg := pgservertest.Run(t, pgserver.Options{TLS: true})
	require.NoError(t, pg.AddRole(t.Context(), "app", rand.Text(), ""))
	require.NoError(t, pg.Exec(t.Context(), "postgres", `CREATE DATABASE shop OWNER app`))
	require.NoError(t, pg.Exec(t.Context(), "shop", `
		CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text);
		INSERT INTO customers VALUES (1, 'Ada', '078-05-1120');
		CREATE TABLE payroll (id int);
		ALTER TABLE customers OWNER TO app; ALTER TABLE payroll OWNER TO app`))
	// A short directory: the paths of sockets are limited.
	dir, err := os.MkdirTemp("", "gw")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	b := &bed{
		t: t, dir: dir, admin: filepath.Join(dir, "admin.sock"), psql: filepath.Join(pg.BinDir(), "psql"),
		token: identity.NewToken(), log: &output{},
	}
	b.administer()
	hash, err := identity.HashToken(b.token)
	require.NoError(t, err)
	write(t, dir, "tokens.yaml", fmt.Sprintf("tokens:\n  - {name: coder, hash: %q, groups: [agents]}\n", hash))
	write(t, dir, "password", pg.Password("app")+"\n")
	b.certify()
	hostPassword := rand.Text()
	host, err := sshserver.StartEmbedded(sshserver.EmbeddedOptions{Password: hostPassword})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, host.Close()) })
	write(t, dir, "host_password", hostPassword+"\n")
	pair(t, dir, "host_key")
	reviews := newReviewer(t, filepath.Join(dir, "answers.sock"))
	write(t, dir, "secret", reviews.secret)
	b.file = write(t, dir, "g.yaml", fmt.Sprintf(`name: g
admin: {listen: %s}
identity: {tokens: {file: tokens.yaml}}
targets:
  - name: shop
    address: %q
    database: shop
    tls: {ca: %s}
    login: {user: app, password: "file:password"}
  - {name: box, address: %q, login: {user: %s, password: "file:host_password"}}
listeners:
  - {address: "127.0.0.1:0", targets: [shop]}
  - {protocol: ssh, address: "127.0.0.1:0", targets: [box]}
ssh: {host_keys: [host_key], known_host_lines: [%q]}
masks:
  columns: [{column: customers.ssn, method: keep, keep: 4}]
record: {dir: journal, checkpoints: {files: [elsewhere]}}
certificate: {cert: server.crt, key: server.key}
approvers:
  answers: %s
  webhooks: [{name: reviewers, url: %q, secret: "file:secret"}]
`, b.admin, pg.Addr(), pg.CAFile(), host.Addr(), host.User(), strings.TrimSpace(host.KnownHosts()), reviews.socket, reviews.url)+rules)

	b.run()
	return b
}

// administer makes a client for the admin interface.
func (b *bed) administer() {
	b.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", b.admin)
	}}}
	b.t.Cleanup(b.client.CloseIdleConnections)
}

// run starts the command as people do, built without the race detector, under
// which the SQL parser's WebAssembly takes very long to warm up.
func (b *bed) run() {
	t := b.t
	binary := filepath.Join(t.TempDir(), "gateway")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	b.gateway = exec.Command(binary, "run", b.file)
	b.gateway.Stderr = b.log
	require.NoError(t, b.gateway.Start())
	t.Cleanup(func() {
		assert.NoError(t, b.gateway.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, b.gateway.Wait(), "it ends in order")
		if t.Failed() {
			t.Log(b.log)
		}
	})
	b.logged("gateway listens")
	b.port = b.portOf("")
}

// portOf returns where the gateway listens for a protocol; empty means the first.
func (b *bed) portOf(protocol string) string {
	address := regexp.MustCompile(`msg="gateway listens".* address=(\S+) protocol=` + protocol).FindStringSubmatch(b.log.String())
	require.NotNil(b.t, address)
	_, port, err := net.SplitHostPort(address[1])
	require.NoError(b.t, err)
	return port
}

// logged waits until the gateway has logged words.
func (b *bed) logged(words string) {
	require.Eventually(b.t, func() bool { return strings.Contains(b.log.String(), words) }, 2*time.Minute, 10*time.Millisecond, "%q is not logged", words)
}

// output keeps what a process says.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// sql runs psql through the gateway and returns all that it printed.
func (b *bed) sql(password string, args ...string) string {
	cmd := b.command(password, args...)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

func (b *bed) command(password string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(b.t.Context(), b.psql, append([]string{"-X", "-At", "-v", "VERBOSITY=verbose"}, args...)...)
	cmd.Env = append(os.Environ(), "PGHOST=127.0.0.1", "PGPORT="+b.port, "PGUSER=coder", "PGDATABASE=shop", "PGPASSWORD="+password)
	return cmd
}

// ask sends a request to the admin interface.
func (b *bed) ask(method, path string) (int, string) {
	req, err := http.NewRequestWithContext(b.t.Context(), method, "http://admin"+path, nil)
	require.NoError(b.t, err)
	resp, err := b.client.Do(req)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return resp.StatusCode, string(body)
}

const readOnly = `rules:
  - {name: read customers, verdict: allow, groups: [agents], effects: [read], objects: [customers]}
  - {name: look around, verdict: allow, groups: [agents], targets: [box], effects: [read]}
  - {name: no payroll, verdict: deny, objects: [payroll], reason: ask the people team}
  - {name: deleting, verdict: ask, effects: [destroy], timeout: 30s}
`

func TestFromFileToPsql(t *testing.T) {
	b := startBed(t, readOnly)
	require.Eventually(t, func() bool { status, _ := b.ask("GET", "/ready"); return status == 200 }, 2*time.Minute, 50*time.Millisecond)

	assert.Equal(t, "Ada|*******1120\n", b.sql(b.token, "-c", "SELECT name, ssn FROM customers"))
	out := b.sql(b.token, "-c", "SELECT * FROM payroll", "-c", "SELECT name FROM customers")
	assert.Contains(t, out, `ERROR:  42501: sallyport: denied by rule "no payroll": ask the people team (operation g-`)
	assert.Contains(t, out, "\nAda\n", "the session goes on")
	assert.Contains(t, b.sql(b.token, "-c", "UPDATE customers SET id = 2"), "42501: sallyport: denied: ")
	assert.Contains(t, b.sql("not the token", "-c", "SELECT 1"), "FATAL:")

	t.Run("SSH is served beside it", func(t *testing.T) {
		key, err := ssh.ReadKey(filepath.Join(b.dir, "host_key"))
		require.NoError(t, err)
		client, err := xssh.Dial("tcp", "127.0.0.1:"+b.portOf("ssh"), &xssh.ClientConfig{
			User: "coder", Auth: []xssh.AuthMethod{xssh.Password(b.token)}, HostKeyCallback: xssh.FixedHostKey(key.PublicKey()),
		})
		require.NoError(t, err)
		defer client.Close()
		run := func(command string) (string, error) {
			s, err := client.NewSession()
			require.NoError(t, err)
			defer s.Close()
			out, err := s.CombinedOutput(command)
			return string(out), err
		}
		out, err := run("echo works")
		require.NoError(t, err)
		assert.Equal(t, "works\n", out)
		out, err = run("rm -f nothing # fine")
		require.NoError(t, err, out)
		assert.Contains(t, out, "waiting for reviewers to approve this", "the same rules and people")
	})
	t.Run("people are asked by webhook", func(t *testing.T) {
		out := b.sql(b.token, "-c", "DELETE FROM customers WHERE id = 7 /* fine */")
		assert.Contains(t, out, "waits for approval")
		assert.Contains(t, out, "DELETE 0\n")
		out = b.sql(b.token, "-c", "DELETE FROM customers")
		assert.Contains(t, out, `denied by rule "deleting": not all of them`)
	})

	t.Run("the certificate follows a reload", func(t *testing.T) {
		trusts := func(ca string) string {
			return b.sql(b.token, "-c", "SELECT name FROM customers", "sslmode=verify-full sslrootcert="+ca)
		}
		old := filepath.Join(b.dir, "old.crt")
		require.NoError(t, os.Rename(filepath.Join(b.dir, "server.crt"), old))
		assert.Equal(t, "Ada\n", trusts(old))
		b.certify()
		assert.Equal(t, "Ada\n", trusts(old), "not reloaded yet")
		status, body := b.ask("POST", "/reload")
		require.Equal(t, 204, status, body)
		assert.Equal(t, "Ada\n", trusts(filepath.Join(b.dir, "server.crt")))
		assert.Contains(t, trusts(old), "certificate verify failed")
	})

	t.Run("a bad file changes nothing", func(t *testing.T) {
		before, err := os.ReadFile(b.file)
		require.NoError(t, err)
		write(t, b.dir, "g.yaml", string(before)+"nonsense: 1\n")
		require.NoError(t, b.gateway.Process.Signal(syscall.SIGHUP))
		b.logged("the configuration was not reloaded")
		status, body := b.ask("POST", "/reload")
		assert.Equal(t, 422, status)
		assert.Contains(t, body, "nothing was changed")
		assert.Contains(t, body, "nonsense: there is no such field")
		b.logged("nonsense: there is no such field")
		assert.Equal(t, "Ada\n", b.sql(b.token, "-c", "SELECT name FROM customers"))
		write(t, b.dir, "g.yaml", string(before))
	})

	t.Run("a session is listed, follows a reload, and is ended", func(t *testing.T) {
		cmd := b.command(b.token)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		var complaints strings.Builder
		cmd.Stderr = &complaints
		require.NoError(t, cmd.Start())
		answer := func(sql string) string {
			_, err := fmt.Fprintf(in, "%s;\n\\echo done\n", sql)
			require.NoError(t, err)
			var text []byte
			for b := make([]byte, 1); !strings.HasSuffix(string(text), "done\n"); text = append(text, b[0]) {
				_, err := out.Read(b)
				require.NoError(t, err)
			}
			return strings.TrimSuffix(string(text), "done\n")
		}
		assert.Equal(t, "Ada\n", answer("SELECT name FROM customers"))

		_, body := b.ask("GET", "/sessions")
		var sessions []proxy.SessionInfo
		require.NoError(t, json.Unmarshal([]byte(body), &sessions))
		require.Len(t, sessions, 1)
		assert.Equal(t, "coder", sessions[0].Principal)
		assert.Equal(t, "shop", sessions[0].Target)

		text, err := os.ReadFile(b.file)
		require.NoError(t, err)
		write(t, b.dir, "g.yaml", strings.Replace(string(text), "objects: [customers]", "objects: [payroll]", 1)+"observe: true\n")
		status, body := b.ask("POST", "/reload")
		require.Equal(t, 204, status, body)
		b.logged(`"these changes take a restart" sections=observe`)
		assert.Empty(t, answer("SELECT name FROM customers"), "the session follows at its next statement")

		status, _ = b.ask("DELETE", "/sessions/"+sessions[0].ID+"?reason=lunch")
		assert.Equal(t, 204, status)
		_, _ = io.WriteString(in, "SELECT 1;\n")
		require.NoError(t, in.Close())
		_ = cmd.Wait()
		assert.Contains(t, complaints.String(), "the session was ended by the operator: lunch")
		status, _ = b.ask("DELETE", "/sessions/"+sessions[0].ID)
		assert.Equal(t, 404, status)
	})

	t.Run("the record has it", func(t *testing.T) {
		record, err := recorder.Open(filepath.Join(b.dir, "journal"))
		require.NoError(t, err)
		var events strings.Builder
		require.NoError(t, recorder.Export(&events, record.All(0)))
		for _, want := range []string{"SELECT name, ssn FROM customers", `"rule":"no payroll"`, `"kind":"refused"`, `"kind":"policy changed"`, "ended by the operator: lunch"} {
			assert.Contains(t, events.String(), want)
		}
		for _, secret := range []string{b.token, "078-05-1120"} {
			assert.NotContains(t, events.String(), secret)
		}
		assert.FileExists(t, filepath.Join(b.dir, "elsewhere"))
	})
	assert.NotContains(t, b.log.String(), b.token)
}

func TestAdminToken(t *testing.T) {
	a := &admin{token: "right"}
	h := a.only(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	for given, want := range map[string]int{"Bearer right": 204, "Bearer wrong": 401, "right": 401, "": 401, "Bearer ": 401} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "/sessions", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", given)
		w := &answer{header: http.Header{}}
		h(w, req)
		assert.Equal(t, want, w.status, "%q", given)
	}
}

// answer keeps the status of a response.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(b []byte) (int, error) { return len(b), nil }
func (a *answer) WriteHeader(status int)      { a.status = status }
