"""What handlers work with."""

from collections.abc import Callable
from typing import TypeAlias

import attrs
import structlog
from litestar.di import NamedDependency

from gateway.access import Logins, OidcLogins
from gateway.billing import Books
from gateway.bookkeeping import books_of
from gateway.config import Config
from gateway.datafolder import DataFolder
from gateway.decisions import Decisions
from gateway.store import Store
from protocol import Code

__all__ = [
    "Provided", "ProvidedLogins", "ProvidedOidc", "Services", "books_for", "decisions_of", "folder_of",
]  # fmt: skip

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class Services:
    """The store, and what there is around it."""

    store: Store
    config: Callable[[], Config]
    """The settings, as they are now: some change while the process runs."""
    now_ms: Callable[[], int]
    """Wall time, milliseconds since the epoch."""
    ring: Callable[[], None]
    """Tells every edge on this machine that there are changes to read."""


def folder_of(services: Services) -> DataFolder:
    """Where the provider's files lie."""
    return DataFolder(services.config().data)


def books_for(services: Services) -> Books:
    """The provider's books."""
    return books_of(folder_of(services), services.config(), services.store, services.now_ms)


def decisions_of(services: Services) -> Decisions:
    """Decisions by the one way that there is, through the revocation log."""

    def warn(problem: str) -> None:
        log.warning(
            "second revocation log not written", code=str(Code.REVOCATION_COPY_BEHIND), reason=problem
        )

    return Decisions.of(folder_of(services), services.config(), services.store, warn=warn)


Provided: TypeAlias = NamedDependency[Services]
"""What a handler that works with them takes: `services: Provided`."""
ProvidedLogins: TypeAlias = NamedDependency[Logins]
"""The ways in for people: `logins: ProvidedLogins`."""
ProvidedOidc: TypeAlias = NamedDependency[OidcLogins]
"""The way in by the OpenID provider, if one is set: `oidc: ProvidedOidc`."""
