package model

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAccessLevels(t *testing.T) {
	for name, want := range map[string]Access{
		"s3 GetObject":                  AccessRead,
		"s3 HeadObject":                 AccessRead,
		"s3 ListBuckets":                AccessList,
		"s3 ListObjectsV2":              AccessList,
		"s3 DeleteObjects":              AccessWrite,
		"s3 PutBucketPolicy":            AccessPermissions,
		"s3 PutBucketTagging":           AccessTagging,
		"ec2 DescribeInstances":         AccessList,
		"ec2 TerminateInstances":        AccessWrite,
		"ec2 CreateTags":                AccessTagging,
		"iam AttachRolePolicy":          AccessPermissions,
		"dynamodb GetItem":              AccessRead,
		"dynamodb TransactGetItems":     AccessRead,
		"dynamodb ExecuteStatement":     AccessUnknown,
		"lambda Invoke":                 AccessWrite,
		"sqs SendMessageBatch":          AccessWrite,
		"secretsmanager GetSecretValue": AccessRead,
		"apigateway GetRestApis":        AccessRead,
		"apigateway DeleteRestApi":      AccessWrite,
	} {
		service, op, _ := strings.Cut(name, " ")
		assert.Equal(t, want, operation(t, service, op).Access, name)
	}
}

// What is called a change is no read, whatever a source says.
func TestNoChangeIsARead(t *testing.T) {
	change := regexp.MustCompile(`^(Delete|Put|Update|Modify|Terminate|Remove|Attach|Detach|Set|Reboot|Reset|Send|Publish|Run|Write)[A-Z]`)
	unknown := 0
	for _, name := range table(t).Services() {
		s, err := table(t).Service(name)
		require.NoError(t, err)
		for _, opName := range s.Operations() {
			op := s.Operation(opName)
			if op.Access == AccessUnknown {
				unknown++
			}
			if change.MatchString(opName) {
				assert.NotContains(t, []Access{AccessList, AccessRead}, op.Access, "%s %s", name, opName)
			}
		}
	}
	assert.Less(t, unknown, 300)
}

func TestMarks(t *testing.T) {
	for _, name := range []string{
		"sts AssumeRole", "sts GetSessionToken", "sts AssumeRoot", "iam CreateAccessKey", "iam UpdateLoginProfile",
		"s3 CreateSession", "sso GetRoleCredentials", "cognito-identity GetCredentialsForIdentity",
		"ecr GetAuthorizationToken", "ssm StartSession", "redshift GetClusterCredentials", "eks-auth AssumeRoleForPodIdentity",
		"athena GetResourceDashboard", "datazone GetIamPortalLoginUrl", "finspace GetKxConnectionString", "finspace-data ResetUserPassword",
		"iot RegisterCertificateWithoutCA", "rolesanywhere CreateTrustAnchor", "transfer ImportSshPublicKey",
	} {
		service, op, _ := strings.Cut(name, " ")
		assert.True(t, operation(t, service, op).HandsOut, name)
	}
	for _, name := range []string{
		"ssm SendCommand", "rds-data ExecuteStatement", "dynamodb ExecuteStatement", "athena StartQueryExecution",
		"lambda UpdateFunctionCode", "cloudformation CreateStack", "ec2 RunInstances", "scheduler CreateSchedule",
		"stepfunctions CreateStateMachine", "redshift-data BatchExecuteStatement", "codebuild StartBuild", "ecs RunTask",
	} {
		service, op, _ := strings.Cut(name, " ")
		assert.True(t, operation(t, service, op).Code, name)
	}
	for _, name := range []string{"s3 GetObject", "sts GetCallerIdentity", "ec2 DescribeInstances", "logs StartQuery"} {
		service, op, _ := strings.Cut(name, " ")
		assert.False(t, operation(t, service, op).HandsOut, name)
		assert.False(t, operation(t, service, op).Code, name)
	}
	assert.True(t, operation(t, "sts", "AssumeRoleWithWebIdentity").Unsigned)
	assert.True(t, operation(t, "sso-oidc", "CreateToken").Unsigned)
	assert.True(t, operation(t, "s3", "PutBucketLifecycle").Deprecated)
	hands, code := 0, 0
	for _, name := range table(t).Services() {
		s, err := table(t).Service(name)
		require.NoError(t, err)
		for _, opName := range s.Operations() {
			if s.Operation(opName).HandsOut {
				hands++
			}
			if s.Operation(opName).Code {
				code++
			}
		}
	}
	t.Logf("%d operations hand out credentials, %d carry code", hands, code)
	assert.Greater(t, hands, 100)
	assert.Greater(t, code, 140)
}

// member follows a path of members, through lists and maps.
func member(t *testing.T, s *Shape, path string) *Shape {
	t.Helper()
	for name := range strings.SplitSeq(path, ".") {
		for s.Kind == List || s.Kind == Map {
			s = s.Value.Shape
		}
		m := s.Member(name)
		require.NotNil(t, m, "%s in %s", name, path)
		s = m.Shape
	}
	return s
}

func TestSensitiveMembers(t *testing.T) {
	for _, c := range []string{
		"sts AssumeRole out Credentials.SessionToken",
		"sts AssumeRole out Credentials.SecretAccessKey",
		"ecr GetAuthorizationToken out authorizationData.authorizationToken",
		"elasticache CreateReplicationGroup in AuthToken",
		"apigateway GetApiKeys out items.value",
		"appsync CreateApiKey out apiKey.id",
		"docdb CreateDBCluster in MasterUserPassword",
		"ec2 DescribeInstanceAttribute out UserData",
		"ec2 ModifyInstanceAttribute in UserData",
		"ec2 RunInstances in UserData",
		"ssm StartSession out TokenValue",
		"ssm StartSession out StreamUrl",
		"ssm GetParameter out Parameter.Value",
		"secretsmanager GetSecretValue out SecretString",
		"iam CreateAccessKey out AccessKey.SecretAccessKey",
		"cognito-identity GetCredentialsForIdentity out Credentials.SessionToken",
		"glue GetConnection out Connection.ConnectionProperties",
		"memorydb CreateUser in AuthenticationMode.Passwords",
		"emr RunJobFlow in KerberosAttributes.KdcAdminPassword",
		"lambda GetFunction out Code.Location",
	} {
		w := strings.Fields(c)
		op := operation(t, w[0], w[1])
		shape := op.Input
		if w[2] == "out" {
			shape = op.Output
		}
		assert.True(t, member(t, shape, w[3]).Sensitive, c)
	}
	// A mark on one member is none on another of the same shape.
	assert.False(t, member(t, operation(t, "sts", "AssumeRole").Output, "AssumedRoleUser.Arn").Sensitive)
	assert.False(t, member(t, operation(t, "ec2", "DescribeInstanceAttribute").Output, "KernelId").Sensitive)
}

func TestShapesKeepWhatTheWiresNeed(t *testing.T) {
	get := operation(t, "s3", "GetObject")
	assert.Equal(t, InPath, get.Input.Member("Key").Location)
	assert.Equal(t, "x-amz-meta-", get.Output.Member("Metadata").WireName)
	assert.Equal(t, InHeaders, get.Output.Member("Metadata").Location)
	assert.Equal(t, "Body", get.Output.Payload)
	assert.True(t, get.Output.Member("Body").Shape.Streaming)
	assert.Contains(t, get.Resources, "arn:${Partition}:s3:::${BucketName}/${ObjectName}")
	assert.Equal(t, "CreateBucketConfiguration", operation(t, "s3", "CreateBucket").Input.Payload)
	assert.True(t, operation(t, "s3", "SelectObjectContent").Output.Member("Payload").Shape.EventStream)
	assert.True(t, operation(t, "s3", "ListObjectsV2").Output.Member("Contents").Shape.Flattened)
	assert.Equal(t, "DelegationSetId", operation(t, "route53", "CreateHostedZone").Input.Member("DelegationSetId").WireName)
	assert.Equal(t, "CreateHostedZoneRequest", operation(t, "route53", "CreateHostedZone").InputRoot)
	assert.Equal(t, "InstanceId", operation(t, "ec2", "DescribeInstances").Input.Member("InstanceIds").QueryName)
	assert.Equal(t, "ListUsersResult", operation(t, "iam", "ListUsers").ResultWrapper)
	assert.Equal(t, []Wire{CBOR, JSON10, Query}, operation(t, "cloudwatch", "ListMetrics").Service.Wires)
	assert.Equal(t, []Wire{JSON11}, operation(t, "ssm", "GetParameter").Service.Wires)
	assert.True(t, operation(t, "sqs", "SendMessage").Service.QueryCompatible)
	assert.True(t, operation(t, "dynamodb", "PutItem").Input.Member("Item").Required)
	value := member(t, operation(t, "dynamodb", "PutItem").Input, "Item").Value.Shape
	assert.True(t, member(t, operation(t, "bedrock-runtime", "Converse").Input, "messages.content").Value.Shape.Union)
	assert.Same(t, value, value.Member("L").Shape.Value.Shape, "shapes may be recursive")
	assert.Equal(t, Document, member(t, operation(t, "bedrock-runtime", "Converse").Input, "additionalModelRequestFields").Kind)
	assert.Equal(t, "/v2", operation(t, "geo-maps", "GetTile").Service.EndpointPath)
}
