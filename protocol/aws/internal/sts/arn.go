package sts

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// RoleARN is the name of an IAM role, taken apart.
type RoleARN struct {
	Partition string // "aws", "aws-cn", …
	Account   string // 12 digits
	Path      string // "/", or "/a/b/"
	Name      string
}

const (
	maxARN, maxRole, maxPath = 2048, 64, 512
	accountLength            = 12
)

// ParseRoleARN reads arn:PARTITION:iam::ACCOUNT:role/PATH/NAME. It is as
// strict as IAM is about roles that exist.
func ParseRoleARN(s string) (RoleARN, bool) {
	if len(s) > maxARN {
		return RoleARN{}, false
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "iam" || parts[3] != "" || !ValidAccount(parts[4]) {
		return RoleARN{}, false
	}
	full, ok := strings.CutPrefix(parts[5], "role/")
	cut := strings.LastIndexByte(full, '/') + 1
	r := RoleARN{Partition: parts[1], Account: parts[4], Path: "/" + full[:cut], Name: full[cut:]}
	if !ok || !validPartition(r.Partition) || !validName(r.Name, maxRole) || len(r.Path) > maxPath || !visible(r.Path) ||
		strings.Contains(r.Path, "//") {
		return RoleARN{}, false
	}
	return r, true
}

// String returns the ARN, as it was read.
func (r RoleARN) String() string {
	return "arn:" + r.Partition + ":iam::" + r.Account + ":role" + r.Path + r.Name
}

// id is what stands for the role in ids of its sessions: "AROA" and 17
// characters, always the same ones. AWS's own are not known here.
func (r RoleARN) id() string {
	sum := sha256.Sum256([]byte(r.String()))
	return "AROA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// ValidAccount reports whether s is an account id: 12 digits.
func ValidAccount(s string) bool {
	return len(s) == accountLength && strings.Trim(s, "0123456789") == ""
}

// validPartition takes "aws" and what begins with "aws-": there will be others.
func validPartition(s string) bool {
	rest, ok := strings.CutPrefix(s, "aws")
	return ok && len(s) <= 32 && (rest == "" || len(rest) > 1 && rest[0] == '-') && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
