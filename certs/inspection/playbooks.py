"""Which words for which verdict on which product: `playbook_for`."""

from typing import Final

from certs.inspection.evidence import Evidence
from certs.inspection.finding import Verdict
from certs.inspection.playbooks_appliances import CHECK_POINT, SONICWALL, SOPHOS, WATCHGUARD
from certs.inspection.playbooks_clouds import CATO, CLOUDFLARE, NETSKOPE, ZSCALER
from certs.inspection.playbooks_common import NOTHING_TO_UNDO
from certs.inspection.playbooks_fortinet import FORTINET
from certs.inspection.playbooks_model import Playbook, Recipe, fill_steps, whereabouts
from certs.inspection.playbooks_paloalto import PALO_ALTO
from certs.inspection.playbooks_products import ProductBook
from certs.inspection.playbooks_software import MITMPROXY, ON_THE_SERVER, SQUID
from certs.inspection.playbooks_verdicts import BY_KIND, GENERAL, Kind
from certs.inspection.vendors_data import PRODUCTS

__all__ = ["BOOKS", "playbook_for"]

BOOKS: Final[dict[str, ProductBook]] = {
    book.slug: book
    for book in (
        FORTINET, PALO_ALTO, ZSCALER, SOPHOS, NETSKOPE, CHECK_POINT,
        CLOUDFLARE, SONICWALL, WATCHGUARD, CATO, SQUID, MITMPROXY, *ON_THE_SERVER,
    )
}  # fmt: skip
"""By slug."""

_SOMEBODY = "device in the path"


def playbook_for(
    verdict: Verdict, vendor: str = "", evidence: Evidence | None = None, *, guess: bool = False
) -> Playbook:
    """What to do about *verdict*, in the words of the product where it is known; about a *guess*, to get the other half first.

    Args:
        verdict: of a finding.
        vendor: slug of a finding or of `PRODUCTS`; empty or unknown gives general words.
        evidence: of the session: its addresses, ports and time are filled in; words in capitals stand for what is not known.
    """
    general = GENERAL[Verdict.UNEXPLAINED if guess else verdict]
    book = BOOKS.get(vendor) if general.kind is not Kind.NONE else None
    name = book.name if book is not None else PRODUCTS.get(vendor, "")
    where = whereabouts(evidence)
    changes = BY_KIND[general.kind] if book is None else _of(book, general.kind)
    call = general.call.format(box=name or _SOMEBODY)
    undo = changes[1] + general.undo or NOTHING_TO_UNDO
    return Playbook(
        verdict=verdict,
        slug=vendor if name else "",
        product=name,
        call=call if book is None or not book.caller else book.caller,
        fix=fill_steps(general.fix + changes[0], where),
        find=fill_steps(general.find if book is None else book.find, where),
        test=fill_steps(general.test, where),
        undo=fill_steps(undo if general.fix or changes[0] else (), where),
        safe=fill_steps(general.safe, where),
        beware=fill_steps(general.beware + (() if book is None else book.beware), where),
    )


def _of(book: ProductBook, kind: Kind) -> tuple[tuple[Recipe, ...], tuple[Recipe, ...]]:
    """Change and how to take it back, where a product is known."""
    if kind is Kind.EXEMPT:
        return book.exempt, book.unexempt
    if kind is Kind.ALLOW and not book.allow:
        # Many a block is the answer to a private CA: what lifts it is the exemption. A port is opened in general words.
        return BY_KIND[kind][0] + book.exempt, BY_KIND[kind][1] + book.unexempt
    if kind is Kind.ALLOW:
        return book.allow, book.unallow
    return (book.session, book.unsession) if book.session else BY_KIND[kind]
