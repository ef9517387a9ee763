// Package proxytest tests gateways: those that users of Sallyport build, and
// plugins and engine themselves.
//
//	gw := proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
//		return b.Identify(mint).Approve(rules, people).Listen("127.0.0.1:0", proto, target)
//	})
//	conn := gw.Dial(t)
//	…
//	op := gw.Record.Operation(t, "delete from orders")
//	require.Equal(t, protocol.Refused, op.Outcome.Result)
//
// [Start] runs a gateway on loopback that records in memory, and checks at the
// end of the test that it stopped in order, that nothing of it is left and
// that the record keeps the engine's promises. A [Mint] makes tokens; [People]
// answer questions by script; [Policy] tries rules without a gateway.
//
// Everything here is safe for concurrent use.
package proxytest
