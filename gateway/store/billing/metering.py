"""From a report to its link, and to what is used now: the projector's verb `p.metering`.

Some six statements for a report, however many rows it has: an agent reports once an hour.
"""

import secrets
from collections.abc import Iterator
from typing import Any, Final

import attrs

from gateway.store.billing.chain import (
    NO_LINK,
    Reported,
    digest_of,
    link_of,
    packed_payload,
)
from gateway.store.billing.workloads import TENANT_FIGURES, is_protected, tenant_figures, workloads_of
from gateway.store.given import INTEGER, TEXT
from gateway.store.hot import Hot, insert_into

SALT_BYTES: Final = 32
COLUMNS: Final = (
    "quota_bytes", "used_bytes", "performance_bytes", "capacity_bytes", "archive_bytes", "vm_backups", "server_backups",
    "workstation_backups",
)  # fmt: skip
"""Of a tenant's figures, in the order of TENANT_FIGURES."""

LINK: Final = insert_into(
    "usage_reports",
    ("agent_id", "n", "batch_id", "received_ms", "listed", "entered", "salt", "payload", "digest", "link"),
)

AGENT_COLUMNS: Final = ("agent_id", "told_ms", "complete", "why", "listed_ms", "listed_why")

WORKLOAD_COLUMNS: Final = {
    "agent_id": INTEGER, "kind": INTEGER, "uid": TEXT, "name": TEXT, "first_ms": INTEGER, "listed_ms": INTEGER, "age_ms": INTEGER,
}  # fmt: skip

TENANT_COLUMNS: Final = {
    "agent_id": INTEGER, "uid": TEXT, "name": TEXT, "first_ms": INTEGER, "told_ms": INTEGER,
    **dict.fromkeys(COLUMNS, INTEGER),
}  # fmt: skip


def _newest_wins(table: str, time: str, names: tuple[str, ...]) -> str:
    """Parts of an ON CONFLICT's SET: a report that came earlier, and is projected later, changes nothing of these."""
    newer = f"excluded.{time} >= {table}.{time}"
    return ", ".join(
        f"{name} = CASE WHEN {newer} THEN excluded.{name} ELSE {table}.{name} END" for name in (*names, time)
    )


def _earliest(table: str) -> str:
    mine, theirs = f"{table}.first_ms", "excluded.first_ms"
    return f"first_ms = CASE WHEN {mine} IS NULL OR {theirs} < {mine} THEN coalesce({theirs}, {mine}) ELSE {mine} END"


WORKLOAD_SUFFIX: Final = (
    "ON CONFLICT (agent_id, kind, uid) DO UPDATE SET "
    f"{_earliest('metered_workloads')}, {_newest_wins('metered_workloads', 'listed_ms', ('name', 'age_ms'))}"
)
TENANT_SUFFIX: Final = (
    "ON CONFLICT (agent_id, uid) DO UPDATE SET "
    f"{_earliest('metered_tenants')}, {_newest_wins('metered_tenants', 'told_ms', ('name', *COLUMNS))}"
)
AGENT_UPSERT: Final = insert_into(
    "metered_agents",
    AGENT_COLUMNS,
    "ON CONFLICT (agent_id) DO UPDATE SET "
    "listed_ms = CASE WHEN excluded.listed_ms >= coalesce(metered_agents.listed_ms, 0) THEN excluded.listed_ms ELSE metered_agents.listed_ms END, "
    "listed_why = CASE WHEN excluded.listed_ms >= coalesce(metered_agents.listed_ms, 0) THEN excluded.listed_why "
    "ELSE metered_agents.listed_why END, "
    f"{_newest_wins('metered_agents', 'told_ms', ('complete', 'why'))}",
)


@attrs.frozen
class ProjectedMetering:
    """The verb: `p.metering`."""

    _hot: Hot

    def take(self, agent_id: int, batch_id: bytes, report: Reported) -> None:
        """Link a report, unless it is linked already, and bring what is used now up to it."""
        told = self._hot.all(
            "SELECT n, salt, digest, received_ms, erased_ms FROM usage_reports WHERE agent_id = ? AND batch_id = ? ORDER BY n DESC",
            (agent_id, batch_id),
        )
        if told and told[0][4] is not None:
            return  # erased: it is not to come back out of a journal
        if told:
            # When it came first is when it came, whichever edge's journal is read first.
            report = attrs.evolve(report, received_ms=told[0][3])
        payload = report.payload()
        if not told or digest_of(bytes(told[0][1]), payload) != bytes(told[0][2]):
            n = self._link(agent_id, batch_id, report, payload)
            if told:
                self._hot.run(
                    "UPDATE usage_reports SET superseded_by = ? WHERE agent_id = ? AND n = ?",
                    (n, agent_id, told[0][0]),
                )
        self._bring_up(agent_id, report)

    def _link(self, agent_id: int, batch_id: bytes, report: Reported, payload: bytes) -> int:
        last = self._hot.one(
            "SELECT n, link FROM usage_reports WHERE agent_id = ? ORDER BY n DESC LIMIT 1", (agent_id,)
        )
        before, n = (NO_LINK, 1) if last is None else (bytes(last[1]), last[0] + 1)
        salt = secrets.token_bytes(SALT_BYTES)
        digest = digest_of(salt, payload)
        self._hot.run(
            LINK,
            (
                agent_id, n, batch_id, report.received_ms, report.listed is not None, bool(report.entered_by), salt, packed_payload(payload), digest,
                link_of(before, n, digest),
            ),
        )  # fmt: skip
        return int(n)

    def _bring_up(self, agent_id: int, report: Reported) -> None:
        at_ms, why = report.received_ms, None if report.complete else report.why
        lists = report.listed is not None
        self._hot.run(
            AGENT_UPSERT,
            (agent_id, at_ms, report.complete, why, at_ms if lists else None, why if lists else None),
        )
        if lists:
            self._hot.upsert(
                "metered_workloads", WORKLOAD_COLUMNS, list(workload_rows(agent_id, report)),
                key_width=3, suffix=WORKLOAD_SUFFIX,
            )  # fmt: skip
        tenants = list(tenant_rows(agent_id, report))
        if tenants:
            self._hot.upsert("metered_tenants", TENANT_COLUMNS, tenants, key_width=2, suffix=TENANT_SUFFIX)


def workload_rows(agent_id: int, report: Reported) -> Iterator[tuple[Any, ...]]:
    """What a report says of workloads, in the order of WORKLOAD_COLUMNS."""
    at_ms = report.received_ms
    for kind, uid, name, age_ms in workloads_of(report):
        yield agent_id, kind.value, uid, name, at_ms if is_protected(age_ms) else None, at_ms, age_ms


def tenant_rows(agent_id: int, report: Reported) -> Iterator[tuple[Any, ...]]:
    """What a report says of cloud tenants, in the order of TENANT_COLUMNS."""
    at_ms = report.received_ms
    for uid, name, figures in tenant_figures(report):
        yield agent_id, uid, name, at_ms, at_ms, *(figures[each] for each in TENANT_FIGURES.values())
