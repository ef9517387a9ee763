package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPsqlWorks(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int, b text); INSERT INTO t VALUES (1,'x'),(2,'y')"})
	out, err := r.psql("-c", "SELECT * FROM t ORDER BY a")
	require.NoError(t, err, "%s\n%s\n%s", out, r.Log, r.Record)
	assert.Equal(t, "1|x\n2|y\n", out)
	out, err = r.psql("-c", "SELECT 1/0")
	require.Error(t, err)
	assert.Contains(t, out, "22012")
}

func TestPgxWorks(t *testing.T) {
	r := start(t, options{setup: "CREATE TABLE t(a int, b text); INSERT INTO t VALUES (1,'x'),(2,'y')"})
	c := r.connect()
	for range 3 {
		assert.Equal(t, "y", value[string](t, c, "SELECT b FROM t WHERE a=$1", 2))
	}
	t.Log(r.Record)
}
