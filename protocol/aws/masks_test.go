package aws_test

import (
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
)

// jsonCall and the others below are requests by hand, on one wire each.
func jsonCall(b *bed, service, target, body string) *http.Request {
	kind := "application/x-amz-json-1.1"
	if strings.HasPrefix(target, "DynamoDB") {
		kind = json10
	}
	return b.signed("POST", "/", service, []byte(body), "", "X-Amz-Target", target, "Content-Type", kind)
}

func form(b *bed, service, body string) *http.Request {
	return b.signed("POST", "/", service, []byte(body), "", "Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
}

const (
	github  = "ghp_0123456789abcdefghijABCDEFGHIJ456789" // looks like a token
	webtok  = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4ifQ.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	socials = "123-45-6789"
)

// masked is an answer of which something must not be seen.
type masked struct {
	rules  []mask.Rule
	call   func(b *bed) *http.Request
	status int // of the answer; 0 is 200
	kind   string
	answer string
	header map[string]string
	hidden []string // what neither client nor record may have
	shown  []string // what the client must have
	refuse string   // the client gets this instead
}

func TestMasks(t *testing.T) {
	columns := func(list ...string) (rules []mask.Rule) {
		for _, c := range list {
			rules = append(rules, mask.Columns(c, mask.Full()))
		}
		return rules
	}
	secrets := []mask.Rule{mask.Secrets()}
	getItem := func(b *bed) *http.Request {
		return jsonCall(b, "dynamodb", "DynamoDB_20120810.GetItem", `{"TableName":"orders","Key":{"id":{"S":"1"}}}`)
	}
	parameter := func(b *bed) *http.Request { return jsonCall(b, "ssm", "AmazonSSM.GetParameter", `{"Name":"/app/db"}`) }
	events := func(b *bed) *http.Request {
		return jsonCall(b, "logs", "Logs_20140328.GetLogEvents", `{"logGroupName":"app","logStreamName":"one"}`)
	}
	function := func(b *bed) *http.Request {
		return b.signed("GET", "/2015-03-31/functions/pay/configuration", "lambda", nil, "")
	}
	alarms := string(cbor.Encode(cbor.Map{"MetricAlarms": cbor.List{cbor.Map{"AlarmName": cbor.String("cpu"), "AlarmDescription": cbor.String("call " + socials)}}}))
	alarm := func(b *bed) *http.Request {
		return b.signed("POST", "/service/GraniteServiceVersion20100801/operation/DescribeAlarms", "monitoring", cbor.Encode(cbor.Map{}), "", "Smithy-Protocol", "rpc-v2-cbor", "Content-Type", "application/cbor")
	}
	for name, tt := range map[string]masked{
		"attribute of a table": {rules: columns("dynamodb.orders.ssn"), call: getItem, kind: json10,
			answer: `{"Item":{"id":{"S":"1"},"ssn":{"S":"` + socials + `"}}}`, hidden: []string{socials}, shown: []string{`"id":{"S":"1"}`, `"ssn":{"S":"********"}`}},
		"attribute inside of another": {rules: columns("dynamodb.orders.ssn"), call: getItem, kind: json10,
			answer: `{"Item":{"who":{"M":{"ssn":{"L":[{"S":"` + socials + `"}]}}}}}`, hidden: []string{socials}},
		"attribute of another table": {rules: columns("dynamodb.customers.ssn"), call: getItem, kind: json10,
			answer: `{"Item":{"ssn":{"S":"` + socials + `"}}}`, shown: []string{socials}},
		"attribute of another alphabet": {rules: columns(`dynamodb.orders."größe"`), call: getItem, kind: json10,
			answer: `{"Item":{"größe":{"N":"17500571"}}}`, hidden: []string{"17500571"}},
		"every attribute": {rules: columns("dynamodb.orders.*"), call: getItem, kind: json10,
			answer: `{"Item":{"id":{"S":"first"},"ssn":{"S":"` + socials + `"}},"ConsumedCapacity":{"TableName":"orders"}}`, hidden: []string{socials, "first"}, shown: []string{`"TableName":"orders"`}},
		"attribute deep down": {rules: columns("dynamodb.orders.ssn"), call: getItem, kind: json10,
			answer: `{"Item":{"a":` + strings.Repeat(`{"M":{"`+strings.Repeat("x", 120)+`":`, 12) + `{"M":{"ssn":{"S":"` + socials + `"}}}` + strings.Repeat("}}", 12) + `}}`, hidden: []string{socials}},
		"attribute by a batch": {rules: columns("dynamodb.orders.ssn"), kind: json10, call: func(b *bed) *http.Request {
			return jsonCall(b, "dynamodb", "DynamoDB_20120810.BatchGetItem", `{"RequestItems":{"orders":{"Keys":[{"id":{"S":"1"}}]}}}`)
		}, answer: `{"Responses":{"orders":[{"ssn":{"S":"` + socials + `"}}]}}`, hidden: []string{socials}},
		"attribute by a transaction": {rules: columns("dynamodb.orders.ssn"), kind: json10, call: func(b *bed) *http.Request {
			return jsonCall(b, "dynamodb", "DynamoDB_20120810.TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"arn:aws:dynamodb:eu-west-1:123456789012:table/orders","Key":{"id":{"S":"1"}}}}]}`)
		}, answer: `{"Responses":[{"Item":{"ssn":{"S":"` + socials + `"}}}]}`, hidden: []string{socials}},
		"attribute by a statement": {rules: columns("dynamodb.orders.ssn"), kind: json10, call: func(b *bed) *http.Request {
			return jsonCall(b, "dynamodb", "DynamoDB_20120810.ExecuteStatement", `{"Statement":"SELECT ssn FROM \"orders\""}`)
		}, answer: `{"Items":[{"ssn":{"S":"` + socials + `"}}]}`, hidden: []string{socials}},
		"attribute by a stream": {rules: columns("dynamodb.orders.ssn"), kind: json10, call: func(b *bed) *http.Request {
			return jsonCall(b, "dynamodb", "DynamoDBStreams_20120810.GetRecords", `{"ShardIterator":"x"}`)
		}, answer: `{"Records":[{"dynamodb":{"NewImage":{"ssn":{"S":"` + socials + `"}}}}]}`, hidden: []string{socials}},
		"with a checksum of DynamoDB's": {rules: columns("dynamodb.orders.ssn"), call: getItem, kind: json10, header: map[string]string{"X-Amz-Crc32": "1"},
			answer: `{"Item":{"ssn":{"S":"` + socials + `"}}}`, hidden: []string{socials}},
		"with a checksum that covers it": {rules: columns("dynamodb.orders.ssn"), call: getItem, kind: json10, header: map[string]string{"Content-Md5": "Q2hlY2sgSW50ZWdyaXR5IQ=="},
			answer: `{"Item":{"ssn":{"S":"` + socials + `"}}}`, hidden: []string{socials}, refuse: "could not be masked"},
		"in another encoding": {rules: columns("dynamodb.orders.ssn"), call: getItem, kind: json10, header: map[string]string{"Content-Encoding": "br"},
			answer: "\x1b\x0a\x00", hidden: nil, refuse: "could not be masked"},
		"too large": {rules: columns("dynamodb.orders.ssn"), call: getItem, kind: json10,
			answer: `{"Item":{"x":{"S":"` + strings.Repeat("x", 70<<10) + `"},"ssn":{"S":"` + socials + `"}}}`, hidden: []string{socials}, refuse: "too large to be masked"},
		"too large, not announced": {rules: columns("dynamodb.orders.ssn"), call: getItem, kind: json10, header: map[string]string{"Transfer-Encoding": "chunked"},
			answer: `{"Item":{"x":{"S":"` + strings.Repeat("x", 70<<10) + `"},"ssn":{"S":"` + socials + `"}}}`, hidden: []string{socials}, refuse: "too large to be masked"},

		"member, JSON 1.1": {rules: columns("ssm.GetParameter.Value"), call: parameter, kind: "application/x-amz-json-1.1",
			answer: `{"Parameter":{"Name":"/app/db","Type":"String","Value":"` + socials + `"}}`, hidden: []string{socials}, shown: []string{`"Name":"/app/db"`}},
		"member, REST JSON": {rules: columns("lambda.GetFunctionConfiguration.Description"), call: function, kind: "application/json",
			answer: `{"FunctionName":"pay","Description":"` + socials + `"}`, hidden: []string{socials}, shown: []string{`"FunctionName":"pay"`}},
		"member that is a structure": {rules: columns("lambda.GetFunctionConfiguration.VpcConfig"), call: function, kind: "application/json",
			answer: `{"FunctionName":"pay","VpcConfig":{"SubnetIds":["subnet-1"],"VpcId":"vpc-1"}}`, hidden: []string{"subnet-1", "vpc-1"}, shown: []string{`"FunctionName":"pay"`}},
		"member of a map": {rules: columns("lambda.GetFunctionConfiguration.Variables"), call: function, kind: "application/json",
			answer: `{"Environment":{"Variables":{"STAGE":"production"}}}`, hidden: []string{"production"}},
		"member, query": {rules: columns("iam.GetUser.Path"), kind: "text/xml", call: func(b *bed) *http.Request { return form(b, "iam", "Action=GetUser&Version=2010-05-08&UserName=ada") },
			answer: `<GetUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetUserResult><User><Path>/` + socials + `/</Path><UserName>ada</UserName></User></GetUserResult></GetUserResponse>`,
			hidden: []string{socials}, shown: []string{"<UserName>ada</UserName>"}},
		"member, ec2": {rules: columns("ec2.DescribeInstances.PrivateIpAddress"), kind: "text/xml", call: func(b *bed) *http.Request { return form(b, "ec2", "Action=DescribeInstances&Version=2016-11-15") },
			answer: `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><privateIpAddress>10.9.8.7</privateIpAddress></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`,
			hidden: []string{"10.9.8.7"}, shown: []string{"<instanceId>i-1</instanceId>"}},
		"member, S3": {rules: columns("s3.ListObjectsV2.Key"), kind: "application/xml", call: func(b *bed) *http.Request { return b.signed("GET", "/shop?list-type=2", "s3", nil, "") },
			answer: `<ListBucketResult><Name>shop</Name><Contents><Key>` + socials + `.txt</Key><Size>3</Size></Contents></ListBucketResult>`, hidden: []string{socials}, shown: []string{"<Size>3</Size>"}},
		"member, CBOR": {rules: columns("cloudwatch.DescribeAlarms.AlarmDescription"), kind: "application/cbor", call: alarm, header: map[string]string{"Smithy-Protocol": "rpc-v2-cbor"},
			answer: alarms, hidden: []string{socials}, shown: []string{"cpu"}},
		"member in a header": {rules: columns("s3.GetObject.Metadata"), kind: "text/plain", call: func(b *bed) *http.Request { return b.signed("GET", "/shop/key", "s3", nil, "") },
			header: map[string]string{"X-Amz-Meta-Owner": socials}, answer: "content", hidden: []string{socials}, refuse: "could not be masked"},
		"member in a header, nothing else": {rules: columns("s3.HeadObject.Metadata"), kind: "text/plain", call: func(b *bed) *http.Request { return b.signed("HEAD", "/shop/key", "s3", nil, "") },
			header: map[string]string{"X-Amz-Meta-Owner": socials}, hidden: []string{socials}, refuse: "-"},

		"secret in a map": {rules: secrets, kind: "application/json", call: func(b *bed) *http.Request {
			return b.signed("GET", "/2017-03-31/tags/arn:aws:lambda:eu-west-1:123456789012:function:pay", "lambda", nil, "")
		},
			answer: `{"Tags":{"DB_PASSWORD":"correct horse","STAGE":"production"}}`, hidden: []string{"correct horse"}, shown: []string{"production"}},
		"secret in environment variables": {rules: secrets, kind: "application/json", call: function,
			answer: `{"Environment":{"Variables":{"DB_PASSWORD":"correct horse","TOKEN":"` + github + `"}}}`, hidden: []string{"correct horse", github}},
		"secret in a parameter": {rules: secrets, call: parameter, kind: "application/x-amz-json-1.1",
			answer: `{"Parameter":{"Name":"/app/db","Value":"postgres://app:hunter2secret@db/app"}}`, hidden: []string{"hunter2secret"}, shown: []string{"/app/db"}},
		"secret in a log": {rules: secrets, call: events, kind: "application/x-amz-json-1.1",
			answer: `{"events":[{"message":"login with ` + github + ` ok","timestamp":1}]}`, hidden: []string{github}, shown: []string{"login with ", " ok"}},
		"secret in an error": {rules: secrets, call: parameter, kind: "application/x-amz-json-1.1", status: 400,
			answer: `{"__type":"ParameterNotFound","message":"nothing at ` + github + `"}`, hidden: []string{github}, shown: []string{"ParameterNotFound", "nothing at "}},
		"secret in an error of XML": {rules: secrets, kind: "application/xml", status: 404, call: func(b *bed) *http.Request { return b.signed("GET", "/shop/none", "s3", nil, "") },
			answer: `<Error><Code>NoSuchKey</Code><Message>no key ` + github + `</Message></Error>`, hidden: []string{github}, shown: []string{"NoSuchKey"}},
		"secret escaped": {rules: secrets, call: events, kind: "application/x-amz-json-1.1",
			answer: `{"events":[{"message":"` + "\\u0067" + github[1:] + `"}]}`, hidden: []string{github[1:]}},
		"token of the next page": {rules: secrets, call: events, kind: "application/x-amz-json-1.1",
			answer: `{"events":[{"message":"` + webtok + `"}],"nextForwardToken":"f/1","nextBackwardToken":"b/1"}`, hidden: []string{webtok}, shown: []string{"f/1"}},
		"secret-looking token of the next page": {rules: secrets, kind: "application/x-amz-json-1.1", call: func(b *bed) *http.Request { return jsonCall(b, "ssm", "AmazonSSM.DescribeParameters", `{}`) },
			answer: `{"Parameters":[],"NextToken":"` + webtok + `"}`, shown: []string{webtok}},
	} {
		t.Run(name, func(t *testing.T) { tt.try(t) })
	}
}

func (tt *masked) try(t *testing.T) {
	b := newBed(t, func(c *aws.Config) { c.MaxBody = 64 << 10 }, func(p *proxy.Builder) *proxy.Builder { return p.AllowAll().Mask(tt.rules...) })
	b.cloud.say(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.Header().Set("Content-Type", tt.kind)
		for name, value := range tt.header {
			if name == "Transfer-Encoding" {
				_ = http.NewResponseController(w).Flush()
				continue
			}
			w.Header().Set(name, value)
		}
		if tt.status != 0 {
			w.WriteHeader(tt.status)
		}
		_, _ = io.WriteString(w, tt.answer)
		return true
	})
	resp, text := b.do(tt.call(b))
	for _, hidden := range tt.hidden {
		assert.NotContains(t, text, hidden)
		assert.NotContains(t, fmt.Sprint(resp.Header), hidden)
		assert.False(t, b.Record.Holds([]byte(hidden)), "in the record")
		assert.NotContains(t, b.Log.String(), hidden)
	}
	if tt.refuse != "" {
		assert.Equal(t, 403, resp.StatusCode)
		if tt.refuse != "-" {
			assert.Contains(t, text, tt.refuse)
		}
		ops := b.Record.Operations()
		require.Len(t, ops, 1)
		assert.Contains(t, ops[0].Outcome.Text, "the client did not get it")
		return
	}
	assert.Equal(t, max(tt.status, 200), resp.StatusCode)
	for _, shown := range tt.shown {
		assert.Contains(t, text, shown)
	}
	if crc := resp.Header.Get("X-Amz-Crc32"); crc != "" {
		assert.Equal(t, strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(text))), 10), crc)
	}
	assert.EqualValues(t, len(text), resp.ContentLength)
}

// What AWS calls sensitive goes to the client byte by byte, and is in no record.
func TestSensitive(t *testing.T) {
	const secret = "correct horse battery"
	for name, tt := range map[string]struct {
		call   func(b *bed) *http.Request
		kind   string
		answer string
		header map[string]string
		shown  string // in the record
	}{
		"answer, JSON": {func(b *bed) *http.Request {
			return jsonCall(b, "secretsmanager", "secretsmanager.GetSecretValue", `{"SecretId":"prod/db"}`)
		}, "application/x-amz-json-1.1",
			`{"ARN":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-1","SecretString":"` + secret + `"}`, nil, "secret:prod/db-1"},
		"request of query": {func(b *bed) *http.Request {
			return form(b, "rds", "Action=CreateDBInstance&Version=2014-10-31&DBInstanceIdentifier=db1&DBInstanceClass=db.t3.micro&Engine=postgres&MasterUserPassword=correct+horse+battery")
		}, "text/xml", `<CreateDBInstanceResponse><CreateDBInstanceResult><DBInstance><DBInstanceIdentifier>db1</DBInstanceIdentifier></DBInstance></CreateDBInstanceResult></CreateDBInstanceResponse>`, nil, "db1"},
		"map of REST": {func(b *bed) *http.Request {
			return b.signed("GET", "/2015-03-31/functions/pay/configuration", "lambda", nil, "")
		}, "application/json",
			`{"FunctionName":"pay","Environment":{"Variables":{"A":"` + secret + `"}}}`, nil, "pay"},
		"request, JSON": {func(b *bed) *http.Request {
			return jsonCall(b, "secretsmanager", "secretsmanager.PutSecretValue", `{"SecretId":"prod/db","SecretString":"`+secret+`"}`)
		},
			"application/x-amz-json-1.1", `{"ARN":"arn"}`, nil, "prod/db"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, nil, nil)
			b.cloud.always(tt.kind, tt.answer)
			resp, text := b.do(tt.call(b))
			require.Equal(t, 200, resp.StatusCode, text)
			require.Equal(t, tt.answer, text)
			require.False(t, b.Record.Holds([]byte(secret)))
			require.False(t, b.Record.Holds([]byte(strings.ReplaceAll(secret, " ", "+"))))
			require.True(t, b.Record.Holds([]byte(tt.shown)))
			require.Equal(t, protocol.OK, b.Record.Operations()[0].Outcome.Result)
			b.noSecrets(t, secret)
		})
	}
}

// Requests are shown to people and recorded without secrets.
func TestSecretsOfRequests(t *testing.T) {
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder { return p.AllowAll().Mask(mask.Secrets()) })
	b.cloud.always(json10, `{}`)
	b.do(jsonCall(b, "ssm", "AmazonSSM.PutParameter", `{"Name":"/app/note","Description":"use `+github+`","Type":"String","Value":"plain"}`))
	b.do(b.signed("GET", "/shop/key?versionId="+github, "s3", nil, ""))
	b.do(b.signed("POST", "/", "ssm", []byte(`{"Nonsense":"`+github+`"}`), "", "X-Amz-Target", "AmazonSSM.PutParameter", "Content-Type", "application/x-amz-json-1.1"))
	require.False(t, b.Record.Holds([]byte(github)), b.Record.String())
	require.Len(t, b.cloud.requests(), 3)
	require.Contains(t, string(b.cloud.requests()[0].body), github, "the target gets it as it is")
	b.noSecrets(t, github)
}
