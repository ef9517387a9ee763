package approve

// cover looks for allow rules that together allow all that the operation does.
// It returns the first listed of them and the smallest of their MaxBytes, or nil
// and what is missing, in words that name effects but no content.
func (p *Policy) cover(op *act) (r *rule, most int64, missingWhat string) {
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
		return nil, 0, ""
	}
	first := len(p.allow)
	use := func(j int) {
		first = min(first, j)
		if m := p.allow[j].most; m != 0 && (most == 0 || m < most) {
			most = m
		}
	}

	for i := range op.objects {
		obj := &op.objects[i]
		missing, matched := obj.effects, false
		for j := start; j < len(p.allow) && (missing != 0 || !matched); j++ {
			r := &p.allow[j]
			if applies[j/64]&(1<<(j%64)) == 0 || matched && !missing.Any(r.effects) || !r.coversObject(obj) {
				continue
			}
			if missing == 0 || missing.Any(r.effects) {
				use(j)
			}
			matched = true
			missing &^= r.effects
		}
		if !matched {
			return nil, 0, "no rule allows one of the objects that it names"
		}
		if missing != 0 {
			return nil, 0, "no rule allows " + missing.String() + " on one of the objects that it names"
		}
	}

	missing := op.effects &^ op.carried
	for j := start; j < len(p.allow) && missing != 0; j++ {
		r := &p.allow[j]
		if applies[j/64]&(1<<(j%64)) == 0 || len(r.objects) > 0 || !missing.Any(r.effects) {
			continue
		}
		use(j)
		missing &^= r.effects
	}
	if missing != 0 {
		return nil, 0, "no rule allows " + missing.String()
	}
	if first == len(p.allow) {
		use(start) // it does nothing to anything: BEGIN, SET
	}
	return &p.allow[first], most, ""
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
