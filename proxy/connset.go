package proxy

import "sync"

// connSet holds the client connections that are served.
type connSet struct {
	mu      sync.Mutex
	all     map[*clientConn]bool // true once a session was opened
	refused bool
}

// add takes a connection in; it returns false where the gateway drains.
func (c *connSet) add(conn *clientConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused {
		return false
	}
	if c.all == nil {
		c.all = map[*clientConn]bool{}
	}
	c.all[conn] = false
	return true
}

func (c *connSet) opened(conn *clientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.all[conn]; ok {
		c.all[conn] = true
	}
}

func (c *connSet) remove(conn *clientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, conn)
}

// refuse takes in no more connections and closes those that have had no
// session yet.
func (c *connSet) refuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = true
	for conn, opened := range c.all {
		if !opened {
			conn.conn.Close()
		}
	}
}

// closeAll closes every connection.
func (c *connSet) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.all {
		conn.conn.Close()
	}
}
