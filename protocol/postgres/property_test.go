package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
)

// denied is what the policy of the property test denies; without the gateway
// the client sends what does not parse instead.
const denied, unparsable = "TRUNCATE denied", "TRUNKATE denied"

// failsLate breaks a rule that is checked when the transaction ends.
const failsLate = "INSERT INTO bad VALUES (1)"

// long names are cut by the target, so that some of them are one.
var long = strings.Repeat("l", 63)

// texts are the statements that random clients send. In a text that is sent
// by Query, "; " separates statements.
var texts = []string{
	"SELECT a FROM t ORDER BY a", "INSERT INTO t VALUES (1)", "UPDATE t SET a = a + 1", "DELETE FROM t RETURNING a", "SELECT 1/0",
	"SELECT * FROM missing", "BEGIN", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT x", "ROLLBACK TO x", "", " ", ";;", "SELECT generate_series(1, 3)",
	"PREPARE s1 AS SELECT 10", "PREPARE s2 AS INSERT INTO t VALUES (20) RETURNING a", "DEALLOCATE s1", "DEALLOCATE ALL",
	"EXECUTE s1", "EXECUTE s2", "DECLARE c1 CURSOR FOR SELECT a + 100 FROM t", "FETCH 1 FROM c1", "FETCH 1 FROM p1",
	"MOVE 1 FROM p1", "CLOSE p1", "CLOSE ALL", "COPY t TO STDOUT", failsLate, "SET CONSTRAINTS ALL IMMEDIATE",
	"DROP TABLE IF EXISTS missing", "DO $$BEGIN RAISE NOTICE 'look';END$$", "DISCARD ALL", "SHOW search_path", denied, "LISTEN x", "NOTIFY x",
}

// sender makes random messages.
type sender struct {
	*rand.Rand
	// late says that some transactions fail when they end. A name that such a
	// transaction gives is there, and nobody says so: the gateway forgets it.
	late bool
}

func (r *sender) text() string {
	text := r.of(texts...)
	if text == failsLate && !r.late {
		return "SELECT 1"
	}
	return text
}

func (r *sender) of(list ...string) string { return list[r.IntN(len(list))] }

// messages returns one or a few messages.
func (r *sender) messages() []pgproto3.FrontendMessage {
	statement, portal := r.of("", "", "s1", "s2", long+"1", long+"2"), r.of("", "", "p1", "c1", long+"3")
	kind := byte('S')
	if r.IntN(2) == 0 {
		kind = 'P'
	}
	name := map[byte]string{'S': statement, 'P': portal}[kind]
	switch r.IntN(22) {
	case 0, 1, 2, 3:
		return []pgproto3.FrontendMessage{parse(statement, r.text())}
	case 4, 5:
		return []pgproto3.FrontendMessage{bind(portal, statement)}
	case 6:
		return []pgproto3.FrontendMessage{&pgproto3.Describe{ObjectType: kind, Name: name}}
	case 7, 8, 9:
		return []pgproto3.FrontendMessage{&pgproto3.Execute{Portal: portal, MaxRows: uint32(r.IntN(3))}}
	case 10:
		return []pgproto3.FrontendMessage{&pgproto3.Close{ObjectType: kind, Name: name}}
	case 11, 12:
		return []pgproto3.FrontendMessage{&pgproto3.Sync{}}
	case 13:
		return []pgproto3.FrontendMessage{&pgproto3.Flush{}}
	case 14, 15:
		return []pgproto3.FrontendMessage{query(r.text())}
	case 16:
		return []pgproto3.FrontendMessage{query(r.text() + "; " + r.text() + "; " + r.text())}
	case 17:
		return append([]pgproto3.FrontendMessage{query(r.of("COPY t FROM STDIN", "SELECT 5; COPY t FROM STDIN; SELECT 6"))}, r.copy()...)
	case 18:
		list := []pgproto3.FrontendMessage{parse("", "COPY t FROM STDIN"), bind("", ""), execute("")}
		if r.IntN(2) == 0 {
			list = append(list, &pgproto3.Sync{})
		}
		return append(append(list, r.copy()...), parse("", "SELECT 4"))
	case 19:
		return r.copy() // out of place
	default:
		text := r.text()
		return []pgproto3.FrontendMessage{parse(statement, text), bind(portal, statement), &pgproto3.Describe{ObjectType: 'P', Name: portal}, execute(portal)}
	}
}

func (r *sender) copy() (list []pgproto3.FrontendMessage) {
	for range r.IntN(3) {
		list = append(list, &pgproto3.CopyData{Data: []byte(r.of("7\n", "8\n9\n"))})
	}
	if r.IntN(4) == 0 {
		list = append(list, &pgproto3.CopyData{Data: []byte("bad\n")})
	}
	if r.IntN(4) == 0 {
		return append(list, &pgproto3.CopyFail{Message: "no"})
	}
	return append(list, &pgproto3.CopyDone{})
}

// endOfRound ends whatever is under way.
var endOfRound = []pgproto3.FrontendMessage{&pgproto3.CopyFail{}, &pgproto3.Sync{}, query("ROLLBACK"), query("SELECT 'end of round'")}

// converse sends messages and returns what comes, split at each ReadyForQuery.
func (c *raw) converse(r *sender, messages []pgproto3.FrontendMessage) (groups []string, err error) {
	for i, m := range messages {
		c.Send(m)
		if r.IntN(8) == 0 || i == len(messages)-1 {
			if err := c.Flush(); err != nil {
				break // the answers say why
			}
		}
	}
	var group []string
	last := false
	for {
		m, err := c.Receive()
		if err != nil {
			return append(groups, strings.Join(append(group, "end"), ", ")), err
		}
		switch m := m.(type) {
		case *pgproto3.NoticeResponse:
			group = append(group, "notice "+m.Code)
		case *pgproto3.ErrorResponse:
			group = append(group, "error "+m.Code)
		case *pgproto3.DataRow:
			group = append(group, fmt.Sprintf("row %s", m.Values))
			last = string(m.Values[0]) == "end of round"
		case *pgproto3.RowDescription:
			group = append(group, fmt.Sprintf("columns %s", m.Fields[0].Name))
		case *pgproto3.CopyData:
			group = append(group, fmt.Sprintf("copy %q", m.Data))
		case *pgproto3.CommandComplete:
			group = append(group, string(m.CommandTag))
		case *pgproto3.ParameterStatus, *pgproto3.NotificationResponse:
		case *pgproto3.ReadyForQuery:
			group = append(group, "ready "+string(m.TxStatus))
			groups, group = append(groups, strings.Join(group, ", ")), nil
			if last {
				return groups, nil
			}
		default:
			group = append(group, fmt.Sprintf("%T", m)[len("*pgproto3."):])
		}
	}
}

// Whatever a client sends, it sees through the gateway what it would see
// without, but for denials; and the target carries out nothing that was not
// admitted under its own text.
func TestLikeWithoutTheGateway(t *testing.T) { likeWithout(t, false) }

// With masks, the gateway asks the target what rows look like, of which the
// client must not notice anything.
func TestLikeWithoutTheGatewayButForMasks(t *testing.T) { likeWithout(t, true) }

func likeWithout(t *testing.T, masked bool) {
	const setup = "CREATE TABLE t(a int); CREATE TABLE denied(a int); CREATE TABLE p(a int PRIMARY KEY);" +
		"CREATE TABLE bad(a int REFERENCES p DEFERRABLE INITIALLY DEFERRED);"
	o := options{setup: setup, rules: []approve.Rule{
		{Name: "rest", Verdict: protocol.Allow, Effects: protocol.Everything},
		{Name: "not that", Verdict: protocol.Deny, Verbs: []string{"truncate"}},
	}}
	if masked {
		o.masks = []mask.Rule{mask.Columns("denied.a", mask.Full())}
	}
	r := start(t, o)
	other := newDatabase(t, setup)
	admins := []*pgx.Conn{r.direct(), nil}
	require.NoError(t, server.Exec(t.Context(), "postgres", "ALTER DATABASE "+r.database+" SET log_statement = 'all'"))
	var err error
	admins[1], err = pgx.Connect(t.Context(), server.DSN("postgres", other))
	require.NoError(t, err)
	defer admins[1].Close(context.Background())
	logged := len(serverLog(t))

	// The same rounds every time; a soak looks for new ones.
	rounds, seed := 150, uint64(1)
	if os.Getenv("SALLYPORT_SOAK") != "" {
		rounds, seed = 5000, uint64(time.Now().UnixNano())
	}
	var through, without *raw
	for round := range rounds {
		for _, c := range admins {
			_, err := c.Exec(t.Context(), "TRUNCATE t; INSERT INTO t VALUES (1), (2), (3)")
			require.NoError(t, err)
		}
		if through == nil {
			through, without = r.raw(t), rawTo(t, server.DSN("postgres", other))
		}
		deadline := time.Now().Add(time.Minute) // a disk can stall for long
		require.NoError(t, through.conn.SetDeadline(deadline))
		require.NoError(t, without.conn.SetDeadline(deadline))
		random := &sender{Rand: rand.New(rand.NewPCG(seed, uint64(round))), late: round%8 == 0}
		var sent []pgproto3.FrontendMessage
		for range 1 + random.IntN(25) {
			sent = append(sent, random.messages()...)
		}
		sent = append(sent, endOfRound...)
		got, gotErr := through.converse(random, sent)
		want, wantErr := without.converse(random, replaced(sent))
		if masked {
			want = blank(want, got)
			got = blank(got, got)
		}
		same := compare(got, want, random.late)
		if _, crash, ok := strings.Cut(server.Logs(), "terminated by signal"); ok {
			t.Fatalf("the server has crashed: %.500s", crash)
		}
		if !same {
			t.Fatalf("seed %d, round %d\nsent:\n%s\nthrough the gateway:\n  %s (%v)\nwithout:\n  %s (%v)\nlog:\n%s", seed, round, list(sent),
				strings.Join(got, "\n  "), gotErr, strings.Join(want, "\n  "), wantErr, r.Log)
		}
		if gotErr != nil || wantErr != nil || slices.ContainsFunc(got, isDenial) || !slices.Equal(got, want) || slices.ContainsFunc(got, missing) || random.late {
			// A denial leaves undone what came before it in its batch.
			through.conn.Close()
			without.conn.Close()
			through, without = nil, nil
		}
	}
	if through != nil {
		through.conn.Close()
		without.conn.Close()
	}
	require.Eventually(t, func() bool { return len(r.Sessions()) == 0 }, 20*time.Second, 10*time.Millisecond)

	admitted := map[string]int{}
	for _, op := range r.Record.Operations() {
		if !op.Prepare && op.Outcome != nil && op.Outcome.Result != protocol.Refused && op.Outcome.Result != protocol.NotSent {
			admitted[strings.Trim(op.Text, "; ")]++
		}
	}
	ran := 0
	for line := range strings.Lines(serverLog(t)[logged:]) {
		_, text, ok := strings.Cut(line, "LOG:  statement: ")
		if !ok {
			if _, text, ok = strings.Cut(line, "LOG:  execute "); !ok {
				continue
			}
			_, text, _ = strings.Cut(text, ": ")
		}
		for one := range strings.SplitSeq(strings.TrimSpace(text), "; ") {
			one = strings.Trim(one, "; ")
			require.NotContains(t, one, denied)
			ran++
			admitted[one]--
			if admitted[one] < 0 {
				t.Fatalf("seed %d: the target ran %q more often than it was admitted", seed, one)
			}
		}
	}
	require.Greater(t, ran, rounds)
}

// replaced puts what does not parse in place of what is denied.
func replaced(messages []pgproto3.FrontendMessage) []pgproto3.FrontendMessage {
	out := slices.Clone(messages)
	for i, m := range out {
		switch m := m.(type) {
		case *pgproto3.Parse:
			out[i] = parse(m.Name, strings.ReplaceAll(m.Query, denied, unparsable))
		case *pgproto3.Query:
			out[i] = query(strings.ReplaceAll(m.String, denied, unparsable))
		}
	}
	return out
}

// isDenial reports whether the gateway denied something: by its policy, or
// because portals run each other in a circle.
func isDenial(group string) bool {
	return strings.Contains(group, "error 42501") || strings.Contains(group, "error 54000")
}

// serverLog returns all that the server has logged.
func serverLog(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(server.DataDir()), "log"))
	require.NoError(t, err)
	return string(b)
}

func missing(group string) bool { return strings.HasPrefix(group, "error 26000") }

// compare reports whether two conversations are the same. Where something was
// denied, the other must have failed too, perhaps by what came earlier in the
// same batch, and what comes behind may differ. doubt says that the gateway may
// have forgotten a name that is there.
func compare(got, want []string, doubt bool) bool {
	for i := range min(len(got), len(want)) {
		if isDenial(got[i]) {
			return strings.Contains(want[i], "error ")
		}
		if got[i] == want[i] && strings.HasPrefix(got[i], "error 26000") {
			return true // a Query that did not reach the target left its statement without a name
		}
		if got[i] != want[i] && strings.HasSuffix(got[i], "error 34000, ready E") && strings.HasSuffix(want[i], "ready E") {
			return true // the target keeps the portal of a Query that has failed, and runs nothing of it
		}
		if got[i] != want[i] && got[i] != missingInFailed(want[i]) {
			// In a Query of several statements, a name that is missing fails
			// all of it.
			return strings.Contains(got[i], "error 26000") && (doubt || strings.Contains(want[i], "error "))
		}
	}
	return len(got) == len(want)
}

var rows = regexp.MustCompile(`row \[[^]]*\]`)

// blank leaves the values of rows out, because those of EXECUTE and FETCH are
// hidden, and ends where the gateway has refused what could show something.
func blank(groups, until []string) []string {
	var list []string
	for i, g := range groups {
		if i < len(until) && strings.Contains(until[i], "error 42501") {
			return append(list, "error 42501")
		}
		list = append(list, rows.ReplaceAllString(g, "row"))
	}
	return list
}

// missingInFailed returns a group as it is where the gateway does not know a
// portal of which the target remembers only that it has failed.
func missingInFailed(group string) string {
	group = strings.Replace(group, "error 55000", "error 34000", 1) // or that it has run
	if strings.HasSuffix(group, "ready E") {
		return strings.Replace(group, "error 25P02", "error 34000", 1)
	}
	return group
}

func list(messages []pgproto3.FrontendMessage) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "  %T %+v\n", m, m)
	}
	return strings.ReplaceAll(b.String(), "*pgproto3.", "")
}

// rawTo is rig.raw past the gateway.
func rawTo(t *testing.T, dsn string) *raw {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), dsn)
	require.NoError(t, err)
	hijacked, err := c.Hijack()
	require.NoError(t, err)
	t.Cleanup(func() { hijacked.Conn.Close() })
	return &raw{t, hijacked.Conn, pgproto3.NewFrontend(hijacked.Conn, hijacked.Conn)}
}
