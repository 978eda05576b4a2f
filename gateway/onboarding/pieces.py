"""What a file says of a company beside itself: its locations, cloud tenants and tokens, held against the store."""

from collections.abc import Sequence
from typing import Final

import attrs

from gateway.onboarding.wanted import Wanted, WantedTenant, WantedToken
from gateway.store import Company, Location, Site, Store, StoreError

__all__ = ["Piece", "Pieces", "Took"]

CREATED: Final = "created"
CHANGED: Final = "changed"
UNCHANGED: Final = "unchanged"
REFUSED: Final = "refused"


@attrs.frozen
class Piece:
    """What would become of one thing of a company's."""

    verdict: str
    what: str
    says: str = ""


@attrs.frozen
class Took:
    """What would become of all of them, and what is to be written."""

    pieces: Sequence[Piece]
    tenants: tuple[tuple[str, str], ...]
    """Site uid and tenant uid of those to map."""
    tokens: tuple[WantedToken, ...]
    """Those to make."""


@attrs.define
class Pieces:
    """Looks them up; remembers which tenants the file has given to somebody."""

    store: Store
    now_ms: int
    _sites: Sequence[Site] = ()
    _given: dict[tuple[str, str], str] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._sites = self.store.organizations.list_sites()

    def take(self, wanted: Wanted, found: Company | None, *, is_active: bool) -> Took:
        """Hold a company's pieces against the store; *found* is the company where it is there already."""
        there = [] if found is None else self.store.organizations.list_locations(found.uid)
        pieces = [*self._locations(wanted, there)]
        tenants: list[tuple[str, str]] = []
        for tenant in wanted.tenants:
            piece, uids = self._tenant(wanted, found, tenant, is_active=is_active)
            pieces.append(piece)
            tenants += [] if uids is None else [uids]
        tokens = []
        for token in wanted.tokens:
            piece = self._token(wanted, found, there, token, is_active=is_active)
            pieces.append(piece)
            tokens += [token] if piece.verdict == CREATED else []
        return Took(pieces, tuple(tenants), tuple(tokens))

    def _locations(self, wanted: Wanted, there: Sequence[Location]) -> list[Piece]:
        known = {each.name: each.firewall for each in there}
        pieces = []
        said: set[str] = set()
        for each in wanted.locations:
            what = f"location {each.name}"
            if each.name in said:
                pieces.append(Piece(REFUSED, what, "is there twice"))
            elif each.name not in known:
                pieces.append(Piece(CREATED, what))
            elif each.firewall in (None, known[each.name]):
                pieces.append(Piece(UNCHANGED, what))
            else:
                pieces.append(Piece(CHANGED, what, f"firewall: {known[each.name] or '–'} → {each.firewall}"))
            said.add(each.name)
        return pieces

    def _tenant(
        self, wanted: Wanted, found: Company | None, tenant: WantedTenant, *, is_active: bool
    ) -> tuple[Piece, tuple[str, str] | None]:
        """What would become of a cloud tenant, and its site's uid and its own, if it is to be mapped."""
        what = f"tenant {tenant.site}/{tenant.tenant}"
        sites = [each for each in self._sites if tenant.site in (each.uid, each.name)]
        if len(sites) != 1:
            known = (
                "no site is called so"
                if not sites
                else f"{len(sites)} sites are called so: name it by its uid"
            )
            return Piece(REFUSED, what, f"{known} (fieldgate site list)"), None
        [site] = sites
        uids = {each.tenant_uid for each in self.store.mappings.find_mapped(tenant.tenant, site_uid=site.uid)}
        uids |= {
            each.tenant_uid for each in self.store.mappings.find_reported(tenant.tenant, site_uid=site.uid)
        }
        if len(uids) > 1:
            return Piece(REFUSED, what, f"{len(uids)} tenants are called so: name it by its uid"), None
        uid = next(iter(uids), tenant.tenant)
        other = self._given.setdefault((site.uid, uid), wanted.where)
        if other != wanted.where:
            return Piece(REFUSED, what, f"{other} has it already"), None
        try:
            is_new = self.store.mappings.check(
                site.uid, uid, None if found is None else found.uid, now_ms=self.now_ms
            )
        except StoreError as error:
            return Piece(REFUSED, what, str(error)), None
        if not is_new:
            return Piece(UNCHANGED, what), None
        if not is_active:
            return Piece(REFUSED, what, "the company is disabled and gets nothing new"), None
        return Piece(CREATED, what, "mapped"), (site.uid, uid)

    def _token(
        self,
        wanted: Wanted,
        found: Company | None,
        there: Sequence[Location],
        token: WantedToken,
        *,
        is_active: bool,
    ) -> Piece:
        what = "token" if token.location is None else f"token for {token.location}"
        place = next((each.uid for each in there if each.name == token.location), None)
        if token.location is not None and place is None:
            if token.location not in [each.name for each in wanted.locations]:
                return Piece(REFUSED, what, "there is no such location, and the file adds none")
        elif found is not None and self.store.tokens.usable(found.uid, place, now_ms=self.now_ms):
            return Piece(UNCHANGED, what, "one is valid")
        if not is_active:
            return Piece(REFUSED, what, "the company is disabled and gets nothing new")
        return Piece(CREATED, what, f"{token.uses} uses, {token.days} days")
