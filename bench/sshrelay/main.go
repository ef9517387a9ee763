// Sshrelay is the yardstick of the SSH benchmarks: it ends the client's
// connection, makes one of its own to the target and passes everything on, in
// the plainest way that golang.org/x/crypto/ssh allows. It takes every key and
// password, looks at nothing and records nothing.
//
// It prints "ready ADDRESS", answers as package child says, and ends with its
// standard input.
package main

import (
	"cmp"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"os"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sallyport/sallyport/bench/child"
)

type relay struct {
	target string
	server *ssh.ServerConfig
	client *ssh.ClientConfig
	buffer int
}

func main() {
	target := flag.String("target", "", "`host:port` to relay to")
	user := flag.String("user", "", "whom to log in as there")
	key := flag.String("key", "", "`file` with the key to log in with, which is also the relay's own host key")
	known := flag.String("known-hosts", "", "`file` with the target's host key")
	profile := flag.String("profile", "", "write a CPU profile to this `file` in the end")
	r := &relay{}
	flag.IntVar(&r.buffer, "buffer", 64<<10, "bytes read at once")
	flag.Parse()
	stop, err := child.Profile(*profile)
	if err != nil {
		log.Fatal(err)
	}
	pem, err := os.ReadFile(*key)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		log.Fatal(err)
	}
	hosts, err := knownhosts.New(*known)
	if err != nil {
		log.Fatal(err)
	}
	r.target = *target
	r.client = &ssh.ClientConfig{User: *user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: hosts, HostKeyAlgorithms: []string{ssh.KeyAlgoED25519}}
	r.server = &ssh.ServerConfig{
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil },
		PasswordCallback:  func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil },
	}
	r.server.AddHostKey(signer)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx := child.Listening(l.Addr())
	go r.listen(l)
	<-ctx.Done()
	stop()
}

func (r *relay) listen(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go r.serve(conn)
	}
}

func (r *relay) serve(conn net.Conn) {
	defer conn.Close()
	client, fromClient, clientRequests, err := ssh.NewServerConn(conn, r.server)
	if err != nil {
		return // a client that only looked
	}
	defer client.Close()
	to, err := net.Dial("tcp4", r.target)
	if err != nil {
		log.Print(err)
		return
	}
	defer to.Close()
	target, fromTarget, targetRequests, err := ssh.NewClientConn(to, r.target, r.client)
	if err != nil {
		log.Print(err)
		return
	}
	defer target.Close()
	go global(target, clientRequests)
	go global(client, targetRequests)
	go func() {
		r.channels(client, fromTarget)
		client.Close()
	}()
	r.channels(target, fromClient)
}

func global(to ssh.Conn, requests <-chan *ssh.Request) {
	for r := range requests {
		ok, payload, err := to.SendRequest(r.Type, r.WantReply, r.Payload)
		if err != nil {
			return
		}
		_ = r.Reply(ok, payload)
	}
}

func (r *relay) channels(to ssh.Conn, channels <-chan ssh.NewChannel) {
	for n := range channels {
		go r.channel(to, n)
	}
}

// channel carries one channel until the side that did not open it closes it.
func (r *relay) channel(to ssh.Conn, n ssh.NewChannel) {
	there, thereRequests, err := to.OpenChannel(n.ChannelType(), n.ExtraData())
	if err != nil {
		reason := cmp.Or(reasonOf(err), ssh.ConnectionFailed)
		_ = n.Reject(reason, err.Error())
		return
	}
	defer there.Close()
	here, hereRequests, err := n.Accept()
	if err != nil {
		return
	}
	var answering sync.Mutex // an answer goes out before the channel is closed
	defer func() {
		answering.Lock()
		here.Close()
	}()
	go func() {
		requests(there, hereRequests, &answering)
		there.Close() // whoever opened it has closed it
	}()
	go func() {
		r.pass(there, here)
		_ = there.CloseWrite()
	}()
	var back sync.WaitGroup
	back.Go(func() { r.pass(here.Stderr(), there.Stderr()) })
	back.Go(func() { r.pass(here, there) })
	said := make(chan struct{})
	go func() {
		back.Wait()
		_ = here.CloseWrite()
		close(said)
	}()
	requests(here, thereRequests, &sync.Mutex{})
	<-said
}

func reasonOf(err error) ssh.RejectionReason {
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok {
		return refused.Reason
	}
	return 0
}

func requests(to ssh.Channel, list <-chan *ssh.Request, answering *sync.Mutex) {
	for r := range list {
		answering.Lock()
		ok, _ := to.SendRequest(r.Type, r.WantReply, r.Payload)
		_ = r.Reply(ok, nil)
		answering.Unlock()
	}
}

func (r *relay) pass(to io.Writer, from io.Reader) {
	_, _ = io.CopyBuffer(to, from, make([]byte, r.buffer))
}
