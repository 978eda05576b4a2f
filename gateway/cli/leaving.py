"""`fieldgate company leave`: the last usage, everybody revoked, what is personal erased, a receipt."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.billing import Books, Period, excerpt
from gateway.bookkeeping import books_of
from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.companies import By
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data
from gateway.cli.output import say, when
from gateway.onboarding import leave, receipt_bytes
from gateway.store import StatementState, Store

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
    who, now = operator(by), now_ms()
    with open_provider(data) as provider:
        leaving = provider.store.companies.find(company)
        usage, receipt = (to / f"{leaving.uid}-{name}.json" for name in ("final-usage", "receipt"))
        books = books_of(provider.folder, provider.config, provider.store, now_ms)

        def final_usage(uid: str) -> bytes:
            """Written once: what a later run would write is less."""
            if not usage.exists():
                month = Period.containing(now, books.zone)
                until_now = Period(from_ms=month.from_ms, to_ms=now + 1, zone=books.zone)
                _write(usage, books.vouch(excerpt(books.statement(until_now), {uid})).data)
            return usage.read_bytes()

        open_since = _open_since(provider.store, books, now)
        done = leave(
            provider.decisions, leaving.uid, why=why, final_usage=final_usage, usage_before_ms=open_since, by=who, now_ms=now
        )  # fmt: skip
        _write(receipt, receipt_bytes(done.document))
    say(
        f"{leaving.name} has left. Its last usage: {usage}",
        f"Receipt: {receipt}, SHA-256 {done.sha256} (the audit has it, too)",
        f"Reports of usage since {when(open_since)} are kept until their month is final: say this again then.",
    )


def _open_since(store: Store, books: Books, now: int) -> int:
    """When the first month began that is not final yet."""
    this = Period.containing(now, books.zone)
    last = this.before()
    known = store.statements.of_month(last.month or "")
    return this.from_ms if any(each.state is StatementState.FINAL for each in known) else last.from_ms


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and on disk."""
    half = path.with_name(path.name + ".half")
    with half.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
