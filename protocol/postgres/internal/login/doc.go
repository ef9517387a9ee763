// Package login opens PostgreSQL connections on both sides of the gateway.
//
// Towards the client, [Accept] reads the startup packet and turns the
// connection over to TLS, and [Authenticate] proves who is there: by
// SCRAM-SHA-256, or by a token in place of the password where nobody else can
// read it. Towards the target, [Connect] logs in with the gateway's own
// credential, and [Cancel] sends a cancel request.
//
// Nothing is read ahead: every function reads exactly the bytes that it
// answers for, so bytes sent in the clear can't pass for bytes that came
// through TLS (CVE-2021-23214 and CVE-2021-23222), and whoever takes the
// connection over misses none. Messages are bounded to 64 KiB. Ending ctx ends
// every wait. No error holds a secret.
package login
