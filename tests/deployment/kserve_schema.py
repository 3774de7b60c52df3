"""A strict JSON Schema for KServe's resources, out of KServe's own Python models.

The ``kserve`` package requires an older protobuf than ours, so it is never installed: its wheel is
opened where it lies and only the generated model classes are imported. Those know each field's
name, type and whether it may be missing; what is Kubernetes' in them (containers, probes,
volumes) comes from the strict Kubernetes definitions that ``kubernetes-validate`` ships.
"""

from __future__ import annotations

import importlib
import importlib.resources
import json
import re
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_PLAIN = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "object": {},
    "datetime": {"type": "string"},
}


class KserveSchema:
    """Validators for KServe's kinds.

    Args:
        wheel: The kserve wheel.
        kubernetes: Release whose definitions are used, as ``1.37.0``.
    """

    def __init__(self, wheel: Path, kubernetes: str) -> None:
        """Open the wheel and read the Kubernetes definitions."""
        self._modules = {}
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.startswith("kserve/models/v1") and name.endswith(".py"):
                    for found in re.findall(r"(?m)^class (\w+)", archive.read(name).decode()):
                        self._modules[found] = name[:-3].replace("/", ".")
        # The packages' own __init__ import the model server: pandas, FastAPI and the rest.
        for package in ("kserve", "kserve.models"):
            bare = types.ModuleType(package)
            bare.__path__ = [f"{wheel}/{package.replace('.', '/')}"]
            sys.modules.setdefault(package, bare)
        definitions = (
            importlib.resources.files("kubernetes_validate")
            / "kubernetes-json-schema"
            / f"v{kubernetes}-local-strict"
            / "_definitions.json"
        )
        self._definitions: dict[str, Any] = json.loads(definitions.read_text("utf-8"))["$defs"]

    def validator(self, api_version: str, kind: str) -> Draft202012Validator:
        """Return a validator for one kind of ``serving.kserve.io``.

        Raises:
            KeyError: KServe has no such kind in this version.
        """
        name = api_version.rpartition("/")[2].capitalize() + kind
        schema = {"$ref": self._reference(name), "required": ["apiVersion", "kind", "metadata"]}
        return Draft202012Validator(schema | {"$defs": self._definitions})

    def _reference(self, name: str) -> str:
        if name in self._modules:
            if name not in self._definitions:
                self._definitions[name] = {}  # a model that holds itself ends here
                self._definitions[name] = self._model(name)
            return f"#/$defs/{name}"
        kind = "Quantity" if name == "ResourceQuantity" else name.removeprefix("V1")
        places = [f"io.k8s.api.core.v1.{kind}", f"io.k8s.apimachinery.pkg.apis.meta.v1.{kind}"]
        places.append(f"io.k8s.apimachinery.pkg.api.resource.{kind}")
        for place in places:
            if place in self._definitions:
                return f"#/$defs/{place}"
        raise KeyError(f"neither KServe nor Kubernetes has the type {name}")

    def _model(self, name: str) -> dict[str, Any]:
        cls = getattr(importlib.import_module(self._modules[name]), name)
        blank = cls.__new__(cls)
        configuration = importlib.import_module("kserve.configuration").Configuration()
        blank.local_vars_configuration = configuration
        required = []
        for attribute, key in cls.attribute_map.items():
            try:
                setattr(blank, attribute, None)
            except ValueError:  # how a generated model says that a field must be given
                required.append(key)
        return {
            "type": "object",
            "properties": {
                key: self._type(cls.openapi_types[attribute])
                for attribute, key in cls.attribute_map.items()
            },
            "required": required,
            "additionalProperties": False,
        }

    def _type(self, text: str) -> dict[str, Any]:
        if match := re.fullmatch(r"list\[(.+)\]", text):
            return {"type": "array", "items": self._type(match[1])}
        if match := re.fullmatch(r"dict\(str, (.+)\)", text):
            return {"type": "object", "additionalProperties": self._type(match[1])}
        if text in _PLAIN:
            return _PLAIN[text]
        try:
            return {"$ref": self._reference(text)}
        except KeyError:
            # Knative's and net/url's types, in statuses only: nothing a manifest may write.
            return {"not": {}}
