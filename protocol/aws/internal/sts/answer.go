package sts

import (
	"encoding/xml"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
)

type metadata struct {
	RequestID string `xml:"RequestId"`
}

type webIdentityResponse struct {
	XMLName xml.Name `xml:"AssumeRoleWithWebIdentityResponse"`
	XMLNS   string   `xml:"xmlns,attr"`
	Result  struct {
		Subject string `xml:"SubjectFromWebIdentityToken,omitempty"`
		User    struct {
			ARN string `xml:"Arn"`
			ID  string `xml:"AssumedRoleId"`
		} `xml:"AssumedRoleUser"`
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
			Expiration      string
		}
		Provider string `xml:",omitempty"`
	} `xml:"AssumeRoleWithWebIdentityResult"`
	Metadata metadata `xml:"ResponseMetadata"`
}

// WebIdentityAnswer returns the body that answers r with credentials, secrets
// included, for status 200. p is whom they were issued to.
func WebIdentityAnswer(r *AssumeRoleWithWebIdentity, c awskeys.Credentials, p identity.Principal, requestID string) []byte {
	var w webIdentityResponse
	w.XMLNS, w.Metadata.RequestID = namespace, requestID
	caller := assumed(r.Role, r.Session)
	w.Result.Subject, w.Result.Provider = p.Subject, p.Issuer
	w.Result.User.ARN, w.Result.User.ID = caller.ARN, caller.UserID
	k := &w.Result.Credentials
	k.AccessKeyID, k.SecretAccessKey, k.SessionToken = c.AccessKeyID, c.SecretAccessKey(), c.SessionToken()
	k.Expiration = c.Expires.UTC().Format(time.RFC3339)
	return encode(w)
}

type callerResponse struct {
	XMLName xml.Name `xml:"GetCallerIdentityResponse"`
	XMLNS   string   `xml:"xmlns,attr"`
	Result  struct {
		ARN     string `xml:"Arn"`
		UserID  string `xml:"UserId"`
		Account string
	} `xml:"GetCallerIdentityResult"`
	Metadata metadata `xml:"ResponseMetadata"`
}

// CallerAnswer returns the body that answers GetCallerIdentity, for status 200.
func CallerAnswer(c Caller, requestID string) []byte {
	var w callerResponse
	w.XMLNS, w.Metadata.RequestID = namespace, requestID
	w.Result.ARN, w.Result.UserID, w.Result.Account = c.ARN, c.UserID, c.Account
	return encode(w)
}

type errorResponse struct {
	XMLName xml.Name `xml:"ErrorResponse"`
	XMLNS   string   `xml:"xmlns,attr"`
	Error   struct {
		Type    string
		Code    string
		Message string
	}
	RequestID string `xml:"RequestId"`
}

// encode writes XML; what XML cannot hold becomes U+FFFD.
func encode(v any) []byte {
	b, err := xml.Marshal(v)
	if err != nil {
		panic(err) // strings in structs
	}
	return b
}
