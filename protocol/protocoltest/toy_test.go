package protocoltest

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// The toy protocol: a line asks, "+<n> <n bytes>\n" or "-<words>\n" answers.
// A toy does everything right but for its fault.
type toy struct{ fault string }

const (
	letsAnyoneIn   = "lets anyone in"
	leaksToken     = "writes the token down"
	saysNoRefusal  = "does not record refusals"
	forwardsFirst  = "forwards before it begins"
	ignoresRecord  = "goes on when the record fails"
	readsOnce      = "takes what one read returns for a line"
	readsOnceBack  = "takes what one read returns for a reply"
	deniesAtOnce   = "denies before earlier replies"
	deniesUnnamed  = "denies without the operation's id"
	deniesByClose  = "denies by closing"
	doesNotLookOut = "does not notice that the client left"
	forwardsAsked  = "forwards while people are asked"
	claimsSuccess  = "claims success when the target left"
	keepsWaiting   = "lets the client wait when the target left"
	buffersResults = "buffers results"
	passesUnknown  = "passes unknown messages on"
	dropsUnknown   = "swallows unknown messages"
	masksNothing   = "masks nothing"
	masksPlainOnly = "masks only plain text"
	masksTooLate   = "records before it masks"
	leavesRoutines = "leaves goroutines behind"
	endsSlowly     = "takes its time to end"
)

func (toy) Name() string { return "toy" }

func (p toy) Serve(ctx context.Context, conn net.Conn, g *protocol.Gate) error {
	in := bufio.NewReader(conn)
	token, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	token = strings.TrimSpace(token)
	who := identity.Proven{Principal: identity.Principal{Issuer: "x", Subject: "anyone"}}
	if p.fault != letsAnyoneIn {
		v, err := g.Verifier(ctx, identity.SchemeToken, "")
		if err != nil {
			return err
		}
		if who, err = v.(identity.TokenVerifier).VerifyToken(ctx, token); err != nil {
			switch p.fault {
			case leaksToken:
				g.Refused("", fmt.Errorf("the token %s is wrong", token))
			case saysNoRefusal:
			default:
				g.Refused("", err)
			}
			return err
		}
	}
	s, err := g.Open(ctx, who, protocol.Route{Client: conn})
	if err != nil {
		_, _ = fmt.Fprintf(conn, "-%s\n", protocol.Public(err))
		return err
	}
	target, err := s.Dial(ctx, protocol.Endpoint{})
	if err != nil {
		return err
	}
	if err := s.Emit(protocol.Part{Data: []byte("+0 \n")}); err != nil {
		return err
	}
	if p.fault == leavesRoutines {
		go leaveRoutine()
	}
	t := &toySession{p: p, s: s, conn: conn, in: in, target: target, back: bufio.NewReaderSize(target, 1024), failed: make(chan struct{})}
	defer func() {
		if p.fault == endsSlowly {
			time.Sleep(3 * time.Second)
		}
	}()
	return t.run()
}

// leaveRoutine outlives its session by more than the kit waits, on purpose;
// when the tests end it may still be there.
func leaveRoutine() { <-time.After(3 * time.Second) }

type toySession struct {
	p            toy
	s            *protocol.Session
	conn, target net.Conn
	in, back     *bufio.Reader
	once         sync.Once
	failed       chan struct{} // closed with cause
	cause        error
}

type toyTurn struct {
	x   *protocol.Exchange
	own string
}

func (t *toySession) fail(err error) {
	t.once.Do(func() {
		t.cause = err
		close(t.failed)
		if err != nil {
			_ = t.conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			_, _ = fmt.Fprintf(t.conn, "-fatal: %s\n", protocol.Public(err))
		}
		t.conn.Close()
		t.target.Close()
	})
}

func (t *toySession) run() error {
	ctx, gone := context.WithCancel(t.s.Context())
	defer gone()
	defer context.AfterFunc(t.s.Context(), func() { t.fail(context.Cause(t.s.Context())) })()
	lines, turns := make(chan string, 8), make(chan toyTurn, 64)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(lines)
		for {
			line, err := t.line()
			if err != nil {
				if t.p.fault != doesNotLookOut {
					gone()
				}
				return
			}
			lines <- line
		}
	})
	wg.Go(func() {
		for turn := range turns {
			if err := t.answer(turn); err != nil {
				t.fail(err)
			}
		}
	})
	for line := range lines {
		turn, err := t.admit(ctx, line)
		if err != nil {
			t.fail(err)
			break
		}
		turns <- turn
	}
	close(turns)
	select {
	case <-t.failed:
	default:
		_ = t.target.SetReadDeadline(time.Now().Add(time.Second))
	}
	_ = t.conn.SetReadDeadline(time.Now())
	for range lines { // until the reader has closed it
	}
	wg.Wait()
	t.fail(nil)
	return t.cause
}

func (t *toySession) line() (string, error) {
	if t.p.fault == readsOnce {
		b := make([]byte, 512)
		n, err := t.in.Read(b)
		return strings.TrimSpace(string(b[:n])), err
	}
	line, err := t.in.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (t *toySession) admit(ctx context.Context, line string) (toyTurn, error) {
	verb, _, _ := strings.Cut(line, " ")
	op := protocol.Operation{Verb: verb, Text: line}
	switch verb {
	case "get", "hex", "err", "set", "drop", "wipe", "big":
	default:
		op.Refuse = "unknown"
		switch t.p.fault {
		case passesUnknown:
			op.Refuse = ""
		case dropsUnknown:
			return toyTurn{own: ""}, nil
		}
	}
	forward := func() error {
		_, err := io.WriteString(t.target, line+"\n")
		return err
	}
	early := t.p.fault == forwardsFirst || t.p.fault == forwardsAsked && verb == "wipe"
	if early {
		if err := forward(); err != nil {
			return toyTurn{}, err
		}
	}
	list, err := t.s.Begin(ctx, nil, op)
	if denied, ok := errors.AsType[*protocol.Denied](err); ok {
		words := "-" + denied.Error() + "\n"
		switch t.p.fault {
		case deniesUnnamed:
			words = "-denied\n"
		case deniesByClose:
			return toyTurn{}, err
		case deniesAtOnce:
			return toyTurn{}, t.s.Emit(protocol.Part{Data: []byte(words)})
		}
		return toyTurn{own: words}, nil
	}
	if err != nil && t.p.fault == ignoresRecord {
		return toyTurn{}, errors.Join(forward(), err)
	}
	if err != nil {
		return toyTurn{}, err
	}
	if !early {
		if err := forward(); err != nil {
			return toyTurn{}, err
		}
	}
	return toyTurn{x: list[0]}, nil
}

func (t *toySession) answer(turn toyTurn) error {
	if turn.x == nil {
		if turn.own == "" {
			return nil
		}
		return t.s.Emit(protocol.Part{Data: []byte(turn.own)})
	}
	if t.p.fault == deniesAtOnce {
		time.Sleep(20 * time.Millisecond)
	}
	err := t.reply(turn.x)
	if err == nil {
		return nil
	}
	switch t.p.fault {
	case claimsSuccess:
		_ = turn.x.Finish(protocol.Part{Data: []byte("\n")}, protocol.Outcome{Result: protocol.OK})
	case keepsWaiting:
		<-t.s.Context().Done()
	default:
		_ = turn.x.End(protocol.Outcome{Result: protocol.Unknown})
	}
	return err
}

func (t *toySession) reply(x *protocol.Exchange) error {
	masks := t.s.Masks()
	if t.p.fault == masksNothing {
		masks = nil
	}
	if t.p.fault == readsOnceBack {
		b := make([]byte, 1<<10)
		n, err := t.back.Read(b)
		if err != nil {
			return err
		}
		return x.Finish(protocol.Part{Data: b[:n]}, protocol.Outcome{Result: protocol.OK})
	}
	kind, err := t.back.ReadByte()
	if err != nil {
		return err
	}
	if kind == '-' {
		words, err := t.back.ReadBytes('\n')
		if err != nil {
			return err
		}
		masks.Redact(words)
		return x.Finish(protocol.Part{Data: append([]byte("-"), words...)}, protocol.Outcome{Result: protocol.Failed})
	}
	size, err := t.back.ReadString(' ')
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSpace(size))
	if err != nil {
		return err
	}
	head := fmt.Sprintf("%c%d ", kind, n)
	if n > 4096 {
		return t.stream(x, head, n)
	}
	value := make([]byte, n+1)
	if _, err := io.ReadFull(t.back, value); err != nil {
		return err
	}
	if t.p.fault == masksTooLate {
		_ = x.Annotate(protocol.Annotation{Kind: "value", Data: value})
	}
	if kind == 'x' && t.p.fault != masksPlainOnly {
		plain, err := hex.DecodeString(string(value[:n]))
		if err != nil {
			return err
		}
		masks.Redact(plain)
		hex.Encode(value, plain)
	} else {
		masks.Redact(value[:n])
	}
	return x.Finish(protocol.Part{Data: append([]byte(head), value...)}, protocol.Outcome{Result: protocol.OK})
}

// stream relays a large value; the toy's masks do not look into those.
func (t *toySession) stream(x *protocol.Exchange, head string, n int) error {
	if err := x.Emit(protocol.Part{Data: []byte(head)}); err != nil {
		return err
	}
	size := 64 << 10
	if t.p.fault == buffersResults {
		size = n
	}
	buf := make([]byte, size)
	for n > 0 {
		part := buf[:min(n, size)]
		if _, err := io.ReadFull(t.back, part); err != nil {
			return err
		}
		if err := x.Emit(protocol.Part{Data: part}); err != nil {
			return err
		}
		n -= len(part)
	}
	if _, err := t.back.ReadByte(); err != nil {
		return err
	}
	return x.Finish(protocol.Part{Data: []byte("\n")}, protocol.Outcome{Result: protocol.OK})
}
