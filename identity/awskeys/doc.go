// Package awskeys issues AWS credentials that are good at gateways only, and
// proves principals by them.
//
// An [Issuer] gives a proven principal an access key id, a secret and a session
// token, as AWS's STS does, so that every AWS client can use them unchanged.
// AWS itself knows nothing of them. The session token holds the principal,
// sealed; the secret is derived from the token. So nothing is stored, and any
// gateway that has the same [Key] knows the credentials of all others, also
// after a restart.
//
// An Issuer is an [identity.Authenticator] for [identity.SchemeSigV4]. It tells
// the secret that a request must be signed with; the protocol's plugin verifies
// the signature.
//
// Credentials live from 15 minutes to 12 hours, and never longer than what the
// principal was proven with. [Issuer.Revoke] ends them sooner. To replace a
// key, put the new one behind the old one in the list at every gateway, then in
// front of it, and take the old one out 12 hours later. Taking a key out ends
// all that was sealed with it.
//
// Who holds a key can make credentials for anyone: keep it as you keep the
// gateway's own credentials. No key, secret or token is in an error or prints
// by fmt, slog or encoding/json.
//
// Everything here is safe for concurrent use.
package awskeys
