"""Which words for which verdict on which product: `playbook_for`."""

from typing import Final

from certs.inspection.evidence import Evidence
from certs.inspection.finding import Verdict
from certs.inspection.playbooks_model import Playbook, Recipe, fill_steps, whereabouts
from certs.inspection.playbooks_products import ProductBook
from certs.inspection.playbooks_verdicts import GENERAL, Kind
from certs.inspection.vendors_data import PRODUCTS

__all__ = ["BOOKS", "playbook_for"]

BOOKS: Final[dict[str, ProductBook]] = {}
"""By slug."""

_SOMEBODY = "the device in the path"


def playbook_for(verdict: Verdict, vendor: str = "", evidence: Evidence | None = None) -> Playbook:
    """What to do about *verdict*, in the words of the product where it is known.

    Args:
        verdict: of a finding.
        vendor: slug of a finding or of `PRODUCTS`; empty or unknown gives general words.
        evidence: of the session: its addresses, ports and time are filled in; words in capitals stand for what is not known.
    """
    general = GENERAL[verdict]
    book = BOOKS.get(vendor) if general.kind is not Kind.NONE else None
    name = book.name if book is not None else PRODUCTS.get(vendor, "")
    where = whereabouts(evidence)
    fix, undo = (general.fix, general.undo) if book is None else _of(book, general.kind)
    call = general.call.format(box=name or _SOMEBODY)
    return Playbook(
        verdict=verdict,
        slug=vendor if name else "",
        product=name,
        call=call if book is None or not book.caller else book.caller,
        fix=fill_steps(fix or general.fix, where),
        find=fill_steps(general.find if book is None else book.find, where),
        test=fill_steps(general.test, where),
        undo=fill_steps(undo if fix else general.undo, where),
        safe=fill_steps(general.safe, where),
        beware=fill_steps(general.beware + (() if book is None else book.beware), where),
    )


def _of(book: ProductBook, kind: Kind) -> tuple[tuple[Recipe, ...], tuple[Recipe, ...]]:
    """Change and how to take it back."""
    if kind is Kind.EXEMPT:
        return book.exempt, book.unexempt
    if kind is Kind.ALLOW:
        return book.allow, book.unallow
    return book.session, book.unsession
