package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/identity/awskeys"
)

// revokedAWSConfig is the list of AWS credentials that end before their time:
// a file of its own, so that it can be reloaded and spread to several gateways.
type revokedAWSConfig struct {
	Revoked []awsRevocationConfig `yaml:"revoked"`
}

type awsRevocationConfig struct {
	AccessKeyID string  `yaml:"access_key_id"`
	Issuer      string  `yaml:"issuer"`
	Subject     string  `yaml:"subject"`
	Before      instant `yaml:"before"`
}

// readAWSRevocations reads the list.
func readAWSRevocations(file string) ([]awskeys.Revocation, []problem) {
	d := readDocument(file)
	if len(d.problems) > 0 {
		return nil, d.problems
	}
	var content revokedAWSConfig
	d.decode(&content)
	var list []awskeys.Revocation
	for i, r := range content.Revoked {
		one := awskeys.Revocation{AccessKeyID: r.AccessKeyID, Issuer: r.Issuer, Subject: r.Subject, Before: r.Before.Time}
		at := fmt.Sprintf("revoked[%d]", i)
		wrong := slices.ContainsFunc(d.problems, func(p problem) bool { return strings.HasPrefix(p.field, at) })
		if err := new(awskeys.Issuer).Revoke(one); err != nil && !wrong {
			_, text, _ := strings.Cut(err.Error(), ": ")
			text = strings.NewReplacer("AccessKeyID", "access_key_id", "Issuer", "issuer", "Subject", "subject", "Before", "before").Replace(text)
			d.wrong(at, "%s", text)
		}
		list = append(list, one)
	}
	return list, d.problems
}
