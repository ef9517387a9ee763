package aws

import (
	"bytes"
	"fmt"
	"slices"
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
	called, service := k.name.Operation, k.name.Operation.Service
	op := protocol.Operation{Verb: service.Name + ":" + called.Name, Effects: effects(called)}
	op.Key = k.key(op.Verb)
	k.hostLabels = map[string]string{}
	h := head{labels: k.hostLabels, prefix: called.HostPrefix, masks: k.s.Masks(), arns: newARNs(called, k.claim.Region, k.p.config.Account), op: &op}
	h.arns.folds = len(k.s.Target().Endpoints) == 0
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
	parts := [][]byte{[]byte(verb), []byte(k.c.host), []byte(k.claim.Service), []byte(k.claim.Region), []byte(k.r.Method), []byte(k.r.URL.EscapedPath()), []byte(k.r.URL.RawQuery)}
	names := make([]string, 0, len(k.r.Header))
	for name := range k.r.Header {
		// What says how the client sends, and not what it asks for, differs between retries.
		if !slices.Contains([]string{"Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "User-Agent", "X-Amz-User-Agent", "Expect", "X-Amzn-Trace-Id", "Accept-Encoding"}, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		parts = append(parts, []byte(name), []byte(strings.Join(k.r.Header[name], "\x00")))
	}
	if k.whole {
		return protocol.OperationKey(append(parts, k.body)...)
	}
	return protocol.OperationKey(append(parts, []byte(k.claim.Payload.String()), k.claim.PayloadHash[:], fmt.Append(nil, k.r.ContentLength))...)
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
	op      *protocol.Operation
	labels  map[string]string // the host's, to be filled
	prefix  string
	masks   *mask.Set
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
	h.arns.add(l)
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
	switch hidden, found := redacted(h.masks, l, value); {
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
	h.op.Params = append(h.op.Params, p)
	h.bytes += len(p.Value)
	if h.text.Len() < maxText && !l.Null {
		shown := p.Value
		if sensitive {
			shown = "***"
		}
		fmt.Fprintf(&h.text, " %s=%s", l.Path, quoted(shown))
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
		return fmt.Sprintf("%q", s)
	}
	return s
}

func kindName(k model.Kind) string {
	names := [...]string{model.String: "string", model.Blob: "blob", model.Boolean: "boolean", model.Integer: "integer", model.Float: "float", model.Timestamp: "timestamp", model.Document: "document"}
	if int(k) < len(names) {
		return names[k]
	}
	return ""
}

// redacted returns a value with what detectors find in it overwritten. The
// names of map entries, which are the user's own, are looked at together with
// their values: what a variable DB_PASSWORD holds is a password.
func redacted(masks *mask.Set, l wire.Leaf, value string) (string, bool) {
	if !masks.Detects() || l.Key || l.Null {
		return value, false
	}
	name := ""
	if i := strings.LastIndex(l.Path, `["`); i >= 0 {
		if n, _, ok := strings.Cut(l.Path[i+2:], `"]`); ok {
			name = n + "="
		}
	} else if l.Shape == nil {
		name = l.Name + "="
	}
	b := []byte(name + value)
	if !masks.Suspect(b) {
		return value, false
	}
	masks.Redact(b)
	if bytes.Equal(b[len(name):], []byte(value)) {
		return value, false
	}
	return string(b[len(name):]), true
}
