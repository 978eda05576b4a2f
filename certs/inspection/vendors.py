"""Which product signed this? A name from a table, which explains a verdict and never makes one.

A box that inspects signs with a CA of its own; the name of that CA stands as issuer in the forged leaf, and in the subjects
of what was sent along. The leaf's own subject is a copy of ours and says nothing. Companies sign with a sub-CA of their own
name, which hides the product: then the product that a person recorded for this customer is named, and said to be that.
"""

import functools
import re

import attrs
from cryptography import x509
from cryptography.x509.oid import NameOID

from certs.inspection.facts_read import names_in, readable, values
from certs.inspection.vendors_data import PRODUCTS, VENDORS, VendorRow

__all__ = ["VendorMatch", "name_vendor"]

_ATTRIBUTES = (
    ("cn", NameOID.COMMON_NAME),
    ("o", NameOID.ORGANIZATION_NAME),
    ("email", NameOID.EMAIL_ADDRESS),
)

_NOT_LITERAL = re.compile(r"\\.|\[[^\]]*\]|[.*+?()|]")


@attrs.frozen(kw_only=True)
class VendorMatch:
    """A product, and what it was named by.

    Attributes:
        slug: of `vendors_data`.
        vendor: what a person calls it.
        rule: the row that matched, as in `CN=FortiGate CA, O=Fortinet`; empty if `by_tenant`.
        source: where that name was read.
        weak: a hint at most.
        by_tenant: no issuer names it; it is what a person recorded as the customer's firewall.
        untrusted_origin: the CA that it uses for origins that it does not trust itself.
        software: it runs on the server itself, and not in the network.
        why: all this as a sentence.
    """

    slug: str
    vendor: str
    rule: str
    source: str
    weak: bool
    by_tenant: bool
    untrusted_origin: bool = False
    software: bool = False
    why: str = ""


def name_vendor(chain: tuple[bytes, ...], tenant_product: str | None = None) -> VendorMatch | None:
    """The product behind a chain that does not lead to the provider's CA, or None.

    Args:
        chain: DER, leaf first, as the agent saw it; may be empty, and may hold garbage.
        tenant_product: slug of `PRODUCTS`, as a person recorded it; used where the chain names nobody, or only weakly.
    """
    row = _best_row(chain)
    if row is None or row.weak:
        recorded = by_tenant(tenant_product, hint=row)
        if recorded is not None:
            return recorded
    return None if row is None else _by_row(row)


def by_tenant(tenant_product: str | None, hint: VendorRow | None = None) -> VendorMatch | None:
    """The recorded product, or None if there is none, or none that we know; *hint* is a weak match that agrees or not."""
    if tenant_product is None or tenant_product not in PRODUCTS:
        return None
    vendor = PRODUCTS[tenant_product]
    why = f"The customer's firewall is recorded as {vendor}; "
    if hint is None:
        why += "nothing that was sent names a product (a company's own CA hides it)."
    else:
        agrees = "agrees" if hint.slug == tenant_product else "points elsewhere"
        why += f"the issuer's name {agrees}, as a weak hint of {hint.vendor} ({_rule(hint)}; {hint.source})."
    return VendorMatch(
        slug=tenant_product, vendor=vendor, rule="", source="recorded", weak=False, by_tenant=True, why=why
    )


def _by_row(row: VendorRow) -> VendorMatch:
    why = f"Named by its issuer ({_rule(row)}; source: {row.source})."
    if row.weak:
        why = f"Perhaps: a weak match of the issuer's name ({_rule(row)}; source: {row.source})."
    if row.untrusted_origin:
        why += " It is the CA for origins that the firewall itself does not trust: to install the company's root on the server is no cure."
    if row.note:
        why += f" Note: {row.note}."
    return VendorMatch(
        slug=row.slug,
        vendor=row.vendor,
        rule=_rule(row),
        source=row.source,
        weak=row.weak,
        by_tenant=False,
        untrusted_origin=row.untrusted_origin,
        software=row.software,
        why=why,
    )


def _best_row(chain: tuple[bytes, ...]) -> VendorRow | None:
    """The most specific row that any name matches."""
    names = [name for position, der in enumerate(readable(chain)) for name in _telling(position, der)]
    found = [row for row in VENDORS if any(_matches(row, name) for name in names)]
    return max(found, key=specificity, default=None)


def _telling(position: int, der: bytes) -> tuple[x509.Name, ...]:
    subject, issuer = names_in(der)
    return (subject, issuer) if position else (issuer,)


def _matches(row: VendorRow, name: x509.Name) -> bool:
    for field, oid in _ATTRIBUTES:
        pattern: re.Pattern[str] | None = getattr(row, field)
        if pattern is not None and not any(pattern.fullmatch(value) for value in values(name, oid)):
            return False
    if row.anywhere is None:
        return True
    texts = [a.value for a in name if isinstance(a.value, str)]
    return any(row.anywhere.fullmatch(text) for text in texts)


@functools.cache
def specificity(row: VendorRow) -> tuple[bool, int, int]:
    """Strong before weak, more attributes before fewer, more literal letters before fewer."""
    patterns = [p.pattern for p in (row.cn, row.o, row.email) if p is not None]
    literal = "".join(patterns) + (row.anywhere.pattern if row.anywhere is not None else "")
    return not row.weak, len(patterns), len(_NOT_LITERAL.sub("", literal))


def _rule(row: VendorRow) -> str:
    parts = [("CN", row.cn), ("O", row.o), ("e-mail", row.email), ("any attribute", row.anywhere)]
    return ", ".join(f"{label}={p.pattern}" for label, p in parts if p is not None)
