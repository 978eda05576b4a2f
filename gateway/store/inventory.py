"""What an agent's backup server consists of, kept as its inventories say.

An inventory has a revision. A full one may come in parts; every row of a part is written with the revision, and the
final part deletes the agent's rows that bear another: they are gone from the server. A delta writes and removes what
it names.

Which of two inventories is newer? Within an epoch, the higher revision. Across epochs revisions say nothing: an agent
that was reverted to a snapshot counts from an older number again. But it then opens a new epoch, and epochs become
known in their order; so the *rank* of an epoch is the id of its first stream. An inventory older than what is known is
stale, and passed over: it belongs to a journal that was read late.

Two cells are ours: what lists find a row by. An item has an identity in the whole estate (minting.py), and what there are very many
of has its name in small letters (folding.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from gateway.store.folding import fold
from gateway.store.hot import Hot, insert_into
from gateway.store.minting import instance_uid
from protocol import ItemKind

COLUMNS = {
    ItemKind.SERVER: ("servers", ("uid", "name", "kind", "version", "os", "cores", "memory_bytes")),
    ItemKind.REPOSITORY: ("repositories", ("uid", "server_uid", "name", "kind", "capacity_bytes", "free_bytes")),
    ItemKind.WORKLOAD: (
        "workloads",
        (
            "uid", "server_uid", "name", "kind", "job_uid", "size_bytes", "restore_points", "latest_restore_point_ms",
        ),
    ),
    ItemKind.JOB: (
        "jobs",
        (
            "uid", "server_uid", "name", "kind", "schedule", "repository_uid", "enabled", "last_status", "last_run_ms",
            "next_run_ms",
        ),
    ),
    ItemKind.CLOUD_TENANT: (
        "cloud_tenants",
        (
            "uid", "name", "enabled", "quota_bytes", "used_bytes", "vm_backups", "server_backups",
            "workstation_backups", "lease_expires_ms",
        ),
    ),
}  # fmt: skip
"""Of each kind of item: its table, and the cells of its protocol row in their order."""


FOLDED = {ItemKind.SERVER, ItemKind.REPOSITORY, ItemKind.WORKLOAD, ItemKind.JOB}
"""Whose names are kept in small letters, too."""


def upsert_sql(kind: ItemKind) -> str:
    """Write a row, replacing the one of the same agent and uid."""
    table, columns = COLUMNS[kind]
    every = ("agent_id", *columns, "revision", "instance_uid", *(["name_folded"] if kind in FOLDED else []))
    sets = ", ".join(f"{name} = excluded.{name}" for name in every if name not in ("agent_id", "uid"))
    return insert_into(table, every, f"ON CONFLICT (agent_id, uid) DO UPDATE SET {sets}")


UPSERTS = {kind: upsert_sql(kind) for kind in COLUMNS}
DELETE_FROM = {kind: "DELETE FROM " + table for kind, (table, _) in COLUMNS.items()}  # noqa: S608  # names of ours
DELETES = {kind: table + " WHERE agent_id = ? AND uid = ?" for kind, table in DELETE_FROM.items()}
PRUNES = {kind: table + " WHERE agent_id = ? AND revision <> ?" for kind, table in DELETE_FROM.items()}


@attrs.frozen
class ProjectedInventory:
    """The verb: `p.inventory`."""

    _hot: Hot

    def apply(
        self,
        agent_id: int,
        epoch: int,
        *,
        revision: int,
        full: bool,
        final: bool,
        items: Mapping[ItemKind, Sequence[Sequence[Any]]],
        removed: Sequence[Sequence[Any]],
        received_ms: int,
    ) -> bool:
        """Bring the tables to what one part of an inventory says; false when it is older than what they say.

        Args:
            items: protocol rows by kind.
            removed: protocol.Removed rows, (kind, uid) each.
        """
        rank = self._rank(agent_id, epoch)
        known = self._hot.one("SELECT epoch_rank, revision FROM inventories WHERE agent_id = ?", (agent_id,))
        if known is not None and (rank, revision) < tuple(known):
            return False
        agent_uid = self._agent_uid(agent_id)
        for kind, rows in items.items():
            table, columns = COLUMNS[kind]
            name = columns.index("name")
            self._hot.many(
                UPSERTS[kind],
                [
                    (
                        agent_id, *row, revision, instance_uid(table, agent_uid, row[0]),
                        *([fold(row[name])] if kind in FOLDED else []),
                    )
                    for row in rows
                ],
            )  # fmt: skip
        for kind, uid in removed:
            self._hot.run(DELETES[ItemKind(kind)], (agent_id, uid))
        complete_ms = None
        if full and final:
            complete_ms = received_ms
            for prune in PRUNES.values():
                self._hot.run(prune, (agent_id, revision))
        self._hot.run(
            "INSERT INTO inventories (agent_id, epoch_rank, revision, complete_ms, updated_ms) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (agent_id) DO UPDATE SET epoch_rank = excluded.epoch_rank, revision = excluded.revision, "
            "complete_ms = coalesce(excluded.complete_ms, inventories.complete_ms), updated_ms = excluded.updated_ms",
            (agent_id, rank, revision, complete_ms, received_ms),
        )
        return True

    def _agent_uid(self, agent_id: int) -> str:
        row = self._hot.one("SELECT uid FROM agents WHERE id = ?", (agent_id,))
        assert row is not None  # noqa: S101  # the projector knows the agent from this table
        return str(row[0])

    def _rank(self, agent_id: int, epoch: int) -> int:
        row = self._hot.one("SELECT min(id) FROM streams WHERE agent_id = ? AND epoch = ?", (agent_id, epoch))
        return 0 if row is None or row[0] is None else int(row[0])
