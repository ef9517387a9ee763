"""The form of the fixtures: a line for each request, with what naming looks
at, in columns that tabs divide:

service, operation, wire, method, host, path?query, signing name, headers, form
"""

import gzip
import os
import re

TESTDATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "testdata")

KEPT = ("x-amz-target", "smithy-protocol", "content-type")
DROPPED = re.compile(
    r"^(x-amz-(date|content-sha256|security-token|user-agent|sdk-.*|checksum-.*|trailer|decoded-content-length)"
    r"|x-amzn-query-mode)$")


def form_start(headers, body):
    """What naming looks at in a form: action and version, and format in searches."""
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    if isinstance(body, dict):
        body = "&".join(f"{k}={v}" for k, v in body.items())
    if isinstance(body, bytes):
        body = body.decode()
    return "&".join(p for p in (body or "").split("&") if p.startswith(("Action=", "Version=", "format=", "pretty=")))


def keep(service, operation, wire, method, url, headers, form):
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request", headers.get("authorization", ""))
    kept = []
    for name in sorted(headers):
        if name in KEPT or name.startswith("x-amz-") and not DROPPED.match(name):
            if name == "content-type" and not form and not headers[name].startswith("application/x-amz-json"):
                continue
            kept.append(f"{name}: {headers[name]}")
    target = url.path + ("?" + url.query if url.query else "")
    columns = [service, operation, wire, method, url.netloc, target, scope.group(1) if scope else "",
               "\x1f".join(kept), form]
    assert not any("\t" in c or "\n" in c for c in columns), columns
    return "\t".join(columns)


def write(name, head, lines):
    os.makedirs(TESTDATA, exist_ok=True)
    with open(os.path.join(TESTDATA, name + ".txt.gz"), "wb") as f:
        with gzip.GzipFile(fileobj=f, mode="wb", compresslevel=9, mtime=0, filename="") as z:
            z.write(("\n".join([head, *sorted(lines)]) + "\n").encode())
