"""An estate of any size, written straight into a store: believable in its amounts and its spread, not in what each row says.

It goes past the projector and past enrollment: five million runs come in by the driver's bulk insert, in minutes, and no more than some
thousand rows are held at a time. The indexes of the longest table are made when all its rows are there, which takes a fraction of what
filling them row by row does.
"""

from typing import Final

from bench.management import business, reported
from bench.management.estate import Estate, Scale, fill
from gateway.store import NotFound, Store
from gateway.store.schema import metadata

NOW_MS: Final = 1_764_014_400_000
"""2025-11-24T20:00:00Z, for who does not care."""


def seed(store: Store, scale: Scale, *, now_ms: int = NOW_MS, number: int = 1) -> Estate:
    """Fill a store that has a provider or nothing; the same *number* makes the same estate."""
    try:
        provider, is_new = store.organizations.provider().uid, False
    except NotFound:
        provider, is_new = "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", True
    estate = Estate(scale, now_ms, provider, number)
    fill(store, reported.organizations(estate, with_provider=is_new))
    fill(store, reported.agents(estate))
    fill(store, reported.items(estate))
    _fill_runs(store, estate)
    for room in (business.alarms, business.access, business.commands, business.licensing, business.usage):
        fill(store, room(estate))
    if store._db.dialect == "postgresql":  # noqa: SLF001  # past the verbs
        # What autovacuum does by itself within minutes.
        with store._db.write() as connection:  # noqa: SLF001  # as above
            connection.exec_driver_sql("ANALYZE")
    store.refresh_statistics()
    return estate


def _fill_runs(store: Store, estate: Estate) -> None:
    indexes = metadata.tables["job_sessions"].indexes
    with store._db.write() as connection:  # noqa: SLF001  # past the verbs
        for index in indexes:
            index.drop(connection)
    fill(store, reported.Runs(estate).tables())
    with store._db.write() as connection:  # noqa: SLF001  # as above
        for index in indexes:
            index.create(connection)
