// Sshgateway is the Sallyport that the SSH benchmarks measure: a listed key,
// rules that allow commands and files and deny or ask about the rest, all
// detectors on, and a journal on disk.
//
// It prints "ready ADDRESS", answers as package child says, and ends with its
// standard input.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"log/slog"
	"os"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/bench/child"
	"github.com/sallyport/sallyport/identity/sshkeys"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

type settings struct {
	target, user, key, known, agent, journal, profile string
	buffered                                          bool
}

func main() {
	var s settings
	flag.StringVar(&s.target, "target", "", "`host:port` of the server")
	flag.StringVar(&s.user, "user", "", "whom to log in as there")
	flag.StringVar(&s.key, "key", "", "`file` with the key to log in with, which is also the gateway's own host key and, for simplicity's sake, the agent's")
	flag.StringVar(&s.known, "known-hosts", "", "`file` with the server's host key")
	flag.StringVar(&s.agent, "agent", "agent", "name that clients come with")
	flag.StringVar(&s.journal, "journal", "", "directory of the journal")
	flag.StringVar(&s.profile, "profile", "", "write a CPU profile to this `file` in the end")
	flag.BoolVar(&s.buffered, "buffered", false, "record in buffered mode")
	flag.Parse()
	if err := run(s); err != nil {
		log.Fatal(err)
	}
}

func run(s settings) (err error) {
	stop, err := child.Profile(s.profile)
	if err != nil {
		return err
	}
	defer stop()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	key, err := ssh.ReadKey(s.key)
	if err != nil {
		return err
	}
	keys, err := sshkeys.New("bench", sshkeys.Key{Name: s.agent, Line: string(xssh.MarshalAuthorizedKey(key.PublicKey())), Groups: []string{"agents"}})
	if err != nil {
		return err
	}
	journal, err := recorder.OpenJournal(s.journal, recorder.Options{Buffered: s.buffered, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	gw, err := proxy.New("bench").
		Identify(keys).
		Record(journal).
		Mask(mask.Secrets(), mask.Personal()).
		Approve(rules(), nobody{}).
		Logger(logger).
		Listen("127.0.0.1:0", ssh.New(ssh.Config{
			Keys:     []xssh.Signer{key},
			Login:    ssh.StaticLogin(ssh.Login{User: s.user, Key: key}),
			HostKeys: ssh.HostKeys{Files: []string{s.known}},
		}), protocol.Target{Name: "bench", Address: s.target}).
		Build()
	if err != nil {
		return err
	}
	return gw.Serve(child.Listening(gw.Addrs()[0]))
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

// nobody is an approver that never answers.
type nobody struct{}

func (nobody) Name() string { return "nobody" }

func (nobody) Ask(ctx context.Context, _ approve.Request) (approve.Answer, error) {
	<-ctx.Done()
	return approve.Answer{}, ctx.Err()
}
