package mask

import "bytes"

// Secrets finds credentials: the keys and tokens of cloud providers, forges,
// chats, payment and AI services and of Sallyport itself, JSON Web Tokens,
// private keys, password hashes, passwords in URLs and connection strings,
// assignments to names such as password, secret or token, and PASSWORD '…' in
// SQL. A password is hidden whatever it looks like; what is assigned to a
// secret, token or key only where it looks random.
func Secrets() Rule {
	c := newCharsets()
	words := tokens(c)
	words = append(words, assignments(c)...)
	words = append(words,
		keyword{"eyJ", c.jwt},
		keyword{"-----BEGIN ", privateKey},
		keyword{"T3BlbkFJ", c.oldOpenAI},
		keyword{".atlasv1.", c.terraform},
		keyword{"SG.", c.sendGrid},
		keyword{"://", c.urlPassword},
		keyword{"identified", c.identifiedBy},
		keyword{"authorization", c.authorization},
	)
	return Rule{detector: &detector{name: "secrets", version: "1", words: words}}
}

// detector is a kind of thing that is hidden wherever it stands.
type detector struct {
	name, version string
	words         []keyword
	personal      *personal
	pattern       *pattern
}

// token makes a keyword of a token that begins with prefix, in this very case,
// and goes on with at least least bytes of set. All that go on are hidden.
func token(prefix string, set *charset, least int) keyword {
	return keyword{prefix, func(b []byte, lo, hi int, loose bool) (span, bool) {
		if string(b[lo:hi]) != prefix {
			return span{}, false
		}
		if loose {
			return span{}, set.run(b, hi, least) == hi+least
		}
		end := set.run(b, hi, anyLength)
		return span{lo, end}, end-hi >= least
	}}
}

// weak is for tokens whose prefix is so short that it may end another word.
func (c *charsets) weak(k keyword) keyword {
	match := k.match
	k.match = func(b []byte, lo, hi int, loose bool) (span, bool) {
		if !loose && !startsWord(b, lo, c.word) {
			return span{}, false
		}
		return match(b, lo, hi, loose)
	}
	return k
}

// exactly is for tokens that have one length only.
func exactly(prefix string, set *charset, n int) keyword {
	k := token(prefix, set, n)
	match := k.match
	k.match = func(b []byte, lo, hi int, loose bool) (span, bool) {
		sp, ok := match(b, lo, hi, loose)
		return sp, ok && (loose || sp.hi-hi == n)
	}
	return k
}

// tokens is the table of credentials that begin with a word of their own.
func tokens(c *charsets) []keyword {
	dashed := chars("-", c.alnum)
	crypt := chars("./$=,+-_", c.alnum)
	var list []keyword
	add := func(set *charset, least int, prefixes ...string) {
		for _, p := range prefixes {
			list = append(list, token(p, set, least))
		}
	}
	add(c.alnum, 36, "ghp_", "gho_", "ghu_", "ghs_", "ghr_")
	add(c.word, 40, "github_pat_")
	add(c.base64url, 20, "glpat-", "gldt-", "glrt-", "glft-", "glsoat-", "glcbt-", "glptt-", "glimt-", "glagent-")
	add(dashed, 10, "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe.xoxp-", "xapp-")
	add(chars("/", c.alnum), 20, "hooks.slack.com/services/")
	add(c.alnum, 16, "sk_live_", "sk_test_", "rk_live_", "rk_test_")
	add(c.base64, 24, "whsec_")
	add(c.base64url, 20, "sk-ant-", "sk-proj-", "sk-svcacct-", "sk-admin-")
	add(c.base64url, 35, "AIza")
	add(c.base64url, 24, "GOCSPX-")
	add(c.alnum, 36, "npm_")
	add(c.base64url, 50, "pypi-AgE")
	add(c.hex, 64, "dop_v1_", "doo_v1_", "dor_v1_")
	add(c.hex, 32, "shpat_", "shpca_", "shppa_", "shpss_")
	add(c.word, 32, "glsa_")
	add(c.base64url, 24, "dckr_pat_")
	add(c.base64url, 40, "sntrys_", "sntryu_")
	add(c.alnum, 32, "lin_api_")
	add(c.base64url, 24, "hvs.", "hvb.")
	add(dashed, 40, "PMAK-")
	add(c.hex, 40, "rubygems_")
	add(c.alnum, 48, "gsk_", "pplx-")
	add(c.base64url, 22, "sq0atp-", "sq0csp-")
	add(c.base64, 40, "AccountKey=", "SharedAccessKey=")
	add(c.base32, 50, "AGE-SECRET-KEY-1")
	add(chars("$:", c.base64), 40, "SCRAM-SHA-256$")
	add(crypt, 50, "$2a$", "$2b$", "$2y$")
	add(crypt, 30, "$argon2id$", "$argon2i$", "$argon2d$", "$pbkdf2", "pbkdf2_sha256$", "$scrypt$")
	add(crypt, 30, "$5$", "$6$", "$y$")
	return append(list,
		c.weak(exactly("AKIA", c.base32, 16)), c.weak(exactly("ASIA", c.base32, 16)), c.weak(exactly("ABIA", c.base32, 16)), c.weak(exactly("ACCA", c.base32, 16)),
		c.weak(token("sp_", c.alnum, 49)), c.weak(token("sk-", c.alnum, 32)), c.weak(token("hf_", c.alnum, 30)), c.weak(token("xai-", c.alnum, 60)),
		c.weak(token("r8_", c.alnum, 36)), c.weak(token("dapi", c.hex, 32)), c.weak(token("ya29.", c.base64url, 20)), c.weak(exactly("key-", c.hex, 32)),
		c.weak(exactly("md5", c.hex, 32)),
	)
}

// jwt finds header.payload.signature, each in base64url; the signature of an
// unsigned token is empty.
func (c *charsets) jwt(b []byte, lo, hi int, loose bool) (span, bool) {
	const least = 10
	if string(b[lo:hi]) != "eyJ" {
		return span{}, false
	}
	if loose {
		return span{}, c.base64url.run(b, hi, least) == hi+least
	}
	if !startsWord(b, lo, c.base64url) {
		return span{}, false
	}
	header := c.base64url.run(b, hi, anyLength)
	if header-hi < least || !bytes.HasPrefix(b[header:], []byte(".eyJ")) {
		return span{}, false
	}
	payload := c.base64url.run(b, header+1, anyLength)
	if payload == len(b) || b[payload] != '.' {
		return span{lo, payload}, true
	}
	return span{lo, c.base64url.run(b, payload+1, anyLength)}, true
}

// privateKey finds PEM and PGP private keys, up to their END line, and where
// that is missing up to the end.
func privateKey(b []byte, lo, hi int, _ bool) (span, bool) {
	const most = 48 // "ENCRYPTED PRIVATE KEY-----" and the like
	if string(b[lo:hi]) != "-----BEGIN " || !bytes.Contains(b[hi:min(len(b), hi+most)], []byte("PRIVATE KEY")) {
		return span{}, false
	}
	end := bytes.Index(b[hi:], []byte("-----END "))
	if end < 0 {
		return span{lo, len(b)}, true
	}
	end += hi + len("-----END ")
	if i := bytes.Index(b[end:min(len(b), end+most)], []byte("-----")); i >= 0 {
		end += i + len("-----")
	}
	return span{lo, end}, true
}

// oldOpenAI finds "sk-", 20 letters and digits, this word, and 20 more.
func (c *charsets) oldOpenAI(b []byte, lo, hi int, _ bool) (span, bool) {
	if string(b[lo:hi]) != "T3BlbkFJ" || lo < 23 || string(b[lo-23:lo-20]) != "sk-" || c.alnum.run(b, lo-20, 20) != lo {
		return span{}, false
	}
	return span{lo - 23, c.alnum.run(b, hi, 20)}, c.alnum.run(b, hi, 20) == hi+20
}

// terraform finds 14 letters and digits, this word, and at least 60 more.
func (c *charsets) terraform(b []byte, lo, hi int, loose bool) (span, bool) {
	if lo < 14 || c.alnum.run(b, lo-14, 14) != lo || c.base64url.run(b, hi, 60) != hi+60 {
		return span{}, false
	}
	if loose {
		return span{}, true
	}
	return span{lo - 14, c.base64url.run(b, hi, anyLength)}, true
}

// sendGrid finds two parts of base64url with a dot between them.
func (c *charsets) sendGrid(b []byte, lo, hi int, loose bool) (span, bool) {
	dot := c.base64url.run(b, hi, 64)
	if string(b[lo:hi]) != "SG." || dot-hi < 16 || dot == len(b) || b[dot] != '.' || c.base64url.run(b, dot+1, 32) != dot+33 {
		return span{}, false
	}
	if loose {
		return span{}, true
	}
	return span{lo, c.base64url.run(b, dot+1, anyLength)}, startsWord(b, lo, c.word)
}
