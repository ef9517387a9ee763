// Package sshkeys proves principals by SSH keys: [Keys] are public keys that
// are listed one by one, [CA] takes OpenSSH's user certificates. Both are
// authenticators for [identity.SchemeSSHKey]; [identity.Any] joins them.
//
// Neither sees a signature. They say whom a key proves once its holder has
// signed with it, which the protocol's plugin verifies.
//
// Keys that are too weak prove nobody, wherever they stand: DSA, RSA of less
// than 2048 bits, and kinds that are not known here. Ed25519, ECDSA on the NIST
// curves and both kinds kept in hardware (sk-ssh-ed25519, sk-ecdsa-sha2-nistp256)
// are taken, and RSA of 2048 to 16384 bits. Keys and certificates above 32 KiB are
// refused unread.
//
// Everything here is safe for concurrent use.
package sshkeys
