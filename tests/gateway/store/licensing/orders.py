"""Products, contracts and licences to test with."""

from typing import Any
from uuid import uuid4

import attrs

from gateway.store import (
    LicenceContract,
    LicenceDeedKind,
    LicenceKind,
    LicenceProduct,
    LicenceTerms,
    LicenceWorkload,
    LicensedCount,
    Store,
    StoredLicence,
)

PRODUCT = LicenceProduct(
    uid="backup-suite", name="Nordlicht Backup Suite", edition="Enterprise", authority="embedded",
    workloads=(LicenceWorkload(uid="vm", name="Virtual machine", multiplier=11),),
)  # fmt: skip
CONTRACT = LicenceContract(
    uid="C-1001", name="Rental 2026", kind=LicenceKind.RENTAL, points=1000, begins_ms=0, ends_ms=None,
    reports_automatically=True, authority="embedded",
)  # fmt: skip


def terms(**changed: Any) -> LicenceTerms:
    """Twenty virtual machines, 220 points, nobody's yet, but for what is *changed*."""
    made = LicenceTerms(
        uid=str(uuid4()), revision=1, replaces=None, product_uid=PRODUCT.uid, product=PRODUCT.name,
        edition=PRODUCT.edition, kind=LicenceKind.RENTAL, contract_uid=CONTRACT.uid,
        workloads=(LicensedCount(uid="vm", name="Virtual machine", count=20, multiplier=11),),
        issued_ms=100, expires_ms=10**12, support_ms=None, organization_uid=None,
    )  # fmt: skip
    return attrs.evolve(made, **changed)


def catalogue(store: Store) -> None:
    """The product and the contract."""
    store.licence_catalogue.set_product(PRODUCT, by="Eva", now_ms=1)
    store.licence_catalogue.set_contract(CONTRACT, by="Eva", now_ms=1)


def generated(store: Store, *, shared: bool = False, now_ms: int = 100, **changed: Any) -> StoredLicence:
    """A licence, as a deed of the embedded authority's has made it."""
    deed = store.licences.ask(LicenceDeedKind.GENERATE, {"shared": shared}, by="Eva", now_ms=now_ms)
    return store.licences.settle(deed, terms(**changed), authority="embedded", now_ms=now_ms)


def changed(store: Store, licence: StoredLicence, *, now_ms: int = 200, **changes: Any) -> StoredLicence:
    """The next revision of a licence."""
    uid = licence.terms.uid
    deed = store.licences.ask(LicenceDeedKind.CHANGE, {"licenseId": uid}, by="Ali", now_ms=now_ms)
    newer = attrs.evolve(licence.terms, revision=licence.terms.revision + 1, **changes)
    return store.licences.settle(deed, newer, authority="embedded", now_ms=now_ms)


def revoked(store: Store, licence: StoredLicence, *, why: str = "unpaid", now_ms: int = 300) -> StoredLicence:
    """The licence, taken back."""
    body = {"licenseId": licence.terms.uid, "why": why}
    deed = store.licences.ask(LicenceDeedKind.REVOKE, body, by="Ali", now_ms=now_ms)
    return store.licences.settle(deed, licence.terms, authority="embedded", now_ms=now_ms)
