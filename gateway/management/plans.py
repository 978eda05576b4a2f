"""What a file of companies would change, as REST shows it: of `apply` and of `import`, asked for and done.

Files over REST make no tokens: a token is shown once, in the answer to the request that makes it, and what is done here is done later.
"""

from typing import Annotated, Final

import attrs
import msgspec

from gateway.onboarding import Plan, Refusal, Verdict, WantedFile, make_plan, read_plan, read_spreadsheet
from gateway.store import Store

__all__ = ["APPLY", "IMPORT", "PlanAnswer", "PlanShown", "plan_of", "shown"]

APPLY: Final = "apply"
IMPORT: Final = "company-import"

TOKENS: Final = "tokens are made by POST /api/v3/organizations/enrollmentTokens, whose answer is the only place where one is shown"


class StepShown(msgspec.Struct, rename="camel"):
    """What would become of one thing, or became of it."""

    where: Annotated[
        str, msgspec.Meta(description="Where the file says so.", examples=["company 1, location 2"])
    ]
    verdict: Annotated[
        str,
        msgspec.Meta(
            description="Created, changed, moved to another reseller, or refused.",
            examples=["created"],
            extra_json_schema={"enum": [each.value for each in Verdict]},
        ),
    ]
    what: Annotated[str, msgspec.Meta(description="Which thing.", examples=["company Anker"])]
    says: Annotated[
        str, msgspec.Meta(description="What changes, or why it is refused.", examples=["of Sund IT"])
    ]


class PlanShown(msgspec.Struct, rename="camel"):
    """What a file would change, or changed."""

    applied: Annotated[bool, msgspec.Meta(description="Whether it was done.", examples=[False])]
    refused: Annotated[int, msgspec.Meta(description="How many things can't be done.", examples=[0])]
    unchanged: Annotated[int, msgspec.Meta(description="How many are so already.", examples=[0])]
    steps: Annotated[list[StepShown], msgspec.Meta(description="All that are not so already.")]


class PlanAnswer(msgspec.Struct):
    """The answer that has it."""

    data: PlanShown


def plan_of(store: Store, kind: str, data: bytes, *, now_ms: int) -> Plan:
    """Hold a file against the store.

    Args:
        store: as it is now.
        kind: APPLY or IMPORT.
        data: the file: JSON or CSV.
        now_ms: the time.

    Raises:
        FileUnreadable: it is neither.
        StoreError: the store can't be read.
    """
    wanted = read_plan(data, is_json=True) if kind == APPLY else read_spreadsheet(data)
    return make_plan(store, _without_tokens(wanted), now_ms=now_ms)


def _without_tokens(file: WantedFile) -> WantedFile:
    refusals = [Refusal(each.where, TOKENS) for each in file.wanted if each.tokens]
    wanted = [attrs.evolve(each, tokens=()) for each in file.wanted]
    return WantedFile(wanted=wanted, refusals=[*file.refusals, *refusals])


def shown(plan: Plan, *, applied: bool) -> PlanShown:
    """The plan, in the answer's form."""
    steps = [
        StepShown(where=each.where, verdict=each.verdict.value, what=each.what, says=each.says)
        for each in plan.steps
        if each.verdict is not Verdict.UNCHANGED
    ]
    unchanged = len(plan.steps) - len(steps)
    return PlanShown(applied=applied, refused=len(plan.refused), unchanged=unchanged, steps=steps)
