// Package pgservertest gives tests a private PostgreSQL server. It is apart
// from pgserver so that programs do not link package testing.
package pgservertest

import (
	"context"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/pgserver"
)

// Run starts a server that lives as long as the test. It takes at most one
// Options. Where there is no PostgreSQL the test fails, saying what to install. When
// the test fails, the end of the server's log is shown.
func Run(t testing.TB, options ...pgserver.Options) *pgserver.Server {
	t.Helper()
	var o pgserver.Options
	switch len(options) {
	case 0:
	case 1:
		o = options[0]
	default:
		t.Fatal("pgservertest: Run takes at most one Options")
	}
	o.Cache = true
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := pgserver.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the PostgreSQL server's log:\n%s", s.Logs())
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}
