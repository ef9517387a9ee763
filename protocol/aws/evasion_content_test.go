package aws_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws"
)

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// SDKs compress large bodies. The target gets the text that was judged.
func TestCompressed(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(c *aws.Config) { c.MaxBody = 1 << 20 }, mine("arn:aws:dynamodb:eu-west-1:123456789012:table/mine", "arn:aws:monitoring:*", "arn:aws:cloudwatch:*"))
	b.cloud.always("application/cbor", "\xa0")
	var data []types.MetricDatum
	for i := range 100 {
		data = append(data, types.MetricDatum{MetricName: sdk.String(fmt.Sprintf("a rather long name of a metric %d%s", i, strings.Repeat(" and so on", 12))), Value: sdk.Float64(1)})
	}
	_, err := cloudwatch.NewFromConfig(b.config()).PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: sdk.String("shop"), MetricData: data})
	require.NoError(t, err)
	got := b.cloud.requests()
	require.Len(t, got, 1)
	assert.Empty(t, got[0].header.Get("Content-Encoding"))
	assert.Contains(t, string(got[0].body), "a rather long name of a metric 99")
	assert.Equal(t, "shop", params(b.operation("cloudwatch:PutMetricData")).Get("Namespace"))

	table := func(body []byte, header ...string) int {
		resp, _ := b.do(b.signed("POST", "/", "dynamodb", body, "", append([]string{"X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", json10, "Content-Encoding", "gzip"}, header...)...))
		return resp.StatusCode
	}
	assert.Equal(t, 200, table(zip(t, `{"TableName":"mine"}`)))
	for what, status := range map[string]int{
		"another table": table(zip(t, `{"TableName":"production"}`)), "another in a second part": table(append(zip(t, `{"TableName":"mine",`), zip(t, `"TableName":"production"}`)...)),
		"more behind it": table(append(zip(t, `{"TableName":"mine"}`), "more"...)), "not all of it": table(zip(t, `{"TableName":"mine"}`)[:30]),
		"a bomb":     table(zip(t, `{"TableName":"mine"`+strings.Repeat(" ", 8<<20)+"}")),
		"a checksum": table(zip(t, `{"TableName":"mine"}`), "Content-Md5", "x"),
	} {
		assert.NotEqual(t, 200, status, what)
	}
	time.Sleep(time.Second) // the same call needs another signature
	resp, _ := b.do(b.signed("POST", "/", "monitoring", zip(t, "Action=PutMetricData&Version=2010-08-01&Namespace=shop"), "", "Content-Type", "application/x-www-form-urlencoded", "Content-Encoding", "gzip"))
	assert.Equal(t, 200, resp.StatusCode)
	assert.Len(t, b.cloud.requests(), 3)
}

// In proxy mode a host names a bucket, or an access point, which is no bucket.
func TestBucketOfTheHost(t *testing.T) {
	t.Parallel()
	b := newProxyBed(t, mine("arn:aws:s3:::dev-*"))
	at := func(host string) int {
		status, _ := send(t, b.tunnel(host, false), b.signedFor("DELETE", "https://"+host+"/key", "", "s3", "eu-west-1"))
		return status
	}
	assert.Equal(t, 204, at("dev-1.s3.eu-west-1.amazonaws.com"))
	assert.Equal(t, 403, at("prod.s3.eu-west-1.amazonaws.com"))
	assert.Equal(t, 403, at("dev-prod-123456789012.s3-accesspoint.eu-west-1.amazonaws.com"))
	assert.Equal(t, 403, at("dev-prod-s3alias.s3.eu-west-1.amazonaws.com"))
	require.Len(t, b.hosts(), 1)
	var objects []string
	for _, op := range b.Record.Operations() {
		objects = append(objects, names(op)...)
	}
	assert.Contains(t, objects, "arn arn:aws:s3:eu-west-1:123456789012:accesspoint/dev-prod")
}

// The account in the host's name is the one that was judged.
func TestHostLabelIsTheParameter(t *testing.T) {
	t.Parallel()
	b := newProxyBed(t, nil)
	body := `<CreateAccessPointRequest xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Bucket>shop</Bucket><AccountId>999999999999</AccountId></CreateAccessPointRequest>`
	resp, said := b.do(b.signedFor("PUT", "http://"+b.at+"/v20180820/accesspoint/mine", body, "s3", "eu-west-1", "X-Amz-Account-Id", "123456789012"))
	require.Equal(t, 200, resp.StatusCode, said)
	assert.Equal(t, []string{"123456789012.s3-control.eu-west-1.amazonaws.com"}, b.hosts())
}

func TestHostIsOfTheParametersAccount(t *testing.T) {
	t.Parallel()
	b := newProxyBed(t, nil)
	ask := func(host, account string) int {
		status, _ := send(t, b.tunnel(host, false), b.signedFor("DELETE", "https://"+host+"/v20180820/accesspoint/mine", "", "s3", "eu-west-1", "X-Amz-Account-Id", account))
		return status
	}
	assert.Equal(t, 204, ask("123456789012.s3-control.eu-west-1.amazonaws.com", "123456789012"))
	assert.Equal(t, 204, ask("s3-control.eu-west-1.amazonaws.com", "123456789012"))
	assert.Equal(t, 400, ask("999999999999.s3-control.eu-west-1.amazonaws.com", "123456789012"))
	assert.Len(t, b.hosts(), 2)
}
