// Package aws speaks the HTTP APIs of AWS with the CLI, boto3, the SDKs and
// everything else that signs requests by Signature Version 4, and holds the
// IAM credentials itself.
//
// Clients come in one of two ways. In endpoint mode AWS_ENDPOINT_URL names the
// gateway. In proxy mode HTTPS_PROXY does, and the gateway shows certificates
// of its own authority, see [NewAuthority], for AWS's hosts and for no others.
//
// Clients sign with credentials that the gateway has issued: it answers
// sts:AssumeRoleWithWebIdentity by itself, and serves container credentials at
// [CredentialsPath]. Every signature is verified, the operation is named and
// decoded by AWS's own service models, judged and recorded; then the request is
// signed anew with the gateway's credentials and sent on.
//
// An operation's verb is the service as the CLI has it and the name of the
// call, "s3:DeleteObject"; its objects are ARNs. Bodies that carry parameters
// are held whole, up to [Config.MaxBody]; objects and other blobs stream, in
// memory that does not grow.
//
// Answers are masked where they are JSON, XML or CBOR: by column rules of the
// form service.operation.member, for DynamoDB also dynamodb.table.attribute,
// and by detectors. What AWS itself calls sensitive is kept out of the record.
// Blobs pass as they are.
package aws
