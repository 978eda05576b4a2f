"""Rows: the records inside batches, as arrays in field order.

A batch holds raw rows, tuples of cells; a hundred events never become a hundred objects on their way to a table. The
classes here name the cells for whoever makes or reads a single one (`to_row`, `from_row`), and their declarations are the
layout that lists of rows are judged by (`protocol.rowlists`).
"""

from collections.abc import Sequence
from typing import Annotated, Any, Self

import attrs

from protocol.enums import (
    EventKind,
    ItemKind,
    JobStatus,
    ServerKind,
    UsageMetric,
    UsageSubject,
    WorkloadKind,
)
from protocol.fields import BatchId, Count, Epoch, KeyUid, Message, Name, Number, Position, Time, Uid
from protocol.kinds import Choice, FieldError, Flag, Integer
from protocol.schema import Row, layout_of


@attrs.frozen(kw_only=True)
class WireRow:
    """What the row classes have in common."""

    def to_row(self) -> Row:
        """The cells in wire order; enums become their numbers.

        Raises:
            FieldError: a field is out of its bounds.
        """
        return tuple(field.kind.dump(getattr(self, field.name)) for field in layout_of(type(self)).fields)

    @classmethod
    def from_row(cls, row: Sequence[object]) -> Self:
        """Name the cells of a row; missing trailing cells take their defaults, surplus ones are ignored.

        Raises:
            FieldError: the row is too short, or a cell is not what it should be.
        """
        layout = layout_of(cls)
        if len(row) < layout.required:
            raise FieldError(f"{len(row)} cells, {cls.__name__} needs {layout.required}")
        cells: dict[str, Any] = {}
        for field, cell in zip(layout.fields, row, strict=False):
            try:
                cells[field.name] = field.kind.load(cell)
            except FieldError as error:
                raise FieldError(f"{field.name}: {error}") from None
        return cls(**cells)


@attrs.frozen(kw_only=True)
class Mark(WireRow):
    """A contiguous mark in one epoch."""

    epoch: Annotated[Epoch, "the epoch it speaks of"]
    next_sequence: Annotated[Position, "everything from `first_sequence` up to here is in"]
    batch_id: Annotated[BatchId, "of the batch that ends there; 16 zero bytes when there is none"]
    first_sequence: Annotated[
        Position, "where that begins; above 1 where earlier records are not vouched for here"
    ] = 1


@attrs.frozen(kw_only=True)
class JobEvent(WireRow):
    """Something that happened in a job session."""

    time_ms: Annotated[Time, "when, by the agent's clock"]
    kind: Annotated[EventKind, Choice(EventKind), "what happened"]
    job_uid: Annotated[Uid, "the job"]
    session_uid: Annotated[Uid, "the run of the job"]
    workload_uid: Annotated[Uid, "the workload, or empty when the event is about the whole run"]
    status: Annotated[JobStatus, Choice(JobStatus), "the state it leads to"]
    attempt: Annotated[Count, "1 for the first try; 0 when that makes no sense"] = 0
    duration_ms: Annotated[Count, "how long it took so far, in milliseconds"] = 0
    processed_bytes: Annotated[Count, "read from the source"] = 0
    transferred_bytes: Annotated[Count, "sent to the repository"] = 0
    code: Annotated[Number, "the backup product's own number for a failure, 0 for none"] = 0
    message: Annotated[Message, "what a person should read"] = ""


@attrs.frozen(kw_only=True)
class Server(WireRow):
    """A machine of the backup estate."""

    uid: Annotated[KeyUid, "its key"]
    name: Annotated[Name, "host name"]
    kind: Annotated[ServerKind, Choice(ServerKind), "what it does"]
    version: Annotated[Name, "of the product on it"] = ""
    os: Annotated[Name, "operating system"] = ""
    cores: Annotated[int, Integer(0, 2**31 - 1), "logical processors"] = 0
    memory_bytes: Annotated[Count, "installed memory"] = 0


@attrs.frozen(kw_only=True)
class Repository(WireRow):
    """A place that holds backups."""

    uid: Annotated[KeyUid, "its key"]
    server_uid: Annotated[Uid, "the server it is on"]
    name: Annotated[Name, "its name"]
    kind: Annotated[Name, "in the product's own words"] = ""
    capacity_bytes: Annotated[Count, "its size"] = 0
    free_bytes: Annotated[Count, "what is left"] = 0


@attrs.frozen(kw_only=True)
class Workload(WireRow):
    """Something that is being protected."""

    uid: Annotated[KeyUid, "its key"]
    server_uid: Annotated[Uid, "the host it runs on"]
    name: Annotated[Name, "its name"]
    kind: Annotated[WorkloadKind, Choice(WorkloadKind), "what it is"]
    job_uid: Annotated[Uid, "the job that protects it, or empty"] = ""
    size_bytes: Annotated[Count, "size of the source"] = 0
    restore_points: Annotated[Count, "how many there are"] = 0
    latest_restore_point_ms: Annotated[Time, "when the newest was made; 0 for none"] = 0


@attrs.frozen(kw_only=True)
class Job(WireRow):
    """A backup job."""

    uid: Annotated[KeyUid, "its key"]
    server_uid: Annotated[Uid, "the backup server that runs it"]
    name: Annotated[Name, "its name"]
    kind: Annotated[Name, "in the product's own words"] = ""
    schedule: Annotated[Name, "in words"] = ""
    repository_uid: Annotated[Uid, "where it writes"] = ""
    enabled: Annotated[bool, Flag(), "whether its schedule is on"] = True
    last_status: Annotated[JobStatus, Choice(JobStatus), "how the last run ended"] = JobStatus.NONE
    last_run_ms: Annotated[Time, "when the last run started; 0 for never"] = 0
    next_run_ms: Annotated[Time, "when the next one is due; 0 for never"] = 0


@attrs.frozen(kw_only=True)
class CloudTenant(WireRow):
    """A tenant account of a cloud-connect site."""

    uid: Annotated[KeyUid, "its key"]
    name: Annotated[Name, "account name"]
    enabled: Annotated[bool, Flag(), "whether it may connect"] = True
    quota_bytes: Annotated[Count, "storage it may use; 0 for unlimited"] = 0
    used_bytes: Annotated[Count, "storage it uses"] = 0
    vm_backups: Annotated[Count, "virtual machines with a backup here"] = 0
    server_backups: Annotated[Count, "servers with a backup here"] = 0
    workstation_backups: Annotated[Count, "workstations with a backup here"] = 0
    lease_expires_ms: Annotated[Time, "end of the account's lease; 0 for none"] = 0


@attrs.frozen(kw_only=True)
class Removed(WireRow):
    """An item that is gone (delta inventories only)."""

    kind: Annotated[ItemKind, Choice(ItemKind), "which list it was in"]
    uid: Annotated[KeyUid, "its key"]


@attrs.frozen(kw_only=True)
class Usage(WireRow):
    """How much of something one subject uses, at one moment."""

    subject_kind: Annotated[UsageSubject, Choice(UsageSubject), "what it is"]
    subject_uid: Annotated[KeyUid, "its key, as the inventory has it"]
    name: Annotated[Name, "its name"]
    metric: Annotated[UsageMetric, Choice(UsageMetric), "what is counted"]
    value: Annotated[Count, "how much; bytes where the metric says so"]
    observed_ms: Annotated[Time, "when, by the agent's clock"]


@attrs.frozen(kw_only=True)
class HeldEvent(JobEvent):
    """A job event as the store holds it: the cells that its agent sent, and where they are."""

    epoch: Annotated[Epoch, "the epoch that it came in"]
    sequence: Annotated[Position, "its number there"]
    stream_id: Annotated[Position, "the gateway's number for the branch that holds it"]
    received_ms: Annotated[Time, "when it came, by the gateway's clock"]
