"""Looking at a store without becoming its reader: what an upgrade would find, and what it would make of it.

Nothing here migrates, refuses a version, or writes.
"""

import tempfile
from pathlib import Path

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from gateway.store.engine import Database
from gateway.store.errors import StoreMissing, StoreUrlError
from gateway.store.migrate import migrate, versions
from gateway.store.schema import agents, edges, metadata
from gateway.store.schema_paths import audit
from gateway.store.standing import Standing


@attrs.frozen(kw_only=True)
class Found:
    """A store as it is.

    Attributes:
        size_bytes: of its file; 0 where it has none.
        live_edges: the names of those whose lease runs.
        agents: uid, organization's uid, host name and version of every agent that may work or wait, simulated ones left out; by name.
        done_ms: when the deed that was asked for was last written into the audit; None if never.
    """

    version: int
    oldest_reader: int
    size_bytes: int
    live_edges: tuple[str, ...]
    agents: tuple[tuple[str, str, str, str], ...]
    done_ms: int | None


def look_at(url: str, *, action: str, now_ms: int) -> Found:
    """What there is at *url*.

    Args:
        action: the word of the audit to look for.

    Raises:
        StoreMissing: no store.
        StoreError: it can't be read.
    """
    db = Database(url, create=False)
    try:
        with db.read() as connection:
            found = versions(connection)
            if found is None:
                raise StoreMissing(f"{db.url} holds no store yet")
            live = sa.select(edges.c.name).where(edges.c.lease_until_ms > now_ms).order_by(edges.c.name)
            installed = (
                sa.select(agents.c.uid, agents.c.organization_uid, agents.c.host_name, agents.c.agent_version)
                .where(
                    agents.c.standing.in_((Standing.VERIFIED, Standing.UNVERIFIED)),
                    agents.c.synthetic.is_(False),
                )
                .order_by(agents.c.host_name, agents.c.id)
            )
            done_ms = None
            if sa.inspect(connection).has_table(audit.name):
                last = sa.select(sa.func.max(audit.c.at_ms)).where(audit.c.action == action)
                done_ms = connection.execute(last).scalar_one()
            return Found(
                version=found[0], oldest_reader=found[1], size_bytes=file_bytes(url),
                live_edges=tuple(connection.execute(live).scalars()),
                agents=tuple((row[0], row[1], row[2], row[3]) for row in connection.execute(installed)), done_ms=done_ms,
            )  # fmt: skip
    finally:
        db.close()


def count_rows(db: Database) -> dict[str, int]:
    """How many rows each table has, at one moment."""
    with db.read() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def file_of(url: str) -> Path | None:
    """The file of a SQLite store; None for one on a server.

    Raises:
        StoreUrlError: it is no URL.
    """
    parsed = parsed_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def passwords_in(url: str) -> list[str]:
    """What of a URL is a secret, wherever it stands in it; all of it where it is no URL."""
    try:
        parsed = parsed_url(url)
    except StoreUrlError:
        return [url]
    found = [str(parsed.password or "")]
    for name in ("password", "sslpassword"):
        value = parsed.query.get(name, ())
        found += [value] if isinstance(value, str) else value
    return [each for each in found if each]


def parsed_url(url: str) -> URL:
    """The parts of a store's URL.

    Raises:
        StoreUrlError: it is none.
    """
    try:
        return make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreUrlError("not a store's URL") from error


def file_bytes(url: str) -> int:
    """What a store takes on this machine's disk, its write-ahead log included."""
    path = file_of(url)
    if path is None:
        return 0
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def versions_after_migrating() -> tuple[int, int]:
    """The schema's version, and its oldest reader, of a store that this version has brought up: tried on an empty one."""
    with tempfile.TemporaryDirectory(prefix="fieldgate-") as folder:
        db = Database(f"sqlite:///{folder}/store.sqlite", create=True)
        try:
            migrate(db)
            with db.read() as connection:
                found = versions(connection)
        finally:
            db.close()
    assert found is not None  # noqa: S101  # it was made just now
    return found
