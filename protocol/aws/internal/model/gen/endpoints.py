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


def resolve(provider, service, region, dual=False, fips=False):
    """Host, path and signing region for a region, or None."""
    extra = EXTRA.get(service, {})
    try:
        found = provider.resolve_endpoint(Region=region, UseDualStack=dual, UseFIPS=fips, **extra)
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


def template(host, region):
    return re.sub(r"(?<![a-z0-9-])" + re.escape(region) + r"(?![a-z0-9-])", "{region}", host)


def form(sources, host):
    """A host without its partition's domain, region, and marks of FIPS and
    dual stack, as index.go has it; None for what is not in a domain of AWS."""
    domains = {d for p in sources.partitions for d in (p["outputs"]["dnsSuffix"], p["outputs"]["dualStackDnsSuffix"])}
    for domain in sorted(domains, key=len, reverse=True):
        if not host.endswith("." + domain):
            continue
        labels = []
        for label in host.removesuffix("." + domain).split("."):
            if any(re.fullmatch(p["regionRegex"].strip("^$"), label) for p in sources.partitions):
                label = "{region}"
            if label not in ("fips", "dualstack"):
                labels.append(label.removeprefix("fips-").removesuffix("-fips"))
        return None if set(labels) == {"{region}"} else ".".join(labels)
    return None


def old_hosts(sources, prefix):
    """What clients used before there were rules, by endpoints.json."""
    for partition in sources.endpoints:
        entry = partition["services"].get(prefix, {})
        defaults = entry.get("defaults", {})
        for region, at in entry.get("endpoints", {}).items():
            names = [defaults.get("hostname"), at.get("hostname")]
            for variant in defaults.get("variants", []) + at.get("variants", []):
                names.append(variant.get("hostname"))
                names.append((variant.get("hostname") or "").replace("{dnsSuffix}", variant.get("dnsSuffix", "")))
            for name in filter(None, names):
                name = name.replace("{service}", prefix).replace("{dnsSuffix}", partition["dnsSuffix"])
                yield template(name, region)


def of_service(sources, service, endpoint_prefix, rules):
    """Per partition a template of most regions' hosts and the exceptions; the
    path; and the forms of further hosts that name the service."""
    provider = EndpointProvider(rules, {"partitions": sources.partitions, "version": "1.1"})
    out, paths = {}, collections.Counter()
    others = set(old_hosts(sources, endpoint_prefix))
    for partition in sources.partitions:
        found = {}
        for dual, fips in ((True, False), (False, True), (True, True)):
            for region in [r for r in sorted(partition["regions"]) if re.search(r"\d$", r)][:2]:
                hit = resolve(provider, service, region, dual, fips)
                if hit:
                    others.add(template(hit[0], region))
        for region in sorted(partition["regions"]):
            hit = resolve(provider, service, region)
            if hit:
                paths[hit[1]] += 1
                found[region] = (template(hit[0], region), "" if hit[2] == region else hit[2])
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
    known = {form(sources, h) for at in out.values() for h in (at["h"], *(v[0] for v in at.get("x", {}).values()))}
    forms = {form(sources, h) for h in others} - known - {None}
    return out, (paths.most_common(1)[0][0] if paths else ""), sorted(forms)
