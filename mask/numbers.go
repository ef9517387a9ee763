package mask

// numbers finds payment cards and IBANs. Both stand in runs of capital letters
// and digits with single spaces or dashes between, and such runs are looked
// for by samples: 13 bytes of a run cannot hide between two of them.
type numbers struct {
	in      charset        // capital letters and digits
	country [26 * 26]uint8 // length of the country's IBAN
}

const leastNumber = 13 // the shortest card; the shortest IBAN has 15

func newNumbers(c *charsets) *numbers {
	n := &numbers{in: *c.base32}
	for length, countries := range map[uint8]string{
		15: "NO", 16: "BE", 18: "DKFIFKFOGLNLSD", 19: "MKSI", 20: "ATBAEEKZLTLUMNXK", 21: "CHHRLILV",
		22: "BGBHCRDEGBGEIEMERS", 23: "AEGIILIQOMSOTL", 24: "ADCZESMDPKROSASESKTNVG", 25: "LYPTST",
		26: "ISTR", 27: "BIDJFRGRITMCMRSM", 28: "ALAZBYCYDOGTHNHULBNIPLSV", 29: "BREGPSQAUA", 30: "JOKWMUYE",
		31: "MTSC", 32: "LC", 33: "RU",
	} {
		for i := 0; i+1 < len(countries); i += 2 {
			n.country[int(countries[i]-'A')*26+int(countries[i+1]-'A')] = length
		}
	}
	return n
}

// runs calls visit for every run in b that is long enough, until visit
// returns true.
func (n *numbers) runs(b []byte, visit func(lo, hi int) bool) bool {
	for i := 0; i+1 < len(b); i += leastNumber - 1 {
		if !n.in[b[i]] && !n.in[b[i+1]] {
			continue
		}
		at := i
		if !n.in[b[at]] {
			at++
		}
		lo, hi := at, at+1
		for lo > 0 && (n.in[b[lo-1]] || isBetween(b[lo-1]) && lo > 1 && n.in[b[lo-2]]) {
			lo--
		}
		for hi < len(b) && (n.in[b[hi]] || isBetween(b[hi]) && hi+1 < len(b) && n.in[b[hi+1]]) {
			hi++
		}
		if hi-lo >= leastNumber && visit(lo, hi) {
			return true
		}
		for i+leastNumber-1 < hi {
			i += leastNumber - 1
		}
	}
	return false
}

func isBetween(c byte) bool { return c == ' ' || c == '-' }

func (n *numbers) suspect(b []byte) bool {
	return n.runs(b, func(lo, hi int) bool {
		run := b[lo:hi]
		digits := 0
		for i, c := range run {
			if !isDigit(c) {
				digits = 0
				continue
			}
			digits++
			switch {
			case digits == leastNumber:
				return true
			case digits >= 4 && i+1 < len(run) && isBetween(run[i+1]) && grouped(run[i+2:]):
				return true
			case digits == 2 && i >= 3 && i+11 < len(run) && n.ibanLength(run[i-3:]) > 0:
				return true
			}
		}
		return false
	})
}

// grouped reports whether b goes on as a card does after its first four digits.
func grouped(b []byte) bool {
	digits := 0
	for digits < len(b) && isDigit(b[digits]) {
		digits++
	}
	if digits != 4 && digits != 6 || len(b) < digits+5 || !isBetween(b[digits]) {
		return false
	}
	for _, c := range b[digits+1 : digits+5] {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// ibanLength returns how long the IBAN must be that begins as b does, or 0.
func (n *numbers) ibanLength(b []byte) int {
	if len(b) < 4 || b[0] < 'A' || b[0] > 'Z' || b[1] < 'A' || b[1] > 'Z' || !isDigit(b[2]) || !isDigit(b[3]) {
		return 0
	}
	return int(n.country[int(b[0]-'A')*26+int(b[1]-'A')])
}

func (n *numbers) find(b []byte, spans []span) []span {
	n.runs(b, func(lo, hi int) bool {
		if isLength(b, lo) {
			lo++
		}
		for i := lo; i < hi; {
			if isBetween(b[i]) {
				i++
				continue
			}
			if n.glued(b, i, -1) {
				for i < hi && n.in[b[i]] {
					i++
				}
				continue
			}
			end := n.card(b[:hi], i)
			if end < 0 {
				end = n.iban(b[:hi], i)
			}
			if end > 0 && !n.glued(b, end-1, 1) {
				spans = append(spans, span{i, end})
				i = end
				continue
			}
			for i < hi && n.in[b[i]] {
				i++
			}
		}
		return false
	})
	return spans
}

// glued reports whether what stands at b[i] goes on in a direction as part of
// a longer word or of a decimal fraction.
func (n *numbers) glued(b []byte, i, step int) bool {
	i += step
	if i < 0 || i >= len(b) {
		return false
	}
	if step < 0 && isLength(b, i) {
		return false
	}
	if b[i] == '.' {
		i += step
		return i >= 0 && i < len(b) && isDigit(b[i])
	}
	return b[i] == '_' || 'a' <= b[i] && b[i] <= 'z'
}

// card returns the end of the payment card number that begins at b[i], or -1.
func (n *numbers) card(b []byte, i int) int {
	var digits [19]byte
	var groups [8]int
	count, group := 0, 0
	between := byte(0)
	for at := i; at < len(b); at++ {
		switch {
		case isDigit(b[at]):
			if count == len(digits) {
				return -1
			}
			digits[count] = b[at] - '0'
			count++
			groups[group]++
			last := at+1 == len(b) || !n.in[b[at+1]]
			if last && count >= leastNumber && cardGroups(groups[:group+1]) && isCard(digits[:count]) {
				return at + 1
			}
		case !isBetween(b[at]) || group == 5 || between != 0 && b[at] != between:
			return -1
		default:
			between = b[at]
			group++
		}
	}
	return -1
}

// cardGroups reports whether digits are grouped as on a card.
func cardGroups(g []int) bool {
	switch {
	case len(g) == 1:
		return true
	case g[0] != 4:
		return false
	case len(g) == 3:
		return g[1] == 6 && (g[2] == 4 || g[2] == 5)
	}
	return (len(g) == 4 || len(g) == 5 && g[4] == 3) && g[1] == 4 && g[2] == 4 && g[3] == 4
}

// isCard reports whether digits begin as a known brand's, have its length and
// the right check digit.
func isCard(d []byte) bool {
	two := int(d[0])*10 + int(d[1])
	four := two*100 + int(d[2])*10 + int(d[3])
	n := len(d)
	switch {
	case d[0] == 4: // Visa
		if n != 13 && n != 16 && n != 19 {
			return false
		}
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720: // Mastercard
		if n != 16 {
			return false
		}
	case two == 34, two == 37: // American Express
		if n != 15 {
			return false
		}
	case two == 36, two == 38, four >= 3000 && four <= 3059: // Diners Club
		if n != 14 {
			return false
		}
	case two == 35, four == 6011, two == 65, four >= 6440 && four <= 6499: // JCB, Discover
		if n != 16 {
			return false
		}
	case two == 62: // UnionPay
		if n < 16 {
			return false
		}
	default:
		return false
	}
	sum := 0
	for i := range d { // Luhn
		x := int(d[n-1-i])
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return sum%10 == 0
}

// iban returns the end of the IBAN that begins at b[i], or -1.
func (n *numbers) iban(b []byte, i int) int {
	length := n.ibanLength(b[i:])
	if length == 0 {
		return -1
	}
	var text [34]byte
	count, at := 0, i
	for ; at < len(b) && count < length; at++ {
		if n.in[b[at]] {
			text[count] = b[at]
			count++
		} else if !isBetween(b[at]) {
			return -1
		}
	}
	if count < length || at < len(b) && n.in[b[at]] {
		return -1
	}
	rest := 0 // of the number modulo 97, its first four characters at the end
	for j := range length {
		c := text[(j+4)%length]
		if isDigit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	if rest != 1 {
		return -1
	}
	return at
}
