"""What all kinds of commands have in common: an instruction, its payload, and why one can't be run."""

import json
from typing import ClassVar, Final

import attrs

from protocol.codes import Code
from protocol.kinds import FieldError
from protocol.schema import layout_of

MAX_PAYLOAD: Final = 64 * 1024


class InvalidCommand(Exception):  # noqa: N818  # named after what it is about
    """A command that can't be run as it stands: its kind is unknown (FG-5001), or its payload is wrong (FG-5002)."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@attrs.frozen
class Word:
    """One of a few words."""

    words: tuple[str, ...]

    def load(self, value: object) -> str:
        """The word, or FieldError."""
        if type(value) is not str or value not in self.words:
            raise FieldError(f"expected {' or '.join(self.words)}")
        return value

    dump = load

    def describe(self) -> str:
        """The words of docs/protocol.md."""
        return " or ".join(f'`"{word}"`' for word in self.words)


@attrs.frozen(kw_only=True)
class Instruction:
    """What all kinds have in common."""

    kind: ClassVar[str]
    idempotent: ClassVar[bool] = True
    has_file: ClassVar[bool] = False
    """Whether it is answered with a file beside the records."""
    is_brief: ClassVar[bool] = False
    """Whether somebody waits for that file, which is small: it does not wait for another one that is under way."""

    @property
    def file_limit(self) -> int:
        """How large that file may be, in bytes; 0 where there is none."""
        return 0

    def payload(self) -> bytes:
        """The payload of a Command.

        Raises:
            InvalidCommand: a field is out of its bounds, or all of it is too long (FG-5002).
        """
        fields = {}
        for field in layout_of(type(self)).fields:
            try:
                fields[field.name] = field.kind.dump(getattr(self, field.name))
            except FieldError as error:
                raise invalid(self.kind, f"{field.name}: {error}") from None
        payload = json.dumps(fields, separators=(",", ":")).encode()
        if len(payload) > MAX_PAYLOAD:
            raise invalid(self.kind, f"payload of {len(payload)} bytes, limit is {MAX_PAYLOAD}")
        return payload


def invalid(kind: str, reason: str) -> InvalidCommand:
    """A payload that is not what its kind calls for."""
    return InvalidCommand(Code.COMMAND_INVALID, f"{kind}: {reason}")
