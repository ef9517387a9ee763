package mask

import (
	"errors"
	"fmt"
	"strings"
)

// Rule is one masking rule. The functions of this package make them; the zero
// value masks nothing and is an error in [New].
type Rule struct {
	column   *Column
	detector *detector
	err      error // what is wrong with the rule, for New to report
}

// Column is a column rule: the values of one column of a target's tables.
type Column struct {
	// Schema is empty where the rule names no schema; then it holds for the
	// table in every schema.
	Schema string
	// Table and Column are exact names; "*" as Column means every column.
	Table, Column string
	// Method hides the values.
	Method Method
	// Optional says that a target may lack the column.
	Optional bool
}

// String returns the column as a pattern for [Columns].
func (c Column) String() string {
	s := quote(c.Table) + "."
	if c.Schema != "" {
		s = quote(c.Schema) + "." + s
	}
	if c.Column == "*" {
		return s + "*"
	}
	return s + quote(c.Column)
}

// Columns masks a column by method. The pattern is "table.column",
// "schema.table.column", or either with "*" for every column; without a schema
// it holds for the table in every schema. Names fold to lower case as in SQL
// unless they are quoted: `"Weird.Name".col`. Where several rules hold for one
// column, the last listed counts: put "customers.*" before its exceptions. What is wrong with the pattern or the
// method is an error in [New].
func Columns(pattern string, method Method) Rule {
	c, err := parseColumn(pattern)
	if err == nil && method == nil {
		err = errors.New("it has no method; Full() hides values whole")
	}
	if checked, ok := method.(interface{ check() error }); ok && err == nil {
		err = checked.check()
	}
	if err != nil {
		return Rule{err: fmt.Errorf("columns %q: %w", pattern, err)}
	}
	c.Method = method
	return Rule{column: &c}
}

// Optional returns the rule with the promise taken off that every target has
// the column. It is for column rules.
func (r Rule) Optional() Rule {
	switch {
	case r.err != nil:
	case r.column == nil:
		r.err = errors.New("Optional is for column rules")
	default:
		c := *r.column
		c.Optional = true
		r.column = &c
	}
	return r
}

func parseColumn(pattern string) (Column, error) {
	var parts []string
	star := false
	rest := pattern
	for {
		if star {
			return Column{}, errors.New(`"*" stands for a whole column name, at the end`)
		}
		name, after, quoted, err := cutName(rest)
		if err != nil {
			return Column{}, err
		}
		star = name == "*" && !quoted
		if quoted && name == "*" {
			return Column{}, errors.New(`a column whose name is "*" cannot be named`)
		}
		parts = append(parts, name)
		if after == "" {
			break
		}
		rest = after[1:]
	}
	n := len(parts)
	if n < 2 || n > 3 {
		return Column{}, errors.New(`it must be "table.column" or "schema.table.column"`)
	}
	c := Column{Table: parts[n-2], Column: parts[n-1]}
	if n == 3 {
		c.Schema = parts[0]
	}
	return c, nil
}

// cutName takes the first name off a pattern; rest is empty or starts with a dot.
func cutName(s string) (name, rest string, quoted bool, err error) {
	if !strings.HasPrefix(s, `"`) {
		name, rest = s, ""
		if i := strings.IndexByte(s, '.'); i >= 0 {
			name, rest = s[:i], s[i:]
		}
		switch {
		case name == "":
			return "", "", false, errors.New("a name is empty")
		case strings.ContainsAny(name, "\"'`* \t\r\n") && name != "*":
			return "", "", false, fmt.Errorf("the name %q needs quotes", name)
		}
		return strings.ToLower(name), rest, false, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '"':
			b.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		case i+1 < len(s) && s[i+1] != '.':
			return "", "", true, errors.New("a quoted name must be followed by a dot or nothing")
		case b.Len() == 0:
			return "", "", true, errors.New("a name is empty")
		default:
			return b.String(), s[i+1:], true, nil
		}
	}
	return "", "", true, errors.New("a quote is not closed")
}

// quote writes a name so that cutName reads it back.
func quote(name string) string {
	if got, rest, _, err := cutName(name); err == nil && got == name && rest == "" && name != "*" && !strings.HasPrefix(name, `"`) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
