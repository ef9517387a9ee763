"""Botocore's shapes, made small: what cannot be reached from an operation is
left out, and what a reference adds to a shape becomes a shape of its own."""

KINDS = {
    "structure": 1, "list": 2, "map": 3, "string": 4, "character": 4, "blob": 5,
    "boolean": 6, "integer": 7, "long": 7, "short": 7, "byte": 7, "biginteger": 7,
    "float": 8, "double": 8, "bigdecimal": 8, "timestamp": 9,
}
DOCUMENT = 10
LOCATIONS = {"uri": 1, "querystring": 2, "header": 3, "headers": 4, "statusCode": 5}

# A member's flags.
REQUIRED, ATTRIBUTE, JSON_HEADER, EVENT_HEADER, EVENT_PAYLOAD, HOST_LABEL = 1, 2, 4, 8, 16, 32


class Shapes:
    """The shapes of one service, numbered from 1 as they are met."""

    def __init__(self, service, model, ec2, secret):
        self.service, self.model, self.ec2, self.secret = service, model["shapes"], ec2, secret
        self.numbers, self.rows = {}, []

    def number(self, ref, member=None):
        """The number of what ref means; member is (structure, name)."""
        name = ref["shape"]
        shape = self.model[name]
        key = (
            name,
            bool(ref.get("flattened") or shape.get("flattened")),
            bool(ref.get("streaming") or shape.get("streaming")),
            bool(shape.get("sensitive") or self.secret(self.service, member, shape)),
        )
        if key not in self.numbers:
            self.rows.append({})
            self.numbers[key] = len(self.rows)
            self.rows[len(self.rows) - 1].update(self.row(shape, *key))
        return self.numbers[key]

    def row(self, shape, name, flattened, streaming, sensitive):
        row = {"k": DOCUMENT if shape.get("document") else KINDS[shape["type"]]}
        if row["k"] <= 3:
            row["n"] = name  # nobody asks for the names of strings and numbers
        if sensitive:
            row["s"] = 1
        if flattened:
            row["f"] = 1
        if streaming:
            row["b"] = 1
        if "timestampFormat" in shape:
            row["t"] = shape["timestampFormat"]
        if row["k"] == 1:
            self.structure(row, name, shape)
        elif shape["type"] == "list":
            row["v"] = self.part(shape["member"], (name, "member"))
        elif shape["type"] == "map":
            row["y"] = self.part(shape["key"], (name, "key"))
            row["v"] = self.part(shape["value"], (name, "value"))
        return row

    def part(self, ref, member):
        part = {"s": self.number(ref, member)}
        if wire := self.location_name(ref):
            part["w"] = wire
        return part

    def location_name(self, ref):
        """The name on the wire, which may stand on the shape itself."""
        return ref.get("locationName") or self.model[ref["shape"]].get("locationName")

    def structure(self, row, name, shape):
        if shape.get("union"):
            row["u"] = 1
        if shape.get("eventstream"):
            row["e"] = 1
        if "payload" in shape:
            row["p"] = shape["payload"]
        required = set(shape.get("required", []))
        members = [self.member(name, n, ref, required) for n, ref in shape.get("members", {}).items()]
        if members:
            row["m"] = members

    def member(self, structure, name, ref, required):
        """A member as `name|shape|flags|location|wire name|query name`."""
        given = self.location_name(ref)
        wire = given or name
        query = name
        if self.ec2:
            query = ref.get("queryName") or (wire[:1].upper() + wire[1:] if given else name)
        target = self.model[ref["shape"]]
        flags = 0
        flags |= REQUIRED if name in required else 0
        flags |= ATTRIBUTE if ref.get("xmlAttribute") else 0
        flags |= JSON_HEADER if ref.get("jsonvalue") or target.get("jsonvalue") else 0
        flags |= EVENT_HEADER if ref.get("eventheader") else 0
        flags |= EVENT_PAYLOAD if ref.get("eventpayload") else 0
        flags |= HOST_LABEL if ref.get("hostLabel") else 0
        columns = [
            name, self.number(ref, (structure, name)), flags or "",
            LOCATIONS[ref["location"]] if "location" in ref else "",
            "" if wire == name else wire, "" if query == name else query,
        ]
        return "|".join(map(str, columns)).rstrip("|")
