package pgservertest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/pgserver"
	"github.com/sallyport/sallyport/internal/pgserver/pgservertest"
)

func TestMain(m *testing.M) {
	if os.Getenv("PGSERVERTEST_CHILD") != "" {
		child()
	}
	goleak.VerifyTestMain(m)
}

// child starts a server, says where it is, and hangs until it is killed.
func child() {
	s, err := pgserver.Start(context.Background(), pgserver.Options{Cache: true})
	if err != nil {
		panic(err)
	}
	if _, err := os.Stdout.WriteString(strconv.Itoa(s.Pid()) + " " + s.DataDir() + "\n"); err != nil {
		panic(err)
	}
	time.Sleep(time.Hour)
}

// one returns the single value that a query gives.
func one(t *testing.T, dsn, sql string) string {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	results, err := conn.Exec(t.Context(), sql).ReadAll()
	require.NoError(t, err)
	return string(results[0].Rows[0][0])
}

func gone(pid int) bool {
	_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
	return os.IsNotExist(err)
}

func TestTwoServersAtOnceAndNothingLeft(t *testing.T) {
	a, b := pgservertest.Run(t), pgservertest.Run(t)
	require.NotEqual(t, a.Port(), b.Port())
	require.NotEqual(t, a.Password(pgserver.Superuser), b.Password(pgserver.Superuser))
	for _, s := range []*pgserver.Server{a, b} {
		require.Equal(t, s.DataDir(), one(t, s.DSN(pgserver.Superuser, "postgres"), "SHOW data_directory"))
		require.Equal(t, "127.0.0.1", one(t, s.DSN(pgserver.Superuser, "postgres"), "SHOW listen_addresses"))
		pid := s.Pid()
		require.NoError(t, s.Stop())
		require.NoError(t, s.Stop())
		require.True(t, gone(pid))
		require.NoDirExists(t, filepath.Dir(s.DataDir()))
	}
}

func TestEveryWayToLogIn(t *testing.T) {
	for auth, verifier := range map[string]string{
		"scram-sha-256": "SCRAM-SHA-256", "password": "SCRAM-SHA-256", "trust": "SCRAM-SHA-256", "md5": "md5",
	} {
		t.Run(auth, func(t *testing.T) {
			s := pgservertest.Run(t, pgserver.Options{Auth: auth})
			require.NoError(t, s.AddRole(t.Context(), "app's", `p'w"d`, "SUPERUSER"))
			stored := one(t, s.DSN("app's", "postgres"), "SELECT rolpassword FROM pg_authid WHERE rolname = 'app''s'")
			require.True(t, strings.HasPrefix(stored, verifier), stored)
			wrong := strings.Replace(s.DSN("app's", "postgres"), "p%27w", "x", 1)
			conn, err := pgconn.Connect(t.Context(), wrong)
			if auth == "trust" {
				require.NoError(t, err)
				require.NoError(t, conn.Close(t.Context()))
			} else {
				require.ErrorContains(t, err, "password authentication failed")
			}
		})
	}
}

func TestTLSAndClientCertificate(t *testing.T) {
	s := pgservertest.Run(t, pgserver.Options{Auth: "cert", TLS: true, Conf: map[string]string{"work_mem": "1234kB"}})
	require.NoError(t, s.AddRole(t.Context(), "app", "unused", ""))
	certFile, keyFile, err := s.ClientFiles("app")
	require.NoError(t, err)
	dsn := s.DSN("app", "postgres") + "&sslcert=" + certFile + "&sslkey=" + keyFile
	require.Equal(t, "1234kB", one(t, dsn, "SHOW work_mem"))
	for _, bad := range []string{s.DSN("app", "postgres"), strings.Replace(dsn, "app:", pgserver.Superuser+":", 1)} {
		_, err = pgconn.Connect(t.Context(), bad)
		require.Error(t, err)
	}
}

func TestKillAndRestart(t *testing.T) {
	s := pgservertest.Run(t, pgserver.Options{Fsync: true})
	dsn := s.DSN(pgserver.Superuser, "postgres")
	require.NoError(t, s.Exec(t.Context(), "postgres", "CREATE TABLE kept AS SELECT 7 AS n"))
	port := s.Port()
	require.NoError(t, s.Kill())
	require.Zero(t, s.Pid())
	_, err := pgconn.Connect(t.Context(), dsn)
	require.Error(t, err)
	for range 2 { // after a crash, then while it runs
		require.NoError(t, s.Restart(t.Context()))
		require.Equal(t, port, s.Port())
		require.Equal(t, "7", one(t, dsn, "SELECT n FROM kept"))
	}
	require.Contains(t, s.Logs(), "database system is ready to accept connections")
}

func TestServerGoesWithItsProcess(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PGSERVERTEST_CHILD=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line := make([]byte, 4096)
	n, err := out.Read(line)
	require.NoError(t, err)
	pidText, data, _ := strings.Cut(strings.TrimSpace(string(line[:n])), " ")
	pid, err := strconv.Atoi(pidText)
	require.NoError(t, err)
	require.False(t, gone(pid))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool { return gone(pid) }, 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Dir(data))
		return os.IsNotExist(err)
	}, 10*time.Second, 10*time.Millisecond)
}

func TestBadOptions(t *testing.T) {
	for _, o := range []pgserver.Options{{Auth: "ldap"}, {Auth: "cert"}, {Conf: map[string]string{"a": "b\nc"}}} {
		_, err := pgserver.Start(t.Context(), o)
		require.Error(t, err)
	}
}
