// Command ssh is the smallest gateway for SSH that is of use: one host behind
// it, agents in front, by token or by key. Copy it, then say what your agents
// may do. It wants four files:
//
//	ssh-keygen -q -t ed25519 -N "" -f host_key     # by which clients know the gateway
//	ssh-keygen -q -t ed25519 -N "" -f authority    # authority.pub is the host's TrustedUserCAKeys
//	ssh-keyscan -t ed25519 web1 >known_hosts       # compare it with what the host's console says
//	cp ~/.ssh/id_ed25519.pub agent.pub             # whose owner is "agent"
//
//	export TARGET=web1:22 TARGET_USER=deploy AGENT_TOKEN=$(openssl rand -hex 24)
//	go run ./examples/ssh
//	ssh -p 2222 agent@127.0.0.1 uptime             # by key, or with the token as password
package main

import (
	"cmp"
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/sshkeys"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	verifier := must(identity.HashToken(os.Getenv("AGENT_TOKEN")))
	tokens := must(identity.NewTokens("static", identity.Token{Name: "agent", Verifier: verifier})) // or oidc.New
	keys := must(sshkeys.New("keys", sshkeys.Key{Name: "agent", Line: string(must(os.ReadFile("agent.pub")))}))
	journal := must(recorder.OpenJournal("journal", recorder.Options{})) // examples/auditor reads it
	defer journal.Close()
	target := protocol.Target{Name: "web1", Address: os.Getenv("TARGET")}
	address := cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:2222")

	plugin := ssh.New(ssh.Config{
		Keys:     []xssh.Signer{must(ssh.ReadKey("host_key"))},
		HostKeys: ssh.HostKeys{Files: []string{"known_hosts"}},
		Login:    ssh.StaticLogin(ssh.Login{User: os.Getenv("TARGET_USER"), Authority: must(ssh.ReadKey("authority"))}), // or Key:
	})
	gw := must(proxy.New("agents").
		Identify(tokens, keys).
		Record(journal).Mask(mask.Secrets()).
		Approve(rules(), approve.Terminal(os.Stdin, os.Stderr)).
		Listen(address, plugin, target). // more targets: ssh agent%web2@gateway
		Build())
	if err := gw.Serve(ctx); err != nil { // drains when ctx ends
		log.Print(err)
	}
}

// rules let agents run commands and move files, not sit at a shell: a command
// is judged before it runs, what is typed into a shell is not.
func rules() []approve.Rule {
	work := []string{"exec", "scp.*", "rsync.*", "git.*", "sftp*"}
	return []approve.Rule{
		{Name: "agents get exec, not shells", Verdict: protocol.Deny, Verbs: []string{"shell"}, Reason: "give the command to ssh: ssh HOST COMMAND"},
		{Name: "reading", Verdict: protocol.Allow, Verbs: work, Effects: protocol.Read},
		{Name: "all else needs a person", Verdict: protocol.Ask, Verbs: work, Effects: protocol.Everything &^ protocol.Read, Timeout: 2 * time.Minute},
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
