"""A store of the version before is brought up, with all that is in it, and its own processes may go on beside ours."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import gateway.store.migrations
from gateway.store import StoreTooOld, open_store
from gateway.store.engine import Database
from gateway.store.migrate import versions
from tests.helpers.postgres import PostgresServer


@pytest.fixture(params=("sqlite", "postgres"))
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store as version 1 left it, with a company's location in it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/old.sqlite"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.url(server.new_database())
    db = Database(url, create=True)
    with db.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(gateway.store.migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            sa.text(
                "INSERT INTO organizations VALUES ('p', 'provider', 'Nord', 1), ('c', 'company', 'Acme', 1)"
            )
        )
        connection.execute(sa.text("INSERT INTO locations VALUES ('l', 'c', 'Berlin', 1)"))
        assert versions(connection) == (1, 1)
    db.close()
    return url


def test_a_store_of_version_1_is_brought_up_with_what_is_in_it(old_url: str) -> None:
    """Nothing is known of its locations' firewalls, and there is room for that now."""
    with pytest.raises(StoreTooOld):
        open_store(old_url)
    store = open_store(old_url, create=True)
    [location] = store.organizations.list_locations()
    assert (location.name, location.firewall) == ("Berlin", None)
    store.organizations.set_firewall(location.uid, "fortinet")
    assert store.organizations.list_locations()[0].firewall == "fortinet"
    assert store.incidents.list(closed=True) == []
    store.close()


def test_processes_of_version_1_may_go_on_beside_us(old_url: str) -> None:
    """The store admits them: nothing of theirs was taken away, and what they write fits."""
    open_store(old_url, create=True).close()
    db = Database(old_url, create=False)
    with db.write() as connection:
        assert versions(connection) == (5, 1)
        connection.execute(
            sa.text(
                "INSERT INTO locations (uid, organization_uid, name, created_ms) VALUES ('m', 'c', 'Bern', 2)"
            )
        )
    db.close()
    store = open_store(old_url)
    assert [location.name for location in store.organizations.list_locations()] == ["Berlin", "Bern"]
    store.close()
