// Command aws is the smallest gateway for AWS that is of use: an account behind
// it, agents in front. Copy it, then say what your agents may do.
//
//	openssl rand -base64 32 >issuer.key                # seals the credentials that the gateway issues
//	export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… # the gateway's own, and ROLE_ARN where it assumes a role
//	export ACCOUNT=123456789012 AGENT_TOKEN=$(openssl rand -hex 24)
//	go run ./examples/aws
//
// The agent, elsewhere, has none of these. Its AWS CLI or SDK needs
//
//	export AWS_ENDPOINT_URL=http://127.0.0.1:8080 AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:8080/.sallyport/credentials
//	export AWS_CONTAINER_AUTHORIZATION_TOKEN="Basic $(printf agent:$AGENT_TOKEN | base64 -w0)"
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	verifier := must(identity.HashToken(os.Getenv("AGENT_TOKEN")))
	tokens := must(identity.NewTokens("static", identity.Token{Name: "agent", Verifier: verifier})) // or oidc.New
	issuer := must(awskeys.New(must(awskeys.ParseKey(string(must(os.ReadFile("issuer.key")))))))
	journal := must(recorder.OpenJournal("journal", recorder.Options{})) // examples/auditor reads it
	defer journal.Close()
	config := aws.Config{Issuer: issuer, Account: os.Getenv("ACCOUNT"), Login: aws.EnvironmentLogin(os.Getenv, aws.Role{ARN: os.Getenv("ROLE_ARN")})}
	if ca := os.Getenv("AUTHORITY"); ca != "" { // HTTPS_PROXY works too; `gateway aws authority` of examples/gateway makes the two files
		pair := must(tls.LoadX509KeyPair(ca+".crt", ca+".key"))
		config.Authority = &pair
	}
	target := aws.Target("aws")
	if store := os.Getenv("STORE"); store != "" { // a store that speaks S3, as host:port, instead
		target = protocol.Target{Name: "aws", Address: store, TLS: protocol.TargetTLS{CAFile: os.Getenv("STORE_CA")}}
	}
	gw := must(proxy.New("agents").
		Identify(tokens, issuer).
		Record(journal).Mask(mask.Secrets()).
		Approve(rules(), approve.Terminal(os.Stdin, os.Stderr)).
		Listen(cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8080"), aws.New(config), target). // beyond loopback: Certificate, too
		Build())
	if err := gw.Serve(ctx); err != nil { // drains when ctx ends
		log.Print(err)
	}
}

// rules let agents look around, but not at secrets, and have a person look at what they change.
func rules() []approve.Rule {
	secrets := []string{"secretsmanager:*GetSecretValue", "ssm:GetParameter*", "kms:Decrypt"}
	return []approve.Rule{
		{Name: "no secrets", Verdict: protocol.Deny, Verbs: secrets, Reason: "let the program that needs it read it, under a role of its own"},
		{Name: "no credentials", Verdict: protocol.Deny, Effects: protocol.Credential, Reason: "they would pass by this gateway"},
		{Name: "nothing is destroyed", Verdict: protocol.Deny, Effects: protocol.Destroy, Reason: "ask a person to do it"},
		{Name: "reading", Verdict: protocol.Allow, Effects: protocol.Read},
		{Name: "all else needs a person", Verdict: protocol.Ask, Effects: protocol.Everything &^ protocol.Read},
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
