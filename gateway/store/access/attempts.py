"""Who tried to log in as whom from where: counted before the password is looked at, forgotten after a while.

A name and a network together, a network alone and a name alone are counted apart; which of them hold somebody back, and for how long, is the
caller's rule (gateway.access.lockout). Of a name there is only its SHA-256 here, because people type passwords where a name is asked for.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.access.schema import attempts, users
from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database

FAILURES_KEPT_MS: Final = 24 * 3600 * 1000
"""Since the last one: then it is a new day."""
PLACES_KEPT_MS: Final = 30 * 24 * 3600 * 1000
"""How long a network is known as one that a user logs in from."""


@attrs.frozen
class Counted:
    """One thing that failures are counted of.

    Attributes:
        name_key: the name that was typed, as names are compared; empty: of any.
        network: where from; empty: from anywhere.
        lock_ms: how long to hold back after so many failures; 0: not at all.
    """

    name_key: str
    network: str
    lock_ms: Callable[[int], int]

    @property
    def key(self) -> tuple[bytes, str]:
        """Of its row."""
        return digest_of_name(self.name_key), self.network


@attrs.frozen
class Attempts:
    """The verbs: `store.attempts`."""

    _db: Database

    def knows(self, name_key: str, network: str, *, now_ms: int) -> bool:
        """Whether somebody of that name has logged in from that network lately."""
        with self._db.read() as connection:
            row = _row(connection, (digest_of_name(name_key), network))
        return row is not None and row.succeeded_ms > now_ms - PLACES_KEPT_MS

    def begin(self, counted: Sequence[Counted], *, now_ms: int) -> int:
        """Count an attempt as failed, before it is known whether it is; `succeed` takes that back.

        Counting afterwards would give as many guesses for nothing as fit into the time of one.

        Returns how many milliseconds to wait before the next attempt will be looked at: 0 if this one may be. One that has to wait is not
        counted.
        """
        ordered = sorted(
            counted, key=lambda each: each.key
        )  # of two at once, neither waits for the other's row
        with self._db.write() as connection:
            # Guessing fills the table as fast as passwords can be verified, and for a day.
            connection.execute(sa.delete(attempts).where(attempts.c.keep_until_ms <= now_ms))
            rows = [_row(connection, each.key, lock=True) for each in ordered]
            wait_ms = max((row.locked_until_ms - now_ms for row in rows if row is not None), default=0)
            if wait_ms > 0:
                return wait_ms
            for each, row in zip(ordered, rows, strict=True):
                self._count(connection, each, row, now_ms)
        return 0

    def _count(self, connection: Connection, counted: Counted, row: sa.Row[Any] | None, now_ms: int) -> None:
        digest, network = counted.key
        fresh = row is not None and row.last_ms > now_ms - FAILURES_KEPT_MS
        failures = (row.failures if row is not None and fresh else 0) + 1
        lock_ms = counted.lock_ms(failures)
        kept = now_ms + FAILURES_KEPT_MS
        values = {
            "failures": failures,
            "last_ms": now_ms,
            "locked_until_ms": now_ms + lock_ms if lock_ms else 0,
            "keep_until_ms": kept if row is None else max(kept, row.keep_until_ms),
        }
        insert = self._db.insert(attempts).values(
            name_digest=digest, network=network, succeeded_ms=0, **values
        )  # fmt: skip
        connection.execute(
            insert.on_conflict_do_update(index_elements=["name_digest", "network"], set_=values)
        )
        if lock_ms:
            note(connection, _locked(connection, counted, failures, lock_ms, now_ms))

    def succeed(self, name_key: str, network: str, counted: Sequence[Counted], *, now_ms: int) -> None:
        """The attempt was no failure: take back what `begin` counted, and know the network of that name from now on.

        Only that name's failures from that network are forgotten: whoever has a user of its own cannot use it to wash others' off.
        """
        with self._db.write() as connection:
            for each in sorted(counted, key=lambda each: each.key):
                digest, place = each.key
                here = sa.update(attempts).where(
                    attempts.c.name_digest == digest, attempts.c.network == place, attempts.c.failures > 0
                )
                if (each.name_key, place) == (name_key, network):
                    kept = now_ms + PLACES_KEPT_MS
                    connection.execute(
                        here.values(failures=0, locked_until_ms=0, succeeded_ms=now_ms, keep_until_ms=kept)
                    )
                else:
                    connection.execute(here.values(failures=attempts.c.failures - 1, locked_until_ms=0))

    def unlock(self, name_key: str, *, by: str, now_ms: int) -> int:
        """Forget every failure of that name, wherever it was; returns how many counts that were.

        Networks that hold back anybody who comes from there are not touched: that is not about this name.
        """
        mine = attempts.c.name_digest == digest_of_name(name_key)
        with self._db.write() as connection:
            done = connection.execute(
                sa.update(attempts).where(mine, attempts.c.failures > 0).values(failures=0, locked_until_ms=0)
            ).rowcount
            name, organization_uid = _named(connection, name_key)
            entry = AuditEntry(
                at_ms=now_ms, who=by, action="user unlocked", about=name, organization_uid=organization_uid
            )
            note(connection, entry)
        return done


def digest_of_name(name_key: str) -> bytes:
    """What a name is kept as; of no name, nothing."""
    return hashlib.sha256(name_key.encode()).digest() if name_key else b""


def _row(connection: Connection, key: tuple[bytes, str], *, lock: bool = False) -> sa.Row[Any] | None:
    query = sa.select(attempts).where(attempts.c.name_digest == key[0], attempts.c.network == key[1])
    return connection.execute(query.with_for_update() if lock else query).first()


def _locked(connection: Connection, counted: Counted, failures: int, lock_ms: int, now_ms: int) -> AuditEntry:
    name, organization_uid = _named(connection, counted.name_key) if counted.name_key else ("any user", None)
    return AuditEntry(
        at_ms=now_ms, who=counted.network or "anywhere", action="login held back", about=name,
        why=f"{failures} failures: no attempt is looked at for {lock_ms // 1000} s", organization_uid=organization_uid,
    )  # fmt: skip


def _named(connection: Connection, name_key: str) -> tuple[str, str | None]:
    """A user's name and organization; what is nobody's name is not repeated, for it may be a password."""
    query = sa.select(users.c.name, users.c.organization_uid).where(users.c.name_key == name_key)
    row = connection.execute(query).first()
    return ("a name that nobody has", None) if row is None else (row.name, row.organization_uid)
