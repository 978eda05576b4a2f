"""Files that say whom the provider works for: `apply` and `company import`, shown before anything is written."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.companies import By, company_app
from gateway.cli.errors import CHECK_FAILED, UNUSABLE, CommandError, fail
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import rows, say
from gateway.cli.tenants import minting
from gateway.onboarding import (
    IssuedToken,
    Plan,
    Verdict,
    WantedFile,
    carry_out,
    make_plan,
    read_bounded,
    read_plan,
    read_spreadsheet,
)
from protocol import Code

__all__ = ["apply", "company_app"]

company_app.command("gateway.cli.leaving:company_leave", name="leave")

DryRun = Annotated[
    bool, Parameter(name="--dry-run", negative="", help="Only show what would become of each line.")
]


def apply(
    file: Path, /, *, dry_run: DryRun = False, by: By = None, data: Data = DEFAULT_DATA, json_: Json = False
) -> int:
    """Bring resellers, companies, locations, mapped tenants and tokens to what a file says; what it does not name stays. A second time changes nothing.

    Parameters
    ----------
    file
        TOML or JSON, as its name ends; docs/onboarding.md describes it. If anything in it is refused, nothing is changed.
    """
    if file.suffix not in (".json", ".toml"):
        raise CommandError(f"{file}: give a file .toml or .json", exit_code=UNUSABLE)
    wanted = read_plan(read_bounded(file), is_json=file.suffix == ".json")
    return _carry_out(wanted, dry_run=dry_run, by=by, data=data, as_json=json_)


@company_app.command(name="import")
def company_import(
    file: Path, /, *, dry_run: DryRun = False, by: By = None, data: Data = DEFAULT_DATA, json_: Json = False
) -> int:
    """Add and change companies by a spreadsheet, one in each line. The same file again changes nothing.

    If any line is refused, nothing is changed. An empty cell says nothing, so what is known stays.

    Parameters
    ----------
    file
        CSV in UTF-8, separated by commas, semicolons or tabs; its first line names the columns, as docs/onboarding.md lists them.
    """
    wanted = read_spreadsheet(read_bounded(file))
    return _carry_out(wanted, dry_run=dry_run, by=by, data=data, as_json=json_)


def _carry_out(wanted: WantedFile, *, dry_run: bool, by: str | None, data: Path, as_json: bool) -> int:
    who = operator(by)
    with open_provider(data) as provider:
        plan = make_plan(provider.store, wanted, now_ms=now_ms())
        issued: list[IssuedToken] = []
        does = not dry_run and not plan.refused
        try:
            if does:
                issued.extend(carry_out(provider.store, plan, minting(provider), by=who, now_ms=now_ms()))
            (_as_json if as_json else _for_people)(plan, issued, is_done=does)
            sys.stdout.flush()
        except BaseException:  # nobody has seen these tokens, and the next run shall not find them usable
            _take_back(provider, issued, by=who)
            raise
    if plan.refused:
        says = f"{len(plan.refused)} of {len(plan.steps)} can't be done, so nothing was changed"
        return fail(says, CHECK_FAILED, Code.ONBOARDING_PLAN_REFUSED)
    return 0


def _take_back(provider: Provider, issued: Sequence[IssuedToken], *, by: str) -> None:
    for each in issued:
        provider.decisions.revoke_token(each.token.id, by=by, now_ms=now_ms())


def _as_json(plan: Plan, issued: Sequence[IssuedToken], *, is_done: bool) -> None:
    tokens = [
        {"id": each.stored.id, "token": each.token.encode(), "organization_uid": each.stored.organization_uid}
        for each in issued
    ]
    document: dict[str, Any] = {
        "applied": is_done,
        "steps": [attrs.asdict(step) for step in plan.steps],
        "tokens": tokens,
    }
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _for_people(plan: Plan, issued: Sequence[IssuedToken], *, is_done: bool) -> None:
    rows(
        [attrs.asdict(step) for step in plan.steps if step.verdict is not Verdict.UNCHANGED],
        {"where": "WHERE", "verdict": "", "what": "WHAT", "says": "WHY"},
        as_json=False,
        empty="nothing to change: it is so already",
    )
    counted = Counter(step.verdict for step in plan.steps)
    summary = ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if counted[verdict])
    say("", f"{'done' if is_done else 'nothing was changed'}: {summary or 'the file is empty'}")
    for each in issued:
        say(f"token {each.stored.id}, shown this once: {each.token.encode()}")
