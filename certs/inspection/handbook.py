"""The generated parts of docs/tls-inspection.md: what to do per verdict and per product, from the tables that reports use.

    python -m certs.inspection.handbook docs/tls-inspection.md

rewrites what stands between `<!-- generated: NAME -->` and `<!-- end -->`. A test fails when page and code say different things.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from certs.inspection.finding import FAMILIES, Family, Verdict
from certs.inspection.playbooks import BOOKS
from certs.inspection.playbooks_model import Recipe, fill_steps, whereabouts
from certs.inspection.playbooks_products import ProductBook
from certs.inspection.playbooks_verdicts import GENERAL
from certs.inspection.vendors_data import PRODUCTS

__all__ = ["refreshed"]

_BLOCK: Final = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)

_FAMILY: Final = {
    Family.CLEAN: "nobody",
    Family.AGENT: "the server's administrator",
    Family.PROVIDER: "the provider",
    Family.INSPECTION: "whoever opens the TLS",
    Family.NETWORK: "whoever runs the network",
    Family.UNKNOWN: "not decided yet",
}


def refreshed(page: str) -> str:
    """A page with every generated block as the code has it now.

    Raises:
        KeyError: a block has a name that nothing generates.
    """
    return _BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n{found[3]}", page)


def verdicts() -> str:
    """Every verdict, and who has to act on it."""
    rows = [
        (f"`{verdict.value}`", _FAMILY[FAMILIES[verdict]], GENERAL[verdict].call.format(box="device in the path"))
        for verdict in Verdict
    ]  # fmt: skip
    lines = (f"| {' | '.join(cells)} |" for cells in (("verdict", "who has to act", "whom to call"), ("---",) * 3, *rows))  # fmt: skip
    return "\n".join(lines) + "\n"


def products() -> str:
    """Each product that runs in a network, in its own words."""
    return "\n".join(
        _product(book) for book in BOOKS.values() if book.slug in PRODUCTS or book.slug == "squid"
    )


def slugs() -> str:
    """What can be recorded as a customer's firewall."""
    return ", ".join(f"`{slug}`" for slug in PRODUCTS) + "\n"


def _product(book: ProductBook) -> str:
    parts = (
        ("So that it is not opened", book.exempt),
        ("So that it is not blocked", book.allow),
        ("So that it is not cut", book.session),
        ("In its log", book.find),
        ("To take it back", book.unexempt + book.unallow + book.unsession),
        ("Good to know", book.beware),
    )
    told = "\n".join(f"**{title}**\n\n{_steps(recipes)}" for title, recipes in parts if recipes)
    return f"### {book.name}\n\n{told}"


def _steps(recipes: Iterable[Recipe]) -> str:
    lines = []
    for step in fill_steps(tuple(recipes), whereabouts()):
        read = "; ".join(text for text in (step.version and f"read for {step.version}", step.source) if text)
        lines.append(f"- {step.text}" + (f" *({read})*" if read else ""))
        if step.lines:
            lines += ["", "  ```", *(f"  {line}" for line in step.lines), "  ```", ""]
    return "\n".join(lines).rstrip() + "\n"


BLOCKS: Final[dict[str, Callable[[], str]]] = {"verdicts": verdicts, "products": products, "slugs": slugs}


def main(paths: Sequence[str]) -> None:
    """Rewrite the pages."""
    for path in map(Path, paths):
        path.write_text(refreshed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
