"""The web service's OpenAPI document, and whether an answer is as it says."""

import json
import re
from typing import Any

from digitserve_web.site import description
from jsonschema import Draft202012Validator

DOCUMENT = description()


def check(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """Fails when an answer of the API is not one that the document has."""
    operation = _operation(method, path.partition("?")[0])
    if operation is None:
        return
    response = _resolved(operation["responses"][str(status)])
    content = response["content"][content_type.partition(";")[0]]
    if "schema" in content:
        _conforms(json.loads(body), content["schema"])


def check_schema(name: str) -> None:
    """Fails when a schema of the document is none."""
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def _operation(method: str, path: str) -> dict[str, Any] | None:
    """What is described there; None for what is no API, and for methods that are not taken."""
    for template, item in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            operation: dict[str, Any] | None = item.get(method.lower())
            return operation
    return None


def _resolved(response: dict[str, Any]) -> Any:
    reference = response.get("$ref")
    return DOCUMENT["components"]["responses"][reference.rpartition("/")[2]] if reference else response


def _conforms(instance: Any, schema: dict[str, Any]) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(instance)
