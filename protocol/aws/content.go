package aws

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
	"github.com/sallyport/sallyport/protocol/aws/internal/sts"
)

// What the gateway judges must be what the target reads. So of a body that is
// judged, and of a path, there is one way to read it, or the call is refused.

const formType = "application/x-www-form-urlencoded"

// mediaType returns the type of the request's content, in lower case, and how
// its text is encoded; both are empty where the request does not say.
func mediaType(h http.Header) (kind, charset string, err error) {
	values := h["Content-Type"]
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", "", nil
	case len(values) > 1:
		return "", "", fmt.Errorf("%w: more than one Content-Type header", sigv4.ErrMalformed)
	}
	switch values[0] {
	case "application/x-amz-json-1.0", "application/x-amz-json-1.1", formType: // what most calls say
		return values[0], "", nil
	}
	kind, parameters, err := mime.ParseMediaType(values[0])
	if err != nil {
		return "", "", fmt.Errorf("%w: the Content-Type header cannot be read", sigv4.ErrMalformed)
	}
	return kind, strings.ToLower(parameters["charset"]), nil
}

// form reads the parameters of the query and ec2 wires, which the name of the
// call is among; nil for other requests.
func (k *call) form() (url.Values, error) {
	kind, _, _ := mediaType(k.r.Header)
	if k.r.Method != http.MethodPost || kind != formType {
		return nil, nil // what it is instead is looked at when the call has a name
	}
	if !k.whole {
		if err := k.readProven(); err != nil {
			return nil, err
		}
	}
	if err := k.unpack(); err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(k.body))
	if err != nil {
		return nil, fmt.Errorf("%w: the form cannot be read", sigv4.ErrMalformed)
	}
	return form, nil
}

// readAs holds that the body, which is held whole, says that it is what it is
// judged as. Bodies that are blobs may say anything.
func (k *call) readAs() error {
	op := k.name.Operation
	if len(k.body) == 0 || raw(op.Input) {
		return nil
	}
	kind, charset, err := mediaType(k.r.Header)
	if err != nil {
		return err
	}
	if charset != "" && charset != "utf-8" && charset != "utf8" && charset != "us-ascii" {
		return fmt.Errorf("%w: a body whose text is not UTF-8", sigv4.ErrUnsupported)
	}
	ok := true
	switch k.name.Wire {
	case model.Query, model.EC2:
		ok = kind == formType && k.r.Method == http.MethodPost
	case model.JSON10, model.JSON11:
		ok = slices.Contains([]string{"", "application/x-amz-json-1.0", "application/x-amz-json-1.1", "application/json"}, kind)
	case model.CBOR:
		ok = kind == "" || kind == "application/cbor"
	default:
		ok = !strings.HasPrefix(kind, "multipart/") && (kind != formType || op.Service.Name == "cloudsearchdomain")
	}
	if !ok {
		return fmt.Errorf("%w: a body of another Content-Type than %s takes", sigv4.ErrMalformed, op.Name)
	}
	return nil
}

// raw reports whether the body is one text or blob.
func raw(s *model.Shape) bool {
	if s == nil || s.Payload == "" {
		return false
	}
	m := s.Member(s.Payload)
	return m != nil && m.Shape != nil && m.Shape.Kind > model.Map && m.Shape.Kind != model.Document
}

// unpack takes gzip off a body that is held whole, as some SDKs send large
// ones: the target gets what was judged. Other codings are refused.
func (k *call) unpack() error {
	values := k.r.Header["Content-Encoding"]
	if len(values) == 0 || !k.whole {
		return nil
	}
	if op := k.name.Operation; sigv4.SingleEncoded(k.claim.Service) || op != nil && op.Input != nil && slices.ContainsFunc(op.Input.Members, isEncoding) {
		return nil // it is told of an object
	}
	if len(values) > 1 || !strings.EqualFold(values[0], "gzip") {
		return fmt.Errorf("%w: a body in another Content-Encoding than gzip", sigv4.ErrUnsupported)
	}
	for name := range k.r.Header {
		if strings.HasPrefix(name, "X-Amz-Checksum-") || name == "Content-Md5" {
			return fmt.Errorf("%w: a compressed body with a checksum", sigv4.ErrUnsupported)
		}
	}
	if err := k.hold(&k.p.requests, -1); err != nil {
		return err
	}
	limit := k.p.config.MaxBody
	z, err := gzip.NewReader(bytes.NewReader(k.body))
	if err != nil {
		return fmt.Errorf("%w: the body is not gzip", sigv4.ErrMalformed)
	}
	plain, err := io.ReadAll(io.LimitReader(z, limit+1))
	switch {
	case err != nil:
		return fmt.Errorf("%w: the body is not gzip", sigv4.ErrMalformed)
	case int64(len(plain)) > limit:
		return &tooLarge{limit}
	}
	k.body, k.hash = plain, sha256.Sum256(plain)
	k.r.Header.Del("Content-Encoding")
	return nil
}

func isEncoding(m model.Member) bool {
	return m.Location == model.InHeader && strings.EqualFold(m.WireName, "Content-Encoding")
}

// onePlace holds that host and path name one resource, to the gateway and to
// the target.
func (k *call) onePlace() error {
	service, amazon := k.name.Operation.Service.Name, len(k.s.Target().Endpoints) > 0
	if k.name.Host.Bucket != "" && !amazon {
		return fmt.Errorf("%w: the target does not see the bucket that the host names; ask for it in the path", sigv4.ErrUnsupported)
	}
	if at := k.name.Host; at.AccessPoint && k.name.Labels["Bucket"] == at.Bucket {
		k.name.Labels["Bucket"] = k.accessPoint(at)
	}
	if service == "sqs" && strings.Trim(k.r.URL.Path, "/") != "" {
		return k.oneQueue()
	}
	if key := k.name.Labels["Key"]; sigv4.SingleEncoded(k.claim.Service) && !amazon && key != "" && folded(key) == "" {
		return fmt.Errorf("%w: a key that some stores take for the bucket", sigv4.ErrMalformed)
	}
	return nil
}

// accessPoint is the ARN of the access point that a host is of: its name and
// its account, or an account's outpost.
func (k *call) accessPoint(at model.Host) string {
	name, account := at.Bucket, k.p.config.Account
	if i := strings.LastIndexByte(name, '-'); i > 0 && sts.ValidAccount(name[i+1:]) {
		name, account = name[:i], name[i+1:]
	}
	return "arn:" + at.Partition + ":s3:" + at.Region + ":" + account + ":accesspoint/" + name
}

// oneQueue holds that a call to a queue's own path is about that queue.
func (k *call) oneQueue() error {
	form, err := url.ParseQuery(string(k.body))
	if err != nil || k.name.Wire != model.Query {
		return fmt.Errorf("%w: the path of a queue", sigv4.ErrMalformed)
	}
	for _, said := range append(form["QueueUrl"], k.r.URL.Query()["QueueUrl"]...) {
		u, err := url.Parse(said)
		if err != nil || strings.Trim(strings.TrimPrefix(u.EscapedPath(), k.route.base), "/") != strings.Trim(k.r.URL.EscapedPath(), "/") {
			return fmt.Errorf("%w: the path is of another queue than QueueUrl", sigv4.ErrMalformed)
		}
	}
	return nil
}

// folded returns the key that some stores take a key for: without empty and
// dot segments.
func folded(key string) string { return path.Clean("/" + key)[1:] }
