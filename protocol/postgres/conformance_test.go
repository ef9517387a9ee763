package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/protocoltest"
)

func TestConformance(t *testing.T) {
	database := newDatabase(t, customers+"CREATE TABLE log(at timestamptz);")
	protocoltest.Run(t, protocoltest.Plugin{
		New: func() protocol.Protocol { return plugin },
		Target: func(testing.TB) protocol.Target {
			return protocol.Target{Name: "shop", Address: server.Addr(), Database: database, TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}
		},
		Connect: connectClient(database),
		Rules: []approve.Rule{
			{Name: "all", Verdict: protocol.Allow, Effects: protocol.Everything},
			{Name: "no-drop", Verdict: protocol.Deny, Verbs: []string{"drop table"}},
			{Name: "ask-truncate", Verdict: protocol.Ask, Verbs: []string{"truncate"}},
		},
		Read: "SELECT id, name FROM customers ORDER BY id", Write: "INSERT INTO log VALUES (now())",
		Denied: "DROP TABLE customers", Asked: "TRUNCATE log",
		Large: "SELECT repeat('x', 100000) FROM generate_series(1, 1000)", LargeBytes: 100_000_000,
		Unknown: []byte("!\x00\x00\x00\x04"),
		Canary: []string{
			"SELECT ssn FROM customers", "simple SELECT ssn FROM customers", "binary SELECT ssn FROM customers",
			"SELECT c FROM customers c", "SELECT ssn::int FROM customers", "COPY customers TO STDOUT",
			"INSERT INTO customers SELECT 9, name, ssn FROM customers",
		},
		Secret: canary, Masks: ssnMask,
		Goodbye: []byte("X\x00\x00\x00\x04"),
	})
}

// client adapts pgconn to the kit.
type client struct{ c *pgconn.PgConn }

func connectClient(database string) func(context.Context, net.Conn, string, string) (protocoltest.Client, error) {
	return func(ctx context.Context, conn net.Conn, user, token string) (protocoltest.Client, error) {
		config, err := pgconn.ParseConfig(fmt.Sprintf("host=127.0.0.1 user=%s password=%s dbname=%s sslmode=disable", user, token, database))
		if err != nil {
			return nil, err
		}
		config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
		c, err := pgconn.ConnectConfig(ctx, config)
		if err != nil {
			return nil, err
		}
		return client{c}, nil
	}
}

func (c client) Do(ctx context.Context, op string) ([]byte, error) {
	var b bytes.Buffer
	if bytes.HasPrefix([]byte(op), []byte("COPY")) {
		_, err := c.c.CopyTo(ctx, &b, op)
		return b.Bytes(), err
	}
	var rows [][][]byte
	var err error
	if sql, ok := bytes.CutPrefix([]byte(op), []byte("simple ")); ok {
		var list []*pgconn.Result
		list, err = c.c.Exec(ctx, string(sql)).ReadAll()
		for _, r := range list {
			rows = append(rows, r.Rows...)
		}
	} else {
		var formats []int16
		sql, binary := bytes.CutPrefix([]byte(op), []byte("binary "))
		if binary {
			formats = []int16{1}
		}
		r := c.c.ExecParams(ctx, string(sql), nil, nil, nil, formats).Read()
		rows, err = r.Rows, r.Err
	}
	for _, row := range rows {
		b.Write(bytes.Join(row, []byte{'|'}))
		b.WriteByte('\n')
	}
	return b.Bytes(), err
}

func (c client) Drain(ctx context.Context, op string) (int64, error) {
	r := c.c.ExecParams(ctx, op, nil, nil, nil, nil)
	var n int64
	for r.NextRow() {
		for _, v := range r.Values() {
			n += int64(len(v))
		}
	}
	_, err := r.Close()
	return n, err
}

func (c client) Close() error { return c.c.Conn().Close() }

// Pipeline implements protocoltest.Pipeliner: each operation ends with a Sync.
func (c client) Pipeline(ctx context.Context, ops []string) []protocoltest.Result {
	results := make([]protocoltest.Result, len(ops))
	p := c.c.StartPipeline(ctx)
	for _, op := range ops {
		p.SendQueryParams(op, nil, nil, nil, nil)
		p.SendPipelineSync()
	}
	if err := p.Flush(); err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	for i := 0; i < len(ops); {
		got, err := p.GetResults()
		switch got := got.(type) {
		case *pgconn.ResultReader:
			r := got.Read()
			for _, row := range r.Rows {
				results[i].Value = append(results[i].Value, append(bytes.Join(row, []byte{'|'}), '\n')...)
			}
			results[i].Err = r.Err
		case *pgconn.PipelineSync:
			i++
		default:
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			results[i].Err = err
			if c.c.IsClosed() {
				return results
			}
		}
	}
	_ = p.Close()
	return results
}
