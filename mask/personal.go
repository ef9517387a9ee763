package mask

import "bytes"

// Personal finds personal data: e-mail addresses, payment card numbers (known
// brands, right check digit), IBANs (right length for the country, right
// check digits), US social security numbers written with dashes, and phone
// numbers that begin with "+" and the country code.
func Personal() Rule {
	c := newCharsets()
	return Rule{detector: &detector{name: "personal", version: "1", personal: &personal{
		email: newEmail(c), numbers: newNumbers(c), phone: newPhone(c),
	}}}
}

type personal struct {
	email   email
	numbers *numbers
	ssn     ssn
	phone   phone
}

func (p *personal) suspect(b []byte) bool {
	return p.email.suspect(b) || p.ssn.suspect(b) || p.phone.suspect(b) || p.numbers.suspect(b)
}

func (p *personal) find(b []byte, spans []span) []span {
	spans = p.email.find(b, spans)
	spans = p.ssn.find(b, spans)
	spans = p.phone.find(b, spans)
	return p.numbers.find(b, spans)
}

type email struct{ local, domain, letter *charset }

func newEmail(c *charsets) email {
	beyond := new(charset) // bytes of letters beyond ASCII
	for b := 0x80; b < 0x100; b++ {
		beyond[b] = true
	}
	return email{
		local:  chars("._%+'-", c.alnum, beyond),
		domain: chars(".-", c.alnum, beyond),
		letter: chars("", c.letter, beyond),
	}
}

const maxDomain = 255

func (e email) suspect(b []byte) bool {
	for at := bytes.IndexByte(b, '@'); at >= 0; at = nextByte(b, at, '@') {
		if at == 0 || !e.local[b[at-1]] {
			continue
		}
		end := e.domain.run(b, at+1, maxDomain)
		for i := at + 2; i+2 < end; i++ {
			if b[i] == '.' && e.letter[b[i+1]] && e.letter[b[i+2]] {
				return true
			}
		}
	}
	return false
}

func (e email) find(b []byte, spans []span) []span {
	hidden := 0
	for at := bytes.IndexByte(b, '@'); at >= 0; at = nextByte(b, at, '@') {
		lo := at
		for lo > hidden && at-lo < 64 && e.local[b[lo-1]] {
			lo--
		}
		if isLength(b, lo) {
			lo++
		}
		end := e.domain.run(b, at+1, maxDomain)
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
		spans = append(spans, span{lo, end})
		hidden = end
	}
	return spans
}

// isLength reports whether b[i] is the last byte of a length that stands in
// front of a value in a binary format, although it looks like text. It must
// not be hidden, or the client could not read on.
func isLength(b []byte, i int) bool {
	return i >= 3 && i < len(b) && b[i-1] == 0 && b[i-2] == 0 && b[i-3] == 0
}

// nextByte returns the next place of c behind i, or -1.
func nextByte(b []byte, i int, c byte) int {
	n := bytes.IndexByte(b[i+1:], c)
	if n < 0 {
		return -1
	}
	return i + 1 + n
}

// ssn finds ddd-dd-dddd.
type ssn struct{}

func (ssn) suspect(b []byte) bool {
	for i := bytes.IndexByte(b, '-'); i >= 0; i = nextByte(b, i, '-') {
		if ssnAt(b, i) {
			return true
		}
	}
	return false
}

func (ssn) find(b []byte, spans []span) []span {
	glued := func(i int) bool { // to more digits or dashes
		return i >= 0 && i < len(b) && (isDigit(b[i]) || b[i] == '-' || b[i] == '_' || 'a' <= lower(b[i]) && lower(b[i]) <= 'z')
	}
	for i := bytes.IndexByte(b, '-'); i >= 0; i = nextByte(b, i, '-') {
		if !ssnAt(b, i) || glued(i-4) && !isLength(b, i-4) || glued(i+8) {
			continue
		}
		area, group, serial := string(b[i-3:i]), string(b[i+1:i+3]), string(b[i+4:i+8])
		if area == "000" || area == "666" || area[0] == '9' || group == "00" || serial == "0000" {
			continue
		}
		spans = append(spans, span{i - 3, i + 8})
	}
	return spans
}

// ssnAt reports whether the first dash at b[i] has digits around it as it should.
func ssnAt(b []byte, i int) bool {
	return i >= 3 && i+8 <= len(b) && b[i+3] == '-' && isDigit(b[i+1]) && isDigit(b[i+2]) &&
		isDigit(b[i-1]) && isDigit(b[i-2]) && isDigit(b[i-3]) &&
		isDigit(b[i+4]) && isDigit(b[i+5]) && isDigit(b[i+6]) && isDigit(b[i+7])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// phone finds "+", the country code and 8 to 15 digits in all, with spaces,
// dashes, dots and brackets between them.
type phone struct{ between, glue *charset }

func newPhone(c *charsets) phone { return phone{chars(" -.()"), chars("+", c.word)} }

const leastPhone, mostPhone = 8, 15

// end returns where the number that begins at b[i] ends, or -1.
func (p phone) end(b []byte, i int) int {
	if i+1 == len(b) || !isDigit(b[i+1]) || b[i+1] == '0' {
		return -1
	}
	digits, gap, end := 0, 0, i
	for i++; i < len(b) && gap <= 2; i++ {
		switch {
		case isDigit(b[i]):
			if digits == mostPhone {
				if gap > 0 {
					return end // the next number begins
				}
				return -1
			}
			digits++
			gap, end = 0, i+1
		case p.between[b[i]]:
			gap++
		default:
			gap = 3
		}
	}
	if digits < leastPhone {
		return -1
	}
	return end
}

func (p phone) suspect(b []byte) bool {
	for i := bytes.IndexByte(b, '+'); i >= 0; i = nextByte(b, i, '+') {
		if i+1 == len(b) || !isDigit(b[i+1]) || b[i+1] == '0' {
			continue
		}
		digits, gap := 0, 0
		for j := i + 1; j < len(b) && gap <= 2; j++ {
			switch {
			case isDigit(b[j]):
				if digits++; digits == leastPhone {
					return true
				}
				gap = 0
			case p.between[b[j]]:
				gap++
			default:
				gap = 3
			}
		}
	}
	return false
}

func (p phone) find(b []byte, spans []span) []span {
	for i := bytes.IndexByte(b, '+'); i >= 0; i = nextByte(b, i, '+') {
		if i > 0 && p.glue[b[i-1]] && !isLength(b, i-1) {
			continue
		}
		if end := p.end(b, i); end > 0 {
			spans = append(spans, span{i, end})
		}
	}
	return spans
}
