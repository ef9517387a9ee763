// Package sigv4 is AWS Signature Version 4 from both sides of a gateway: it proves what a client signed, and signs
// what the gateway sends on.
//
// A request goes through it in this order. [Parse] reads what the request says of its signature and proves nothing.
// The caller finds the secret that belongs to [Claim.AccessKeyID], and [Claim.Verify] proves the head, and the body
// where it was read whole. [Normalise] and [Strip] make of it a request that can only be read in one way and that
// carries none of the client's authentication; [Sign] signs that with the gateway's own credentials. Where the body
// streams, a [Reader] proves it while it passes and frames it for the target. A [Guard] remembers the signatures of
// calls that must not be repeated. [Keys] spare most calls the derivation of their key.
//
// Every length is bounded before anything is allocated for it, nothing is handed out before it is proven, and no
// error, String or log value holds a secret or a signature.
package sigv4
