# Calls of boto3 through the endpoint in argv[1]; the keys are JSON on standard input.
import io, json, sys
import boto3, botocore.config, urllib3
from urllib import request

urllib3.disable_warnings()
endpoint, keys = sys.argv[1], json.load(sys.stdin)


def client(name, **config):
    return boto3.client(name, region_name="eu-west-1", endpoint_url=endpoint, verify=False,
                        config=botocore.config.Config(retries={"total_max_attempts": 1}, **config))


s3 = client("s3", signature_version="s3v4", s3={"addressing_style": "path"})
for key in keys:
    s3.put_object(Bucket="bucket", Key=key, Body=b"x", Metadata={"spaces": "inner   spaces"})
    s3.get_object(Bucket="bucket", Key=key, Range="bytes=0-3", ResponseContentDisposition='a; b="c+d e"')
big = b"0123456789abcdef" * 65536
s3.put_object(Bucket="bucket", Key="big", Body=io.BytesIO(big), ChecksumAlgorithm="SHA256")
s3.create_multipart_upload(Bucket="bucket", Key="big")
s3.upload_part(Bucket="bucket", Key="big", UploadId="u1", PartNumber=1, Body=io.BytesIO(big))
s3.list_objects_v2(Bucket="bucket", Prefix="a b+c&d=/ü", Delimiter="/")
plain = endpoint.startswith("http:")
for key in keys if plain else []:
    request.urlopen(s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": key})).read()
client("dynamodb").list_tables(Limit=1)
client("cloudwatch").list_metrics(Namespace="a b")
client("iam").list_users(PathPrefix="/a+b c/")
client("lambda").get_function(FunctionName="arn:aws:lambda:eu-west-1:123456789012:function:f", Qualifier="1")
client("lambda").list_tags(Resource="arn:aws:lambda:eu-west-1:1:function:a/b")
if plain:
    request.urlopen(client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")).read()
