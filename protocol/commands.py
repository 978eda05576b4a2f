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
from protocol.instruction import MAX_PAYLOAD, Instruction, InvalidCommand, Word, invalid
from protocol.kinds import FieldError, Integer
from protocol.licensing import InstallLicence, RemoveLicence
from protocol.restoring import (
    IN_PLACE,
    ITEM_BYTES,
    KEEP_BOTH,
    BrowseRestorePoint,
    DownloadItem,
    ListRestorePoints,
    RestoreItems,
    RestoreWorkload,
    SearchRestorePoint,
)
from protocol.schema import layout_of

__all__ = [
    "ABOUT_BACKUPS",
    "ABOUT_LICENCES",
    "IN_PLACE",
    "ITEM_BYTES",
    "KEEP_BOTH",
    "KINDS",
    "MAX_LOG_BYTES",
    "MAX_LOG_HOURS",
    "MAX_PAYLOAD",
    "BrowseRestorePoint",
    "CollectLogs",
    "CollectNow",
    "DisableJob",
    "DownloadItem",
    "EnableJob",
    "InstallLicence",
    "Instruction",
    "InvalidCommand",
    "ListRestorePoints",
    "RemoveLicence",
    "RenewCertificate",
    "RestoreItems",
    "RestoreWorkload",
    "SearchRestorePoint",
    "SetInterval",
    "StartJob",
    "StopJob",
    "Word",
    "parse",
]

MAX_LOG_BYTES: Final = 64 * 1024 * 1024
MAX_LOG_HOURS: Final = 31 * 24


JobUid = Annotated[KeyUid, "the job, as the inventory has it"]


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
    has_file: ClassVar[bool] = True

    max_bytes: Annotated[int, Integer(4096, MAX_LOG_BYTES), "how large the archive may be"] = 16 * 1024 * 1024
    hours: Annotated[int, Integer(1, MAX_LOG_HOURS), "how far back to go"] = 24

    @property
    def file_limit(self) -> int:
        """As it says."""
        return self.max_bytes


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
        ListRestorePoints,
        BrowseRestorePoint,
        SearchRestorePoint,
        DownloadItem,
        RestoreItems,
        RestoreWorkload,
        InstallLicence,
        RemoveLicence,
    )
}


ABOUT_BACKUPS: Final = frozenset(
    cls.kind
    for cls in (
        ListRestorePoints,
        BrowseRestorePoint,
        SearchRestorePoint,
        DownloadItem,
        RestoreItems,
        RestoreWorkload,
    )
)
"""Kinds that are asked with a restore, and logged as one."""

ABOUT_LICENCES: Final = frozenset(cls.kind for cls in (InstallLicence, RemoveLicence))
"""Kinds that are asked by whoever wants a server to have a licence."""


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
        raise invalid(kind, f"unknown key {strange[0][:64]!r}")
    fields: dict[str, Any] = {}
    for name, field in known.items():
        if name in said:
            try:
                fields[name] = field.kind.load(said[name])
            except FieldError as error:
                raise invalid(kind, f"{name}: {error}") from None
        elif field.required:
            raise invalid(kind, f"{name} is missing")
    return cls(**fields)


def _object(kind: str, payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_PAYLOAD:
        raise invalid(kind, f"payload of {len(payload)} bytes, limit is {MAX_PAYLOAD}")
    try:
        said = json.loads(payload.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise invalid(kind, f"payload is no JSON: {str(error)[:120]}") from None
    if type(said) is not dict:
        raise invalid(kind, "payload is no JSON object")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
