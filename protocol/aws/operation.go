package aws

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// The bounds of what an operation shows.
const (
	maxParams     = 400
	maxParamBytes = 48 << 10 // of all values together
	maxParam      = 4 << 10  // of one
	maxText       = 2 << 10
	maxObjects    = 10_000
)

// operation makes the head that is judged.
func (k *call) operation() (protocol.Operation, error) {
	called, plan := k.name.Operation, k.p.plan(k.name.Operation)
	op := protocol.Operation{Verb: plan.verb, Effects: plan.effects}
	op.Key = k.key(op.Verb)
	h := head{prefix: called.HostPrefix, redactor: redactor{masks: k.s.Masks()}, arns: newARNs(plan, k.claim.Region, k.p.config.Account), op: &op}
	if h.prefix != "" {
		k.hostLabels = map[string]string{}
		h.labels = k.hostLabels
	}
	h.arns.folds = len(k.s.Target().Endpoints) == 0
	h.text.Grow(256)
	h.text.WriteString(op.Verb)
	body := k.body
	if !k.whole {
		body = nil
	}
	report, err := wire.Request(called, k.name.Wire, k.name.Labels, k.r.URL.Query(), k.r.Header, body, h.add)
	if err != nil {
		return op, fmt.Errorf("%w: the parameters of %s cannot be read", err, op.Verb)
	}
	if h.deletes {
		op.Effects |= protocol.Destroy
	}
	op.Text = h.text.String()
	op.Objects = h.arns.objects(op.Effects)
	k.tables = h.arns.tables()
	if len(op.Objects) > maxObjects {
		op.Objects, op.Effects = op.Objects[:maxObjects], op.Effects|protocol.Opaque
		h.remark("more than %d resources", maxObjects)
	}
	if h.more > 0 {
		h.remark("%d more parameters are not shown", h.more)
	}
	if report.Truncated {
		op.Effects |= protocol.Opaque
		h.remark("more parameters than are looked at")
	}
	if report.Unknown+report.Duplicates > 0 {
		for i, path := range report.UnknownPaths {
			if path == "" {
				report.UnknownPaths[i] = "the outermost"
			}
		}
		remark := "not in the model, or there twice: " + clip(strings.Join(report.UnknownPaths, ", "), 400)
		if k.whole {
			remark += "; sha256 of the body " + sha256Hex(k.body)
		}
		h.remark("%s", remark)
	}
	op.Remark = strings.Join(h.remarks, "; ")
	if called.HandsOut && !slices.Contains(k.p.config.HandOut, op.Verb) {
		op.Refuse = "it hands AWS credentials to the caller, which would pass by this gateway; use the gateway's own credentials"
	}
	return op, nil
}

// key digests all that the call asks for.
func (k *call) key(verb string) []byte {
	var fewParts [32][]byte
	parts, text := fewParts[:0], make([]byte, 0, 512)
	add := func(s string) {
		from := len(text)
		text = append(text, s...)
		parts = append(parts, text[from:]) // stays as it is where text grows
	}
	for _, s := range [...]string{verb, k.c.host, k.claim.Service, k.claim.Region, k.r.Method, k.r.URL.EscapedPath(), k.r.URL.RawQuery} {
		add(s)
	}
	var fewNames [16]string
	names := fewNames[:0]
	for name := range k.r.Header {
		if !aboutSending(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		add(name)
		add(strings.Join(k.r.Header[name], "\x00"))
	}
	if k.whole {
		return protocol.OperationKey(append(parts, k.body)...)
	}
	add(k.claim.Payload.String())
	parts = append(parts, k.claim.PayloadHash[:])
	add(strconv.FormatInt(k.r.ContentLength, 10))
	return protocol.OperationKey(parts...)
}

// aboutSending reports whether a header says how the client sends, and not what
// it asks for: that differs between retries.
func aboutSending(header string) bool {
	switch header {
	case "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "User-Agent", "X-Amz-User-Agent", "Expect", "X-Amzn-Trace-Id", "Accept-Encoding":
		return true
	}
	return false
}

// effects tells what an operation may do.
func effects(op *model.Operation) protocol.Effects {
	var e protocol.Effects
	switch op.Access {
	case model.AccessList, model.AccessRead:
		e = protocol.Read
	case model.AccessPermissions:
		e = protocol.Write | protocol.Access
	case model.AccessUnknown:
		e = protocol.Write | protocol.Opaque
	default:
		e = protocol.Write
	}
	if e.Has(protocol.Write) {
		name := op.Name
		for _, many := range []string{"Admin", "Batch", "Bulk"} {
			name = strings.TrimPrefix(name, many)
		}
		for _, word := range destroying {
			if strings.HasPrefix(name, word) {
				e |= protocol.Destroy
			}
		}
	}
	if op.HandsOut {
		e |= protocol.Credential
	}
	if op.Code {
		e |= protocol.Code | protocol.Opaque
	}
	return e
}

// destroying are what names of operations begin with that take away what was
// there, or stop it.
var destroying = []string{
	"Abort", "Backtrack", "Cancel", "Close", "Deactivate", "Decrease", "Delete",
	"Deprovision", "Deregister", "Destroy", "Detach", "Disable", "Disassociate", "Discard", "Dispose", "Dissociate", "Drop", "Empty", "Evict",
	"Expire", "Flush", "Force", "Leave", "Purge", "PutBucketLifecycle", "PutLifecyclePolicy", "PutRetentionPolicy", "Reboot", "Rebuild",
	"Release", "Remove", "Reset", "Retire", "Revoke", "ScheduleKeyDeletion", "Shutdown", "Stop", "Terminate", "Undeploy", "Unsubscribe",
	"Withdraw",
}

// head gathers what an operation shows.
type head struct {
	redactor
	op      *protocol.Operation
	labels  map[string]string // the host's, to be filled
	prefix  string
	arns    *arns
	text    strings.Builder
	bytes   int
	more    int
	deletes bool // a batch that writes has deletions among its parts
	remarks []string
}

func (h *head) remark(format string, args ...any) {
	h.remarks = append(h.remarks, fmt.Sprintf(format, args...))
}

// add takes in one leaf of the request.
func (h *head) add(l wire.Leaf) error {
	h.arns.add(&l)
	if h.prefix != "" && l.Shape != nil && l.Path == l.Name && strings.Contains(h.prefix, "{"+l.Name+"}") {
		h.labels[l.Name] = l.Value
	}
	h.deletes = h.deletes || h.op.Effects.Has(protocol.Write) && (strings.Contains(l.Path, "].DeleteRequest.") || strings.Contains(l.Path, "].Delete.") ||
		l.Name == "Action" && strings.EqualFold(l.Value, "delete"))
	value := l.Value
	if len(value) > maxParam {
		value = value[:maxParam]
	}
	if len(h.op.Params) >= maxParams || h.bytes+len(value) > maxParamBytes {
		h.more++
		return nil
	}
	p := protocol.Param{Name: l.Path, Null: l.Null}
	sensitive := l.Sensitive || l.Shape == nil && secretive(l.Name)
	switch hidden, found := h.redacted(&l, value); {
	case sensitive:
		p.Masked = true
	case found:
		p.Value, p.Masked = hidden, true
	default:
		p.Value = value
	}
	if l.Shape != nil {
		p.Type = kindName(l.Shape.Kind)
	}
	if h.op.Params == nil {
		h.op.Params = make([]protocol.Param, 0, 8)
	}
	h.op.Params = append(h.op.Params, p)
	h.bytes += len(p.Value)
	if h.text.Len() < maxText && !l.Null {
		shown := p.Value
		if sensitive {
			shown = "***"
		}
		h.text.WriteByte(' ')
		h.text.WriteString(l.Path)
		h.text.WriteByte('=')
		h.text.WriteString(quoted(shown))
	}
	return nil
}

// secretive reports whether a parameter that no model knows has the name of a
// secret.
func secretive(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "-", ""))
	return slices.ContainsFunc([]string{"password", "passphrase", "secret", "secretkey", "accesskey", "privatekey", "customerkey", "token", "credential", "credentials"}, func(end string) bool {
		return strings.HasSuffix(name, end) && !pages(name)
	})
}

// quoted writes a value for people, who see where it ends.
func quoted(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	if s == "" || strings.ContainsAny(s, " \t\r\n\"'=") {
		return strconv.Quote(s)
	}
	return s
}

func kindName(k model.Kind) string {
	switch k {
	case model.String:
		return "string"
	case model.Blob:
		return "blob"
	case model.Boolean:
		return "boolean"
	case model.Integer:
		return "integer"
	case model.Float:
		return "float"
	case model.Timestamp:
		return "timestamp"
	case model.Document:
		return "document"
	}
	return ""
}

// redactor overwrites what detectors find in values, one after the other.
type redactor struct {
	masks   *mask.Set
	scratch []byte
}

// redacted returns a value with what detectors find in it overwritten. The
// names of map entries, which are the user's own, are looked at together with
// their values: what a variable DB_PASSWORD holds is a password.
func (r *redactor) redacted(l *wire.Leaf, value string) (string, bool) {
	if !r.masks.Detects() || l.Key || l.Null {
		return value, false
	}
	if r.scratch == nil {
		r.scratch = make([]byte, 0, 128)
	}
	b := r.scratch[:0]
	if i := strings.LastIndex(l.Path, `["`); i >= 0 {
		if name, _, ok := strings.Cut(l.Path[i+2:], `"]`); ok {
			b = append(append(b, name...), '=')
		}
	} else if l.Shape == nil {
		b = append(append(b, l.Name...), '=')
	}
	named := len(b)
	b = append(b, value...)
	r.scratch = b
	if !r.masks.Suspect(b) {
		return value, false
	}
	r.masks.Redact(b)
	if b = b[named:]; string(b) == value {
		return value, false
	}
	return string(b), true
}
