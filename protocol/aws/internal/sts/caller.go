package sts

import (
	"maps"
	"strings"

	"github.com/sallyport/sallyport/identity"
)

// The attributes in which a principal carries the role that it has asked for.
// They are the client's choice, and give it nothing: a rule that goes by them
// must also go by who it is.
const (
	AttributeRole    = "aws.role_arn"
	AttributeSession = "aws.role_session_name"
)

// NoAccount is the account id of principals that have named no role, where the
// gateway has been told no other.
const NoAccount = "000000000000"

// Remember returns p with the role and session that it has asked for among its
// attributes, so that [CallerOf] finds them in every request to come. p is not
// changed.
func Remember(p identity.Principal, r *AssumeRoleWithWebIdentity) identity.Principal {
	attributes := make(map[string]string, len(p.Attributes)+2)
	maps.Copy(attributes, p.Attributes)
	attributes[AttributeRole], attributes[AttributeSession] = r.Role.String(), r.Session
	p.Attributes = attributes
	return p
}

// Caller is who asks, as AWS names it.
type Caller struct {
	Account string // 12 digits
	ARN     string // of an assumed role
	UserID  string // of the role, and behind a colon the session
}

// CallerOf names a principal as AWS would: by the role and the session that
// [Remember] has put down, or else as an assumed role "sallyport" of account,
// with a session named for the principal. An account that is not 12 digits is [NoAccount].
// The names are for people and tools; they prove nothing.
func CallerOf(p identity.Principal, account string) Caller {
	role, ok := ParseRoleARN(p.Attributes[AttributeRole])
	session := p.Attributes[AttributeSession]
	if ok && validName(session, maxSession) {
		return assumed(role, session)
	}
	if !ValidAccount(account) {
		account = NoAccount
	}
	return assumed(RoleARN{Partition: "aws", Account: account, Path: "/", Name: "sallyport"}, sessionName(p.String()))
}

func assumed(role RoleARN, session string) Caller {
	return Caller{
		Account: role.Account,
		ARN:     "arn:" + role.Partition + ":sts::" + role.Account + ":assumed-role/" + role.Name + "/" + session,
		UserID:  role.id() + ":" + session,
	}
}

// sessionName makes a name that AWS's clients take out of any text.
func sessionName(s string) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() == maxSession {
			break
		}
		if r < 0x80 && nameByte(byte(r)) {
			b.WriteRune(r)
		} else {
			b.WriteByte('-')
		}
	}
	if b.Len() < 2 {
		b.WriteString("--"[b.Len():])
	}
	return b.String()
}
