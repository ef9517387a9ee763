// Awstarget is what the AWS benchmarks call: it sends and takes objects of any
// size, and answers every other call with one item of DynamoDB. It checks no
// signatures: what that costs would be the same for every leg.
//
// It prints "ready ADDRESS" and ends with its standard input.
package main

import (
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"

	"github.com/sallyport/sallyport/bench/child"
)

const item = `{"Item":{"id":{"S":"order-4711"},"customer":{"S":"Ada Lovelace"},"total":{"N":"129.90"},"lines":{"L":[{"M":{"sku":{"S":"A-1"},"count":{"N":"2"}}}]}}}`

func main() {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	pem := flag.String("pem", "", "`file` with certificate and key; empty means no TLS")
	flag.Parse()
	server := &http.Server{Handler: http.HandlerFunc(serve), Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	go func() {
		if *pem != "" {
			log.Fatal(server.ServeTLS(l, *pem, *pem))
		}
		log.Fatal(server.Serve(l))
	}()
	<-child.Listening(l.Addr()).Done()
}

// serve sends an object whose path ends in its size, takes any, and answers
// calls.
func serve(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		size, err := strconv.ParseInt(r.URL.Path[len("/bench/"):], 10, 64)
		if err != nil {
			http.Error(w, "the path is no size", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		w.Header().Set("Content-Type", "application/octet-stream")
		block := make([]byte, 256<<10)
		for size > 0 {
			n, err := w.Write(block[:min(size, int64(len(block)))])
			if err != nil {
				return
			}
			size -= int64(n)
		}
	case http.MethodPut:
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || n != r.ContentLength {
			http.Error(w, "the object is not whole", http.StatusBadRequest)
			return
		}
		w.Header().Set("ETag", `"0"`)
	default:
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, item)
	}
}
