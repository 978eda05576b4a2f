"""The kinds of commands, and what each says: the payload of Command.

A payload is one JSON object in UTF-8, with the fields of the kind's class. It is JSON, unlike everything else on the wire,
because it is kept with the command and read by people. An unknown key is refused: what is half understood is not to be run. A
missing one takes the class's default.

An agent that stopped in the middle of an *idempotent* kind may simply run it again; any other has been interrupted. The list is
closed on purpose: nothing here runs a program of the gateway's choice.
"""

import json
from typing import Annotated, Any, ClassVar, Final, NoReturn

import attrs

from protocol.codes import Code
from protocol.fields import KeyUid
from protocol.kinds import FieldError, Integer
from protocol.schema import layout_of

MAX_PAYLOAD: Final = 64 * 1024
MAX_LOG_BYTES: Final = 64 * 1024 * 1024
MAX_LOG_HOURS: Final = 31 * 24


JobUid = Annotated[KeyUid, "the job, as the inventory has it"]


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

    def payload(self) -> bytes:
        """The payload of a Command.

        Raises:
            InvalidCommand: a field is out of its bounds (FG-5002).
        """
        fields = {}
        for field in layout_of(type(self)).fields:
            try:
                fields[field.name] = field.kind.dump(getattr(self, field.name))
            except FieldError as error:
                raise _invalid(self.kind, f"{field.name}: {error}") from None
        return json.dumps(fields, separators=(",", ":")).encode()


@attrs.frozen(kw_only=True)
class CollectNow(Instruction):
    """Collect now: the inventory (of which quick sends what changed, and full all) and usage."""

    kind: ClassVar[str] = "collect-now"

    mode: Annotated[str, Word(("quick", "full")), "how much of it to send"] = "quick"


@attrs.frozen(kw_only=True)
class SetInterval(Instruction):
    """Collect this often from now on."""

    kind: ClassVar[str] = "set-interval"

    inventory_s: Annotated[int, Integer(10, 86_400), "seconds from one inventory to the next"]


@attrs.frozen(kw_only=True)
class RenewCertificate(Instruction):
    """Renew the agent's certificate now, whatever is left of it."""

    kind: ClassVar[str] = "renew-certificate"


@attrs.frozen(kw_only=True)
class StartJob(Instruction):
    """Run a job once; the result comes when the run has ended."""

    kind: ClassVar[str] = "start-job"
    idempotent: ClassVar[bool] = False

    job_uid: JobUid


@attrs.frozen(kw_only=True)
class StopJob(Instruction):
    """Stop the run of a job that is under way."""

    kind: ClassVar[str] = "stop-job"
    idempotent: ClassVar[bool] = False

    job_uid: JobUid


@attrs.frozen(kw_only=True)
class EnableJob(Instruction):
    """Let a job's schedule run again."""

    kind: ClassVar[str] = "enable-job"

    job_uid: JobUid


@attrs.frozen(kw_only=True)
class DisableJob(Instruction):
    """Keep a job's schedule from running; what runs goes on."""

    kind: ClassVar[str] = "disable-job"

    job_uid: JobUid


@attrs.frozen(kw_only=True)
class CollectLogs(Instruction):
    """Send an archive of the agent's logs, as a file beside the records."""

    kind: ClassVar[str] = "collect-logs"
    idempotent: ClassVar[bool] = False

    max_bytes: Annotated[int, Integer(4096, MAX_LOG_BYTES), "how large the archive may be"] = 16 * 1024 * 1024
    hours: Annotated[int, Integer(1, MAX_LOG_HOURS), "how far back to go"] = 24


KINDS: Final[dict[str, type[Instruction]]] = {
    cls.kind: cls
    for cls in (
        CollectNow,
        SetInterval,
        RenewCertificate,
        StartJob,
        StopJob,
        EnableJob,
        DisableJob,
        CollectLogs,
    )
}


def parse(kind: str, payload: bytes) -> Instruction:
    """What a Command asks for.

    Args:
        kind: as it names it.
        payload: as it carries it.

    Raises:
        InvalidCommand: the kind is unknown (FG-5001), or the payload is not what the kind calls for (FG-5002).
    """
    cls = KINDS.get(kind)
    if cls is None:
        raise InvalidCommand(Code.COMMAND_UNSUPPORTED, f"there is no command {kind!r}")
    said = _object(kind, payload)
    known = {field.name: field for field in layout_of(cls).fields}
    if strange := sorted(said.keys() - known.keys()):
        raise _invalid(kind, f"unknown key {strange[0][:64]!r}")
    fields: dict[str, Any] = {}
    for name, field in known.items():
        if name in said:
            try:
                fields[name] = field.kind.load(said[name])
            except FieldError as error:
                raise _invalid(kind, f"{name}: {error}") from None
        elif field.required:
            raise _invalid(kind, f"{name} is missing")
    return cls(**fields)


def _object(kind: str, payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_PAYLOAD:
        raise _invalid(kind, f"payload of {len(payload)} bytes, limit is {MAX_PAYLOAD}")
    try:
        said = json.loads(payload.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _invalid(kind, f"payload is no JSON: {str(error)[:120]}") from None
    if type(said) is not dict:
        raise _invalid(kind, "payload is no JSON object")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _invalid(kind: str, reason: str) -> InvalidCommand:
    return InvalidCommand(Code.COMMAND_INVALID, f"{kind}: {reason}")
