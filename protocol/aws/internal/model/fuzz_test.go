package model

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzName(f *testing.F) {
	for _, s := range [][]string{
		{"GET", "", "/b/k", "uploadId=1", "", "s3", ""},
		{"GET", "a.b.s3.eu-west-1.amazonaws.com", "//k/", "acl", "", "s3", ""},
		{"POST", "", "/", "", "Action=ListUsers&Version=2010-05-08", "iam", ""},
		{"POST", "", "/", "Action=ListUsers", "", "", "iam"},
		{"PUT", "", "/portals/x%2Fy/z/browserSettings", "", "", "workspaces-web", ""},
		{"GET", "", "/v20180820/mrap/instances/a/b/policy", "", "", "s3", "s3control"},
		{"POST", "", "/2013-01-01/search", "", "format=sdk&pretty=true", "cloudsearch", ""},
		{"POST", "", "/client/register", "", "", "", ""},
		{"DELETE", "", "/things/%2e%2e/%zz", "", "", "execute-api", "iot"},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4], s[5], s[6], "", "", "")
	}
	f.Add("POST", "", "/", "", "", "dynamodb", "", "DynamoDB_20120810.GetItem", "", "api/dynamodb#3")
	f.Add("POST", "", "/service/GraniteServiceVersion20100801/operation/ListMetrics", "", "", "monitoring", "", "", "rpc-v2-cbor", "")
	f.Fuzz(func(t *testing.T, method, host, path, query, form, signing, hint, target, smithy, agent string) {
		r := Request{Method: method, Host: host, Path: path, SigningName: signing, Service: hint, Header: http.Header{}}
		r.Query, _ = url.ParseQuery(query)
		if form != "" {
			r.Form, _ = url.ParseQuery(form)
		}
		for name, value := range map[string]string{"X-Amz-Target": target, "Smithy-Protocol": smithy, "User-Agent": agent} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		tab := table(t)
		call, err := tab.Name(r)
		if err != nil {
			require.ErrorIs(t, err, ErrUnknown)
			require.Less(t, len(err.Error()), 1000)
			return
		}
		op := call.Operation
		line := tab.index.byName[op.Service.Name]
		if signing != "" {
			require.Contains(t, tab.index.bySigning[signing], line, "an operation of a service that does not sign so")
		}
		if h, ok := tab.ParseHost(host); ok {
			require.Contains(t, h.Services, op.Service.Name)
		}
		switch call.Wire {
		case RESTJSON, RESTXML:
			require.True(t, op.Method == method || op.Service.Name == "cloudsearchdomain")
			require.Equal(t, strings.Count(op.URI, "{"), len(call.Labels))
			for _, value := range call.Labels {
				require.NotEmpty(t, value)
			}
			if signing == "" && hint == "" && call.Host.Services == nil {
				require.True(t, op.Unsigned)
			}
		case Query, EC2:
			require.Equal(t, op.Name, first(r.Form, r.Query, "Action"))
		default:
			require.True(t, strings.HasSuffix(target, "."+op.Name) || strings.HasSuffix(path, "/"+op.Name))
		}
	})
}

func FuzzParseHost(f *testing.F) {
	for _, host := range []string{
		"ec2.us-east-1.amazonaws.com", "a.b.s3.dualstack.eu-west-1.amazonaws.com:443", "s3-eu-west-1.amazonaws.com", "iam.amazonaws.com",
		"1.s3-control-fips.us-west-2.amazonaws.com", "us-east-1.signin.aws.amazon.com", "x.execute-api.cn-north-1.amazonaws.com.cn", "amazonaws.com",
	} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		tab := table(t)
		h, ok := tab.ParseHost(host)
		if !ok {
			return
		}
		require.NotEmpty(t, h.Services)
		clean := strings.ToLower(host)
		if i := strings.LastIndexByte(clean, ':'); i >= 0 {
			clean = clean[:i]
		}
		require.NotContains(t, clean, ":")
		require.False(t, strings.ContainsAny(clean, "/@#?%\\ \x00\r\n"))
		inside := tab.index.byFull[strings.Replace(clean, h.Region, "{region}", 1)] != nil
		for _, p := range tab.index.partitions {
			inside = inside || strings.HasSuffix(clean, "."+p.Suffix) || strings.HasSuffix(clean, "."+p.Dual)
		}
		require.True(t, inside, clean)
		for _, part := range []string{h.Region, h.Prefix, h.Bucket} {
			require.Contains(t, clean, part)
		}
	})
}

// FuzzEndpoint shows that no region leads out of AWS.
func FuzzEndpoint(f *testing.F) {
	f.Add("ec2", "us-east-1")
	f.Add("iam", "aws-global")
	f.Add("signin", "eusc-de-east-1")
	f.Add("s3", "us-east-1.evil.com")
	f.Fuzz(func(t *testing.T, service, region string) {
		tab := table(t)
		s, err := tab.Service(service)
		if err != nil {
			return
		}
		host, signing, err := tab.Endpoint(s, region)
		if err != nil {
			return
		}
		h, ok := tab.ParseHost(host)
		require.True(t, ok, host)
		require.Contains(t, h.Services, service)
		require.Equal(t, lower(host), host)
		require.NotContains(t, host, "{")
		require.True(t, slices.ContainsFunc(tab.index.partitions, func(p partition) bool { return p.hasRegion(signing) }))
	})
}

// FuzzDecodeService shows that a table that was tampered with is an error.
func FuzzDecodeService(f *testing.F) {
	f.Add([]byte(`{"o":[{"n":"A","m":"GET","u":"/{B}","i":1,"r":[0]}],"s":[{"k":1,"m":["B|2|1|1","C|3"]},{"k":4},{"k":3,"y":{"s":2},"v":{"s":1,"w":"x"}}],"a":["arn"]}`))
	f.Add([]byte(`{"o":[{"n":"A","m":"GET","u":"/","i":7}]}`))
	f.Add([]byte(`{"o":[{"n":"A","m":"GET","u":"/","i":1}],"s":[{"k":1,"m":["C|1","C|1"]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var file serviceJSON
		if json.Unmarshal(data, &file) != nil {
			return
		}
		s, err := decodeService(&lineJSON{Name: "x", Wires: []Wire{RESTJSON}}, &file)
		if err != nil {
			return
		}
		for _, name := range s.Operations() {
			seen := make(map[*Shape]bool)
			for _, shape := range []*Shape{s.Operation(name).Input, s.Operation(name).Output} {
				if shape != nil {
					walkShape(t, shape, seen)
				}
			}
		}
	})
}

func FuzzParsePattern(f *testing.F) {
	f.Add("/{Bucket}/{Key+}?uploads&x=1")
	f.Add("/a/")
	f.Fuzz(func(t *testing.T, uri string) {
		p, err := parsePattern(uri)
		if err != nil {
			return
		}
		for _, s := range p.segments {
			require.NotContains(t, s.literal, "/")
			require.False(t, s.greedy && s.label == "")
		}
	})
}
