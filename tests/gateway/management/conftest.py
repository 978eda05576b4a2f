"""The application over a fresh store of each kind, and whoever asks it something."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gateway.access import Role, create_key
from gateway.config import Config, Management
from gateway.management import Services, application
from gateway.store import Store
from tests.gateway.store.conftest import (
    postgres_database,
    postgres_server,
    postgres_store,
    postgres_url,
    sqlite_store,
    sqlite_template,
    sqlite_url,
    store,
    store_url,
)
from tests.helpers.stores import World, make_world

__all__ = [
    "postgres_database",
    "postgres_server",
    "postgres_store",
    "postgres_url",
    "sqlite_store",
    "sqlite_template",
    "sqlite_url",
    "store",
    "store_url",
]

NOW_MS = 1_790_000_000_000


@attrs.define
class Rest:
    """The interface as its clients see it; nobody waits for its clock."""

    client: TestClient[Litestar]
    app: Litestar
    store: Store
    world: World
    data: Path
    services: Services
    rings: list[None] = attrs.field(factory=list)

    def key(self, role: Role, organization_uid: str | None = None, **more: Any) -> str:
        """The secret of a new key."""
        made = create_key(
            self.store,
            name=f"key of {role}",
            role=role,
            organization_uid=organization_uid or self.world.provider.uid,
            by="a test",
            now_ms=NOW_MS,
            **more,
        )
        return made.secret

    def ask(self, method: str, path: str, *, key: str | None = None, **more: Any) -> Any:
        """The response to a request below /api/v3."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.client.request(
            method, f"/api/v3{path}", headers=headers | more.pop("headers", {}), **more
        )


@pytest.fixture
def rest(store: Store, tmp_path: Path) -> Iterator[Rest]:
    """REST over the store, with a provider and a company in it."""
    rings: list[None] = []
    config = Config(data=tmp_path, management=Management(requests_per_s=10_000))
    services = Services(
        store=store, config=lambda: config, now_ms=lambda: NOW_MS, ring=lambda: rings.append(None)
    )
    app = application(services)
    with TestClient(app, base_url="https://provider.example") as client:
        yield Rest(client, app, store, make_world(store), tmp_path, services, rings)
