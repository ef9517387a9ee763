package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	pgquery "github.com/wasilibs/go-pgquery/parser"

	"github.com/sallyport/sallyport/protocol"
)

// Options say how much a [Parser] may use. The zero value means the defaults.
type Options struct {
	// Instances is how many statements can be parsed at the same time: 1 or 2,
	// default 1. Each costs about 220 MB and 2 to 5 s of a CPU to start.
	Instances int
	// MaxText is the length in bytes from which a text is not parsed; default
	// 256 KiB, at most 1 MiB.
	MaxText int
	// CacheEntries and CacheBytes bound the cache of judged texts; defaults
	// 4096 and 16 MiB. Negative means no cache.
	CacheEntries, CacheBytes int
	// Wait is how long a statement waits for the parser to start and for its
	// turn before it counts as everything; default 10 s.
	Wait time.Duration
}

// Parser judges texts. It is safe for concurrent use. The instances of the
// underlying parser are shared by the whole process, so one Parser is enough.
type Parser struct {
	lib     *library
	cache   *cache
	slots   chan struct{}
	warm    sync.Once
	ready   chan struct{} // closed when the first instance has started
	failed  atomic.Pointer[string]
	maxText int
	wait    time.Duration
	forms   sync.Pool // *[]byte for stripped forms
	parse   func(string) (string, error)
}

const (
	defaultMaxText = 256 << 10
	// hang is how long one parse may take before its instance is given up: a
	// text of the longest length takes a fraction of it.
	hang = 20 * time.Second
)

// New makes a Parser. Nothing is started before Warm, Ready or Parse.
func New(o Options) *Parser {
	pick := func(v, zero, most int) int {
		if v == 0 {
			v = zero
		}
		return min(max(v, 0), most)
	}
	p := &Parser{
		lib:     newLibrary(),
		cache:   newCache(pick(o.CacheEntries, 4096, 1<<24), pick(o.CacheBytes, 16<<20, 1<<32)),
		slots:   make(chan struct{}, max(1, pick(o.Instances, 1, 2))),
		ready:   make(chan struct{}),
		maxText: pick(o.MaxText, defaultMaxText, 1<<20),
		wait:    o.Wait,
		parse:   pgquery.ParseToJSON,
	}
	if p.wait <= 0 {
		p.wait = 10 * time.Second
	}
	p.forms.New = func() any { b := make([]byte, 0, 1024); return &b }
	return p
}

// Warm starts the underlying parser in the background and returns at once.
func (p *Parser) Warm() {
	p.warm.Do(func() {
		for range cap(p.slots) {
			p.slots <- struct{}{}
		}
		var once sync.Once
		for range cap(p.slots) {
			go func() {
				defer func() { <-p.slots }()
				if err := p.check(); err != nil {
					p.fail("the parser does not start: " + err.Error())
				}
				once.Do(func() { close(p.ready) })
			}()
		}
	})
}

// Ready starts the underlying parser where it is not started yet and waits for
// it. An error means that all statements count as everything: the context's
// own, or that the parser has failed and the process must be restarted.
func (p *Parser) Ready(ctx context.Context) error {
	p.Warm()
	select {
	case <-p.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	if why := p.failed.Load(); why != nil {
		return errors.New(*why + "; restart the gateway")
	}
	return nil
}

func (p *Parser) fail(why string) { p.failed.CompareAndSwap(nil, &why) }

// Parse judges a text as the target would read it. It never fails, see the
// package's promises. The context and Options.Wait bound only the wait for
// the parser's turn. A text that was judged before costs no allocation.
func (p *Parser) Parse(ctx context.Context, text string) *Query {
	if q := p.cache.get(text); q != nil {
		return q
	}
	if len(text) > p.maxText {
		return refused(fmt.Sprintf("longer than %d bytes", p.maxText))
	}
	buf := p.forms.Get().(*[]byte)
	defer p.forms.Put(buf)
	form, ok := strip((*buf)[:0], text)
	if ok {
		*buf = form
		if q := p.cache.getBytes(form); q != nil {
			return q
		}
	}
	q, keep := p.miss(ctx, text)
	if keep {
		key := strings.Clone(text)
		if ok && q.Parsed && len(q.Statements) == 1 {
			key = string(form)
		}
		p.cache.put(key, q)
	}
	return q
}

// ParseUnsure is Parse for when it is not known whether the target reads text
// as UTF-8 and with standard_conforming_strings on. A text that might be read
// otherwise, with a backslash in a plain string or characters outside of
// ASCII, counts as everything.
func (p *Parser) ParseUnsure(ctx context.Context, text string) *Query {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return refused("characters outside of ASCII where the encoding may have changed")
		}
	}
	l := lexer{s: text}
	for {
		switch t := l.next(); t.kind {
		case tokEnd:
			return p.Parse(ctx, text)
		case tokString:
			if strings.IndexByte(text[t.start:t.end], '\\') >= 0 {
				return refused("a backslash in a string where standard_conforming_strings may be off")
			}
		}
	}
}

// miss judges a text that the cache does not know; keep is false where another
// try may end differently.
func (p *Parser) miss(ctx context.Context, text string) (q *Query, keep bool) {
	switch {
	case strings.IndexByte(text, 0) >= 0:
		return refused("a NUL byte in it"), false
	case !utf8.ValidString(text):
		return refused("not UTF-8"), false
	}
	if nesting(text, maxNested) > maxNested {
		return refused("nested too deeply"), false
	}
	tree, err := p.ask(ctx, text)
	var syntax *pgquery.Error
	switch {
	case errors.As(err, &syntax):
		return refused(fmt.Sprintf("syntax error at character %d", syntax.Cursorpos)), true
	case err != nil:
		return refused(err.Error()), false
	}
	v, err := decodeTree(tree)
	if err != nil {
		return refused(err.Error()), false
	}
	return p.query(&v, text), true
}

// ask runs the underlying parser in its turn.
func (p *Parser) ask(ctx context.Context, text string) (string, error) {
	p.Warm()
	failed := errors.New("the parser has failed; restart the gateway")
	if p.failed.Load() != nil {
		return "", failed // at once: a hanging instance never gives its slot back
	}
	timer := time.NewTimer(p.wait)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
	case <-timer.C:
		return "", errors.New("the parser is starting or busy")
	case <-ctx.Done():
		return "", errors.New("given up while the parser was starting or busy")
	}
	if p.failed.Load() != nil {
		<-p.slots
		return "", failed
	}
	type answer struct {
		tree string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		tree, err := p.guarded(text)
		done <- answer{tree, err}
		<-p.slots
	}()
	timer.Reset(hang)
	select {
	case a := <-done:
		return a.tree, a.err
	case <-timer.C:
		p.fail("the parser hangs")
		return "", errors.New("the parser hangs; restart the gateway")
	}
}

// guarded turns a panic of the underlying parser into an error. A panic may
// leave its memory spoilt, so it must then still read a known text as before.
func (p *Parser) guarded(text string) (tree string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("the parser failed on it")
			if cerr := p.check(); cerr != nil {
				p.fail("the parser has failed: " + cerr.Error())
			}
		}
	}()
	return p.parse(text)
}

const (
	checkText = "SELECT a.b FROM c AS a WHERE d = 'e'"
)

// check has the underlying parser read a text whose meaning is known.
func (p *Parser) check() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("it panics")
		}
	}()
	tree, err := p.parse(checkText)
	if err != nil {
		return err
	}
	v, err := decodeTree(tree)
	if err != nil {
		return err
	}
	q := p.query(&v, checkText)
	if len(q.Statements) != 1 || q.Statements[0].Verb != "select" || q.Statements[0].Effects != protocol.Read ||
		len(q.Statements[0].Objects) != 1 || q.Statements[0].Objects[0].Name != "c" {
		return errors.New("it misreads a known text")
	}
	return nil
}

// query judges all statements of a parsed text.
func (p *Parser) query(v *value, text string) *Query {
	q := &Query{Parsed: true}
	stmts := v.get("stmts")
	if stmts == nil {
		return refused(errTree.Error())
	}
	for i := range stmts.items {
		raw := &stmts.items[i]
		st := p.lib.judge(raw.get("stmt"))
		if len(stmts.items) > 1 {
			st.Start, st.End = bounds(raw, text)
		}
		q.Statements = append(q.Statements, st)
	}
	return q
}

// refused is the judgement of what is not understood.
func refused(why string) *Query {
	why = "does not parse: " + why
	st := &Statement{Verb: "unknown", Effects: protocol.Everything, ReturnsRows: true, Remark: why}
	st.facts.hidden = "statements that are not understood"
	st.facts.unknown = true
	return &Query{Statements: []*Statement{st}, Remark: why}
}
