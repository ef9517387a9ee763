"""Host names of services, from botocore's endpoint rules, as templates."""

import collections
import re
from urllib.parse import urlsplit

from botocore.endpoint_provider import EndpointProvider

# Values for what some rule sets insist on.
EXTRA = {
    "cloudfront-keyvaluestore": {"KvsARN": "arn:aws:cloudfront::123456789012:key-value-store/x"},
    "neptune-graph": {"ApiType": "ControlPlane"},
}


def signing_names(rules, out):
    """Every signing name that the rules mention."""
    if isinstance(rules, dict):
        name = rules.get("signingName")
        if isinstance(name, str) and "{" not in name:
            out.add(name)
        for value in rules.values():
            signing_names(value, out)
    elif isinstance(rules, list):
        for value in rules:
            signing_names(value, out)
    return out


def resolve(provider, service, region):
    """Host, path and signing region for a region, or None."""
    extra = EXTRA.get(service, {})
    try:
        found = provider.resolve_endpoint(Region=region, UseDualStack=False, UseFIPS=False, **extra)
    except Exception:  # the rules say that there is none
        return None
    url = urlsplit(found.url)
    if url.scheme != "https" or not url.hostname or url.port:
        return None
    host = url.hostname
    if service == "cloudfront-keyvaluestore":
        host = host.removeprefix("123456789012.")
    signing = region
    for scheme in found.properties.get("authSchemes", []):
        if scheme["name"] == "sigv4" and "signingRegion" in scheme:
            signing = scheme["signingRegion"]
            break
    return host, url.path.rstrip("/"), signing


def of_service(sources, service, rules):
    """Per partition: a template of most regions' hosts, and the exceptions."""
    provider = EndpointProvider(rules, {"partitions": sources.partitions, "version": "1.1"})
    out, paths = {}, collections.Counter()
    for partition in sources.partitions:
        found = {}
        for region in sorted(partition["regions"]):
            hit = resolve(provider, service, region)
            if hit:
                paths[hit[1]] += 1
                host = re.sub(r"(?<![a-z0-9-])" + re.escape(region) + r"(?![a-z0-9-])", "{region}", hit[0])
                found[region] = (host, "" if hit[2] == region else hit[2])
        if not found:
            continue
        # The pseudo regions such as aws-global say nothing about real ones.
        real = [v for r, v in found.items() if re.search(r"\d$", r)] or list(found.values())
        usual = collections.Counter(real).most_common(1)[0][0]
        entry = {"h": usual[0]}
        if usual[1]:
            entry["r"] = usual[1]
        odd = {r: list(v) for r, v in found.items() if v != usual}
        if odd:
            entry["x"] = odd
        out[partition["id"]] = entry
    return out, (paths.most_common(1)[0][0] if paths else "")
