"""`fieldgate company leave`: the last usage, everybody revoked, what is personal erased, a receipt."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.bookkeeping import books_of
from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.companies import By
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data
from gateway.cli.output import say, when
from gateway.onboarding import leave

__all__ = ["company_leave"]


def company_leave(
    company: str,
    /,
    *,
    why: str,
    to: Annotated[Path, Parameter(name="--to")] = Path(),
    by: By = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Take a company's leave: its last usage is written and signed, its tokens and agents are revoked, what is personal is erased.

    What was interrupted goes on when it is said again. Reports of usage in months that are not final yet are kept for the bill: say it again
    once those are, and they are erased, too. Nothing brings back what was erased.

    Parameters
    ----------
    company
        The company's name or uid.
    why
        The reason, kept with the departure.
    to
        The folder that the last usage and the receipt are written to.
    """
    if not why.strip():
        raise CommandError("--why is empty: say why, it is kept with the departure", exit_code=UNUSABLE)
    if not to.is_dir():
        raise CommandError(
            f"{to} is no folder: the last usage and the receipt are written to it", exit_code=UNUSABLE
        )
    with open_provider(data) as provider:
        leaving = provider.store.companies.find(company)
        books = books_of(provider.folder, provider.config, provider.store, now_ms)
        done = leave(provider.decisions, books, leaving.uid, why=why, by=operator(by), now_ms=now_ms())
    usage, receipt = (to / f"{leaving.uid}-{name}.json" for name in ("final-usage", "receipt"))
    _write(usage, done.final_usage)
    _write(receipt, done.signed)
    say(
        f"{leaving.name} has left. Its last usage: {usage}",
        f"Receipt, signed (fieldgate usage verify): {receipt}, SHA-256 {done.sha256} (the audit has it, too)",
        f"Reports of usage since {when(done.usage_kept_since_ms)} are kept until their month is final: say this again then.",
    )


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and on disk."""
    half = path.with_name(path.name + ".half")
    with half.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
