"""What operations do: IAM's access levels and resources, and our own lists."""

UNKNOWN, LIST, READ, WRITE, TAGGING, PERMISSIONS = range(6)
LEVELS = {
    "List": LIST, "Read": READ, "Write": WRITE,
    "Tagging, Write": TAGGING, "Permissions management, Write": PERMISSIONS,
}
NAMES = {"list": LIST, "read": READ, "write": WRITE, "tagging": TAGGING, "permissions": PERMISSIONS}


class Access:
    def __init__(self, sources):
        self.iam = sources.iam
        rows = sources.lists["actions"]
        self.renamed = {(r[0], r[1]): r[2] for r in rows if r[1] != "*"}
        self.prefixes = {r[0]: r[2] for r in rows if r[1] == "*"}
        self.used = set()
        self.missing = []

    def action(self, service, metadata, operation, method):
        """The IAM action that allows the operation, as (prefix, action)."""
        renamed = self.renamed.get((service, operation))
        if renamed:
            self.used.add((service, operation))
            if ":" not in renamed:
                return None, NAMES[renamed]
            prefix, name = renamed.split(":")
            return prefix, self.iam[prefix]["actions"][name.lower()]
        own = self.prefixes.get(service)
        if own == "@method":
            return "apigateway", {**self.iam["apigateway"]["actions"][method.lower()], "resourceTypes": []}
        for prefix in (own, metadata.get("signingName"), metadata["endpointPrefix"], service):
            found = self.iam.get(prefix, {}).get("actions", {}).get(operation.lower())
            if found:
                return prefix, found
        return None, None

    def of(self, service, metadata, name, operation):
        """Level and ARN templates of an operation."""
        prefix, action = self.action(service, metadata, name, operation["http"]["method"])
        if isinstance(action, int):
            return action, []
        if action is None:
            if operation.get("readonly"):
                return READ, []
            self.missing.append((service, name))
            return UNKNOWN, []
        kinds = self.iam[prefix].get("resourceTypes", {})
        arns = {kinds[t["name"].lower()]["arn"] for t in action["resourceTypes"] if t["name"].lower() in kinds}
        return LEVELS[action["accessLevel"]], sorted(arns)


class Marks:
    """The lists of operations, each line `service Operation`; every line must
    mean an operation that exists."""

    def __init__(self, rows):
        self.rows = {(r[0], r[1]) for r in rows}
        self.used = set()

    def has(self, service, operation):
        if (service, operation) not in self.rows:
            return False
        self.used.add((service, operation))
        return True


class Secrets:
    """Members that are secret though the model does not say so. A line is
    `* end Suffix`, `* is Name`, `service is Name`, or `service Shape Name`."""

    def __init__(self, rows):
        self.ends = tuple(r[2].lower() for r in rows if r[:2] == ["*", "end"])
        self.names = {r[2].lower() for r in rows if r[:2] == ["*", "is"]}
        self.own = {(r[0], r[2].lower()) for r in rows if r[0] != "*" and r[1] == "is"}
        self.exact = {tuple(r[:3]) for r in rows if r[0] not in ("*", "not") and r[1] != "is"}
        self.spared = {tuple(r[1:4]) for r in rows if r[0] == "not"}
        self.used, self.found = set(), []

    def __call__(self, service, member, shape):
        if member is None:
            return False
        structure, name = member
        if (service, structure, name) in self.exact:
            self.used.add((service, structure, name))
            return True
        if shape["type"] not in ("string", "blob") or "enum" in shape:
            return False
        if (service, structure, name) in self.spared:
            self.used.add((service, structure, name))
            return False
        low = name.lower()
        hit = low in self.names or low.endswith(self.ends) or (service, low) in self.own
        if hit and not shape.get("sensitive"):
            self.found.append((service, structure, name))
        return hit
