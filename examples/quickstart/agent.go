//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// agent is the scripted agent: a real driver, which knows nothing of the
// gateway but its address.
type agent struct {
	out  *screen
	conn *pgx.Conn
	saw  [][]string // the rows that it got to see
}

// work connects with a token and does the agent's day.
func (a *agent) work(ctx context.Context, gateway net.Addr, token string) error {
	config, err := pgx.ParseConfig(fmt.Sprintf("postgres://agent@%s/%s?sslmode=disable&application_name=quickstart", gateway, database))
	if err != nil {
		return err
	}
	config.Password = token
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		a.tell("", "notice: %s", n.Message)
	}
	if a.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return err
	}
	defer a.conn.Close(context.WithoutCancel(ctx))
	for _, step := range []func(context.Context) error{a.reads, a.writes, a.copies, a.drops, a.tidies} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return a.conn.Close(ctx)
}

func (a *agent) tell(what, format string, args ...any) {
	a.out.item(2, 26, "", what, format, args...)
}

func (a *agent) reads(ctx context.Context) error {
	rows, err := a.conn.Query(ctx, "SELECT id, name, email, ssn, notes FROM customers WHERE id <= $1 ORDER BY id", 3)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		row := make([]string, len(values))
		for i, v := range values {
			row[i] = fmt.Sprint(v)
		}
		a.saw = append(a.saw, row)
	}
	a.tell("reads customers", "%d rows", n)
	return rows.Err()
}

func (a *agent) writes(ctx context.Context) error {
	tag, err := a.conn.Exec(ctx, "INSERT INTO orders (customer, total, note) VALUES ($1, $2, $3)", 2, "19.90", "gift wrap")
	if err == nil {
		a.tell("adds an order", "%s", tag)
	}
	return err
}

func (a *agent) copies(ctx context.Context) error {
	rows := strings.NewReader("1\ttea\n3\tkettle\n3\tcups\n")
	tag, err := a.conn.PgConn().CopyFrom(ctx, rows, "COPY orders (customer, note) FROM STDIN")
	if err == nil {
		a.tell("copies orders in", "%s", tag)
	}
	return err
}

// drops tries to drop what people need. The gateway must not let it.
func (a *agent) drops(ctx context.Context) error {
	a.tell("tries to drop customers", "")
	_, err := a.conn.Exec(ctx, "DROP TABLE customers")
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fmt.Errorf("DROP TABLE customers was not denied: %w", errors.Join(err, errors.New("no denial")))
	}
	a.tell("", "%s %s: %s", strings.ToLower(refused.Severity), refused.Code, refused.Message)
	return nil
}

// tidies drops what nobody needs, in the same session: a denial ends nothing.
func (a *agent) tidies(ctx context.Context) error {
	a.tell("tries to drop import_2019", "")
	tag, err := a.conn.Exec(ctx, "DROP TABLE import_2019")
	if err == nil {
		a.tell("", "%s", tag)
	}
	return err
}
