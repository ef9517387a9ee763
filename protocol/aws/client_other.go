//go:build !unix

package aws

import "net"

// quiet returns what reports whether nothing can be read from a connection. It
// cannot be known here: connections are not used twice.
func quiet(net.Conn) func() bool { return func() bool { return false } }
