package postgres_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nodeModules installs what testdata/node asks for, once for each version of
// its lock file, and returns the folder.
func nodeModules(t *testing.T) string {
	t.Helper()
	lock, err := os.ReadFile("testdata/node/package-lock.json")
	require.NoError(t, err)
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "sallyport-test", fmt.Sprintf("node-%x", sha256.Sum256(lock))[:21])
	if _, err := os.Stat(filepath.Join(dir, "installed")); err == nil {
		return dir
	}
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile("testdata/node/" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "npm ci: %s\nscripts/setup.sh installs node and npm", out)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "installed"), nil, 0o644))
	return dir
}

func TestNodePostgres(t *testing.T) {
	r := start(t, options{rules: noDrop})
	dir := nodeModules(t)
	host, port, _ := net.SplitHostPort(r.Addr())
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "testdata/node/client.js")
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "node_modules"),
		fmt.Sprintf("DATABASE_URL=postgres://agent:%s@%s:%s/%s", r.token, host, port, r.database))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, r.Log)
	assert.JSONEq(t, `{"named":[{"a":1,"b":"one"}],"several":[{"x":1},{"y":2}],"denied":"42501","error":"42P01","after":1}`, string(out))
}

func TestLibPq(t *testing.T) {
	r := start(t, options{rules: noDrop, setup: "CREATE TABLE t(a int, b text)"})
	db, err := sql.Open("postgres", r.dsn())
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(3)
	for i := range 10 {
		_, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES ($1, $2)", i, strings.Repeat("x", i))
		require.NoError(t, err)
	}
	var n int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT sum(length(b)) FROM t WHERE a > $1", 4).Scan(&n))
	assert.Equal(t, 35, n)
	_, err = db.ExecContext(t.Context(), "DELETE FROM t")
	require.ErrorContains(t, err, "no-destroy")
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n))
	assert.Equal(t, 10, n)
}

// psql's own commands ask the catalog in many ways.
func TestPsqlCommands(t *testing.T) {
	r := start(t, options{setup: customers, masks: ssnMask})
	out, err := r.psql("-c", `\d customers`, "-c", `\dt`, "-c", `\du`, "-c", `\l`, "-c", `\df`, "-c", `\dv`)
	require.NoError(t, err, out)
	assert.Contains(t, out, "ssn|text")
	assert.Contains(t, out, "customer_view")
	out, err = r.psql("-c", `\copy (SELECT id, name FROM customers) to stdout csv`)
	require.NoError(t, err, out)
	assert.Equal(t, "1,Ada\n2,Bob\n", out)
	out, err = r.psql("-v", "FETCH_COUNT=1", "-c", `SELECT name FROM customers ORDER BY id`)
	require.NoError(t, err, out)
	assert.Equal(t, "Ada\nBob\n", out)
}

func TestPgDumpAndRestore(t *testing.T) {
	r := start(t, options{setup: customers})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	dump, err := exec.CommandContext(ctx, server.BinDir()+"/pg_dump", "-t", "orders", "-t", "customers", "--inserts", r.dsn()).CombinedOutput()
	require.NoError(t, err, "%s\n%s", dump, r.Log)
	assert.Contains(t, string(dump), canary)
	into := start(t, options{})
	cmd := exec.CommandContext(ctx, server.BinDir()+"/psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", into.dsn())
	cmd.Stdin = strings.NewReader(string(dump))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, 2, value[int](t, into.direct(), "SELECT count(*) FROM customers"))
}
