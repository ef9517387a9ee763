package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/stretchr/testify/require"
)

func read(t testing.TB, dir string, renderers ...protocol.Renderer) *Record {
	t.Helper()
	r, err := Open(dir, renderers...)
	require.NoError(t, err)
	return r
}

func sessions(t testing.TB, r *Record, f Filter) map[string]*SessionInfo {
	t.Helper()
	m := make(map[string]*SessionInfo)
	for s, err := range r.Sessions(f) {
		require.NoError(t, err)
		m[s.ID] = s
	}
	return m
}

func TestSessionsAndTheirStates(t *testing.T) {
	dir := tempDir(t)
	ctx := context.Background()
	j := open(t, dir, Options{SegmentSize: minSegmentSize})
	require.NoError(t, j.Append(ctx, Taken, opened("crashed"), operation("crashed", 1, "a")))
	crash(j)
	require.Equal(t, Truncated, sessions(t, read(t, dir), Filter{})["crashed"].State)

	j = open(t, dir, Options{SegmentSize: minSegmentSize})
	for i := range 30 {
		id := fmt.Sprintf("done%d", i)
		require.NoError(t, j.Append(ctx, Taken, opened(id), operation(id, 1, "a"), output(id, 1, "row"), ended(id, 1), closed(id)))
	}
	require.NoError(t, j.Append(ctx, Taken, opened("open")))
	r := read(t, dir)
	require.True(t, r.Live())
	all := sessions(t, r, Filter{})
	require.Len(t, all, 32)
	require.Equal(t, Abandoned, all["crashed"].State)
	require.Equal(t, uint64(1), all["crashed"].Results[protocol.Unknown])
	require.Equal(t, Live, all["open"].State)
	d := all["done7"]
	require.Equal(t, Complete, d.State)
	require.Equal(t, uint64(5), d.Events)
	require.Equal(t, uint64(1), d.Operations)
	require.Equal(t, uint64(1), d.Results[protocol.OK])
	require.Equal(t, int64(3), d.Bytes)
	require.Equal(t, "agent", d.Opened.Principal.Subject)
	require.NoError(t, j.Close())
	require.False(t, r.Live())
	require.Equal(t, Truncated, sessions(t, r, Filter{})["open"].State)
}

func TestAbandonedOutcomes(t *testing.T) {
	dir := tempDir(t)
	j := open(t, dir, Options{})
	ask := operation("s", 2, "b")
	ask.Decision = &protocol.Decision{Verdict: protocol.Ask}
	answered := operation("s", 3, "c")
	answered.Decision = &protocol.Decision{Verdict: protocol.Ask}
	denied := operation("s", 4, "d")
	denied.Decision = &protocol.Decision{Verdict: protocol.Deny}
	require.NoError(t, j.Append(context.Background(), Durable, opened("s"), operation("s", 1, "a"), ask, answered, denied,
		operation("s", 5, "e"), ended("s", 5),
		&Event{Session: "s", Kind: KindDecision, Exchange: 3, Decision: &protocol.Decision{Verdict: protocol.Allow}}))
	crash(j)
	open(t, dir, Options{})
	got := make(map[protocol.ExchangeID]protocol.Result)
	for e, err := range read(t, dir).Events("s") {
		require.NoError(t, err)
		if e.Kind == KindEnd {
			got[e.Exchange] = e.Outcome.Result
		}
	}
	require.Equal(t, map[protocol.ExchangeID]protocol.Result{
		1: protocol.Unknown, 2: protocol.NotSent, 3: protocol.Unknown, 4: protocol.Refused, 5: protocol.OK,
	}, got)
}

func TestFilters(t *testing.T) {
	dir := tempDir(t)
	j := open(t, dir, Options{})
	base := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	add := func(id, who, target, verb string, result protocol.Result, at time.Time) {
		o := opened(id)
		o.Opened.Principal = identity.Principal{Issuer: "https://issuer", Subject: who, OnBehalfOf: "ann"}
		o.Opened.Target, o.Time = target, at
		op := operation(id, 1, "x")
		op.Operation.Verb, op.Time = verb, at
		end := ended(id, 1)
		end.Outcome, end.Time = &protocol.Outcome{Result: result}, at
		c := closed(id)
		c.Time = at
		require.NoError(t, j.Append(context.Background(), Taken, o, op, end, c))
	}
	add("1", "bot-a", "sales", "select", protocol.OK, base)
	add("2", "bot-a", "hr", "delete", protocol.Refused, base.Add(time.Hour))
	add("3", "bot-b", "sales", "delete", protocol.OK, base.Add(2*time.Hour))
	r := read(t, dir)
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "123"},
		{Filter{Principal: "bot-a"}, "12"},
		{Filter{Principal: "bot-*"}, "123"},
		{Filter{Principal: "https://issuer|bot-b"}, "3"},
		{Filter{Principal: "ann"}, "123"},
		{Filter{Principal: "["}, ""},
		{Filter{Target: "sales"}, "13"},
		{Filter{Verb: "delete"}, "23"},
		{Filter{Outcome: []protocol.Result{protocol.OK}}, "13"},
		{Filter{Verb: "delete", Outcome: []protocol.Result{protocol.Refused, protocol.Failed}}, "2"},
		{Filter{Verb: "select", Outcome: []protocol.Result{protocol.Refused}}, ""},
		{Filter{From: base.Add(time.Minute)}, "23"},
		{Filter{Until: base.Add(time.Hour)}, "1"},
		{Filter{From: base, Until: base.Add(time.Hour + 1), Target: "hr"}, "2"},
	} {
		var got string
		for s, err := range r.Sessions(c.f) {
			require.NoError(t, err)
			got += s.ID
		}
		require.Equal(t, c.want, got, "%+v", c.f)
	}
}

func TestReadingWhileWriting(t *testing.T) {
	dir := tempDir(t)
	j := open(t, dir, Options{SegmentSize: minSegmentSize})
	ctx, cancel := context.WithCancel(context.Background())
	const events = 3000
	written := make(chan error, 1)
	go func() {
		err := j.Append(ctx, Taken, opened("s"))
		for i := 1; err == nil && i < events; i += 2 {
			err = j.Append(ctx, Taken, output("s", 1, strings.Repeat("p", i%700)), output("s", 1, fmt.Sprint(i+1)))
		}
		written <- err
	}()
	var next uint64
	r := read(t, dir)
	for e, err := range r.Follow(ctx, 0) {
		require.NoError(t, err)
		require.Equal(t, next, e.Pos)
		next++
		if next%500 == 0 {
			end, err := r.End()
			require.NoError(t, err)
			require.GreaterOrEqual(t, end, next)
			report, err := Verify(ctx, dir, VerifyOptions{})
			require.NoError(t, err)
			require.Empty(t, report.Findings)
		}
		if next == events+1 {
			break
		}
	}
	require.NoError(t, <-written)
	cancel()
	for range r.Follow(ctx, 0) {
		break // an ended ctx ends it
	}
	var tail []uint64
	for e, err := range r.All(events - 3) {
		require.NoError(t, err)
		tail = append(tail, e.Pos)
	}
	require.Equal(t, []uint64{events - 3, events - 2, events - 1, events}, tail)
}

func TestDamageIsNamedAndReadingGoesOn(t *testing.T) {
	dir := tempDir(t)
	sample(t, dir)
	numbers, err := listSegments(dir)
	require.NoError(t, err)
	name := segmentName(dir, numbers[1])
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	require.NoError(t, os.WriteFile(name, data, 0o600))
	var places []*PlaceError
	good := 0
	for _, err := range read(t, dir).All(0) {
		if p, ok := errors.AsType[*PlaceError](err); ok {
			places = append(places, p)
			continue
		}
		require.NoError(t, err)
		good++
	}
	require.Len(t, places, 1)
	require.Equal(t, name, places[0].File)
	require.Positive(t, places[0].Offset)
	require.Positive(t, good)
	gaps := 0
	for _, err := range read(t, dir).Events("gw") {
		if err != nil {
			gaps++
		}
	}
	require.Positive(t, gaps)
}

type upper struct{}

func (upper) Protocol() string { return "postgres" }
func (upper) Render(w io.Writer, kind string, shape, payload []byte) error {
	_, err := fmt.Fprintf(w, "%s %s %s", kind, shape, bytes.ToUpper(payload))
	return err
}

func TestViewRendersThroughShapes(t *testing.T) {
	dir := tempDir(t)
	j := open(t, dir, Options{})
	part := output("s", 1, "row")
	part.Part.Shape = 7
	unknown := output("s", 1, "row")
	unknown.Part.Shape = 8
	hidden := output("s", 1, "")
	hidden.Part.Withheld = true
	require.NoError(t, j.Append(context.Background(), Taken, opened("s"),
		&Event{Session: "s", Kind: KindAnnotation, Note: &Note{Kind: "shape", Shape: 7}, Payload: []byte("[id]")}, part, unknown, hidden))
	r := read(t, dir, upper{})
	v := r.View()
	var out, problems []string
	for e, err := range r.Events("s") {
		require.NoError(t, err)
		var b strings.Builder
		if err := v.Render(&b, e); err != nil {
			problems = append(problems, err.Error())
		}
		out = append(out, b.String())
	}
	require.Equal(t, []string{"", "", "rows [id] ROW", "", ""}, out)
	require.Equal(t, []string{`3 bytes of "rows": shape 8 is not known`}, problems)
	_, err := Open(dir, upper{}, upper{})
	require.ErrorContains(t, err, "two renderers")
	for i := range uint64(2 * maxShapes) {
		v.keep(i, make([]byte, 5000))
	}
	require.LessOrEqual(t, v.size, maxShapeBytes)
	require.Len(t, v.shapes, len(v.order))
}

func TestExport(t *testing.T) {
	dir := tempDir(t)
	j := open(t, dir, Options{})
	require.NoError(t, j.Append(context.Background(), Taken, opened("s"), output("s", 1, "\x00row")))
	var b bytes.Buffer
	require.NoError(t, Export(&b, read(t, dir).Events("s")))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, lines, 2)
	var line struct {
		Kind    string `json:"kind"`
		Payload []byte `json:"payload"`
	}
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &line))
	require.Equal(t, "output", line.Kind)
	require.Equal(t, "\x00row", string(line.Payload))
}

func TestOpenWhatIsNoJournal(t *testing.T) {
	dir := tempDir(t)
	_, err := Open(dir)
	require.ErrorContains(t, err, dir+" is not a journal")
	require.NoError(t, os.WriteFile(filepath.Join(dir, formatName), []byte("sallyport journal 2\nid 00\n"), 0o600))
	_, err = Open(dir)
	require.ErrorContains(t, err, "later version")
	_, err = OpenJournal(dir, Options{Logger: quiet()})
	require.ErrorContains(t, err, "later version")
}
