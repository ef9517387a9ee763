package wire

import (
	"net/http"
	"testing"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

func in(where model.Location, name, wire string, s *model.Shape) model.Member {
	return model.Member{Name: name, WireName: wire, Shape: s, Location: where}
}

func TestREST(t *testing.T) {
	shape := structOf("In",
		in(model.InPath, "Bucket", "Bucket", scalarOf(model.String)),
		in(model.InPath, "Key", "Key", scalarOf(model.String)),
		in(model.InQuery, "Max", "max-keys", scalarOf(model.Integer)),
		in(model.InQuery, "Names", "name", listOf("member", scalarOf(model.String))),
		in(model.InHeader, "Customer", "x-amz-customer-key", secretOf(model.String)),
		in(model.InHeader, "Attributes", "x-amz-object-attributes", listOf("member", scalarOf(model.String))),
		in(model.InHeaders, "Metadata", "x-amz-meta-", mapOf(scalarOf(model.String))),
		model.Member{Name: "Context", WireName: "X-Amz-Context", Shape: scalarOf(model.String), Location: model.InHeader, JSONHeader: true},
		field1("Body", scalarOf(model.String)),
	)
	op := operation(shape, nil)
	op.URI = "/{Bucket}/{Key+}?acl&list-type=2"
	header := http.Header{
		"X-Amz-Customer-Key": {"k"}, "X-Amz-Object-Attributes": {"a, b", "c"}, "X-Amz-Meta-One": {"1"}, "X-Amz-Meta-Two": {"2", "3"},
		"X-Amz-Date": {"d"}, "X-Amz-New": {"n"}, "User-Agent": {"u"}, "Authorization": {"secret"}, "X-Amz-Security-Token": {"secret"},
		"X-Amz-Context": {"eyJhIjpbMSx7ImIiOiJjIn1dfQ=="},
	}
	body := `{"Body":"b","Max":1}`
	got, r, err := lines(t, []byte(body), func(f func(Leaf) error) (Report, error) {
		return Request(op, model.RESTJSON, map[string]string{"Bucket": "x", "Key": "a/b", "Zone": "z"},
			query(t, "acl&list-type=2&max-keys=3&name=a&name=b&other=1&other=2&x-id=Act&X-Amz-Signature=secret"), header, []byte(body), f)
	})
	require.NoError(t, err)
	require.Equal(t, []string{"Bucket=x", "Key=a/b", "Zone=z unknown", "Max=3", "Names[0]=a", "Names[1]=b", "other=1 unknown", "other=2 unknown",
		"Context.a[0]=1", "Context.a[1].b=c", "Customer=k sensitive", `Metadata["one"]=one key`, `Metadata["one"]=1`, `Metadata["two"]=two key`, `Metadata["two"]=2`, `Metadata["two"]=3`,
		"X-Amz-New=n unknown", "Attributes[0]=a", "Attributes[1]=b", "Attributes[2]=c", "Body=b", "Max=1 unknown"}, got)
	require.Equal(t, []string{"Zone", "other", "other", "other", `Metadata["two"]`, "X-Amz-New", "Max"}, r.UnknownPaths)
	require.Equal(t, 5, r.Unknown)
	require.Equal(t, 2, r.Duplicates)

	op.URI = "/"
	_, r, err = lines(t, nil, func(f func(Leaf) error) (Report, error) {
		return Request(op, model.RESTJSON, nil, query(t, "acl"), nil, nil, f)
	})
	require.NoError(t, err)
	require.Equal(t, []string{"acl"}, r.UnknownPaths, "what another operation's URI holds is unknown")
}

func TestRESTQueryMap(t *testing.T) {
	op := operation(structOf("In",
		in(model.InQuery, "Version", "v", scalarOf(model.String)),
		in(model.InQuery, "Params", "params", mapOf(listOf("member", scalarOf(model.String))))), nil)
	got, r, err := lines(t, nil, func(f func(Leaf) error) (Report, error) {
		return Request(op, model.RESTJSON, nil, query(t, "v=1&a=x&a=y&b=z"), nil, nil, f)
	})
	require.NoError(t, err)
	require.Equal(t, []string{`Params["a"]=a key`, `Params["a"][0]=x`, `Params["a"][1]=y`, `Params["b"]=b key`, `Params["b"][0]=z`, "Version=1"}, got)
	require.Zero(t, r.Unknown)
}

func TestRESTPayload(t *testing.T) {
	for _, c := range []struct {
		name  string
		shape *model.Shape
		wire  model.Wire
		body  string
		want  []string
	}{
		{"structure in XML", sample(), model.RESTXML, "<Whatever><Name>n</Name></Whatever>", []string{"Body.Name=n"}},
		{"structure in JSON", sample(), model.RESTJSON, `{"Secret":"n"}`, []string{"Body.Secret=n sensitive"}},
		{"document", scalarOf(model.Document), model.RESTJSON, `[1]`, []string{"Body[0]=1"}},
		{"blob", scalarOf(model.Blob), model.RESTJSON, `{"not":"looked into"}`, []string{`Body={"not":"looked into"}`}},
		{"binary", secretOf(model.Blob), model.RESTXML, "\xff\x00", []string{"Body=/wA= sensitive"}},
		{"text", scalarOf(model.String), model.RESTXML, "a\nb", []string{"Body=a\nb"}},
		{"empty", scalarOf(model.Blob), model.RESTXML, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := structOf("In", in(model.InQuery, "Name", "Name", scalarOf(model.String)), field1("Body", c.shape))
			s.Payload = "Body"
			got, r, err := requestLines(t, operation(s, nil), c.wire, c.body)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Zero(t, r.Unknown)
			got, _, err = responseLines(t, operation(nil, s), c.wire, 200, http.Header{}, c.body)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestXMLAttributeMember(t *testing.T) {
	grantee := structOf("Grantee", model.Member{Name: "Type", WireName: "xsi:type", Shape: scalarOf(model.String), Attribute: true}, field1("ID", scalarOf(model.String)))
	body := `<P xmlns="u"><Grantee xmlns:xsi="http://x" xsi:type="CanonicalUser"><ID>1</ID><Type>no</Type></Grantee></P>`
	got, r, err := requestLines(t, operation(structOf("In", field1("Grantee", grantee)), nil), model.RESTXML, body)
	require.NoError(t, err)
	require.Equal(t, []string{"Grantee.Type=CanonicalUser", "Grantee.ID=1", "Grantee.Type=no unknown"}, got)
	require.Equal(t, 1, r.Unknown)
}

func TestErrors(t *testing.T) {
	op := operation(nil, sample())
	for _, c := range []struct {
		name    string
		wire    model.Wire
		status  int
		header  http.Header
		body    string
		want    []string
		unknown int
	}{
		{"json", model.JSON11, 400, nil, `{"__type":"a#B","Message":"m","Extra":{"x":1}}`, []string{"Code=a#B", "Message=m", "Extra.x=1 unknown"}, 1},
		{"rest json", model.RESTJSON, 403, http.Header{"X-Amzn-Errortype": {"B"}}, `{"message":"m"}`, []string{"Code=B", "Message=m"}, 0},
		{"nothing", model.RESTJSON, 404, nil, "", nil, 0},
		{"cbor", model.CBOR, 400, nil, "\xa2\x66__type\x61B\x67message\x61m", []string{"Code=B", "Message=m"}, 0},
		{"query", model.Query, 400, nil, `<ErrorResponse xmlns="u"><Error><Type>Sender</Type><Code>C</Code><Message>m</Message><Detail/></Error><RequestId>i</RequestId></ErrorResponse>`,
			[]string{"Type=Sender", "Code=C", "Message=m", "Detail= unknown", "RequestId=i"}, 1},
		{"ec2", model.EC2, 400, nil, `<Response><Errors><Error><Code>C</Code><Message>m</Message></Error></Errors><RequestID>i</RequestID></Response>`,
			[]string{"Code=C", "Message=m", "RequestID=i"}, 0},
		{"s3", model.RESTXML, 404, nil, `<Error><Code>NoSuchKey</Code><Message>m</Message><Key>k</Key><RequestId>i</RequestId><HostId>h</HostId></Error>`,
			[]string{"Code=NoSuchKey", "Message=m", "Key=k unknown", "RequestId=i", "HostId=h"}, 1},
		{"s3 says 200", model.RESTXML, 200, nil, "\n\n<?xml version='1.0'?><Error><Code>InternalError</Code><Message>m</Message></Error>", []string{"Code=InternalError", "Message=m"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, r, err := responseLines(t, op, c.wire, c.status, c.header, c.body)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.unknown, r.Unknown, r.UnknownPaths)
		})
	}
}
