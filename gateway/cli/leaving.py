"""`fieldgate company leave`: the last usage, everybody revoked, what is personal erased, a receipt; shown first."""

import itertools
import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.bookkeeping import books_of
from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.companies import By
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data
from gateway.cli.output import say, when
from gateway.onboarding import leave
from gateway.store import VIEWS, Asked, Company, Scope

__all__ = ["company_leave"]


def company_leave(
    company: str,
    /,
    *,
    why: str,
    to: Annotated[Path, Parameter(name="--to")] = Path(),
    yes: Annotated[bool, Parameter(negative="")] = False,
    by: By = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Take a company's leave: shown first, and done with --yes.

    Its last usage is written and signed, its tokens and agents are revoked, what is personal is erased. What was interrupted goes on when it is said again. Reports of usage in months that are not final yet are kept for the bill: say it again
    once those are, and they are erased, too. Nothing brings back what was erased.

    Parameters
    ----------
    company
        The company's name or uid.
    why
        The reason, kept with the departure.
    to
        The folder that the last usage and the receipt are written to.
    yes
        Do it; without, it is only shown.
    """
    if not why.strip():
        raise CommandError("--why is empty: say why, it is kept with the departure", exit_code=UNUSABLE)
    if not to.is_dir():
        raise CommandError(
            f"{to} is no folder: the last usage and the receipt are written to it", exit_code=UNUSABLE
        )
    with open_provider(data) as provider:
        leaving = provider.store.companies.find(company)
        if not yes:
            _show(provider, leaving)
            return
        books = books_of(provider.folder, provider.config, provider.store, now_ms)
        done = leave(provider.decisions, books, leaving.uid, why=why, by=operator(by), now_ms=now_ms())
    usage = _write(to, f"{leaving.uid}-final-usage", done.final_usage)
    receipt = _write(to, f"{leaving.uid}-receipt", done.signed)
    say(
        f"{leaving.name} has left. Its last usage: {usage}",
        f"Receipt, signed (fieldgate usage verify): {receipt}, SHA-256 {done.sha256} (the audit has it, too)",
        f"Reports of usage since {when(done.usage_kept_since_ms)} are kept until their month is final: say this again then.",
    )


def _show(provider: Provider, company: Company) -> None:
    store, scope, one = provider.store, Scope.organization(company.uid), Asked(limit=1)
    agents, tokens = store.departures.living_agents(company.uid), store.departures.living_tokens(company.uid)
    people, keys = (
        store.views.page(VIEWS[name], one, scope, now_ms=now_ms()).total for name in ("users", "apiKeys")
    )
    for count, what in (
        (len(agents), "agents revoked, and all that they said erased"),
        (len(tokens), "enrollment tokens revoked"),
        (len(store.mappings.of_company(company.uid)), "cloud tenants taken back"),
        (people, "users disabled"),
        (keys, "API keys ended"),
    ):
        say(f"{count:>6} {what}")
    say(
        f"{company.name} would leave, for good: nothing brings back what is erased. Say it with --yes to do it"
    )


def _write(folder: Path, name: str, data: bytes) -> Path:
    """Whole or not at all, on disk, for its owner alone; what an earlier run wrote stays as it is. Returns where it is."""
    path = folder / f"{name}.json"
    for number in itertools.count(2):
        if not path.exists():
            break
        if path.read_bytes() == data:
            return path
        path = folder / f"{name}-{number}.json"
    half = path.with_name(path.name + ".half")
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
    return path
