//go:build unix

// Command quickstart is a guided tour: it starts a private PostgreSQL, a small
// SSH server and a gateway in front of both, lets a scripted agent work through
// the gateway, then reads back what was recorded, proves it, and shows that one
// changed byte is found. It needs PostgreSQL's server programs and leaves nothing behind.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sallyport/sallyport/internal/pgserver"
)

func main() {
	// Signals stay caught until everything is cleaned up: neither a second
	// Ctrl-C nor a reader who had enough (SIGPIPE) may leave a server behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	status := run(ctx, os.Stdout, os.Stderr, pgserver.Start)
	stop()
	os.Exit(status)
}

// starter starts the private PostgreSQL.
type starter func(context.Context, pgserver.Options) (*pgserver.Server, error)

// run is the tour; it returns the exit status.
func run(ctx context.Context, stdout, stderr io.Writer, start starter) int {
	t := &tour{out: newScreen(stdout), start: start}
	err := errors.Join(t.run(ctx), t.cleanUp())
	switch {
	case err == nil:
		t.farewell()
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "interrupted; everything was removed")
		return 130
	}
	fmt.Fprintln(stderr, "quickstart:", err)
	return 1
}
