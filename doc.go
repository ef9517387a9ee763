// Package sallyport is the overview of a library for gateways that stand
// between AI coding agents, or any other clients, and the systems they work
// on. It holds no code: everything is in the packages below it.
//
// The agent keeps its ordinary client, unchanged. The gateway proves who is
// asking, holds the real credential, reads every operation at protocol level,
// writes it down before it is carried out, asks a person where a rule says so,
// masks what must not be seen, and can later prove and replay all of it.
//
// # Packages
//
// From the top floor down; a package imports only from floors below its own.
//
//   - proxy: the builder, the gateway and its engine; where all parts meet.
//     proxy/proxytest runs a gateway inside your own tests.
//   - protocol/postgres, protocol/ssh, protocol/aws: the plugins for PostgreSQL,
//     SSH and AWS.
//   - recorder: the journal on local disk, its reader and its verifier.
//   - approve: rules, and the people whom they ask.
//   - protocol: the vocabulary (operations, effects, decisions) and the
//     contract between a wire protocol's plugin and the engine.
//     protocol/protocoltest is the conformance kit for plugins.
//   - mask: what must not be seen, by column and by content.
//   - identity: who is asking, proven by tokens, OpenID Connect and SSH
//     keys; identity/awskeys issues AWS credentials that gateways take.
//
// # A gateway
//
// The builder reads from top to bottom as the way of a statement does. Build
// reports every mistake at once; identity, record and rules cannot be left out.
//
//	gw, err := proxy.New("agents").
//		Identify(tokens).
//		Record(journal).
//		Mask(mask.Secrets(), mask.Columns("customers.ssn", mask.Keep(4))).
//		Approve(rules, approvers...).
//		Listen("127.0.0.1:6432", postgres.New(config), target).
//		Build()
//	if err != nil {
//		return err
//	}
//	return gw.Serve(ctx) // drains when ctx ends
//
// # What it promises
//
// Nothing that was not judged reaches the target. What was admitted is on disk
// before it is forwarded. Where recording, masking, identity or policy fails,
// the session ends and nothing more passes. The record never shows more than
// the client saw. The agent never holds the target's credential. Memory stays
// flat whatever the size of a result. docs/threat-model.md names the tests
// that hold each of these.
package sallyport
