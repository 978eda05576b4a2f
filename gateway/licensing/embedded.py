"""The authority that comes with the gateway: contracts and products are what the operator has entered in the store.

It keeps nothing of its own. A licence's id follows from the deed's key, so asked twice it gives the same licence; that a contract's points are
not exceeded is judged where the licence is written down, in one transaction (`store.licences.settle`).
"""

import uuid
from collections.abc import Sequence
from typing import Any, Final

import attrs

from gateway.licensing.authority import Catalogue, LicenceChange, LicenceOrder
from gateway.licensing.refusals import TermsInvalid
from gateway.store import (
    Conflict,
    LicenceProduct,
    LicenceRevoked,
    LicenceState,
    LicenceTerms,
    LicensedCount,
    ProductUnknown,
    Store,
    StoredLicence,
)

__all__ = ["EmbeddedAuthority"]

_LICENCES: Final = uuid.UUID("3d2c6a4e-55d1-4c76-9a3f-0d5a3b7f2c11")
"""The name space of licences' ids (RFC 9562, version 5)."""


@attrs.frozen
class EmbeddedAuthority:
    """A licensing authority."""

    _store: Store
    name: str = attrs.field(default="embedded", init=False)

    def catalogue(self) -> Catalogue:
        """What the operator has entered."""
        catalogue = self._store.licence_catalogue
        return Catalogue(
            products=catalogue.products(), contracts=[each.contract for each in catalogue.contracts()]
        )

    def generate(self, order: LicenceOrder, *, key: str, now_ms: int) -> LicenceTerms:
        """Make a licence of a product as it is now.

        Raises:
            NotFound: there is no such licence to replace.
            ProductUnknown: there is no such product, or it has no such workload.
            TermsInvalid: it would be over already.
        """
        product = self._store.licence_catalogue.product(order.product_uid)
        if order.replaces is not None:
            self._store.licences.get(order.replaces)
        require_later(order.expires_ms, now_ms)
        return LicenceTerms(
            uid=str(uuid.uuid5(_LICENCES, key)), revision=1, replaces=order.replaces, product_uid=product.uid,
            product=product.name, edition=product.edition, kind=order.kind, contract_uid=order.contract_uid,
            workloads=weighed(product, order.counts), issued_ms=now_ms, expires_ms=order.expires_ms,
            support_ms=order.support_ms, organization_uid=order.organization_uid,
        )  # fmt: skip

    def change(
        self, licence_uid: str, change: LicenceChange, *, key: str, now_ms: int
    ) -> LicenceTerms:  # the licence's own revision tells two askings apart
        """The next revision.

        Raises:
            Conflict: it is another organization's already.
            LicenceRevoked: it was revoked.
            NotFound: there is none.
            ProductUnknown: its product has no such workload.
            TermsInvalid: it would be over already.
        """
        terms = self._active(licence_uid).terms
        owner = change.organization_uid or terms.organization_uid
        if terms.organization_uid not in (None, owner):
            raise Conflict(f"licence {licence_uid} is another company's: generate one for this company")
        require_later(change.expires_ms, now_ms)
        workloads = terms.workloads
        if change.counts is not None:
            product = self._store.licence_catalogue.product(terms.product_uid)
            workloads = weighed(product, change.counts)
        return attrs.evolve(
            terms,
            revision=terms.revision + 1,
            workloads=workloads,
            issued_ms=now_ms,
            expires_ms=change.expires_ms or terms.expires_ms,
            support_ms=change.support_ms or terms.support_ms,
            organization_uid=owner,
        )

    def revoke(
        self, licence_uid: str, why: str, *, key: str, now_ms: int
    ) -> LicenceTerms:  # written down where the deed is
        """Its last terms.

        Raises:
            LicenceRevoked: it was revoked already.
            NotFound: there is none.
        """
        return self._active(licence_uid).terms

    def submit(self, document: dict[str, Any], *, key: str, now_ms: int) -> str:  # it is in the store already
        """Its own id: whoever is to have it gets it by `fieldgate licence export`."""
        return str(document["submissionId"])

    def _active(self, uid: str) -> StoredLicence:
        licence = self._store.licences.get(uid)
        if licence.state is LicenceState.REVOKED:
            raise LicenceRevoked(f"licence {uid} was revoked: generate another one")
        return licence


def weighed(product: LicenceProduct, counts: Sequence[tuple[str, int]]) -> tuple[LicensedCount, ...]:
    """So many of a product's workloads, with what each weighs.

    Raises:
        ProductUnknown: the product has no such workload.
    """
    offered = {each.uid: each for each in product.workloads}
    for uid, _ in counts:
        if uid not in offered:
            known = ", ".join(offered) or "none"
            raise ProductUnknown(f"{product.name} has no workload {uid!r}; it has {known}")
    return tuple(
        LicensedCount(uid=uid, name=offered[uid].name, count=count, multiplier=offered[uid].multiplier)
        for uid, count in counts
    )


def require_later(end_ms: int | None, now_ms: int) -> None:
    """Make sure that an end is not over.

    Raises:
        TermsInvalid: it is.
    """
    if end_ms is not None and end_ms <= now_ms:
        raise TermsInvalid("the licence would be over already")
