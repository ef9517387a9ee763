package approve

// cover looks for allow rules that together allow all that the operation does.
// It returns the first listed of them, or nil and what is missing, in words
// that name effects but no content.
func (p *Policy) cover(op *act) (*rule, string) {
	// Which rules apply is worked out once, in a bit set that stays on the
	// stack for as many rules as people write.
	var few [4]uint64
	applies := few[:]
	if len(p.allow) > 64*len(few) {
		applies = make([]uint64, (len(p.allow)+63)/64)
	}
	start := -1
	for i := range p.allow {
		if p.allow[i].applies(op.who, op.target, op.verb) {
			applies[i/64] |= 1 << (i % 64)
			if start < 0 {
				start = i
			}
		}
	}
	if start < 0 {
		return nil, ""
	}
	first := len(p.allow)

	for i := range op.objects {
		obj := &op.objects[i]
		missing, matched := obj.effects, false
		for j := start; j < len(p.allow) && (missing != 0 || !matched); j++ {
			r := &p.allow[j]
			if applies[j/64]&(1<<(j%64)) == 0 || matched && !missing.Any(r.effects) || !r.coversObject(obj) {
				continue
			}
			if missing == 0 || missing.Any(r.effects) {
				first = min(first, j)
			}
			matched = true
			missing &^= r.effects
		}
		if !matched {
			return nil, "no rule allows one of the objects that it names"
		}
		if missing != 0 {
			return nil, "no rule allows " + missing.String() + " on one of the objects that it names"
		}
	}

	missing := op.effects &^ op.carried
	for j := start; j < len(p.allow) && missing != 0; j++ {
		r := &p.allow[j]
		if applies[j/64]&(1<<(j%64)) == 0 || len(r.objects) > 0 || !missing.Any(r.effects) {
			continue
		}
		first = min(first, j)
		missing &^= r.effects
	}
	if missing != 0 {
		return nil, "no rule allows " + missing.String()
	}
	if first == len(p.allow) {
		first = start // it does nothing to anything: BEGIN, SET
	}
	return &p.allow[first], ""
}

func (r *rule) coversObject(obj *touched) bool {
	if len(r.objects) == 0 {
		return true
	}
	for i := range r.objects {
		if r.objects[i].covers(obj) {
			return true
		}
	}
	return false
}
