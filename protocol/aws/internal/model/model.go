// Package model knows AWS's services: their operations, how each travels, its
// parameters, which of them are sensitive, and what the operation may do. The
// knowledge is a table that is made from published service models; see
// generate.go.
//
// Everything it returns is shared and must not be changed; it is safe for
// concurrent use.
package model

import "slices"

// Wire is how requests and responses of a service travel.
type Wire uint8

// The wires, by botocore's names.
const (
	JSON10   Wire = iota + 1 // "json", version 1.0
	JSON11                   // "json", version 1.1
	Query                    // "query"
	EC2                      // "ec2"
	RESTJSON                 // "rest-json"
	RESTXML                  // "rest-xml"
	CBOR                     // "smithy-rpc-v2-cbor"
)

// Access is what an operation does, as IAM's access levels have it.
type Access uint8

// The levels. The zero value is for what no source tells; it counts as a write.
const (
	AccessUnknown Access = iota
	AccessList
	AccessRead
	AccessWrite
	AccessTagging
	AccessPermissions
)

// Service is one of AWS's services.
type Service struct {
	// Name is what the CLI calls it: "s3", "dynamodb", "elbv2".
	Name string
	// SigningName is the service in a signature's scope.
	SigningName string
	// EndpointPrefix is the first label of its host names.
	EndpointPrefix string
	// TargetPrefix stands in X-Amz-Target before the operation's name.
	TargetPrefix string
	// Wires are the ways its models list, the preferred one first.
	Wires []Wire
	// APIVersion is the date in the model: "2006-03-01".
	APIVersion string
	// XMLNamespace is that of its XML; may be empty.
	XMLNamespace string
	// ServiceID is the service's name in Smithy's model: "DynamoDB".
	ServiceID string
	// QueryCompatible services answer errors of the JSON and CBOR wires with
	// the codes of the query wire in X-Amzn-Query-Error.
	QueryCompatible bool
	// EndpointPath stands before the paths of requests to AWS's own host;
	// nearly always empty.
	EndpointPath string

	operations map[string]*Operation
	names      []string
	routes     *node
}

// Operation is one thing that a service can do.
type Operation struct {
	Service *Service
	// Name is as in the model: "GetObject".
	Name string
	// Method and URI are the HTTP binding: "GET", "/{Bucket}/{Key+}?acl".
	Method, URI string
	// HostPrefix goes in front of the host, with labels: "{AccountId}.".
	HostPrefix string
	// Input and Output are structures; nil where there is none.
	Input, Output *Shape
	Access        Access
	// HandsOut says that the answer holds credentials for AWS itself.
	HandsOut bool
	// Code says that the parameters carry code or statements in a language
	// of their own, whose effects cannot be told from here.
	Code bool
	// Unsigned operations need no credentials.
	Unsigned bool
	// UnsignedPayload operations are signed without their body.
	UnsignedPayload bool
	// Deprecated operations gave way to others, often with the same route.
	Deprecated bool
	// ResultWrapper is the element around the result in answers of the query
	// wire; InputRoot the element around the parameters in REST's XML.
	ResultWrapper, InputRoot string
	// Resources are templates of the ARNs that it may be about:
	// "arn:${Partition}:s3:::${BucketName}/${ObjectName}".
	Resources []string
}

// Operation returns the service's operation of that name, or nil.
func (s *Service) Operation(name string) *Operation { return s.operations[name] }

// Operations returns the names of all operations, sorted.
func (s *Service) Operations() []string { return slices.Clone(s.names) }

// Speaks says whether the service's models list that wire.
func (s *Service) Speaks(w Wire) bool { return slices.Contains(s.Wires, w) }
