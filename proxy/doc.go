// Package proxy builds and runs gateways: it is where identity, policy, masks,
// the record and the protocols meet.
//
//	gw, err := proxy.New("agents").
//		Identify(tokens).
//		Record(journal).
//		Mask(mask.Secrets(), mask.Columns("customers.ssn", mask.Keep(4))).
//		Approve(rules, approver).
//		Listen("127.0.0.1:6432", postgres.New(postgres.Config{Login: login}), target).
//		Build()
//
// [Builder.Build] reports every mistake at once. [Gateway.Serve] runs until its
// context ends and then drains. While it runs, [Gateway.Update] swaps policy,
// masks, identity and certificate as one, [Gateway.Sessions] lists what is
// going on, and [Gateway.End] ends a session.
//
// The engine in this package keeps the order that the rest relies on: an
// operation is judged, approved where a rule asks, and durably recorded before
// its plugin learns that it may be forwarded; a part is recorded before it is
// forwarded or written to the client. Where recording fails, the session ends.
package proxy
