"""Changes by JSON Patch (RFC 6902), which is how the console's interface has them. What is changed has no parts that could be moved or copied."""

from typing import Annotated, Any, Final, Literal

import jsonpatch
import msgspec

from gateway.store import StoreError
from protocol import Code

__all__ = ["PatchOperation", "PatchRefused", "patched", "tested"]

MOST: Final = 50


class PatchRefused(StoreError):  # noqa: N818  # named after what it reports, like the other kinds
    """A patch can't be applied, or leads to what can't be."""

    code = Code.PATCH_REFUSED


class PatchOperation(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One step."""

    op: Annotated[
        Literal["add", "remove", "replace", "test"],
        msgspec.Meta(description="What is done.", examples=["replace"]),
    ]
    path: Annotated[
        str, msgspec.Meta(description="Where: /NAME of a property.", examples=["/name"], max_length=200)
    ]
    value: Annotated[Any, msgspec.Meta(description="To what.")] = msgspec.UNSET


def patched(document: dict[str, Any], operations: list[PatchOperation]) -> dict[str, Any]:
    """*document* after all of the operations; it itself is left alone.

    Args:
        document: the properties that may be changed, and no other.

    Raises:
        PatchRefused: an operation can't be done, or touches what is not in *document*.
    """
    if len(operations) > MOST:
        raise PatchRefused(f"{len(operations)} operations, the limit is {MOST}")
    try:
        after = jsonpatch.apply_patch(document, msgspec.to_builtins(operations))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as error:
        raise PatchRefused(f"the patch can't be applied: {error}") from None
    if not isinstance(after, dict) or (strange := sorted(after.keys() - document.keys())):
        named = "" if not isinstance(after, dict) else f": {strange[0]!r} is none of them"
        raise PatchRefused(f"what can be changed is {', '.join(document)}{named}")
    return after


def tested(operations: list[PatchOperation]) -> set[str]:
    """The properties that a patch tests: they must not have been changed when it is written."""
    return {each.path.removeprefix("/") for each in operations if each.op == "test"}
