// Relay is the yardstick of the benchmarks: it passes bytes between clients
// and one target and looks at none of them.
//
// By default it is what Go makes of io.Copy between two TCP connections: on
// Linux the kernel moves the bytes by splice(2), through a pipe, and they never
// enter the process. With -read it reads into a buffer and writes, as any
// proxy must that looks at what passes.
//
// It prints "ready ADDRESS" and ends with its standard input.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"
)

func main() {
	target := flag.String("target", "", "`host:port` to relay to")
	read := flag.Bool("read", false, "read and write instead of splice")
	flag.Parse()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println("ready", l.Addr())
	for {
		client, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(client.(*net.TCPConn), *target, *read)
	}
}

func serve(client *net.TCPConn, target string, read bool) {
	defer client.Close()
	c, err := net.Dial("tcp4", target)
	if err != nil {
		log.Print(err)
		return
	}
	server := c.(*net.TCPConn)
	defer server.Close()
	var wg sync.WaitGroup
	wg.Go(func() { pass(server, client, read) })
	wg.Go(func() { pass(client, server, read) })
	wg.Wait()
}

func pass(to, from *net.TCPConn, read bool) {
	if read {
		// Hiding the methods of *net.TCPConn keeps io.Copy from using splice.
		_, _ = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 32<<10))
	} else {
		_, _ = io.Copy(to, from)
	}
	_ = to.CloseWrite()
}
