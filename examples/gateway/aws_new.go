package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/protocol/aws"
)

// newAWSKey makes a key for `aws.keys`, in a file that is not there yet.
func newAWSKey(file string, explain io.Writer) error {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	if err := create(file, 0o600, []byte(base64.StdEncoding.EncodeToString(random)+"\n")); err != nil {
		return err
	}
	fmt.Fprintf(explain, "\nWho has %s can make credentials for anyone at this gateway. For gateway.yaml:\n\n  aws: {keys: [\"file:%s\"]}\n", file, file)
	return nil
}

// newAWSAuthority makes an authority for proxy mode: name.crt and name.key.
func newAWSAuthority(name string, life time.Duration, explain io.Writer) error {
	cert, key, err := aws.NewAuthority("Sallyport "+filepath.Base(name), life)
	if err != nil {
		return err
	}
	if err := create(name+".key", 0o600, key); err != nil {
		return err
	}
	if err := create(name+".crt", 0o644, cert); err != nil {
		return err
	}
	fmt.Fprintf(explain, `
Agents trust %s.crt (AWS_CA_BUNDLE, SSL_CERT_FILE); it vouches for AWS's hosts
alone, until %s. Who has %s.key can pose as AWS to
them. For gateway.yaml:

  aws: {authority: {cert: %s.crt, key: %s.key}}
`, name, time.Now().Add(life).UTC().Format(time.RFC3339), name, name, name)
	return nil
}

// create writes a file that is not there yet.
func create(file string, mode os.FileMode, content []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
