"""An operation as a line for a terminal."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from gateway.management.description.examples import OF_FORMAT, example_of

__all__ = ["curl_of"]

HOST: Final = "https://HOST:1280"


def curl_of(path: str, method: str, operation: Mapping[str, Any]) -> str:
    """What to type; HOST and KEY are to be replaced."""
    for each in operation.get("parameters", ()):
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", str(each.get("example", OF_FORMAT["uuid"])))
    asked = {
        each["name"]: str(example_of(each["schema"], {}))
        for each in operation.get("parameters", ())
        if each["in"] == "query" and each.get("required")
    }
    if asked:
        path += f"?{urlencode(asked)}"
    words = ["curl -s", *([] if method == "get" else [f"-X {method.upper()}"]), shlex.quote(f"{HOST}{path}")]
    if "x-permission" in operation:
        words.append('-H "Authorization: Bearer KEY"')
    if filters := [
        each for each in operation.get("parameters", ()) if each["name"] == "filter" and "content" in each
    ]:
        [content] = filters[0]["content"].values()
        words += ["-G", "--data-urlencode", shlex.quote("filter=" + _json(content["example"]))]
    return " ".join([*words, *_body(operation)])


def _body(operation: Mapping[str, Any]) -> Iterator[str]:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        example = content.get("example")
        if kind == "application/x-www-form-urlencoded":
            for name, value in (example or {}).items():
                yield "--data-urlencode " + shlex.quote(f"{name}={value}")
        elif kind == "multipart/form-data":
            for name in example or {}:
                yield f"-F {name}=@FILE"
        else:
            text = example if kind == "text/csv" else _json(example)
            yield f'-H "Content-Type: {kind}" --data-binary {shlex.quote(text)}'
        return


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
