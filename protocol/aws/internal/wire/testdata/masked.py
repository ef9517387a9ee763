"""Parses answers before and after their texts were masked, one JSON object a
line on standard input, and fails where anything else has changed."""

import base64
import json
import sys

import botocore.awsrequest
import botocore.exceptions
import botocore.model
import botocore.parsers
import botocore.session

MASK = "*** <&\"'\\> ***"


def same(shape, before, after, path):
    assert type(before) is type(after), (path, before, after)
    if getattr(shape, "is_document_type", False):
        shape = None
    if isinstance(before, dict) and shape is not None and shape.type_name == "structure":
        assert before.keys() == after.keys(), (path, before.keys(), after.keys())
        for name in before:
            m = shape.members.get(name)
            if m is None or "location" in m.serialization:
                assert before[name] == after[name], path
            else:
                same(m, before[name], after[name], f"{path}.{name}")
    elif isinstance(before, dict):
        assert before.keys() == after.keys(), (path, before.keys(), after.keys())
        for k in before:
            same(shape and getattr(shape, "value", None), before[k], after[k], f"{path}[{k}]")
    elif isinstance(before, list):
        assert len(before) == len(after), path
        for i, (b, a) in enumerate(zip(before, after)):
            same(shape and getattr(shape, "member", None), b, a, f"{path}[{i}]")
    elif isinstance(before, str) and (shape is None or shape.type_name != "blob"):
        assert after == MASK, (path, before, after)
    else:
        assert before == after, (path, before, after)


def main():
    session, checked = botocore.session.get_session(), 0
    for line in sys.stdin:
        c = json.loads(line)
        try:
            op = session.get_service_model(c["Service"]).operation_model(c["Op"])
        except (botocore.exceptions.UnknownServiceError, botocore.model.OperationNotFoundError):
            continue  # newer than this botocore
        parser = botocore.parsers.create_parser(c["Wire"].rstrip(".01"))
        out = []
        for body in (c["Before"], c["After"]):
            headers = botocore.awsrequest.HeadersDict(c["Headers"])
            out.append(parser.parse({"status_code": 200, "headers": headers, "body": base64.b64decode(body)}, op.output_shape))
        out[0].pop("ResponseMetadata", None), out[1].pop("ResponseMetadata", None)
        same(op.output_shape, out[0], out[1], c["Service"] + " " + c["Op"])
        checked += 1
    print(checked)


main()
