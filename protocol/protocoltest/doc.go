// Package protocoltest is the conformance kit of protocol plugins: what any of
// them must hold, whatever its wire.
//
//	func TestConformance(t *testing.T) {
//		protocoltest.Run(t, protocoltest.Plugin{
//			New:     func() protocol.Protocol { return redis.New(redis.Config{}) },
//			Target:  startServer,
//			Connect: connect,
//			Rules:   rules,
//			Read:    "GET greeting", Write: "SET greeting hello", …
//		})
//	}
//
// The kit runs the plugin in a real gateway on loopback, with a record in
// memory, between a client that the plugin's author adapts and a server that
// they start. It watches the connection to the target byte by byte.
//
// Each [Check] stands alone; [Checks] lists them. With SALLYPORT_SOAK=1 in the
// environment those that sample try everything.
package protocoltest
