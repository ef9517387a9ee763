package oidc

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/identity"
)

const (
	maxClaim  = 1 << 10 // bytes of a claim that becomes part of a principal
	maxGroups = 1000
)

// claims is the claims of a token whose signature, issuer and audience are right.
type claims map[string]any

// prove checks the times and maps the claims to a principal.
func (v verifier) prove(c claims, now time.Time) (identity.Proven, error) {
	o := &v.options
	none := identity.Proven{}
	subject, _ := c.text("sub")
	if subject == "" {
		return none, refused("it has no subject")
	}
	if _, logout := c["events"]; logout {
		return none, refused("it is a logout token")
	}
	expiry, ok := c.time("exp")
	if !ok {
		return none, refused("it has no expiry")
	}
	for _, claim := range []string{"nbf", "iat"} {
		if _, there := c[claim]; !there {
			continue
		}
		if from, ok := c.time(claim); !ok || now.Add(o.skew).Before(from) {
			return none, refused("its time has not come; compare the clocks")
		}
	}
	if o.parties != nil {
		party, _ := c.text("azp")
		if party == "" {
			party, _ = c.text("client_id")
		}
		if !slices.Contains(o.parties, party) {
			return none, refused("it was made for a client that is not an authorized party")
		}
	}
	if o.user != "" && !slices.Contains(c.list(o.user), v.user) {
		return none, refused("it is not the claimed user's")
	}
	// Last, so that only who gave a right token learns that it has expired.
	end := expiry.Add(o.skew)
	if !now.Before(end) {
		return none, identity.ErrExpired
	}

	p := identity.Principal{Issuer: v.issuer, Subject: subject, Groups: c.list(o.groups), Expires: end}
	p.Name, _ = c.text(o.name)
	if o.onBehalfOf != "" {
		p.OnBehalfOf, _ = c.text(o.onBehalfOf)
	}
	for _, name := range append([]string{"act"}, o.attributes...) {
		from := name
		if name == "act" && !slices.Contains(o.attributes, "act") {
			from = "act.sub"
		}
		if value, ok := c.text(from); ok {
			if p.Attributes == nil {
				p.Attributes = map[string]string{}
			}
			p.Attributes[name] = value
		}
	}
	credential, _ := c.text("jti")
	return identity.Proven{Principal: p, Scheme: identity.SchemeToken, Credential: credential}, nil
}

// get returns the claim of this name, or the one that its dots lead to.
func (c claims) get(name string) any {
	if value, ok := c[name]; ok {
		return value
	}
	var at any = map[string]any(c)
	for part := range strings.SplitSeq(name, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[part]
	}
	return at
}

// text returns a claim that is text, a number or a truth value.
func (c claims) text(name string) (string, bool) { return text(c.get(name)) }

func text(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		if value != "" && len(value) <= maxClaim && utf8.ValidString(value) {
			return value, true
		}
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64), true
	case json.Number:
		return value.String(), true
	case bool:
		return strconv.FormatBool(value), true
	}
	return "", false
}

// list returns the texts of a claim that is a list of them, or one.
func (c claims) list(name string) []string {
	value := c.get(name)
	if one, ok := value.(string); ok {
		value = []any{one}
	}
	many, _ := value.([]any)
	var list []string
	for _, value := range many[:min(len(many), maxGroups)] {
		if s, ok := value.(string); ok {
			if s, ok = text(s); ok {
				list = append(list, s)
			}
		}
	}
	return list
}

// time returns a claim that is a time in seconds since 1970.
func (c claims) time(name string) (time.Time, bool) {
	seconds, ok := c[name].(float64)
	if !ok || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(seconds * 1000)), true
}
