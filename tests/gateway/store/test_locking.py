"""Waiting for one another: writers take turns, readers never wait, and giving up is a clear error."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import psycopg
import pytest
import sqlalchemy.exc

from gateway.store import (
    Conflict,
    Store,
    StoreDamaged,
    StoreFull,
    StoreLocked,
    StoreUnreachable,
    engine,
    open_store,
)
from gateway.store.errors import sqlite_driver, translate
from protocol import Code
from tests.helpers.stores import make_world


def test_readers_do_not_wait_for_a_writer(store: Store) -> None:
    """Management stays answerable while the projector works, and sees what was committed."""
    make_world(store)
    with store._db.write() as connection:
        connection.exec_driver_sql("UPDATE organizations SET name = name || '!'")
        assert store.organizations.provider().name == "Nordlicht IT"
    assert store.organizations.provider().name == "Nordlicht IT!"


def test_a_writer_waits_its_turn(store: Store) -> None:
    """A verb that finds the store busy succeeds when it is free again."""
    with ThreadPoolExecutor(1) as pool:
        with store._db.write() as connection:
            connection.exec_driver_sql("UPDATE change_counter SET last_id = last_id")
            waiting = pool.submit(store.changes.announce, [])
        assert waiting.result(10) == 0


def test_a_locked_store_is_said_to_be_locked(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the busy timeout: FG-1012, nothing written, and trying again works."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.1)
    impatient = open_store(store_url)
    make_world(store)
    held, free = Event(), Event()

    def hold() -> None:
        with store._db.write() as connection:
            connection.exec_driver_sql("UPDATE tokens SET uses = uses")
            held.set()
            assert free.wait(30)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert held.wait(30)
        with pytest.raises(StoreLocked) as caught:
            impatient.tokens.revoke("client", now_ms=5)
        assert caught.value.code is Code.STORE_LOCKED
        free.set()
        holding.result(30)
    impatient.tokens.revoke("client", now_ms=5)
    impatient.close()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sqlite_driver.OperationalError("database is locked"), StoreLocked),
        (sqlite_driver.OperationalError("database or disk is full"), StoreFull),
        (sqlite_driver.OperationalError("attempt to write a readonly database"), StoreUnreachable),
        (sqlite_driver.DatabaseError("database disk image is malformed"), StoreDamaged),
        (psycopg.errors.DeadlockDetected(), StoreLocked),
        (psycopg.errors.DiskFull(), StoreFull),
        (psycopg.errors.AdminShutdown(), StoreUnreachable),
        (psycopg.OperationalError("connection refused"), StoreUnreachable),
        (sqlalchemy.exc.OperationalError("BEGIN", {}, sqlite_driver.OperationalError("database is locked")), StoreLocked),
        (sqlite_driver.IntegrityError("UNIQUE constraint failed"), None),
        (psycopg.errors.UniqueViolation(), None),
        (sqlite_driver.OperationalError("no such column: x"), None),
    ],
)  # fmt: skip
def test_drivers_errors_become_ours(error: Exception, kind: type[Exception] | None) -> None:
    """What a person can do something about has a name; what is a bug of ours stays what it is."""
    found = translate(error)
    assert (None if found is None else type(found)) is kind


def test_a_verbs_own_refusal_is_passed_on(store: Store) -> None:
    """Refusing rolls back and leaves the store usable."""
    world = make_world(store)
    with pytest.raises(Conflict):
        store.organizations.add_company(world.company.name, now_ms=1)
    store.organizations.add_company("Anker", now_ms=1)
