package ssh_test

import (
	"context"
	"fmt"
	"log"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity/sshkeys"
	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder/recordertest"
)

// A gateway lets an agent run commands on a host, and no shells.
func Example() {
	target, err := sshserver.StartEmbedded(sshserver.EmbeddedOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer target.Close()
	host, agent := exampleKey(), exampleKey() // in earnest: ssh.ReadKey("host_key")
	keys, err := sshkeys.New("company", sshkeys.Key{Name: "agent", Line: string(xssh.MarshalAuthorizedKey(agent.PublicKey()))})
	if err != nil {
		log.Fatal(err)
	}
	gw, err := proxy.New("example").
		Identify(keys).
		Record(recordertest.NewMemory()).
		Mask(mask.Secrets()).
		Approve([]approve.Rule{
			{Name: "agents get exec, not shells", Verdict: protocol.Allow, Verbs: []string{"exec"}, Effects: protocol.Read},
		}).
		Listen("127.0.0.1:0", ssh.New(ssh.Config{
			Keys:     []xssh.Signer{host},
			HostKeys: ssh.HostKeys{Lines: []string{target.KnownHosts()}},
			Login:    ssh.StaticLogin(ssh.Login{User: target.User(), Key: target.ClientKey()}),
		}), protocol.Target{Name: "web1", Address: target.Addr()}).
		Build()
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- gw.Serve(ctx) }()

	client, err := xssh.Dial("tcp", gw.Addrs()[0].String(), &xssh.ClientConfig{
		User: "agent", Auth: []xssh.AuthMethod{xssh.PublicKeys(agent)}, HostKeyCallback: xssh.FixedHostKey(host.PublicKey()),
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, command := range []string{"echo hello", "bash"} {
		session, err := client.NewSession()
		if err != nil {
			log.Fatal(err)
		}
		out, err := session.Output(command)
		fmt.Printf("%s: %q, %v\n", command, out, err)
	}
	client.Close()
	cancel()
	if err := <-served; err != nil {
		log.Fatal(err)
	}
	// Output:
	// echo hello: "hello\n", <nil>
	// bash: "", Process exited with status 126
}
