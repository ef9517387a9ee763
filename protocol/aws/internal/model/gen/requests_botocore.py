#!/usr/bin/env python3
"""Makes ../testdata/requests-botocore.txt.gz, or with another name as argument
that: requests of all operations as botocore's clients send them, on each wire
that a service's model lists. Nothing is sent: a hook takes the signed request
and ends the call. Run it with an old Python package to see what old clients
send."""

import os
import sys
from urllib.parse import urlsplit

import botocore
import botocore.session
from botocore.config import Config

from dummies import Dummies
from fixture import form_start, keep, write

class Taken(Exception):
    pass


class Recorder:
    def __init__(self):
        self.taken = None

    def __call__(self, request, event_name, **kwargs):
        self.taken = (event_name.split(".")[-1], request)
        raise Taken


def client(session, name, protocol):
    """A client that speaks one of the protocols that its model lists."""
    loader = session.get_component("data_loader")
    model = dict(loader.load_service_model(name, "service-2"))
    model["metadata"] = {**model["metadata"], "protocol": protocol, "protocols": [protocol]}
    real = loader.load_service_model

    def load(service, kind, api_version=None):
        return model if (service, kind) == (name, "service-2") else real(service, kind, api_version=api_version)

    loader.load_service_model = load
    try:
        return session.create_client(
            name, region_name="us-east-1", aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="secret", aws_session_token=None,
            config=Config(parameter_validation=False, endpoint_discovery_enabled=False,
                          retries={"total_max_attempts": 1}),
        )
    finally:
        loader.load_service_model = real


def line(service, operation, protocol, request):
    url = urlsplit(request.url)
    headers = {k.lower(): v.decode() if isinstance(v, bytes) else str(v) for k, v in request.headers.items()}
    form = form_start(headers, request.body)
    return keep(service, operation, protocol, request.method, url, headers, form)


def take(c, recorder, operation, dummies):
    """The request that an operation makes, or None and the reason."""
    recorder.taken, why = None, None
    try:
        c._make_api_call(operation, dummies.of_operation(c.meta.service_model.operation_model(operation)))
    except Exception as e:  # what was taken tells
        why = e
    if recorder.taken is None or recorder.taken[0] != operation:
        return None, why
    return recorder.taken[1], None


def main():
    session = botocore.session.Session()
    loader = session.get_component("data_loader")
    lines, total, named, failed = [], 0, 0, []
    for name in loader.list_available_services("service-2"):
        metadata = loader.load_service_model(name, "service-2")["metadata"]
        for protocol in metadata.get("protocols", [metadata["protocol"]]):
            c = client(session, name, protocol)
            recorder = Recorder()
            c.meta.events.register("before-send.*.*", recorder)
            for operation in c.meta.service_model.operation_names:
                total += 1
                got = set()
                for optional in (False, True) if protocol.startswith("rest") else (False,):
                    taken, why = take(c, recorder, operation, Dummies(name, optional))
                    if taken is not None:
                        got.add(line(name, operation, protocol, taken))
                    else:
                        failed.append((name, operation, protocol, optional, repr(why)[:160]))
                named += bool(got)
                lines.extend(got)
    write(sys.argv[1] if len(sys.argv) > 1 else "requests-botocore", f"# botocore {botocore.__version__}", lines)
    print(f"{len(lines)} requests for {named} of {total}; botocore {botocore.__version__}")
    if os.environ.get("REQUESTS_REPORT"):
        for f in failed:
            print(*f, file=sys.stderr)


if __name__ == "__main__":
    main()
