package mask

import "bytes"

// findPersonal does what personal.find does, to what is new, and stops where
// what follows can change what is found.
func (l *lane) findPersonal(final bool) {
	l.findEmail(final)
	l.findSSN(final)
	l.findPhone(final)
	l.findNumbers(final)
}

func (l *lane) findEmail(final bool) {
	e, b, st := &l.rules.set.personal.email, l.buf, &l.email
	local := func(at int) int {
		lo := at
		for lo > st.hidden && at-lo < 64 && e.local[b[lo-1]] {
			lo--
		}
		return lo
	}
	for {
		next := bytes.IndexByte(b[st.at:], '@')
		if next < 0 {
			break
		}
		at := st.at + next
		lo := local(at)
		end := e.domain.run(b, at+1, maxDomain)
		if !final && end == len(b) && end < at+1+maxDomain {
			st.at = at
			if lo < at {
				l.holdFrom(lo)
				return
			}
			break
		}
		st.at = at + 1
		for end > at+1 && !e.letter[b[end-1]] {
			end--
		}
		top := end
		for top > at+1 && e.letter[b[top-1]] {
			top--
		}
		if lo >= at || end-top < 2 || top <= at+2 || b[top-1] != '.' || b[at+1] == '.' {
			continue
		}
		l.spans = append(l.spans, span{lo, end})
		st.hidden = end
	}
	if bytes.IndexByte(b[st.at:], '@') < 0 {
		st.at = len(b)
	}
	if !final {
		l.holdWord(local(len(b)))
	}
}

func (l *lane) findSSN(final bool) {
	b := l.buf
	glued := func(i int) bool {
		return i >= 0 && i < len(b) && (isDigit(b[i]) || b[i] == '-' || b[i] == '_' || 'a' <= lower(b[i]) && lower(b[i]) <= 'z')
	}
	for {
		next := bytes.IndexByte(b[l.ssn:], '-')
		if next < 0 {
			l.ssn = len(b)
			return
		}
		i := l.ssn + next
		if !final && i+8 >= len(b) {
			// An address may begin here too, which holds back what could
			// become a number; only the digits before are looked at.
			l.ssn = i
			if i >= 3 && isDigit(b[i-1]) && isDigit(b[i-2]) && isDigit(b[i-3]) && couldBeSSN(b[i:]) {
				l.holdWord(i - 3)
			}
			return
		}
		l.ssn = i + 1
		if !ssnAt(b, i) || glued(i-4) || glued(i+8) {
			continue
		}
		area, group, serial := string(b[i-3:i]), string(b[i+1:i+3]), string(b[i+4:i+8])
		if area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000" {
			l.spans = append(l.spans, span{i - 3, i + 8})
		}
	}
}

// couldBeSSN reports whether b goes on as a number does from its first dash.
func couldBeSSN(b []byte) bool {
	for i, c := range b {
		if dash := i == 0 || i == 3; dash && c != '-' || !dash && !isDigit(c) {
			return false
		}
	}
	return true
}

func (l *lane) findPhone(final bool) {
	p, b := l.rules.set.personal.phone, l.buf
	for {
		next := bytes.IndexByte(b[l.phone:], '+')
		if next < 0 {
			l.phone = len(b)
			return
		}
		i := l.phone + next
		if i == 0 || !p.glue[b[i-1]] {
			if !final && p.readsAll(b, i) {
				l.phone = i
				l.holdFrom(i)
				return
			}
			if end := p.end(b, i); end > 0 {
				l.spans = append(l.spans, span{i, end})
			}
		}
		l.phone = i + 1
	}
}

// readsAll reports whether end looks for more behind b.
func (p phone) readsAll(b []byte, i int) bool {
	if i+1 < len(b) && (!isDigit(b[i+1]) || b[i+1] == '0') {
		return false
	}
	digits, gap := 0, 0
	for i++; i < len(b) && gap <= 2; i++ {
		switch {
		case isDigit(b[i]):
			if digits == mostPhone {
				return false
			}
			digits++
			gap = 0
		case p.between[b[i]]:
			gap++
		default:
			return false
		}
	}
	return gap <= 2
}

// mostNumber is more than the length of any card number or IBAN with what
// stands between its groups.
const mostNumber = 72

// findNumbers looks for cards and IBANs. Everything in front of l.numbers is
// decided.
func (l *lane) findNumbers(final bool) {
	n, b := l.rules.set.personal.numbers, l.buf
	for i := l.numbers; i+1 < len(b); i += leastNumber - 1 {
		if !n.in[b[i]] && !n.in[b[i+1]] {
			continue
		}
		at := i
		if !n.in[b[at]] {
			at++
		}
		lo, hi := n.runAround(b, at, l.numbers)
		if hi-lo >= leastNumber && !l.numberRun(lo, hi, final) {
			return
		}
		for i+leastNumber-1 < hi {
			i += leastNumber - 1
		}
	}
	// The last run may be too short so far, or lie between the samples.
	if final || len(b) == l.numbers {
		l.numbers = len(b)
		return
	}
	at := len(b) - 1
	if b[at] == '.' && at > l.numbers {
		at--
	}
	if isBetween(b[at]) && at > l.numbers {
		at--
	}
	if n.in[b[at]] {
		lo, hi := n.runAround(b, at, max(l.numbers, at-mostNumber))
		if !l.numberRun(lo, hi, false) {
			return
		}
	}
	l.numbers = len(b)
}

// runAround returns the run that b[at] is in, as far as it lies behind from.
func (n *numbers) runAround(b []byte, at, from int) (lo, hi int) {
	lo, hi = at, at+1
	for lo > from && (n.in[b[lo-1]] || isBetween(b[lo-1]) && lo-1 > from && n.in[b[lo-2]]) {
		lo--
	}
	for hi < len(b) && (n.in[b[hi]] || isBetween(b[hi]) && hi+1 < len(b) && n.in[b[hi+1]]) {
		hi++
	}
	return lo, hi
}

// numberRun looks at a run from lo to hi, and reports false where it stopped,
// at l.numbers, because what follows b matters.
func (l *lane) numberRun(lo, hi int, final bool) bool {
	n, b := l.rules.set.personal.numbers, l.buf
	// A full stop behind the run matters only with a digit behind it.
	last := !final && (hi == len(b) || hi+1 == len(b) && (isBetween(b[hi]) || b[hi] == '.'))
	for i := lo; i < hi; {
		switch {
		case isBetween(b[i]):
			i++
			continue
		case i > 0 && n.in[b[i-1]] || n.glued(b, i, -1):
		case last && len(b)-i < mostNumber && n.mayGrow(b[i:hi]):
			l.numbers = i
			if len(b)-i < 4 && !isDigit(b[i]) {
				l.holdWord(i)
			} else {
				l.holdFrom(i)
			}
			return false
		default:
			end := n.card(b[:hi], i)
			if end < 0 {
				end = n.iban(b[:hi], i)
			}
			if end > 0 && !n.glued(b, end-1, 1) {
				l.spans = append(l.spans, span{i, end})
				i = end
				continue
			}
		}
		for i < hi && n.in[b[i]] {
			i++
		}
	}
	l.numbers = hi
	return true
}

// mayGrow reports whether b can be a card number or an IBAN, or the beginning
// of one.
func (n *numbers) mayGrow(b []byte) bool {
	digits, letters := 0, 0
	for _, c := range b {
		switch {
		case isDigit(c):
			digits++
		case !isBetween(c):
			letters++
		}
	}
	if letters == 0 {
		return digits <= 19
	}
	for i := range min(4, len(b)) {
		if isDigit(b[i]) != (i >= 2) || isBetween(b[i]) {
			return false
		}
	}
	return len(b) < 4 || digits+letters <= n.ibanLength(b)
}
