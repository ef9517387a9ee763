//go:build race

package proxy

import "sync/atomic"

// order tells the race detector, as package syscall does for its own calls,
// that what was sent through a socket happened before what is received.
var order atomic.Int64

func orderSent()     { order.Add(1) }
func orderReceived() { order.Load() }
