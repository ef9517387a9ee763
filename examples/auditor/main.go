// Auditor looks into a journal: it lists sessions, shows one as a timeline,
// replays terminals, follows what happens, verifies, and exports. It changes
// nothing and works while a gateway writes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/protocol/postgres"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/recorder"
)

// Exit codes.
const (
	exitOK      = 0
	exitProblem = 1
	exitUsage   = 2
)

// renderers make the payload of protocols readable. A gateway with protocols
// of its own adds theirs here.
func renderers() []protocol.Renderer {
	return []protocol.Renderer{postgres.Renderer{}, ssh.Renderer{}, aws.Renderer{}}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := app{
		out: os.Stdout, err: os.Stderr, renderers: renderers(),
		color: wantsColor(os.Stdout, os.Getenv), journal: os.Getenv("SALLYPORT_JOURNAL"),
	}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// app is one run of the program.
type app struct {
	out, err  io.Writer
	renderers []protocol.Renderer
	color     bool
	journal   string
}

type command struct {
	name, args, short string
	run               func(a *app, ctx context.Context, c *command, args []string) error
	long              string
}

func commands() []command {
	return []command{
		{"list", "", "list sessions", (*app).list,
			"Lists the sessions that match the filters, oldest first."},
		{"show", "SESSION", "show one session as a timeline", (*app).show,
			"Shows what happened in a session, with the first rows of results where\na renderer for the protocol is built in."},
		{"replay", "SESSION [EXCHANGE]", "write what a terminal showed", (*app).replay,
			"Writes what a shell or command printed, as text to read or as a recording\nfor the asciinema player: the session's first, or the exchange of that number.\nPlay recordings of targets that you do not trust in a browser: in a terminal,\n\"asciinema play\" sends it the escape sequences as they were."},
		{"tail", "", "follow what is recorded", (*app).tail,
			"Prints events as they are recorded, until interrupted."},
		{"verify", "", "prove that nothing was changed", (*app).verify,
			"Checks every record, session tree and signed checkpoint, and names the place\nof whatever is wrong. Keep the public key (journal.pub) and a checkpoint\nsomewhere else and give them here: without them, the report says what cannot\nbe excluded."},
		{"export", "[SESSION]", "write events as JSON lines", (*app).export,
			"Writes the events of one session, or of all that match the filters, to\nstandard output: one JSON object a line, payload as base64."},
	}
}

func (a *app) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		a.usage(a.err)
		return exitUsage
	}
	name := strings.TrimLeft(args[0], "-")
	if name == "help" || name == "h" {
		if len(args) == 1 {
			a.usage(a.out)
			return exitOK
		}
		name, args = args[1], []string{args[1], "-h"}
	}
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		err := c.run(a, ctx, &c, args[1:])
		return a.exit(c.name, err)
	}
	fmt.Fprintf(a.err, "auditor: unknown command %q; \"auditor help\" lists them\n", protocol.Visible(args[0]))
	return exitUsage
}

// errUsage has been explained already; errFound is a verification that found
// something, likewise.
var (
	errUsage = errors.New("usage")
	errFound = errors.New("problems found")
)

func (a *app) exit(name string, err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp), errors.Is(err, context.Canceled), errors.Is(err, syscall.EPIPE):
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, errFound):
		return exitProblem
	}
	fmt.Fprintf(a.err, "auditor %s: %s\n", name, protocol.Visible(err.Error()))
	return exitProblem
}

func (a *app) usage(w io.Writer) {
	fmt.Fprint(w, "Auditor looks into a Sallyport journal.\n\nUsage:\n\n  auditor COMMAND -journal DIR [flags]\n\nCommands:\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-27s %s\n", strings.TrimSpace(c.name+" "+c.args), c.short)
	}
	fmt.Fprint(w, `
"auditor COMMAND -h" explains a command and its flags. The directory can also
be in the environment as SALLYPORT_JOURNAL. Colours are used on a terminal
unless NO_COLOR is set.

Exit codes: 0 all is well, 1 a problem was found, 2 wrong usage.
`)
}

// flags returns the flag set of a command, with those that all have.
func (a *app) flags(c *command) *flag.FlagSet {
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	f.SetOutput(a.err)
	f.StringVar(&a.journal, "journal", a.journal, "`directory` of the journal")
	f.Usage = func() {
		w := a.err
		fmt.Fprintf(w, "Usage: auditor %s -journal DIR [flags] %s\n\n%s\n\nFlags:\n", c.name, c.args, c.long)
		f.PrintDefaults()
	}
	return f
}

// parse reads a command's flags and at most max further arguments, of which
// min are needed; flags may come behind them.
func (a *app) parse(f *flag.FlagSet, args []string, min, max int) ([]string, error) {
	var rest []string
	for {
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, errUsage
		}
		if f.NArg() == 0 {
			break
		}
		rest = append(rest, f.Arg(0))
		args = f.Args()[1:]
	}
	if a.journal == "" {
		return nil, a.misused(f, "-journal is missing: say which directory the journal is in")
	}
	if len(rest) < min || len(rest) > max {
		return nil, a.misused(f, fmt.Sprintf("%d arguments given", len(rest)))
	}
	return rest, nil
}

func (a *app) misused(f *flag.FlagSet, problem string) error {
	fmt.Fprintf(a.err, "auditor %s: %s\n\n", f.Name(), protocol.Visible(problem))
	f.Usage()
	return errUsage
}

func (a *app) open() (*recorder.Record, error) { return recorder.Open(a.journal, a.renderers...) }
