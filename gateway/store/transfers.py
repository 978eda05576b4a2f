"""Files that agents sent in answer to commands: what is known of each; the bytes are in the spool of the edge that took them.

A command has one file at most, so the command's uid is the file's: what an agent calls a transfer is a word of its own and no key here.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

import attrs
import sqlalchemy as sa

from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.schema_operations import transfers

# As long as ended commands are kept (projected_commands.KEPT_MS).
KEPT_MS: Final = 100 * 24 * 3600 * 1000


class TransferState(StrEnum):
    """Where a file stands."""

    OPEN = "open"
    COMPLETE = "complete"
    FAILED = "failed"
    """It was refused, or did not come; nothing of it was kept."""
    REMOVED = "removed"
    """It was complete, and old."""


@attrs.frozen(kw_only=True)
class Transfer:
    """A file, as its row has it."""

    uid: str
    """The command's."""
    agent_uid: str
    name: str
    """What the agent calls it; words, and no path."""
    size_bytes: int
    sha256: bytes
    received_bytes: int
    """Safely on the edge's disk."""
    state: TransferState = attrs.field(converter=TransferState)
    path: str
    """Below the spool of the data folder."""
    created_ms: int
    updated_ms: int
    message: str | None = None


@attrs.frozen
class Transfers:
    """The verbs: `store.transfers`."""

    _db: Database

    def note(self, said: Sequence[Transfer]) -> None:
        """Write down how files stand. No file may be in *said* twice."""
        with self._db.write() as connection:
            for each in said:
                before = connection.execute(
                    sa.select(transfers.c.state).where(transfers.c.uid == each.uid)
                ).scalar_one_or_none()
                row = attrs.asdict(each) | {"state": each.state.value, "command_uid": each.uid}
                kept = {name: value for name, value in row.items() if name not in ("uid", "created_ms")}
                upsert = self._db.insert(transfers).values(row)
                connection.execute(upsert.on_conflict_do_update(index_elements=["uid"], set_=kept))
                if each.state.value != before and each.state is not TransferState.OPEN:
                    note(
                        connection,
                        AuditEntry(
                            at_ms=each.updated_ms, who=f"agent {each.agent_uid}", action=f"file {each.state}",
                            about=f"file of command {each.uid}, {each.size_bytes} bytes", why=each.message or "",
                        ),
                    )  # fmt: skip

    def of_command(self, command_uid: str) -> Transfer | None:
        """The file that answers a command, if one was ever begun."""
        names = [transfers.c[field.name] for field in attrs.fields(Transfer)]
        query = sa.select(*names).where(transfers.c.uid == command_uid)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Transfer(**{**row, "sha256": bytes(row["sha256"])})

    def swept(self, uids: Collection[str], *, message: str, now_ms: int) -> None:
        """The spool has removed these files, complete or not; and what was noted of files long ago is forgotten."""
        states = {TransferState.COMPLETE: TransferState.REMOVED, TransferState.OPEN: TransferState.FAILED}
        with self._db.write() as connection:
            for before, after in states.items():
                update = sa.update(transfers).where(
                    transfers.c.uid.in_(uids), transfers.c.state == before.value
                )
                connection.execute(update.values(state=after.value, updated_ms=now_ms, message=message))
            connection.execute(sa.delete(transfers).where(transfers.c.updated_ms < now_ms - KEPT_MS))
