package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// tokenConfig is one entry of the tokens file, which is a list of them under
// "tokens". It holds hashes, no tokens.
type tokenConfig struct {
	Name       string            `yaml:"name"`
	Hash       string            `yaml:"hash"`
	ID         string            `yaml:"id"`
	Subject    string            `yaml:"subject"`
	Groups     []string          `yaml:"groups"`
	Attributes map[string]string `yaml:"attributes"`
	OnBehalfOf string            `yaml:"on_behalf_of"`
	Expires    instant           `yaml:"expires"`
}

// instant is a time as text, RFC 3339.
type instant struct{ time.Time }

func (t *instant) UnmarshalText(text []byte) error {
	v, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return errors.New("must be a time such as 2027-01-31T18:00:00Z")
	}
	t.Time = v
	return nil
}

// readTokens reads the tokens file. Problems hold nothing of a hash.
func readTokens(file string) ([]identity.Token, []problem) {
	var content struct {
		Tokens []tokenConfig `yaml:"tokens"`
	}
	d := readDocument(file)
	if len(d.problems) > 0 {
		return nil, d.problems
	}
	d.decode(&content)
	var list []identity.Token
	seen := map[string]bool{}
	for i, t := range content.Tokens {
		at := fmt.Sprintf("tokens[%d]", i)
		token := identity.Token{
			Name: t.Name, Verifier: t.Hash, ID: t.ID, Subject: t.Subject, Groups: t.Groups,
			Attributes: t.Attributes, OnBehalfOf: t.OnBehalfOf, Expires: t.Expires.Time,
		}
		switch {
		case t.Name == "":
			d.wrong(at+".name", "is missing: it is the user name that the agent gives")
		case seen[t.Name]:
			d.wrong(at+".name", "another token is called %q", t.Name)
		case t.Hash == "":
			d.wrong(at+".hash", "is missing: `gateway token new` makes it")
		default:
			if _, err := identity.NewTokens("x", token); err != nil {
				_, text, _ := strings.Cut(err.Error(), ": ")
				d.wrong(at+".hash", "%s", strings.TrimPrefix(text, "Verifier "))
			}
		}
		seen[t.Name] = true
		list = append(list, token)
	}
	return list, d.problems
}

// newToken makes a token for name. The token goes to out and nowhere else; the
// line for the tokens file to explain, so that `gateway token new NAME
// >token` splits them.
func newToken(name string, groups []string, out, explain io.Writer) error {
	if name == "" || protocol.Visible(name) != name || strings.ContainsAny(name, " \t\n\"'\\") {
		return fmt.Errorf("%q is no name for a token; it is the user name that the agent gives", name)
	}
	token := identity.NewToken()
	hash, err := identity.HashToken(token)
	if err != nil {
		return err
	}
	in := ""
	if len(groups) > 0 {
		quoted := make([]string, len(groups))
		for i, g := range groups {
			quoted[i] = fmt.Sprintf("%q", g)
		}
		in = ", groups: [" + strings.Join(quoted, ", ") + "]"
	}
	if _, err := fmt.Fprintln(out, token); err != nil {
		return err
	}
	fmt.Fprintf(explain, `
That is the token of %s, for the agent: its password, with %s as the user (PGUSER
and PGPASSWORD, or what ssh asks for). It is shown this once and kept nowhere. Add
this line to the tokens file, under "tokens:", and send the gateway a SIGHUP:

  - {name: %q, hash: %q%s}
`, name, name, name, hash, in)
	return nil
}
