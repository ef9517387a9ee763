package hostkey

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" // of names, as known_hosts has them
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	xssh "golang.org/x/crypto/ssh"
)

// entry is one line.
type entry struct {
	names     matcher
	key       xssh.PublicKey
	authority bool // key signs certificates
	place     string
}

// named reports whether the entry is a host's own key.
func (e *entry) named() bool {
	_, all := e.names.(everyone)
	return !e.authority && !all
}

// matcher knows names as known_hosts writes them: "host" or "[host]:port".
type matcher interface{ match(name string) bool }

type everyone struct{}

func (everyone) match(string) bool { return true }

// maxLine is how long a line may be, in bytes.
const maxLine = 64 << 10

// add reads one line.
func (k *Checker) add(line, place string) error {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	wrong := func(why string) error { return fmt.Errorf("hostkey: %s: %s", place, why) }
	if len(line) > maxLine {
		return wrong("the line is too long")
	}
	fields := strings.Fields(line)
	marker := ""
	if strings.HasPrefix(line, "@") {
		marker, fields = fields[0], fields[1:]
	}
	if len(fields) < 3 {
		return wrong(`it is no line of known_hosts, such as "host ssh-ed25519 AAAA…"`)
	}
	if marker != "" && marker != "@cert-authority" && marker != "@revoked" {
		return wrong("its marker is neither @cert-authority nor @revoked")
	}
	_, _, key, _, _, err := xssh.ParseKnownHosts([]byte(line))
	if err != nil {
		if marker != "@revoked" && unknownKind(fields[1], fields[2]) {
			return nil
		}
		return wrong("its key cannot be read")
	}
	if marker == "@revoked" {
		k.revoked[string(plain(key).Marshal())] = true
		return nil
	}
	names, err := newMatcher(fields[0])
	if err != nil {
		return wrong(err.Error())
	}
	k.entries = append(k.entries, &entry{names, key, marker == "@cert-authority", place})
	return nil
}

// plain returns the key that a certificate is for, or else the key.
func plain(key xssh.PublicKey) xssh.PublicKey {
	if cert, ok := key.(*xssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// unknownKind reports whether a line is well made, and only the kind of its
// key is not known here, as of an OpenSSH that is newer.
func unknownKind(kind, blob string) bool {
	b, err := base64.StdEncoding.DecodeString(blob)
	if err != nil || len(b) < 4 {
		return false
	}
	n := uint64(binary.BigEndian.Uint32(b))
	if n > uint64(len(b)-4) || string(b[4:4+n]) != kind {
		return false
	}
	for _, known := range knownKinds() {
		if kind == known {
			return false
		}
	}
	return true
}

func knownKinds() []string {
	return []string{
		xssh.KeyAlgoRSA, "ssh-dss", xssh.KeyAlgoED25519, xssh.KeyAlgoECDSA256, xssh.KeyAlgoECDSA384, xssh.KeyAlgoECDSA521,
		xssh.KeyAlgoSKED25519, xssh.KeyAlgoSKECDSA256,
	}
}

func newMatcher(names string) (matcher, error) {
	if !strings.HasPrefix(names, "|") {
		return patterns(strings.Split(strings.ToLower(names), ",")), nil
	}
	parts := strings.Split(names, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return nil, errors.New(`its hashed name is not of the form "|1|salt|hash"`)
	}
	salt, err1 := base64.StdEncoding.DecodeString(parts[2])
	sum, err2 := base64.StdEncoding.DecodeString(parts[3])
	if err1 != nil || err2 != nil || len(sum) != sha1.Size || len(salt) != sha1.Size {
		return nil, errors.New("its hashed name cannot be read")
	}
	return hashed{salt, sum}, nil
}

// hashed is a name that one can compare with and not read.
type hashed struct{ salt, sum []byte }

func (h hashed) match(name string) bool {
	mac := hmac.New(sha1.New, h.salt)
	mac.Write([]byte(name))
	return bytes.Equal(mac.Sum(nil), h.sum)
}

// patterns are names with wildcards; one with "!" that matches outweighs the
// rest.
type patterns []string

func (list patterns) match(name string) bool {
	matched := false
	for _, p := range list {
		p, not := strings.CutPrefix(p, "!")
		switch {
		case p == "" || !wild(p, name):
		case not:
			return false
		default:
			matched = true
		}
	}
	return matched
}

// wild reports whether pattern, with "*" for anything and "?" for one byte,
// is s. It takes at most len(pattern) * len(s) steps.
func wild(pattern, s string) bool {
	p, i := 0, 0
	star, from := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0: // the last star takes one byte more
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
