"""What version 5 adds, a part for each room of the store, in the order in which they are made."""

from collections.abc import Callable
from typing import Final

from sqlalchemy.engine import Connection

from gateway.store.migrations.v0005.access import make_access
from gateway.store.migrations.v0005.actions import make_actions
from gateway.store.migrations.v0005.alarms import make_alarms
from gateway.store.migrations.v0005.billing import make_billing
from gateway.store.migrations.v0005.deeds import make_deeds
from gateway.store.migrations.v0005.facts import make_facts
from gateway.store.migrations.v0005.licensing import make_licensing
from gateway.store.migrations.v0005.lists import make_lists
from gateway.store.migrations.v0005.onboarding import make_onboarding
from gateway.store.migrations.v0005.restores import make_restores

__all__ = ["PARTS"]

PARTS: Final[tuple[Callable[[Connection], None], ...]] = (
    make_deeds,
    make_facts,
    make_lists,
    make_access,
    make_onboarding,
    make_billing,
    make_alarms,
    make_restores,
    make_licensing,
    make_actions,
)
