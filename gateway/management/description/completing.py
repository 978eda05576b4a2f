"""From what Litestar collects to a description that says all that there is to say."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from gateway.access import GRANTS, Permission, Role
from gateway.management.description.examples import OF_FORMAT, example_of
from gateway.management.description.querying import query_schemas
from gateway.store import View

__all__ = ["METHODS", "About", "complete", "operations_of"]

METHODS: Final = ("get", "put", "post", "delete", "patch")
JSON: Final = "application/json"
PATCH: Final = "application/json-patch+json"

ALWAYS: Final = {"500": "The gateway failed; its log says why."}
WITH_BODY: Final = {
    "408": "The body did not come in time.",
    "413": "The body is too large.",
    "415": "The body is of another type.",
    "507": "The disk of the store is full.",
}
"""What every route, and every one that takes a body, may answer besides what it says itself."""

UIDS: Final = ("_uid", "Uid")


@attrs.frozen(kw_only=True)
class About:
    """What the routes know of an operation, and the description is to tell.

    Attributes:
        permission: that it needs; None: it answers everybody.
        view: whose rows it lists.
        takes: type and example of a body that is no JSON.
    """

    permission: Permission | None
    view: View | None
    takes: tuple[str, str] | None


def operations_of(description: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of each."""
    for path, item in description["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def complete(collected: Mapping[str, Any], known: Mapping[str, About]) -> dict[str, Any]:
    """The whole description.

    Args:
        collected: by Litestar; left as it is.
        known: by operation id.
    """
    description: dict[str, Any] = _tidy(collected)
    schemas = description["components"]["schemas"]
    for _, _, operation in operations_of(description):
        about = known[operation["operationId"]]
        _say_who(operation, about)
        if about.takes is not None:
            kind, example = about.takes
            content = {kind: {"schema": {"type": "string"}, "example": example}}
            operation["requestBody"] = {"required": True, "content": content}
        _refusals(operation)
        for parameter in operation.get("parameters", ()):
            _parameter(parameter, about.view)
        for content in _contents(operation):
            if "example" not in content and "examples" not in content and content.get("schema"):
                content["example"] = example_of(content["schema"], schemas)
    return description


def _tidy(value: Any) -> Any:
    """Litestar writes bounds of integers as floats, and flags that are at their default."""
    if isinstance(value, Mapping):
        return {
            key: _tidy(each)
            for key, each in value.items()
            if not (key in ("deprecated", "allowEmptyValue", "allowReserved") and each is False)
        }
    if isinstance(value, list | tuple):
        return [_tidy(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _say_who(operation: dict[str, Any], about: About) -> None:
    if about.permission is None:
        operation["security"] = []
        return
    roles = [role for role in Role if about.permission in GRANTS[role]]
    operation["x-permission"] = about.permission.value
    operation["x-roles"] = [role.value for role in roles]


def _refusals(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    more = ALWAYS | (WITH_BODY if "requestBody" in operation else {})
    for status, says in more.items():
        responses.setdefault(
            status,
            {
                "description": says,
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
            },
        )
    operation["responses"] = dict(sorted(responses.items()))


def _parameter(parameter: dict[str, Any], view: View | None) -> None:
    schema = parameter["schema"]
    if parameter["in"] == "path":
        _path_parameter(parameter, schema)
    elif kinds := [each for each in schema.get("oneOf", ()) if each != {"type": "null"}]:
        # "None" is what a handler sees without it; nobody can send it.
        del schema["oneOf"]
        schema |= kinds[0] if len(kinds) == 1 else {"oneOf": kinds}
    if parameter.get("description") is not None:
        schema.pop("description", None)
    if view is not None and parameter["name"] in (queries := query_schemas(view)):
        del parameter["schema"]
        parameter["content"] = {JSON: queries[parameter["name"]]}


def _path_parameter(parameter: dict[str, Any], schema: dict[str, Any]) -> None:
    name: str = parameter["name"]
    if name.endswith(UIDS) and schema.get("type") == "string":
        schema.setdefault("format", "uuid")
        parameter.setdefault("example", OF_FORMAT["uuid"])
        of = name.removesuffix("_uid").removesuffix("Uid").replace("_", " ")
        parameter.setdefault("description", f"The uid of the {of}.")


def _contents(operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if body := operation.get("requestBody"):
        yield from body["content"].values()
    for response in operation["responses"].values():
        yield from response.get("content", {}).values()
