// Command awscredentials shows a token to a gateway and prints the AWS credentials that come back. In ~/.aws/config:
//
//	credential_process = awscredentials -gateway https://aws.gateway.internal:8443 -token-file /run/agent/token
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/sallyport/sallyport/protocol/aws"
)

func main() {
	gateway, name := flag.String("gateway", "", "`URL`, https, or http on loopback"), flag.String("name", "", "the `user` of a static token")
	file, ca := flag.String("token-file", "", "`file` with the token; default: $SALLYPORT_TOKEN"), flag.String("ca", "", "PEM `file` with authorities to trust; default: the system's")
	flag.Parse()
	log.SetFlags(0)                      // what follows holds no token
	at, err := url.Parse(*gateway + "/") // perhaps with /.target/NAME
	if err != nil || at.Host == "" || at.Scheme != "https" && (at.Scheme != "http" || at.Hostname() != "localhost" && at.Hostname() != "127.0.0.1" && at.Hostname() != "::1") {
		log.Fatal("-gateway must be an https URL; http is for loopback only, since the token would show")
	}
	token, roots := []byte(os.Getenv("SALLYPORT_TOKEN")), (*x509.CertPool)(nil)
	if *file != "" {
		token, _ = os.ReadFile(*file)
	}
	if token = bytes.TrimSpace(token); len(token) == 0 {
		log.Fatal("there is no token: -token-file cannot be read, or is empty, or SALLYPORT_TOKEN is not set")
	}
	if pem, _ := os.ReadFile(*ca); *ca != "" {
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(pem) {
			log.Fatalf("-ca: %s cannot be read, or holds no certificate", *ca)
		}
	}
	// No Proxy: HTTPS_PROXY may be the gateway itself. No redirects: the token is for the gateway alone.
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := &http.Request{URL: at.JoinPath(aws.CredentialsPath), Header: http.Header{"Authorization": {"Bearer " + string(token)}}}
	if *name != "" {
		ask.SetBasicAuth(*name, string(token))
	}
	answer, err := client.Do(ask)
	if err != nil {
		log.Fatal("the gateway did not answer: ", err)
	}
	document, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	var said struct{ Message, SecretAccessKey, SessionToken string }
	if _ = json.Unmarshal(document, &said); err != nil || answer.StatusCode != http.StatusOK || said.SecretAccessKey == "" || said.SessionToken == "" {
		log.Fatalf("the gateway gave no credentials: %q %q", answer.Status, said.Message)
	}
	_, _ = os.Stdout.Write(document)
}
