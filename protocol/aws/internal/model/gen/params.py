#!/usr/bin/env python3
"""Writes, as JSON for requests_js.mjs, parameters of all operations of some
services: {service: {id, version, operations: {name: parameters}}}."""

import datetime
import json
import sys

import botocore
import botocore.session
from botocore.model import ServiceModel

from dummies import Dummies


def plain(value):
    if isinstance(value, bytes):
        return {"$blob": value.decode()}
    if isinstance(value, datetime.datetime):
        return {"$date": value.isoformat() + "Z"}
    raise TypeError(type(value))


def main():
    loader = botocore.session.Session().get_component("data_loader")
    out = {}
    for name in sys.argv[1:]:
        model = ServiceModel(loader.load_service_model(name, "service-2"), name)
        dummies = Dummies(name)
        out[name] = {
            "id": str(model.service_id),
            "operations": {op: dummies.of_operation(model.operation_model(op)) for op in model.operation_names},
        }
    json.dump(out, sys.stdout, default=plain)


if __name__ == "__main__":
    main()
