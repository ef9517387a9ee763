package sshkeys

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
)

const (
	// maxKey is how long a key or certificate may be in wire format, in bytes.
	maxKey     = 32 << 10
	minRSABits = 2048
)

// parse reads a key in wire format. It takes only the one encoding that the
// key has: what is looked up and what is verified are then the same bytes.
func parse(wire []byte) (ssh.PublicKey, error) {
	if len(wire) > maxKey {
		return nil, refused("the key is longer than 32 KiB")
	}
	key, err := ssh.ParsePublicKey(wire)
	if err != nil || !bytes.Equal(key.Marshal(), wire) {
		return nil, refused("the key cannot be read")
	}
	return key, nil
}

// strong returns why a plain key proves nobody.
func strong(key ssh.PublicKey) error {
	switch kind := key.Type(); kind {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return nil
	case ssh.KeyAlgoRSA:
		k, ok := key.(ssh.CryptoPublicKey)
		if !ok {
			break
		}
		if pub, ok := k.CryptoPublicKey().(*rsa.PublicKey); !ok || pub.N.BitLen() < minRSABits {
			return fmt.Errorf("an RSA key of less than %d bits is too weak", minRSABits)
		}
		return nil
	case "ssh-dss":
		return errors.New("a DSA key is too weak")
	}
	if _, ok := key.(*ssh.Certificate); ok {
		return errors.New("it is a certificate; CA takes those")
	}
	return errors.New("keys of this kind are not taken")
}

// parseLine reads one line of authorized_keys or of a .pub file.
func parseLine(line string) (ssh.PublicKey, error) {
	if strings.TrimSpace(line) == "" {
		return nil, errors.New("there is no key")
	}
	if strings.Contains(line, "PRIVATE KEY") {
		return nil, errors.New("it is a private key; give the line of the .pub file beside it")
	}
	if len(line) > 2*maxKey {
		return nil, errors.New("the line is too long")
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(line))
	switch {
	case err != nil:
		return nil, errors.New(`it is not a line of authorized_keys, such as "ssh-ed25519 AAAA… comment"`)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("it holds more than one line")
	case len(options) > 0:
		// To leave them out would give more than the line says.
		return nil, errors.New("options of authorized_keys are not read; From and Expires say the like")
	}
	return key, strong(key)
}

func refused(why string) error { return fmt.Errorf("%w: SSH key: %s", identity.ErrRefused, why) }
