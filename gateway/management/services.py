"""What handlers work with."""

from collections.abc import Callable
from typing import TypeAlias

import attrs
from litestar.di import NamedDependency

from gateway.access import Logins, OidcLogins
from gateway.config import Config
from gateway.store import Store

__all__ = ["Provided", "ProvidedLogins", "ProvidedOidc", "Services"]


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


Provided: TypeAlias = NamedDependency[Services]
"""What a handler that works with them takes: `services: Provided`."""
ProvidedLogins: TypeAlias = NamedDependency[Logins]
"""The ways in for people: `logins: ProvidedLogins`."""
ProvidedOidc: TypeAlias = NamedDependency[OidcLogins]
"""The way in by the OpenID provider, if one is set: `oidc: ProvidedOidc`."""
