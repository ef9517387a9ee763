package model

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseHost(t *testing.T) {
	for _, c := range []struct {
		host, services, region, prefix, bucket string
	}{
		{host: "monitoring.us-east-1.amazonaws.com", services: "cloudwatch", region: "us-east-1"},
		{host: "Kms.US-East-1.amazonaws.com:443", services: "kms", region: "us-east-1"},
		{host: "rds.eu-west-1.amazonaws.com", services: "docdb neptune rds", region: "eu-west-1"},
		{host: "iam.amazonaws.com", services: "iam"},
		{host: "sts.amazonaws.com", services: "sts"},
		{host: "dynamodb.cn-north-1.amazonaws.com.cn", services: "dynamodb", region: "cn-north-1"},
		{host: "ec2.us-iso-east-1.c2s.ic.gov", services: "ec2", region: "us-iso-east-1"},
		{host: "lambda.us-gov-west-1.api.aws", services: "lambda", region: "us-gov-west-1"},
		{host: "kms-fips.us-east-1.amazonaws.com", services: "kms", region: "us-east-1"},
		{host: "fips.batch.us-east-1.amazonaws.com", services: "batch", region: "us-east-1"},
		{host: "api.ecr.us-east-1.amazonaws.com", services: "ecr", region: "us-east-1"},
		{host: "ecr.us-east-1.api.aws", services: "ecr", region: "us-east-1"},
		{host: "bedrock-runtime.us-east-1.amazonaws.com", services: "bedrock-runtime", region: "us-east-1"},
		{host: "sync-states.us-east-1.amazonaws.com", services: "stepfunctions", region: "us-east-1"},
		{host: "us-east-1.signin.aws.amazon.com", services: "signin", region: "us-east-1"},
		{host: "us-west-2.queue.amazonaws.com", services: "sqs", region: "us-west-2"},
		{host: "abc.execute-api.us-east-1.amazonaws.com", services: "apigatewaymanagementapi", region: "us-east-1", prefix: "abc"},
		{host: "ingest-cell1.timestream.us-east-1.amazonaws.com", services: "timestream-query timestream-write", region: "us-east-1", prefix: "ingest-cell1"},
		{host: "123456789012.s3-control.us-east-1.amazonaws.com", services: "s3control", region: "us-east-1", prefix: "123456789012"},
		{host: "s3.amazonaws.com", services: "s3"},
		{host: "b.s3.amazonaws.com", services: "s3", bucket: "b"},
		{host: "b.s3-accelerate.dualstack.amazonaws.com", services: "s3", bucket: "b"},
		{host: "my.old_bucket.s3.dualstack.eu-west-1.amazonaws.com", services: "s3", region: "eu-west-1", bucket: "my.old_bucket"},
		{host: "b.s3-fips.us-gov-west-1.amazonaws.com", services: "s3", region: "us-gov-west-1", bucket: "b"},
		{host: "b.s3-eu-west-1.amazonaws.com", services: "s3", region: "eu-west-1", bucket: "b"},
		{host: "ap-123456789012.s3-accesspoint.eu-west-1.amazonaws.com", services: "s3", region: "eu-west-1", bucket: "ap-123456789012"},
		{host: "x.op-0123.s3-outposts.us-west-2.amazonaws.com", services: "s3", region: "us-west-2", bucket: "x.op-0123"},
		{host: "s3-outposts.us-west-2.amazonaws.com", services: "s3control s3outposts", region: "us-west-2"},
		{host: "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", services: "s3", region: "us-east-1", bucket: "b--use1-az4--x-s3"},
		{host: "s3express-control.us-east-1.amazonaws.com", services: "s3 s3control", region: "us-east-1"},
		{host: "s3.cn-north-1.amazonaws.com.cn", services: "s3", region: "cn-north-1"},
	} {
		h, ok := table(t).ParseHost(c.host)
		if !assert.True(t, ok, c.host) {
			continue
		}
		assert.Equal(t, strings.Fields(c.services), slices.Sorted(slices.Values(h.Services)), c.host)
		assert.Equal(t, []string{c.region, c.prefix, c.bucket}, []string{h.Region, h.Prefix, h.Bucket}, c.host)
		assert.NotEmpty(t, h.Partition)
	}
}

func TestPartitions(t *testing.T) {
	for host, want := range map[string]string{
		"iam.amazonaws.com": "aws", "iam.us-gov.amazonaws.com": "aws-us-gov", "ec2.us-gov-west-1.amazonaws.com": "aws-us-gov",
		"iam.cn-north-1.amazonaws.com.cn": "aws-cn", "s3.eusc-de-east-1.amazonaws.eu": "aws-eusc", "b.s3.us-isob-east-1.sc2s.sgov.gov": "aws-iso-b",
	} {
		h, ok := table(t).ParseHost(host)
		require.True(t, ok, host)
		assert.Equal(t, want, h.Partition, host)
	}
}

func TestOtherHostsAreNotAWS(t *testing.T) {
	for _, host := range []string{
		"", ".", "amazonaws.com", ".amazonaws.com", "evilamazonaws.com", "us-east-1.amazonaws.com", "api.aws",
		"ec2.us-east-1.amazonaws.com.evil.com", "ec2.us-east-1.amazonaws.com.", "ec2.us-east-1.amazonaws.com:", "ec2.us-east-1.amazonaws.com:x",
		"ec2.us-east-1.amazonaws.com@evil.com", "evil.com/ec2.us-east-1.amazonaws.com", "evil.com#.amazonaws.com", "[::1]", "127.0.0.1",
		"ec2..amazonaws.com", "-ec2.us-east-1.amazonaws.com", "nosuch.us-east-1.amazonaws.com", "ec2.us-east-1.us-east-1.amazonaws.com",
		"evil.ec2.us-east-1.amazonaws.com", "ec2.us-east-1.amazonaws.com.cn", "ec2.cn-north-1.amazonaws.com", "ec2.nowhere.amazonaws.com",
		"ec2-1-2-3-4.compute-1.amazonaws.com", "ec2-1-2-3-4.eu-west-1.compute.amazonaws.com", "lb-1.us-east-1.elb.amazonaws.com",
		"db.x.us-east-1.rds.amazonaws.com", "c.x.cache.amazonaws.com", "vpce-1.ec2.us-east-1.vpce.amazonaws.com",
		"b.vpce-1.s3.us-east-1.vpce.amazonaws.com", "vpce-svc-1.us-east-1.vpce.amazonaws.com", "x.lambda-url.us-east-1.on.aws",
		"1.dkr.ecr.us-east-1.amazonaws.com", "search-x.us-east-1.es.amazonaws.com", "b.s3-website-us-east-1.amazonaws.com",
		"b.s3-website.eu-central-1.amazonaws.com", "x.mrap.accesspoint.s3-global.amazonaws.com", "a.b.s3-control.us-east-1.amazonaws.com",
		"lambda.us_east-1.amazonaws.com", "sts.us-east-1.amazonaws.com\x00.evil.com", "ſts.us-east-1.amazonaws.com",
		strings.Repeat("a", 64) + ".s3.amazonaws.com", strings.Repeat("a.", 130) + "s3.amazonaws.com",
	} {
		h, ok := table(t).ParseHost(host)
		assert.False(t, ok, "%q: %v", host, h.Services)
	}
}

// TestEndpoints asks for every service in every region.
func TestEndpoints(t *testing.T) {
	tab := table(t)
	count := 0
	for _, name := range tab.Services() {
		s, err := tab.Service(name)
		require.NoError(t, err)
		for _, p := range tab.index.partitions {
			for _, region := range p.Regions {
				host, signing, err := tab.Endpoint(s, region)
				if err != nil {
					require.NotContains(t, tab.index.byName[name].Hosts, p.ID, "%s in %s: %v", name, region, err)
					continue
				}
				count++
				h, ok := tab.ParseHost(host)
				require.True(t, ok, host)
				require.Contains(t, h.Services, name, host)
				require.NotEmpty(t, signing)
				for _, op := range s.Operations() {
					if prefix := s.Operation(op).HostPrefix; prefix != "" && region == "us-east-1" {
						prefix = strings.NewReplacer("{AccountId}", "123456789012", "{graphIdentifier}", "g-1", "{RequestRoute}", "r").Replace(prefix)
						h, ok = tab.ParseHost(prefix + host)
						require.True(t, ok, prefix+host)
						require.Contains(t, h.Services, name, prefix+host)
					}
				}
			}
		}
	}
	assert.Greater(t, count, 20_000)
}

func TestEndpointsByName(t *testing.T) {
	for _, c := range []struct{ service, region, host, signing string }{
		{"ec2", "eu-west-1", "ec2.eu-west-1.amazonaws.com", "eu-west-1"},
		{"sts", "eu-west-1", "sts.eu-west-1.amazonaws.com", "eu-west-1"},
		{"s3", "us-east-1", "s3.us-east-1.amazonaws.com", "us-east-1"},
		{"iam", "eu-west-1", "iam.amazonaws.com", "us-east-1"},
		{"iam", "us-gov-west-1", "iam.us-gov.amazonaws.com", "us-gov-west-1"},
		{"iam", "cn-north-1", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		{"route53", "ap-south-1", "route53.amazonaws.com", "us-east-1"},
		{"cloudfront", "ap-south-1", "cloudfront.amazonaws.com", "us-east-1"},
		{"organizations", "eu-west-1", "organizations.us-east-1.amazonaws.com", "us-east-1"},
		{"cloudwatch", "us-east-2", "monitoring.us-east-2.amazonaws.com", "us-east-2"},
		{"elbv2", "us-east-2", "elasticloadbalancing.us-east-2.amazonaws.com", "us-east-2"},
		{"aiops", "us-east-1", "aiops.us-east-1.amazonaws.com", "us-east-1"},
		{"dsql", "us-east-1", "dsql.us-east-1.api.aws", "us-east-1"},
		{"signin", "us-east-1", "us-east-1.signin.aws.amazon.com", "us-east-1"},
		{"geo-maps", "us-east-1", "maps.geo.us-east-1.amazonaws.com", "us-east-1"},
		{"dynamodb", "eu-south-9", "dynamodb.eu-south-9.amazonaws.com", "eu-south-9"},
		{"iot-data", "us-east-1", "data-ats.iot.us-east-1.amazonaws.com", "us-east-1"},
	} {
		s, err := table(t).Service(c.service)
		require.NoError(t, err)
		host, signing, err := table(t).Endpoint(s, c.region)
		require.NoError(t, err, c.service)
		assert.Equal(t, []string{c.host, c.signing}, []string{host, signing})
	}
	s, err := table(t).Service("ec2")
	require.NoError(t, err)
	for _, region := range []string{
		"", "evil.com", "us-east-1.evil.com", "us-east-1/", "us-east-1#", "us-east-1@evil.com", "US-EAST-1", "us-east-1\n", "us_east-1",
		"us-ea_st-1", "{region}", "us--1", "us-east-" + strings.Repeat("1", 70), "xx-east-1",
	} {
		_, _, err := table(t).Endpoint(s, region)
		assert.Error(t, err, "%q", region)
	}
	_, _, err = table(t).Endpoint(&Service{Name: "evil.com"}, "us-east-1")
	require.ErrorIs(t, err, ErrUnknown)
}

func TestHostPrefix(t *testing.T) {
	header := http.Header{"X-Amz-Account-Id": {"123456789012"}}
	prefix, err := Call{Operation: operation(t, "s3control", "ListAccessPoints")}.HostPrefix(header)
	require.NoError(t, err)
	assert.Equal(t, "123456789012.", prefix)

	prefix, err = Call{Operation: operation(t, "stepfunctions", "StartSyncExecution")}.HostPrefix(nil)
	require.NoError(t, err)
	assert.Equal(t, "sync-", prefix)

	prefix, err = Call{Operation: operation(t, "s3", "GetObject")}.HostPrefix(nil)
	require.NoError(t, err)
	assert.Empty(t, prefix)

	for _, account := range []string{"", "evil.com/", "a.b", "a_b", "-a", "a\r\nb", strings.Repeat("1", 64)} {
		_, err = Call{Operation: operation(t, "s3control", "ListAccessPoints")}.HostPrefix(http.Header{"X-Amz-Account-Id": {account}})
		require.ErrorIs(t, err, ErrUnknown, "%q", account)
	}

	call := Call{Operation: operation(t, "neptune-graph", "ExecuteQuery")}
	prefix, err = call.HostPrefix(http.Header{"Graphidentifier": {"g-0123456789"}})
	require.NoError(t, err)
	assert.Equal(t, "g-0123456789.", prefix)
}
