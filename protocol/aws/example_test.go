package aws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder/recordertest"
)

// A gateway lets an agent read objects, and delete none.
func Example() {
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer store.Close()
	key, err := awskeys.NewKey([]byte("32 random bytes, kept as a secret")) // in earnest: awskeys.ParseKey of a file
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := awskeys.New(key)
	if err != nil {
		log.Fatal(err)
	}
	gw, err := proxy.New("example").
		Identify(issuer).
		Record(recordertest.NewMemory()).
		Approve([]approve.Rule{
			{Name: "agents read", Verdict: protocol.Allow, Verbs: []string{"s3:*"}, Effects: protocol.Read},
		}).
		Listen("127.0.0.1:0", aws.New(aws.Config{
			Issuer: issuer,
			Login: aws.StaticLogin(aws.Login{Credentials: aws.Credentials{
				AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: aws.NewSecret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
			}}),
		}), protocol.Target{ // in earnest: aws.Target("production")
			Name: "store", Address: strings.TrimPrefix(store.URL, "http://"), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable},
		}).
		Build()
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- gw.Serve(ctx) }()

	// In earnest the agent gets these from the gateway, for a token of its own.
	agent, err := issuer.Issue(identity.Proven{Principal: identity.Principal{Issuer: "company", Subject: "agent"}, Scheme: identity.SchemeToken}, 0)
	if err != nil {
		log.Fatal(err)
	}
	transport := &http.Transport{}
	client := s3.New(s3.Options{
		Region: "eu-west-1", BaseEndpoint: sdk.String("http://" + gw.Addrs()[0].String()), UsePathStyle: true, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider(agent.AccessKeyID, agent.SecretAccessKey(), agent.SessionToken()),
	})
	object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("greeting")})
	if err != nil {
		log.Fatal(err)
	}
	content, err := io.ReadAll(object.Body)
	object.Body.Close()
	fmt.Printf("%s %v\n", content, err)
	_, err = client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("greeting")})
	if denied, ok := errors.AsType[smithy.APIError](err); ok {
		words, _, _ := strings.Cut(denied.ErrorMessage(), " (")
		fmt.Println(denied.ErrorCode()+":", words)
	}
	transport.CloseIdleConnections()
	cancel()
	if err := <-served; err != nil {
		log.Fatal(err)
	}
	// Output:
	// hello <nil>
	// AccessDenied: denied: no rule allows write+destroy on one of the objects that it names
}
