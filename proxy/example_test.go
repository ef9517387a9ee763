package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"strings"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// shout is a protocol of one line: the client sends a token and words, the
// gateway answers with the words in capitals. A real one would ask a target.
type shout struct{}

func (shout) Name() string { return "shout" }

func (shout) Serve(ctx context.Context, client net.Conn, g *protocol.Gate) error {
	line, err := bufio.NewReader(io.LimitReader(client, 1024)).ReadString('\n')
	if err != nil {
		return err
	}
	token, words, _ := strings.Cut(strings.TrimSpace(line), " ")
	v, err := g.Verifier(ctx, identity.SchemeToken, "")
	if err != nil {
		return err
	}
	who, err := v.(identity.TokenVerifier).VerifyToken(ctx, token)
	if err != nil {
		g.Refused("", err)
		return err
	}
	s, err := g.Open(ctx, who, protocol.Route{Client: client})
	if err != nil {
		return err
	}
	list, err := s.Begin(ctx, nil, protocol.Operation{Verb: "shout", Text: words, Effects: protocol.Read})
	if err != nil {
		return s.Emit(protocol.Part{Kind: "error", Data: []byte(protocol.Public(err) + "\n")})
	}
	answer := protocol.Part{Kind: "line", Data: []byte(strings.ToUpper(words) + "\n")}
	if err := list[0].Finish(answer, protocol.Outcome{Result: protocol.OK}); err != nil {
		return err
	}
	return s.Close("said")
}

// A gateway is built, serves until its context ends, and has then recorded
// all that happened. In earnest the log is a recorder.Journal and the protocol
// is postgres.New.
func Example() {
	mint, record := proxytest.NewMint(), proxytest.NewRecord()
	policy := []approve.Rule{{Name: "agents-may-shout", Groups: []string{"agents"}, Verbs: []string{"shout"}, Verdict: protocol.Allow}}
	gw, err := proxy.New("example").
		Identify(mint).
		Record(record).
		Approve(policy).
		Logger(slog.New(slog.DiscardHandler)).
		Listen("127.0.0.1:0", shout{}, protocol.Target{Name: "nowhere", Address: "127.0.0.1:1"}).
		Build()
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- gw.Serve(ctx) }()

	for _, token := range []string{mint.Token("amy", "agents"), mint.Token("bob")} {
		conn, err := net.Dial("tcp", gw.Addrs()[0].String())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintf(conn, "%s hello\n", token)
		answer, err := io.ReadAll(conn)
		if err != nil {
			log.Fatal(err)
		}
		before, _, _ := strings.Cut(string(answer), " (") // the operation's id is different every time
		fmt.Println(strings.TrimSpace(before))
	}
	stop()
	if err := <-served; err != nil {
		log.Fatal(err)
	}
	for _, op := range record.Operations() {
		fmt.Println(op.Verb, op.Text, "-", op.Decision.Verdict, op.Outcome.Result)
	}
	// Output:
	// HELLO
	// denied: no rule allows it
	// shout hello - allow ok
	// shout hello - deny denied
}

// The first middleware listed is the outermost: it sees an operation first and
// the decision last.
func ExampleBuilder_Use() {
	trace := func(name string) proxy.Middleware {
		return func(next proxy.Admitter) proxy.Admitter {
			return proxy.AdmitterFunc(func(ctx context.Context, a proxy.Admission) (protocol.Decision, error) {
				fmt.Println(name, "sees", a.Operation.Text)
				d, err := next.Admit(ctx, a)
				fmt.Println(name, "hears", d.Verdict)
				return d, err
			})
		}
	}
	mint := proxytest.NewMint()
	gw, err := proxy.New("example").
		Identify(mint).
		Record(proxytest.NewRecord()).
		AllowAll().
		Use(trace("outer"), trace("inner")).
		Logger(slog.New(slog.DiscardHandler)).
		Listen("127.0.0.1:0", shout{}, protocol.Target{Name: "nowhere", Address: "127.0.0.1:1"}).
		Build()
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- gw.Serve(ctx) }()
	conn, err := net.Dial("tcp", gw.Addrs()[0].String())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(conn, "%s hello\n", mint.Token("amy"))
	if _, err := io.ReadAll(conn); err != nil {
		log.Fatal(err)
	}
	stop()
	if err := <-served; err != nil {
		log.Fatal(err)
	}
	// Output:
	// outer sees hello
	// inner sees hello
	// inner hears allow
	// outer hears allow
}
