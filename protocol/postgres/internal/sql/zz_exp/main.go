package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/wasilibs/go-pgquery/parser"
)

func rss() string {
	b, _ := os.ReadFile("/proc/self/status")
	for _, l := range strings.Split(string(b), "\n") {
		if strings.HasPrefix(l, "VmRSS") {
			return l
		}
	}
	return ""
}
func try(name, q string) {
	defer func() {
		if r := recover(); r != nil {
			s := fmt.Sprint(r)
			if len(s) > 300 {
				s = s[:300]
			}
			fmt.Println(name, "PANIC", s)
		}
	}()
	t := time.Now()
	s, err := parser.ParseToJSON(q)
	d := time.Since(t)
	e := ""
	if err != nil {
		e = err.Error()
	}
	t = time.Now()
	p, _ := parser.ParseToProtobuf(q)
	d2 := time.Since(t)
	t = time.Now()
	var v any
	je := json.Unmarshal([]byte(s), &v)
	d3 := time.Since(t)
	fmt.Println(name, "in", len(q), "json", len(s), d, "pb", len(p), d2, "unmarshal", d3, je, e, rss())
}
func main() {
	fmt.Println(rss())
	try("first", "select 1")
	try("second", "select 1")
	for i := 0; i < 3; i++ {
		try("simple", "SELECT c.name, count(*) FROM customers c JOIN orders o ON o.cid=c.id WHERE c.city='x' GROUP BY 1 ORDER BY 2 LIMIT 5")
	}
	var b strings.Builder
	b.WriteString("INSERT INTO t VALUES ")
	for i := 0; i < 1000; i++ {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("(1,'abc',3.5,now())")
	}
	try("ins1000", b.String())
	if len(os.Args) > 1 {
		for _, n := range []int{1000, 3000, 10000, 30000, 100000} {
			switch os.Args[1] {
			case "plus":
				try(fmt.Sprint("plus", n), "select 1"+strings.Repeat("+1", n))
			case "paren":
				try(fmt.Sprint("paren", n), "select "+strings.Repeat("(", n)+"1"+strings.Repeat(")", n))
			case "not":
				try(fmt.Sprint("not", n), "select "+strings.Repeat("not ", n)+"1")
			case "union":
				try(fmt.Sprint("union", n), "select 1"+strings.Repeat(" union select 1", n))
			case "sub":
				try(fmt.Sprint("sub", n), strings.Repeat("select (", n)+"1"+strings.Repeat(")", n))
			case "list":
				try(fmt.Sprint("list", n), "select 1"+strings.Repeat(",1", n))
			}
			try("after", "select a from b where c = 1")
		}
	}
}
