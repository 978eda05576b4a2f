"""From whoever asks to whose rows the store may show."""

from gateway.access import Principal, Reach
from gateway.store import Scope

__all__ = ["scope_of"]


def scope_of(principal: Principal) -> Scope:
    """How far *principal* sees, as the store's verbs take it."""
    match principal.reach:
        case Reach.EVERYTHING:
            return Scope.everything()
        case Reach.RESELLER:
            return Scope.reseller(principal.organization_uid)
        case Reach.COMPANY:
            return Scope.organization(principal.organization_uid)
