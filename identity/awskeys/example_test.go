package awskeys_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
)

func ExampleNew() {
	text := base64.StdEncoding.EncodeToString(randomBytes()) // from where you keep secrets
	key, err := awskeys.ParseKey(text)
	if err != nil {
		panic(err)
	}
	keys, err := awskeys.New(key)
	if err != nil {
		panic(err)
	}

	// Somebody has proven who they are, and gets credentials.
	who := identity.Proven{
		Principal: identity.Principal{Issuer: "https://id.example.com", Subject: "coder"}, Scheme: identity.SchemeToken, Credential: "t-1",
	}
	c, err := keys.Issue(who, 30*time.Minute)
	if err != nil {
		panic(err)
	}

	// A request comes with the access key id and the session token.
	v, err := keys.Verifier(context.Background(), identity.SchemeSigV4, c.AccessKeyID)
	if err != nil {
		panic(err)
	}
	secret, proven, err := v.(identity.SigningVerifier).Secret(context.Background(), c.SessionToken())
	fmt.Println(secret == c.SecretAccessKey(), proven.Principal.ID(), proven.Principal.Attributes[awskeys.AttributeProof], err)

	// The credentials leak.
	if err := keys.Revoke(awskeys.Revocation{AccessKeyID: c.AccessKeyID}); err != nil {
		panic(err)
	}
	_, _, err = v.(identity.SigningVerifier).Secret(context.Background(), c.SessionToken())
	fmt.Println(err)
	// Output:
	// true https://id.example.com|coder token t-1 <nil>
	// credentials refused: AWS: the credentials are revoked
}

func randomBytes() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}
