// Command gateway is a complete Sallyport gateway for PostgreSQL, SSH and AWS,
// set up by one YAML file. It is made to be copied and changed: gateway.yaml explains
// every field.
//
//	gateway run FILE                     serve until SIGTERM; SIGHUP reloads
//	gateway check FILE                   say what is wrong in FILE, and nothing else
//	gateway token new NAME               make an agent's token
//	gateway aws key FILE                 make a key for AWS credentials
//	gateway aws authority NAME           make an authority for AWS's hosts
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const usage = `Usage:
  gateway run FILE                        serve; SIGHUP reloads rules, masks, tokens, keys, revocations, certificate
  gateway check [-without-secrets] FILE   say what is wrong in FILE and do nothing else
  gateway token new [-group G]... NAME    make a token for an agent and the line that admits it
  gateway aws key FILE                    make a key that issued AWS credentials are sealed with
  gateway aws authority [-life 8760h] NAME
                                          make NAME.crt, which clients trust for AWS's hosts, and NAME.key

gateway.yaml beside this program's source explains every field of FILE.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(command(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// command runs a subcommand and returns the exit status: 0, 1 for a failure, 2
// for a wrong command line.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var name string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") && (name == "" || name == "token" || name == "aws") {
		name = strings.TrimSpace(name + " " + args[0])
		args = args[1:]
	}
	var groups []string
	withoutSecrets, life := false, 365*24*time.Hour
	switch name {
	case "token new":
		flags.Func("group", "", func(g string) error { groups = append(groups, g); return nil })
	case "aws authority":
		flags.DurationVar(&life, "life", life, "")
	case "check":
		flags.BoolVar(&withoutSecrets, "without-secrets", false, "")
	}
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	var err error
	switch arg := flags.Arg(0); name {
	case "run":
		var s *settings
		if s, err = load(arg, true); err == nil {
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP)
			defer signal.Stop(hup)
			err = run(ctx, s, hup, s.Log.newLogger(stderr))
		}
	case "check":
		if _, err = load(arg, !withoutSecrets); err == nil {
			fmt.Fprintf(stdout, "%s: nothing is wrong\n", arg)
		}
	case "token new":
		err = newToken(arg, groups, stdout, stderr)
	case "aws key":
		err = newAWSKey(arg, stderr)
	case "aws authority":
		err = newAWSAuthority(arg, life, stderr)
	default:
		fmt.Fprint(stderr, usage)
		return 2
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}
