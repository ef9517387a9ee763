//go:build !unix

// Command quickstart is a guided tour; see main.go. It runs on Unix only.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "quickstart: it starts a private PostgreSQL, which it can do on Linux, macOS and other Unixes only")
	os.Exit(1)
}
