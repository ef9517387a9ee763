"""Makes requests and answers of AWS's operations with botocore, and what they
hold, for the tests of this package:

    python3 cases.py N [services] | gzip -9n > cases.jsonl.gz

takes every Nth operation, and more of the rarer wires. The file here has N=56
of botocore 1.43.11; N=1 has been tried too.

Requests are what botocore's serializers make of made-up parameters. Answers
are written by the same serializers with the output's shapes; what they hold is
what botocore's parsers say.
"""

import base64
import datetime
import json
import sys
import xml.etree.ElementTree as ET

import botocore
import botocore.awsrequest
import botocore.parsers
import botocore.serialize
import botocore.session

WHEN = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
PROTOCOLS = ("json", "query", "ec2", "rest-json", "rest-xml", "smithy-rpc-v2-cbor")


class Maker:
    """Makes a value for a shape; bounded, also where shapes hold themselves."""

    def __init__(self):
        self.n = 0

    def value(self, shape, stack=(), plain=False):
        if shape.type_name == "structure":
            if getattr(shape, "is_document_type", False):
                return {"d": ["x", 1, True]}
            return self.structure(shape, stack, plain)
        if shape.type_name == "list":
            many = 2 if len(stack) < 3 and self.n < 60 else 1
            return [self.value(shape.member, stack + (shape.name,), plain) for _ in range(many)]
        if shape.type_name == "map":
            keys = [shape.key.enum[0]] if getattr(shape.key, "enum", None) else ["k1", "k-2"] if plain else ["k1", "k 2\"<"]
            return {k: self.value(shape.value, stack + (shape.name,), plain) for k in keys}
        self.n += 1
        if shape.type_name in ("string", "character"):
            if getattr(shape, "enum", None):
                return shape.enum[0]
            return f"s{self.n}" if plain else f"s{self.n} <&>\"'é+%/\\=;\n\U0001f600"
        if shape.type_name == "blob":
            return b"blob"
        if shape.type_name == "boolean":
            return True
        if shape.type_name in ("integer", "long"):
            return self.n
        if shape.type_name in ("float", "double"):
            return self.n + 0.5
        if shape.type_name == "timestamp":
            return WHEN
        raise ValueError(shape.type_name)

    def structure(self, shape, stack, plain):
        out = {}
        if shape.name in stack:
            return out
        for name, m in shape.members.items():
            required = name in shape.required_members
            if (self.n > 150 or len(stack) > 6) and not required and out:
                continue
            if m.serialization.get("jsonvalue") and m.serialization.get("location") == "header":
                out[name] = {"a": [1, "b"]}
                continue
            located = plain or "location" in m.serialization
            out[name] = self.value(m, stack + (shape.name,), located)
            if getattr(shape, "is_tagged_union", False):
                break
        return out


def leaves(shape, value, path=""):
    """The scalars of a value, as path=text lines; times have no text."""
    if value is None:
        return
    kind = shape.type_name
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        for name, v in value.items():
            m = shape.members.get(name)
            if m is None or m.serialization.get("location") == "statusCode":
                continue
            inner = f"{path}.{name}" if path else name
            if m.serialization.get("jsonvalue") and m.serialization.get("location") == "header":
                yield from plain_leaves(v if not isinstance(v, str) else json.loads(v), inner)
            else:
                yield from leaves(m, v, inner)
    elif kind == "list":
        for i, v in enumerate(value):
            yield from leaves(shape.member, v, f"{path}[{i}]")
    elif kind == "map":
        for k, v in value.items():
            inner = f"{path}[{json.dumps(k)}]"
            yield f"{inner} key={k}"
            yield from leaves(shape.value, v, inner)
    elif kind == "timestamp":
        yield f"{path} time"
    elif kind == "blob":
        value = value.encode() if isinstance(value, str) else value
        yield f"{path} blob={base64.b64encode(value).decode()}"
    else:
        yield from plain_leaves(value, path)


def plain_leaves(value, path):
    if isinstance(value, dict):
        for k, v in value.items():
            yield from plain_leaves(v, f"{path}.{k}")
    elif isinstance(value, list):
        for i, v in enumerate(value):
            yield from plain_leaves(v, f"{path}[{i}]")
    elif value is None:
        yield f"{path} null"
    elif isinstance(value, bool):
        yield f"{path}={'true' if value else 'false'}"
    elif isinstance(value, float):
        yield f"{path} number={value!r}"
    else:
        yield f"{path}={value}"


def streams(shape):
    """Whether a structure holds a stream of events."""
    return any(m.serialization.get("eventstream") or getattr(m, "is_event_stream", False) for m in shape.members.values())


def request(service, op, protocol):
    shape = op.input_shape
    if shape is not None and streams(shape):
        return None
    params = Maker().value(shape) if shape is not None else {}
    serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
    made = serializer.serialize_to_request(params, op)
    botocore.awsrequest.prepare_request_dict(made, "https://host")
    sent = botocore.awsrequest.create_request_object(made).prepare()
    body = sent.body or b""
    if hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        body = body.encode()
    labels = {}
    if protocol.startswith("rest") and shape is not None:
        for name, m in shape.members.items():
            if m.serialization.get("location") == "uri":
                v = params[name]
                text = v if isinstance(v, str) else "time" if isinstance(v, datetime.datetime) else "true" if v is True else str(v)
                labels[m.serialization.get("name", name)] = text
    headers = {k: v if isinstance(v, str) else v.decode() for k, v in sent.headers.items()}
    query = sent.url.partition("?")[2]
    return {"labels": labels, "query": query, "headers": headers, "body": base64.b64encode(body).decode(),
            "leaves": list(leaves(shape, params)) if shape is not None else []}


def xml_body(shape, value, root, wrapper=None):
    tree = ET.Element(root)
    botocore.serialize.create_serializer("rest-xml", include_validation=False)._serialize(shape, value, tree, wrapper or "x")
    if wrapper is None:
        return ET.tostring(tree[0])
    if wrapper != "-":
        return ET.tostring(tree)
    out = ET.Element(root)
    out.extend(list(tree[0]))
    return ET.tostring(out)


def inside(shape, value, protocol):
    """A structure written as a whole body."""
    if protocol in ("json", "rest-json"):
        s = botocore.serialize.create_serializer("rest-json", include_validation=False)
        out = {}
        s._serialize(out, value, shape, "x")
        return json.dumps(out.get("x", {})).encode()
    if protocol == "smithy-rpc-v2-cbor":
        s = botocore.serialize.create_serializer(protocol, include_validation=False)
        out = bytearray()
        s._serialize_data_item(out, value, shape)
        return bytes(out)
    return xml_body(shape, value, "Root")


def only(shape, value, names):
    return {k: v for k, v in value.items() if k in names}


def answer(service, op, protocol):
    shape = op.output_shape
    if shape is None or streams(shape):
        return None
    value = Maker().value(shape)
    headers = {}
    rest = protocol.startswith("rest")
    names = [n for n, m in shape.members.items() if not rest or "location" not in m.serialization]
    if rest:
        for name, m in shape.members.items():
            where, wire = m.serialization.get("location"), m.serialization.get("name", name)
            v = value.get(name)
            if v is None:
                continue
            if where == "header":
                headers[wire] = header(m, v)
            elif where == "headers":
                for k, text in v.items():
                    headers[wire + k] = text
    payload = shape.serialization.get("payload") if rest else None
    if payload:
        m, v = shape.members[payload], value[payload]
        body = v if isinstance(v, bytes) else v.encode() if isinstance(v, str) else inside(m, v, protocol)
    elif protocol == "query":
        wrapper = shape.serialization.get("resultWrapper")
        body = xml_body(shape, value, op.name + "Response", wrapper or "-")
    elif protocol == "ec2":
        body = xml_body(shape, value, op.name + "Response", "-")
    else:
        body = inside(shape, only(shape, value, names), protocol)
    parser = botocore.parsers.create_parser(protocol)
    parsed = parser.parse({"status_code": 200, "headers": botocore.awsrequest.HeadersDict(headers), "body": body}, shape)
    parsed.pop("ResponseMetadata", None)
    if len(list(leaves(shape, parsed))) != len(list(leaves(shape, value))):
        raise ValueError("the serializer wrote another body than the parser reads")
    return {"answer": True, "headers": headers, "body": base64.b64encode(body).decode(), "leaves": list(leaves(shape, parsed))}


def header(shape, v):
    if shape.serialization.get("jsonvalue"):
        return base64.b64encode(json.dumps(v).encode()).decode()
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, datetime.datetime):
        return "Thu, 02 Jan 2020 03:04:05 GMT"
    if isinstance(v, bytes):
        return base64.b64encode(v).decode()
    if isinstance(v, list):
        return ", ".join(str(i) for i in v)
    return str(v)


def main():
    step = int(sys.argv[1])
    session = botocore.session.get_session()
    services = sys.argv[2:] or session.get_available_services()
    count = 0
    for name in services:
        service = session.get_service_model(name)
        protocols = service.metadata.get("protocols", [service.metadata["protocol"]])
        for op_name in service.operation_names:
            op = service.operation_model(op_name)
            for protocol in protocols:
                if protocol not in PROTOCOLS:
                    continue
                count += 1
                if count % (step if protocol in ("json", "rest-json") else max(1, step // 3)):
                    continue
                wire = protocol + (service.metadata.get("jsonVersion", "") if protocol == "json" else "")
                for made in (request, answer):
                    try:
                        case = made(service, op, protocol)
                    except Exception as e:  # botocore's own limits
                        print(name, op_name, protocol, made.__name__, repr(e)[:200], file=sys.stderr)
                        continue
                    if case:
                        print(json.dumps({"service": name, "op": op_name, "wire": wire, **case}, ensure_ascii=False))


main()
