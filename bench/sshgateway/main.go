// Sshgateway is the Sallyport that the SSH benchmarks measure: a listed key,
// rules that allow commands and files and deny or ask about the rest, all
// detectors on, and a journal on disk.
//
// It prints "ready ADDRESS", answers as package child says, and ends with its
// standard input.
package main

import (
	"flag"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/bench/serve"
	"github.com/sallyport/sallyport/identity/sshkeys"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/proxy"
)

func main() {
	s := serve.Flags()
	user := flag.String("user", "", "whom to log in as there")
	keyFile := flag.String("key", "", "`file` with the key to log in with, which is also the gateway's own host key and, for simplicity's sake, the agent's")
	known := flag.String("known-hosts", "", "`file` with the server's host key")
	flag.Parse()
	s.Main(rules(), func(b *proxy.Builder) error {
		key, err := ssh.ReadKey(*keyFile)
		if err != nil {
			return err
		}
		keys, err := sshkeys.New("bench", sshkeys.Key{Name: s.Agent, Line: string(xssh.MarshalAuthorizedKey(key.PublicKey())), Groups: []string{"agents"}})
		if err != nil {
			return err
		}
		b.Identify(keys).Mask(mask.Secrets(), mask.Personal()).
			Listen("127.0.0.1:0", ssh.New(ssh.Config{
				Keys:     []xssh.Signer{key},
				Login:    ssh.StaticLogin(ssh.Login{User: *user, Key: key}),
				HostKeys: ssh.HostKeys{Files: []string{*known}},
			}), protocol.Target{Name: "bench", Address: s.Target})
		return nil
	})
}

func rules() []approve.Rule {
	work := []string{"exec", "sftp*"}
	return []approve.Rule{
		{Name: "agents work", Groups: []string{"agents"}, Targets: []string{"bench"}, Verbs: work, Effects: protocol.Read | protocol.Write | protocol.Destroy, Verdict: protocol.Allow},
		{Name: "scp by its old protocol", Groups: []string{"agents"}, Verbs: []string{"scp.*"}, Effects: protocol.Everything, Verdict: protocol.Allow}, // the names come later, in its streams
		{Name: "keys are nobody's", Verbs: []string{"sftp*"}, Objects: []string{"*/.ssh/*", "/etc/ssh/*"}, Verdict: protocol.Deny, Reason: "keys"},
		{Name: "rights are asked about", Verbs: work, Effects: protocol.Access | protocol.Credential, Verdict: protocol.Ask},
		{Name: "no shells", Verbs: []string{"shell"}, Verdict: protocol.Deny, Reason: "give the command to ssh: ssh HOST COMMAND"},
	}
}
