// Awsrelay is the least that can stand between AWS's clients and a target at
// the level of HTTP: the standard library's reverse proxy.
//
// It prints "ready ADDRESS", answers as package child says, and ends with its
// standard input.
package main

import (
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
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: *target})
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	server := &http.Server{Handler: proxy}
	go func() { _ = server.Serve(l) }()
	<-child.Listening(l.Addr()).Done()
}
