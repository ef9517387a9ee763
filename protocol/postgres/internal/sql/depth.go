package sql

// The parser writes its tree out recursively, on a small stack whose overflow
// is not noticed but destroys it. So nesting is bounded before it is asked.
//
// The estimate never falls below what the tree's depth can be: each open
// bracket and CASE costs levelCost, and so does each word and operator since
// the last point at which expressions of the same level cannot nest in each
// other (a comma, AND, OR, the start of a clause).

const (
	levelCost = 6
	maxNested = 240
)

type level struct {
	chain    int // words and operators that may nest
	sets     int // UNION and the like, JOIN: these nest to the left
	between  int // BETWEEN whose AND has not come
	caseWord bool
}

// nesting estimates how deep the tree of a text can be; it stops early once
// limit is passed.
func nesting(s string, limit int) int {
	l := lexer{s: s}
	levels := make([]level, 1, 32)
	sum, most := 0, 0
	var before token // the token before, to tell keywords from names
	var buf [16]byte
	prevAs, prevDistinct := false, false
	for {
		t := l.next()
		top := &levels[len(levels)-1]
		add := func(n int) {
			top.chain += n
			sum += n
		}
		reset := func() {
			sum -= top.chain
			top.chain = 0
		}
		isAs, isDistinct := false, false
		switch t.kind {
		case tokEnd:
			return most
		case tokWord:
			if before.kind == tokPunct && s[before.start] == '.' {
				break
			}
			word := keyword(s[t.start:t.end], &buf)
			switch {
			case prevAs && (word == "case" || word == "end"):
				add(1)
			case word == "as":
				add(1)
				isAs = true
			case word == "distinct":
				add(1)
				isDistinct = true
			case word == "case":
				add(1)
				levels = append(levels, level{caseWord: true})
				sum += levelCost
			case word == "end" && top.caseWord:
				sum -= top.chain + top.sets + levelCost
				levels = levels[:len(levels)-1]
			case word == "union" || word == "intersect" || word == "except" || word == "join":
				reset()
				top.sets += 2
				sum += 2
			case word == "between":
				top.between++
				add(1)
			case word == "and" && top.between > 0:
				top.between--
				add(1)
			case word == "and" || word == "or" || word == "where" || word == "on" || word == "select" ||
				word == "having" || word == "limit" || word == "then" || word == "else" || word == "when" ||
				word == "from" && !prevDistinct:
				reset()
			default:
				add(1)
			}
		case tokName:
			if before.kind != tokPunct || s[before.start] != '.' {
				add(1)
			}
		case tokOp:
			add(t.end - t.start)
		case tokOdd:
			add(1)
		case tokPunct:
			switch s[t.start] {
			case '(', '[':
				add(1)
				levels = append(levels, level{})
				sum += levelCost
			case ')', ']':
				for len(levels) > 1 {
					gone := levels[len(levels)-1]
					sum -= gone.chain + gone.sets + levelCost
					levels = levels[:len(levels)-1]
					if !gone.caseWord {
						break
					}
				}
			case ',':
				reset()
				top.between = 0
			case ';':
				levels = levels[:1]
				levels[0] = level{}
				sum = 0
			case ':':
				add(1)
			}
		}
		if sum > most {
			if most = sum; most > limit {
				return most
			}
		}
		before, prevAs, prevDistinct = t, isAs, isDistinct
	}
}
