"""One picture from what several collectors say, and what has changed in it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from agent.collectors.contract import EVENTS_LIMIT, CollectorError, Found, Measured
from agent.cursors import CURSOR_LIMIT
from agent.facts import SECTIONS, Facts
from protocol import (
    NO_BATCH,
    Code,
    EventBatch,
    Inventory,
    InventoryMode,
    ItemKind,
    LocalProtocolError,
    Removed,
    Row,
    UsageReport,
    encode,
)

USAGE_LIMIT: Final = 2000
"""Rows in one usage report: below the frame's 1 MiB with the longest names."""

KINDS: Final[Mapping[str, ItemKind]] = {
    "servers": ItemKind.SERVER,
    "repositories": ItemKind.REPOSITORY,
    "workloads": ItemKind.WORKLOAD,
    "jobs": ItemKind.JOB,
    "cloud_tenants": ItemKind.CLOUD_TENANT,
}
"""The sections of an inventory, and how an item of each is named when it is gone."""

_UNPLACED: Final[dict[str, Any]] = {"epoch": 1, "first_sequence": 1, "previous": NO_BATCH, "count": 1}


def merged(several: Iterable[Facts]) -> Facts:
    """All of them as one; where two name the same item, the first has it."""
    found: dict[str, dict[str, Row]] = {section: {} for section in KINDS}
    for facts in several:
        for section, rows in found.items():
            for row in getattr(facts, section):
                rows.setdefault(row[0], row)
    return Facts(**{section: tuple(rows.values()) for section, rows in found.items()})


def difference(before: Facts, after: Facts) -> Facts:
    """What turns *before* into *after*: new and altered rows, and what is gone."""
    changed: dict[str, tuple[Row, ...]] = {}
    removed: list[Row] = []
    for section, kind in KINDS.items():
        old = {row[0]: row for row in getattr(before, section)}
        new = {row[0]: row for row in getattr(after, section)}
        changed[section] = tuple(row for uid, row in new.items() if old.get(uid) != row)
        removed += [Removed(kind=kind, uid=uid).to_row() for uid in old.keys() - new.keys()]
    return Facts(**changed, removed=tuple(removed))


def checked_facts(facts: Facts) -> Facts:
    """The same, if every row may be said.

    Raises:
        CollectorError: one may not (FG-4032).
    """
    if facts.removed:
        raise _invalid("an inventory names nothing that is gone: that is found out by comparing")
    for part in facts.parts():
        sections = {section: getattr(part, section) for section in SECTIONS}
        _try(
            lambda sections=sections: Inventory(
                revision=1, mode=InventoryMode.FULL, part=0, final=True, **sections, **_UNPLACED
            )
        )
    return facts


def checked_events(found: Found) -> Found:
    """The same, if it may be said.

    Raises:
        CollectorError: it may not (FG-4032).
    """
    _limit("events", found.rows, EVENTS_LIMIT)
    if len(found.cursor.encode(errors="replace")) > CURSOR_LIMIT:
        raise _invalid(f"a cursor of more than {CURSOR_LIMIT} bytes")
    _try(
        lambda: EventBatch(rows=found.rows, **_UNPLACED | {"count": len(found.rows)}) if found.rows else None
    )
    return found


def checked_usage(measured: Measured) -> Measured:
    """The same, if it may be said.

    Raises:
        CollectorError: it may not (FG-4032).
    """
    _limit("rows of usage", measured.rows, USAGE_LIMIT)
    _try(
        lambda: UsageReport(
            rows=measured.rows, complete=True, incomplete_why=measured.incomplete_why[:1024], **_UNPLACED
        )
    )
    return measured


def _limit(what: str, rows: Sequence[Row], limit: int) -> None:
    if len(rows) > limit:
        raise _invalid(f"{len(rows)} {what}, limit is {limit}")


def _try(make: Any) -> None:
    try:
        message = make()
        if message is not None:
            encode(message)
    except LocalProtocolError as error:
        raise _invalid(error.message) from error


def _invalid(why: str) -> CollectorError:
    return CollectorError(why, Code.COLLECTOR_INVALID)
