"""From a placed message to rows: one function per kind of message, in one table.

A row that is well-formed and invalid goes into quarantine, with the reason, and the others go on. Its sequence number is
used up either way, so positions within the batch and sequence numbers stay in step.
"""

import json
from collections.abc import Callable
from typing import Any

import attrs

from gateway.store import Fact, Finish, ProjectedAgent, Projection, Reported
from protocol import (
    Code,
    CommandResult,
    EventBatch,
    Inventory,
    InventoryMode,
    ItemKind,
    ResyncScope,
    Row,
    Sequenced,
    UsageReport,
)

SECTIONS = {
    ItemKind.SERVER: "servers",
    ItemKind.REPOSITORY: "repositories",
    ItemKind.WORKLOAD: "workloads",
    ItemKind.JOB: "jobs",
    ItemKind.CLOUD_TENANT: "cloud_tenants",
}
"""The field of Inventory that lists each kind of item."""


@attrs.frozen(kw_only=True)
class Place:
    """Where the records of a batch belong.

    Attributes:
        events: Rows of job_events that wait to be inserted together, at the end of the transaction.
    """

    p: Projection
    agent: ProjectedAgent
    stream_id: int
    batch_id: bytes
    received_ms: int
    events: list[tuple[Any, ...]]


def project(place: Place, message: Sequenced) -> int:
    """Write the rows of *message*; returns how many of its records went into quarantine."""
    return PROJECTIONS[type(message)](place, message)


def quarantine(
    place: Place, message: Sequenced, *, sequence: int, reason: str, payload: bytes | None = None
) -> None:
    """Put one record aside; all of the batch, as it came, with sequence 0."""
    place.p.quarantine.add(
        place.agent.agent_uid,
        epoch=message.epoch,
        batch_id=place.batch_id,
        tag=message.tag,
        sequence=sequence,
        reason=reason,
        payload=message.payload if payload is None else payload,
        received_ms=place.received_ms,
    )


def readable(row: object) -> bytes:
    """A row for whoever looks into the quarantine: JSON in ASCII, whatever is in it."""
    return json.dumps(row, default=repr).encode("ascii")


def _events(place: Place, message: EventBatch) -> int:
    first = message.first_sequence
    bad = {invalid.index: invalid for invalid in message.invalid}
    agent_id, stream_id, received_ms = place.agent.agent_id, place.stream_id, place.received_ms
    if not bad:
        place.events.extend(
            (stream_id, sequence, agent_id, received_ms, *row)
            for sequence, row in enumerate(message.rows, first)
        )
        return 0
    for index, row in enumerate(message.rows):
        if index in bad:
            reason = f"{bad[index].field}: {bad[index].reason}"
            quarantine(place, message, sequence=first + index, reason=reason, payload=readable(row))
        else:
            place.events.append((stream_id, first + index, agent_id, received_ms, *row))
    return len(bad)


def _inventory(place: Place, message: Inventory) -> int:
    bad = {(invalid.section, invalid.index): invalid for invalid in message.invalid}

    def good(section: str) -> list[Row]:
        rows = getattr(message, section)
        return [row for index, row in enumerate(rows) if (section, index) not in bad]

    if bad:
        rows = [
            {
                "section": section,
                "field": i.field,
                "reason": i.reason,
                "row": getattr(message, section)[index],
            }
            for (section, index), i in bad.items()
        ]
        first = message.invalid[0]
        reason = f"{len(rows)} items, the first {first.section} {first.field}: {first.reason}"
        quarantine(place, message, sequence=message.first_sequence, reason=reason, payload=readable(rows))
    full = message.mode is InventoryMode.FULL
    applied = place.p.inventory.apply(
        place.agent.agent_id,
        message.epoch,
        revision=message.revision,
        full=full,
        final=message.final,
        items={kind: good(section) for kind, section in SECTIONS.items()},
        removed=good("removed"),
        received_ms=place.received_ms,
    )
    if applied and full and message.final:
        place.p.answered(place.agent, scope=ResyncScope.FULL, epoch=0)
    return 1 if bad else 0


def _usage(place: Place, message: UsageReport) -> int:
    bad = {invalid.index: invalid for invalid in message.invalid}
    if bad:
        first = message.invalid[0]
        reason = f"{len(bad)} rows, the first {first.index} {first.field}: {first.reason}"
        rows = [message.rows[index] for index in bad]
        quarantine(place, message, sequence=message.first_sequence, reason=reason, payload=readable(rows))
    agent = place.agent
    good = [row for index, row in enumerate(message.rows) if index not in bad]
    complete = message.complete and not bad
    why = message.incomplete_why or ("" if complete else f"{len(bad)} rows are in quarantine")
    branch = place.p.usage.add(
        agent.agent_id,
        stream_id=place.stream_id,
        epoch=message.epoch,
        sequence=message.first_sequence,
        rows=good,
        complete=complete,
        why=why,
        received_ms=place.received_ms,
    )
    report = Reported.of(
        agent.agent_uid, epoch=message.epoch, sequence=message.first_sequence, received_ms=place.received_ms,
        complete=complete, why=why, rows=good,
    )  # fmt: skip
    place.p.metering.take(agent.agent_id, place.batch_id, report)
    place.p.note(
        Fact(
            at_ms=place.received_ms,
            kind="usage",
            key=f"{agent.agent_uid}/{message.epoch}/{message.first_sequence}"
            + (f"/{branch}" if branch else ""),
            payload={
                "agent_uid": agent.agent_uid,
                "epoch": message.epoch,
                "sequence": message.first_sequence,
                "branch": branch,
                "rows": len(good),
                "complete": complete,
                "why": why,
                "synthetic": agent.synthetic,
            },
        )
    )
    return 1 if bad else 0


def _command_result(place: Place, message: CommandResult) -> int:
    found = place.p.commands.finish(
        message.command_uid,
        place.agent.agent_uid,
        outcome=message.outcome,
        code=message.code,
        message=message.message,
        now_ms=place.received_ms,
    )
    if found is not Finish.NOT_GIVEN:
        return 0
    reason = f"{Code.COMMAND_NOT_GIVEN}: no command {message.command_uid!r} was given to this agent"
    quarantine(place, message, sequence=message.first_sequence, reason=reason)
    return 1


PROJECTIONS: dict[type[Sequenced], Callable[[Place, Any], int]] = {
    CommandResult: _command_result,
    EventBatch: _events,
    Inventory: _inventory,
    UsageReport: _usage,
}
