// Awsrelay is the least that can stand between AWS's clients and a target at
// the level of HTTP: the standard library's reverse proxy.
//
// It prints "ready ADDRESS", answers as package child says, and ends with its
// standard input.
package main

import (
	"crypto/tls"
	"flag"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/sallyport/sallyport/bench/child"
)

func main() {
	target := flag.String("target", "", "`host:port` of the target")
	pem := flag.String("pem", "", "`file` with certificate and key for both sides; empty means no TLS")
	profile := flag.String("profile", "", "write a CPU profile to this `file` in the end")
	flag.Parse()
	stop, err := child.Profile(*profile)
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	to, transport := &url.URL{Scheme: "http", Host: *target}, &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	if *pem != "" {
		roots, err := child.Roots(*pem)
		if err != nil {
			log.Fatal(err)
		}
		to.Scheme, transport.TLSClientConfig = "https", &tls.Config{RootCAs: roots}
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = transport
	server := &http.Server{Handler: proxy, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	go func() {
		if *pem != "" {
			log.Fatal(server.ServeTLS(l, *pem, *pem))
		}
		log.Fatal(server.Serve(l))
	}()
	<-child.Listening(l.Addr()).Done()
}
