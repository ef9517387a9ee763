package sql_test

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/protocol/postgres/internal/sql"
)

func Example() {
	p := sql.New(sql.Options{})
	ctx := context.Background()
	if err := p.Ready(ctx); err != nil {
		fmt.Println(err)
		return
	}
	text := "SELECT upper(ssn) FROM customers; DROP TABLE orders"
	guard := &sql.Guard{Relations: []sql.Relation{{Schema: "public", Name: "customers", Columns: []string{"ssn"}}}}
	for _, s := range p.Parse(ctx, text).Statements {
		e := s.Expose(guard)
		fmt.Printf("%s: %s; computed fields masked: %t\n", s.Verb, s.Effects, e.MaskComputed)
	}
	// Output:
	// select: read; computed fields masked: true
	// drop table: destroy+schema; computed fields masked: false
}
