package leaf

import (
	"fmt"
	"strings"
)

const maxName, maxLabel = 253, 63

// normal returns host in small letters, or says why it is no DNS name of two
// labels or more. Underscores are taken: names of old buckets have them.
func normal(host string) (string, error) {
	wrong := func(why string) (string, error) {
		return "", fmt.Errorf("no certificate for %.80q: %s", host, why)
	}
	if len(host) > maxName {
		return wrong("it is longer than a DNS name may be")
	}
	labels := strings.Split(host, ".")
	for _, l := range labels {
		switch {
		case l == "" || len(l) > maxLabel:
			return wrong("a part of it is empty or longer than 63 characters")
		case !plain(l):
			return wrong("it holds characters that DNS names do not have")
		case l[0] == '-' || l[len(l)-1] == '-':
			return wrong("a part of it begins or ends with a hyphen")
		}
	}
	last := labels[len(labels)-1]
	if len(labels) < 2 || strings.Trim(last, "0123456789") == "" {
		return wrong("it is not a full DNS name such as s3.amazonaws.com")
	}
	return strings.ToLower(host), nil // of ASCII alone: Unicode has a capital of k that is not K
}

// plain reports whether every byte of s is one that DNS names have.
func plain(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
