// Awsgateway is the Sallyport that the AWS benchmarks measure: a static token,
// rules that allow objects and items and deny or ask about the rest, all
// detectors on, and a journal on disk.
//
// It reads the agent's token from the environment, prints "ready ADDRESS",
// answers as package child says, and ends with its standard input.
package main

import (
	"crypto/rand"
	"crypto/tls"
	"flag"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/bench/serve"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
)

func main() {
	s := serve.Flags()
	pem := flag.String("pem", "", "`file` with certificate and key for both sides; empty means no TLS")
	flag.Parse()
	s.Main(rules(), func(b *proxy.Builder) error {
		tokens, err := s.Tokens()
		if err != nil {
			return err
		}
		issuer, err := newIssuer()
		if err != nil {
			return err
		}
		target := protocol.Target{Name: "bench", Address: s.Target, TLS: protocol.TargetTLS{CAFile: *pem}}
		if *pem == "" {
			target.TLS.Mode = protocol.TLSDisable
		} else {
			certificate, err := tls.LoadX509KeyPair(*pem, *pem)
			if err != nil {
				return err
			}
			b.Certificate(certificate)
		}
		b.Identify(tokens, issuer).Mask(mask.Secrets(), mask.Personal()).
			Listen("127.0.0.1:0", aws.New(aws.Config{
				Issuer: issuer, Account: "123456789012",
				Login: aws.StaticLogin(aws.Login{Credentials: aws.Credentials{AccessKeyID: "AKIABENCHBENCHBENCH0", SecretAccessKey: aws.NewSecret("bench")}}),
			}), target)
		return nil
	})
}

func newIssuer() (*awskeys.Issuer, error) {
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	key, err := awskeys.NewKey(random)
	if err != nil {
		return nil, err
	}
	return awskeys.New(key)
}

func rules() []approve.Rule {
	return []approve.Rule{
		{Name: "agents work", Groups: []string{"agents"}, Targets: []string{"bench"}, Verbs: []string{"s3:*", "dynamodb:*"}, Effects: protocol.Read | protocol.Write, Verdict: protocol.Allow},
		{Name: "the vault is nobody's", Objects: []string{"arn:aws:s3:::vault/*"}, Verdict: protocol.Deny, Reason: "the vault"},
		{Name: "deletions are asked about", Effects: protocol.Destroy, Verdict: protocol.Ask},
	}
}
