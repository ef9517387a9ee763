package oidc_test

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/oidc"
)

func ExampleNew() {
	who, err := oidc.New("https://id.example.com", "sallyport",
		oidc.GroupsClaim("realm_access.roles"), oidc.RequireUser("preferred_username"))
	if err != nil {
		panic(err)
	}
	v, err := who.Verifier(context.Background(), identity.SchemeToken, "ann")
	if err != nil {
		panic(err)
	}
	_, err = v.(identity.TokenVerifier).VerifyToken(context.Background(), "not a token")
	fmt.Println(err)
	// Output: credentials refused: token: it is not a JSON Web Token
}
