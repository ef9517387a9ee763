package pgvalue

import (
	"encoding/binary"
	"math"
	"strconv"
)

const (
	second = 1_000_000 // in microseconds, PostgreSQL's unit
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

func (w *writer) time(oid uint32, v []byte) bool {
	switch oid {
	case oidDate:
		switch d := int32(binary.BigEndian.Uint32(v)); d {
		case math.MaxInt32:
			return w.string("infinity")
		case math.MinInt32:
			return w.string("-infinity")
		default:
			if w.date(int64(d)) {
				w.string(" BC")
			}
			return true
		}
	case oidTime:
		return w.clock(int64(binary.BigEndian.Uint64(v)))
	case oidTimetz:
		return w.clock(int64(binary.BigEndian.Uint64(v))) && w.zone(int64(int32(binary.BigEndian.Uint32(v[8:]))))
	case oidInterval:
		return w.interval(int64(binary.BigEndian.Uint64(v)), int32(binary.BigEndian.Uint32(v[8:])), int32(binary.BigEndian.Uint32(v[12:])))
	}
	at := int64(binary.BigEndian.Uint64(v))
	switch at {
	case math.MaxInt64:
		return w.string("infinity")
	case math.MinInt64:
		return w.string("-infinity")
	}
	days, clock := at/day, at%day
	if clock < 0 {
		days, clock = days-1, clock+day
	}
	bc := w.date(days)
	w.string(" ")
	w.clock(clock)
	if oid == oidTimestamptz {
		w.string("+00")
	}
	if bc {
		w.string(" BC")
	}
	return true
}

// date writes the date that is days after 2000-01-01 and reports whether it
// lies before Christ, which the caller writes at the end.
func (w *writer) date(days int64) (bc bool) {
	// Days since March 1st of the year 0, in eras of 400 years, so that the
	// leap day is the last one of a year.
	days += 730_425
	era := days / 146_097
	if days%146_097 < 0 {
		era--
	}
	ofEra := days - era*146_097
	yearOfEra := (ofEra - ofEra/1_460 + ofEra/36_524 - ofEra/146_096) / 365
	ofYear := ofEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	month := (5*ofYear + 2) / 153
	date := ofYear - (153*month+2)/5 + 1
	year := yearOfEra + era*400
	if month < 10 {
		month += 3
	} else {
		month -= 9
		year++
	}
	if year <= 0 {
		bc, year = true, 1-year
	}
	w.padded(year, 4)
	w.string("-")
	w.padded(month, 2)
	w.string("-")
	w.padded(date, 2)
	return bc
}

func (w *writer) padded(n int64, width int) {
	for limit := int64(10); width > 1; width-- {
		if n < limit {
			for ; width > 1; width-- {
				w.b = append(w.b, '0')
			}
			break
		}
		limit *= 10
	}
	w.int(n)
}

// clock writes a time of day; 24:00:00 is one.
func (w *writer) clock(t int64) bool {
	if t < 0 || t > day {
		return false
	}
	w.padded(t/hour, 2)
	w.string(":")
	w.padded(t%hour/minute, 2)
	w.string(":")
	w.seconds(uint64(t % minute))
	return true
}

// seconds writes seconds with the decimals that there are.
func (w *writer) seconds(us uint64) {
	w.padded(int64(us/second), 2)
	fraction := us % second
	if fraction == 0 {
		return
	}
	w.b = append(w.b, '.')
	w.padded(int64(fraction), 6)
	for w.b[len(w.b)-1] == '0' {
		w.b = w.b[:len(w.b)-1]
	}
}

// zone writes an offset that is given in seconds west of Greenwich.
func (w *writer) zone(west int64) bool {
	if west <= -16*3600 || west >= 16*3600 {
		return false
	}
	sign := "+"
	if west > 0 {
		sign = "-"
	}
	w.string(sign)
	if west < 0 {
		west = -west
	}
	w.padded(west/3600, 2)
	if west%3600 != 0 {
		w.string(":")
		w.padded(west%3600/60, 2)
	}
	if west%60 != 0 {
		w.string(":")
		w.padded(west%60, 2)
	}
	return true
}

func (w *writer) interval(us int64, days, months int32) bool {
	switch {
	case us == math.MaxInt64 && days == math.MaxInt32 && months == math.MaxInt32:
		return w.string("infinity")
	case us == math.MinInt64 && days == math.MinInt32 && months == math.MinInt32:
		return w.string("-infinity")
	}
	empty, before := true, false
	for _, part := range []struct {
		n    int32
		unit string
	}{{months / 12, "year"}, {months % 12, "mon"}, {days, "day"}} {
		if part.n == 0 {
			continue
		}
		if !empty {
			w.b = append(w.b, ' ')
		}
		if before && part.n > 0 {
			w.b = append(w.b, '+')
		}
		w.b = strconv.AppendInt(w.b, int64(part.n), 10)
		w.b = append(append(w.b, ' '), part.unit...)
		if part.n != 1 {
			w.b = append(w.b, 's')
		}
		empty, before = false, part.n < 0
	}
	if us == 0 && !empty {
		return true
	}
	if !empty {
		w.b = append(w.b, ' ')
	}
	u := uint64(us)
	if us < 0 {
		w.b = append(w.b, '-')
		u = -u
	} else if before {
		w.b = append(w.b, '+')
	}
	w.padded(int64(u/hour), 2)
	w.b = append(w.b, ':')
	w.padded(int64(u%hour/minute), 2)
	w.b = append(w.b, ':')
	w.seconds(u % minute)
	return true
}
