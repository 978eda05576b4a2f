"""From whoever asks to whose rows the store may show."""

from gateway.access import Principal, Reach
from gateway.store import Scope, Whose

__all__ = ["scope_of", "whose_of"]


def scope_of(principal: Principal) -> Scope:
    """How far *principal* sees, as the store's verbs take it."""
    match principal.reach:
        case Reach.EVERYTHING:
            return Scope.everything()
        case Reach.RESELLER:
            return Scope.reseller(principal.organization_uid)
        case Reach.COMPANY:
            return Scope.organization(principal.organization_uid)


def whose_of(principal: Principal) -> Whose:
    """Whose usage *principal* sees."""
    scope = scope_of(principal)
    return Whose(company_uid=scope.organization_uid, reseller_uid=scope.reseller_uid)
