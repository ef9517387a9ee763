package aws

import (
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// seen is what was found in an answer.
type seen struct {
	edits         []wire.Edit // for the client and the record
	withheld      []string    // paths of what the record leaves out
	code, message string      // of an error
}

// look goes through an answer that is held whole.
func (k *call) look(resp *http.Response, body []byte) (seen, error) {
	var out seen
	masks := k.s.Masks()
	columns := k.columns(masks)
	failed := resp.StatusCode >= 300
	_, err := wire.Response(k.name.Operation, k.name.Wire, resp.StatusCode, resp.Header, body, func(l wire.Leaf) error {
		if failed {
			switch l.Name {
			case "Code":
				out.code = l.Value
			case "Message":
				out.message = l.Value
			}
		}
		edit, hide, err := hideLeaf(masks, columns, l, body)
		switch {
		case err != nil:
			return err
		case hide:
			out.edits = append(out.edits, edit)
		case l.Sensitive && !l.Null && l.Value != "":
			out.withheld = append(out.withheld, l.Path)
		}
		return nil
	})
	if err != nil && len(body) > 0 && (masks.Detects() || len(columns) > 0) {
		return out, err
	}
	if out.message != "" && masks.Detects() {
		b := []byte(out.message)
		masks.Redact(b)
		out.message = string(b)
	}
	if err != nil {
		out.withheld = append(out.withheld, "an answer that cannot be read")
	}
	return out, nil
}

// again returns the edits that take what is sensitive out of an answer.
func (k *call) again(resp *http.Response, body []byte) []wire.Edit {
	var edits []wire.Edit
	_, err := wire.Response(k.name.Operation, k.name.Wire, resp.StatusCode, resp.Header, body, func(l wire.Leaf) error {
		if l.Sensitive && !l.Null && l.Editable() {
			edits = append(edits, l.Edit("(sensitive)"))
		}
		return nil
	})
	if err != nil {
		return []wire.Edit{{Start: -1}} // nothing of it may be shown
	}
	return edits
}

// column is a column rule that may touch the answer.
type column struct {
	mask.Column
	attribute bool // of a DynamoDB table that the call is about
}

// columns returns the rules that may touch the answer: by service, operation
// and member, or by a table of DynamoDB and its attribute.
func (k *call) columns(masks *mask.Set) []column {
	var list []column
	service, operation := k.name.Operation.Service.Name, k.name.Operation.Name
	for _, c := range masks.Columns() {
		if c.Schema != "" && !strings.EqualFold(c.Schema, service) {
			continue
		}
		if strings.EqualFold(c.Table, operation) {
			list = append(list, column{Column: c})
		}
		if service == "dynamodb" {
			for _, t := range k.tables {
				if strings.EqualFold(c.Table, t) {
					list = append(list, column{c, true})
					break
				}
			}
		}
	}
	return list
}

// covers reports whether the rule is about the leaf.
func (c *column) covers(l wire.Leaf) bool {
	if !c.attribute {
		return c.Column.Column == "*" || strings.EqualFold(c.Column.Column, l.Name)
	}
	for rest := l.Path; ; {
		_, after, ok := strings.Cut(rest, `["`)
		if !ok {
			return false
		}
		name, tail, _ := strings.Cut(after, `"]`)
		if c.Column.Column == "*" || strings.EqualFold(c.Column.Column, name) {
			return true
		}
		rest = tail
	}
}

// hideLeaf returns the edit that hides what must not be seen of a leaf.
func hideLeaf(masks *mask.Set, columns []column, l wire.Leaf, body []byte) (wire.Edit, bool, error) {
	if l.Null || l.Key {
		return wire.Edit{}, false, nil
	}
	value := l.Value
	if l.Clipped {
		all, ok := l.Text(body)
		if !ok {
			return wire.Edit{}, false, errUnmasked
		}
		value = all
	}
	for i := len(columns) - 1; i >= 0; i-- {
		if !columns[i].covers(l) {
			continue
		}
		if !l.Editable() {
			return wire.Edit{}, false, errUnmasked
		}
		hidden, null := columns[i].Method.Apply(nil, []byte(value))
		if null {
			return l.Erase(), true, nil
		}
		return l.Edit(string(hidden)), true, nil
	}
	hidden, found := redacted(masks, l, value)
	if !found {
		return wire.Edit{}, false, nil
	}
	if !l.Editable() {
		return wire.Edit{}, false, errUnmasked
	}
	return l.Edit(hidden), true, nil
}
