package protocoltest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
)

const (
	toySecret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	toyLarge  = 64 << 20
)

// toyTarget is the server of the toy protocol.
func toyTarget(t testing.TB) protocol.Target {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("%v", err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		ln.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				lines := bufio.NewScanner(conn)
				for lines.Scan() {
					if toyReply(conn, lines.Text()) != nil {
						return
					}
				}
			})
		}
	})
	return protocol.Target{Name: "toy", Address: ln.Addr().String(), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}
}

func toyReply(conn net.Conn, line string) error {
	var err error
	switch verb, rest, _ := strings.Cut(line, " "); verb {
	case "get":
		v := "the value of " + rest + strings.Repeat(".", 20)
		if rest == "secret" {
			v = "it is " + toySecret + " indeed"
		}
		_, err = fmt.Fprintf(conn, "+%d %s\n", len(v), v)
	case "hex":
		v := hex.EncodeToString([]byte(" " + toySecret + " "))
		_, err = fmt.Fprintf(conn, "x%d %s\n", len(v), v)
	case "err":
		_, err = fmt.Fprintf(conn, "-no such key: %s\n", toySecret)
	case "big":
		if _, err = fmt.Fprintf(conn, "+%d ", toyLarge); err != nil {
			return err
		}
		block := bytes.Repeat([]byte("x"), 64<<10)
		for n := 0; n < toyLarge && err == nil; n += len(block) {
			_, err = conn.Write(block)
		}
		_, _ = conn.Write([]byte("\n"))
	default:
		_, err = io.WriteString(conn, "+2 ok\n")
	}
	return err
}

// toyClient is the adapted client.
type toyClient struct {
	conn net.Conn
	in   *bufio.Reader
}

func toyConnect(ctx context.Context, conn net.Conn, _, token string) (Client, error) {
	c := &toyClient{conn, bufio.NewReader(conn)}
	_, err := c.Do(ctx, token)
	return c, err
}

func (c *toyClient) Do(ctx context.Context, op string) ([]byte, error) {
	r := c.Pipeline(ctx, []string{op})[0]
	return r.Value, r.Err
}

func (c *toyClient) Pipeline(ctx context.Context, ops []string) []Result {
	defer context.AfterFunc(ctx, func() { c.conn.Close() })()
	var list []Result
	if _, err := io.WriteString(c.conn, strings.Join(ops, "\n")+"\n"); err != nil {
		return []Result{{nil, err}}
	}
	for range ops {
		var b bytes.Buffer
		_, err := c.receive(&b)
		list = append(list, Result{b.Bytes(), err})
	}
	return list
}

func (c *toyClient) Drain(ctx context.Context, op string) (int64, error) {
	defer context.AfterFunc(ctx, func() { c.conn.Close() })()
	if _, err := io.WriteString(c.conn, op+"\n"); err != nil {
		return 0, err
	}
	n, err := c.receive(io.Discard)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return n, err
}

func (c *toyClient) receive(w io.Writer) (int64, error) {
	kind, err := c.in.ReadByte()
	if err != nil {
		return 0, err
	}
	if kind == '-' {
		words, err := c.in.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return 0, errors.New(strings.TrimSpace(words))
	}
	size, err := c.in.ReadString(' ')
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(size), 10, 64)
	if err != nil {
		return 0, err
	}
	if n, err = io.CopyN(w, c.in, n); err != nil {
		return n, err
	}
	_, err = c.in.ReadByte()
	return n, err
}

func (c *toyClient) Close() error { return c.conn.Close() }

func toyPlugin(fault string) Plugin {
	return Plugin{
		New:     func() protocol.Protocol { return toy{fault} },
		Target:  toyTarget,
		Connect: toyConnect,
		Rules: []approve.Rule{
			{Name: "all", Verdict: protocol.Allow},
			{Name: "no-drops", Verbs: []string{"drop"}, Verdict: protocol.Deny},
			{Name: "ask-to-wipe", Verbs: []string{"wipe"}, Verdict: protocol.Ask},
		},
		Read: "get it", Write: "set it", Denied: "drop it", Asked: "wipe it",
		Large: "big", LargeBytes: toyLarge,
		Unknown: []byte("juggle\n"),
		Canary:  []string{"get secret", "hex secret", "err"}, Secret: toySecret, Masks: []mask.Rule{mask.Secrets()},
	}
}
