"""Parameters for requests: what a shape requires, filled with dummies."""

import datetime

WORDS = {
    "AccountId": "123456789012", "accountId": "123456789012", "Bucket": "example-bucket",
    "CopySource": "source-bucket/source key",
    "KvsARN": "arn:aws:cloudfront::123456789012:key-value-store/11111111-2222-3333-4444-555555555555",
    "StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/example",
    "ConsumerARN": "arn:aws:kinesis:us-east-1:123456789012:stream/example/consumer/c:1",
    "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/example",
    "graphIdentifier": "g-0123456789", "RequestRoute": "route", "RequestToken": "token",
}


class Dummies:
    def __init__(self, service, optional=False):
        """With optional, everything that stands in the query or in headers
        is filled too."""
        self.service = service
        self.always = ("uri", "querystring", "header") if optional else ("uri",)

    def of_operation(self, operation):
        if operation.input_shape is None:
            return {}
        out = self.structure(operation.input_shape, (), bool(operation.input_shape.metadata.get("union")))
        for name, member in operation.input_shape.members.items():
            # Labels are sent, required or not.
            if member.serialization.get("location") in self.always or member.metadata.get("hostLabel"):
                out.setdefault(name, self.value(member, name, ()))
        return {k: v for k, v in out.items() if v is not None}

    def structure(self, shape, seen, union=False):
        out = {}
        required = list(shape.required_members)
        if (union or getattr(shape, "is_tagged_union", False)) and not required:
            required = list(shape.members)[:1]
        for name in required:
            member = shape.members[name]
            if member.name not in seen:
                out[name] = self.value(member, name, seen + (member.name,))
        return out

    def value(self, shape, name, seen):
        if self.service in ("kinesis", "dynamodb", "dynamodbstreams") and name == "ResourceARN":
            kind = {"kinesis": "kinesis:us-east-1:123456789012:stream/example"}
            return "arn:aws:" + kind.get(self.service, "dynamodb:us-east-1:123456789012:table/example")
        if self.service == "events" and name == "EndpointId":
            return None  # a multi-region endpoint wants SigV4A
        kind = shape.type_name
        low = shape.metadata.get("min", 0)
        if kind == "structure":
            return {} if getattr(shape, "is_document_type", False) else self.structure(shape, seen)
        if kind == "list":
            return [self.value(shape.member, name, seen) for _ in range(max(1, min(low, 4)))]
        if kind == "map":
            return {self.value(shape.key, name, seen): self.value(shape.value, name, seen)}
        if kind in ("string", "character"):
            if shape.enum:
                return shape.enum[0]
            return WORDS.get(name, "example").ljust(low, "x")
        if kind == "blob":
            return b"x" * max(low, 1)
        if kind == "boolean":
            return True
        if kind in ("integer", "long"):
            return max(int(low), 1)
        if kind in ("float", "double"):
            return float(max(low, 1))
        return datetime.datetime(2026, 1, 2, 3, 4, 5)
