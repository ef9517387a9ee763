// Package pgserver runs private PostgreSQL servers from installed server
// binaries, for tests, benchmarks and the quickstart.
//
// A server listens on 127.0.0.1 and on a Unix socket, has its own directory
// and a random superuser password, and is gone, directory and all, when
// [Server.Stop] returns or the process that started it ends, however it ends.
//
// The last promise is not kept by PR_SET_PDEATHSIG: that signal is tied to
// the thread that forked, which the Go runtime may end early, and it removes
// no directory. Instead a small shell, in a session of its own, reads from a
// pipe whose other end only this process holds. When the kernel closes that end
// the shell stops the server and removes the directory; see guard.go.
package pgserver
