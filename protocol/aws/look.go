package aws

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
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
	h := hider{redactor{masks: masks}, columns}
	_, err := wire.Response(k.name.Operation, k.name.Wire, resp.StatusCode, resp.Header, body, func(l wire.Leaf) error {
		if resp.StatusCode >= 300 || k.erred(l) {
			switch l.Name {
			case "Code":
				out.code = l.Value
			case "Message":
				out.message = l.Value
			}
		}
		edit, hide, err := h.hide(&l, body)
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
	if errors.Is(err, errUnmasked) || err != nil && len(body) > 0 && (masks.Detects() || len(columns) > 0) {
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

// erred reports whether a leaf is of an error that came as a success: S3 says
// 200 before it knows.
func (k *call) erred(l wire.Leaf) bool {
	out := k.name.Operation.Output
	return k.name.Wire == model.RESTXML && (l.Path == "Code" || l.Path == "Message") && (out == nil || out.Member(l.Path) == nil)
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
		if c.Schema != "" && !strings.EqualFold(c.Schema, service) && (service != "dynamodbstreams" || c.Schema != "dynamodb") {
			continue
		}
		if strings.EqualFold(c.Table, operation) {
			list = append(list, column{Column: c})
		}
		if k.reads(c.Table) {
			list = append(list, column{c, true})
		}
	}
	return list
}

// reads reports whether the answer may hold items of a table of DynamoDB: of
// statements and streams it is not known which table they are about.
func (k *call) reads(table string) bool {
	switch k.name.Operation.Service.Name {
	case "dynamodbstreams":
		return true
	case "dynamodb":
		return k.name.Operation.Code || slices.ContainsFunc(k.tables, func(t string) bool { return strings.EqualFold(t, table) })
	}
	return false
}

// covers reports whether the rule is about the leaf: a member of that name, or
// what is inside of one; or an attribute, or what is inside of it.
func (c *column) covers(l *wire.Leaf) bool {
	if c.Column.Column == "*" {
		return !c.attribute || strings.Contains(l.Path, `["`)
	}
	if !c.attribute && strings.EqualFold(c.Column.Column, l.Name) || strings.HasSuffix(l.Path, "...") {
		return true // a path that is cut short could be about anything
	}
	for rest := l.Path; rest != ""; {
		name := rest
		switch end := strings.IndexAny(rest, ".["); {
		case strings.HasPrefix(rest, `["`):
			quoted, err := strconv.QuotedPrefix(rest[1:])
			if err != nil {
				return true
			}
			name, rest = quoted, rest[1+len(quoted):]
			name, _ = strconv.Unquote(name)
			if c.attribute && (strings.EqualFold(c.Column.Column, name) || strings.HasPrefix(rest, "...") && startsWith(c.Column.Column, name)) {
				return true
			}
			rest = rest[strings.IndexByte(rest, ']')+1:]
			continue
		case end == 0: // of an index, or between names
			rest = rest[1:]
			continue
		case end > 0:
			name, rest = rest[:end], rest[end:]
		default:
			rest = ""
		}
		if !c.attribute && strings.EqualFold(c.Column.Column, name) {
			return true
		}
	}
	return false
}

func startsWith(s, prefix string) bool {
	return len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// pages reports whether a member is a token by which the next page is asked
// for: altered it would be of no use, and it is not for reading. No detector
// looks at it.
func pages(name string) bool {
	if len(name) < len("marker") {
		return false // it is asked of each leaf
	}
	name = strings.ToLower(name)
	for _, end := range [...]string{"nexttoken", "continuationtoken", "paginationtoken", "pagetoken", "sharditerator", "marker", "receipthandle", "uploadid"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// hideLeaf is hide for one leaf.
func hideLeaf(masks *mask.Set, columns []column, l wire.Leaf, body []byte) (wire.Edit, bool, error) {
	h := hider{redactor{masks: masks}, columns}
	return h.hide(&l, body)
}

// hider hides what must not be seen of an answer's leaves.
type hider struct {
	redactor
	columns []column
}

// hide returns the edit that hides what must not be seen of a leaf.
func (h *hider) hide(l *wire.Leaf, body []byte) (wire.Edit, bool, error) {
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
	for i := len(h.columns) - 1; i >= 0; i-- {
		if !h.columns[i].covers(l) {
			continue
		}
		if !l.Editable() {
			return wire.Edit{}, false, errUnmasked
		}
		hidden, null := h.columns[i].Method.Apply(nil, []byte(value))
		if null {
			return l.Erase(), true, nil
		}
		return l.Edit(string(hidden)), true, nil
	}
	if pages(l.Name) {
		return wire.Edit{}, false, nil
	}
	hidden, found := h.redacted(l, value)
	if !found {
		return wire.Edit{}, false, nil
	}
	if !l.Editable() {
		return wire.Edit{}, false, errUnmasked
	}
	return l.Edit(hidden), true, nil
}
