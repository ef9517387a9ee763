# Calls of boto3, by the names of functions; each prints one JSON object.
import io, json, os, sys
import boto3, botocore.config, botocore.exceptions

endpoint = os.environ.get("ENDPOINT") or None


def client(name, keys=None, **config):
    config = botocore.config.Config(**config)
    return boto3.client(name, endpoint_url=endpoint, config=config, **(keys or {}))


def said(call, **params):
    """What a client says of a refused call, and how often it tried."""
    try:
        answer = call(**params)
        if isinstance(answer, dict):
            answer.pop("ResponseMetadata", None)
        return {"answer": str(answer)}
    except botocore.exceptions.ClientError as e:
        meta = e.response["ResponseMetadata"]
        return {"words": str(e), "code": e.response["Error"]["Code"], "status": meta["HTTPStatusCode"], "retries": meta.get("RetryAttempts", 0)}
    except botocore.exceptions.BotoCoreError as e:
        return {"words": str(e), "code": type(e).__name__}


KEYS = ["plain", "a b+c&d=é/ü.txt", "..", "../up", "a/../b", "a//b", "/lead", "tail/", "%2e%2e", "(it's)!*~", "a?b#c", ".target/x", "\u202eback"]


def objects():
    s3 = client("s3", s3={"addressing_style": "path"})
    out = {}
    for key in KEYS:
        def round_trip():
            s3.put_object(Bucket="shop", Key=key, Body=key.encode())
            return s3.get_object(Bucket="shop", Key=key)["Body"].read().decode()
        out[key] = said(round_trip)
    s3.put_object(Bucket="shop", Key="digits", Body=io.BytesIO(b"0123456789"))
    out["range"] = s3.get_object(Bucket="shop", Key="digits", Range="bytes=2-5")["Body"].read().decode()
    big = os.urandom(6 << 20)
    s3.upload_fileobj(io.BytesIO(big), "shop", "big", Config=boto3.s3.transfer.TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
    got = io.BytesIO()
    s3.download_fileobj("shop", "big", got)
    out["big"] = got.getvalue() == big
    s3.put_object(Bucket="shop", Key="sums", Body=io.BytesIO(b"abc"), ChecksumAlgorithm="SHA256", Metadata={"note": "two  spaces"})
    out["list"] = [o["Key"] for o in s3.list_objects_v2(Bucket="shop", Prefix="s")["Contents"]]
    out["missing"] = said(s3.get_object, Bucket="shop", Key="none")
    s3.delete_objects(Bucket="shop", Delete={"Objects": [{"Key": "sums"}, {"Key": "digits"}]})
    signed = client("s3", signature_version="s3v4", s3={"addressing_style": "path"})
    out["get"] = signed.generate_presigned_url("get_object", Params={"Bucket": "shop", "Key": "a b+c&d=é/ü.txt"}, ExpiresIn=60)
    out["put"] = signed.generate_presigned_url("put_object", Params={"Bucket": "shop", "Key": "presigned"}, ExpiresIn=60)
    out["sigv2"] = client("s3", signature_version="s3", s3={"addressing_style": "path"}).generate_presigned_url("get_object", Params={"Bucket": "shop", "Key": "plain"})
    return out


CALLS = [
    ("s3", "list_buckets", {}), ("dynamodb", "list_tables", {}), ("lambda", "list_functions", {}), ("iam", "list_users", {}),
    ("ec2", "describe_instances", {}), ("sqs", "list_queues", {}), ("cloudwatch", "list_metrics", {}), ("sts", "get_caller_identity", {}),
]


def calls(keys=None):
    return {service: said(getattr(client(service, keys), name), **params) for service, name, params in CALLS}


def denied():
    """The same calls, by somebody who may not."""
    keys = dict(zip(["aws_access_key_id", "aws_secret_access_key", "aws_session_token"], os.environ["DENIED"].split()))
    s3 = client("s3", keys)
    return calls(keys) | {
        "put": said(s3.put_object, Bucket="shop", Key="k", Body=b"x" * 100000), "head": said(s3.head_object, Bucket="shop", Key="k"),
        "role": said(client("sts").assume_role, RoleArn="arn:aws:iam::123456789012:role/admin", RoleSessionName="me"),
    }


def everything():
    return {"calls": calls(), "denied": denied(), "objects": objects()}


def identity():
    return said(client("sts").get_caller_identity)


def proxied():
    """Calls to AWS's own names."""
    out = calls()
    s3 = client("s3", s3={"addressing_style": "virtual"})
    s3.put_object(Bucket="shop", Key="virtual", Body=b"by name")
    out["virtual"] = s3.get_object(Bucket="shop", Key="virtual")["Body"].read().decode()
    s3.put_object(Bucket="dotted.shop", Key="k", Body=b"dots")
    out["dotted"] = s3.get_object(Bucket="dotted.shop", Key="k")["Body"].read().decode()
    out["control"] = said(client("s3control").get_public_access_block, AccountId="123456789012")
    out["global sts"] = said(boto3.client("sts", endpoint_url="https://sts.amazonaws.com", region_name="us-east-1").get_caller_identity)
    return out


print(json.dumps(globals()[sys.argv[1]]()))
