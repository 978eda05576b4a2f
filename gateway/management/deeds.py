"""What the gateway does of itself when it is asked: each kind of action, from its request to how it ended.

A worker may die in the middle, and another then begins again: so each of them finds what was done before and does the rest.
"""

from collections.abc import Callable, Mapping
from typing import Final, NoReturn

import msgspec

from certs import AuthorityError
from gateway.management.plans import APPLY, IMPORT, plan_of, shown
from gateway.management.services import Services, books_for, decisions_of
from gateway.onboarding import carry_out, leave
from gateway.revocations import RevocationLogError
from gateway.store import Action, ActionState, Outcome, StoreError, StoreLocked, StoreUnreachable, time_text
from protocol import Code

__all__ = ["LEAVE", "FileRequest", "LeaveRequest", "do"]

LEAVE: Final = "company-leave"


class LeaveRequest(msgspec.Struct):
    """A company that leaves: the action's organization."""

    why: str


class FileRequest(msgspec.Struct):
    """A file of companies."""

    data: bytes


def do(services: Services, action: Action) -> Outcome:
    """Do it.

    Raises:
        StoreLocked, StoreUnreachable: the store is away; it can be done later.
        Exception: a bug.
    """
    try:
        return DOING[action.kind](services, action)
    except (StoreLocked, StoreUnreachable):
        raise
    except (StoreError, RevocationLogError) as error:
        return _failed(error.code, str(error))
    except AuthorityError as error:
        return _failed(Code.SIGNER_MISSING, str(error))
    except OSError as error:
        return _failed(Code.REST_FAILED, f"the revocation log can't be written: {error.strerror}")


def _failed(code: Code, message: str, result: bytes | None = None) -> Outcome:
    return Outcome(
        state=ActionState.FAILED, code=int(code), message=message, result=None if result is None else result.decode()
    )  # fmt: skip


def _leave(services: Services, action: Action) -> Outcome:
    asked = msgspec.json.decode(action.request or "", type=LeaveRequest)
    done = leave(
        decisions_of(services), books_for(services), action.organization_uid, why=asked.why, by=action.created_by,
        now_ms=services.now_ms(),
    )  # fmt: skip
    result = {
        "receipt": done.signed.decode(),
        "receiptSha256": done.sha256,
        "finalUsage": done.final_usage.decode(),
        "usageReportsKeptSince": time_text(done.usage_kept_since_ms),
    }
    name = done.document["company"]["name"]
    return Outcome(
        state=ActionState.SUCCEEDED, message=f"{name} has left", result=msgspec.json.encode(result).decode()
    )


def _take_on(services: Services, action: Action) -> Outcome:
    asked = msgspec.json.decode(action.request or "", type=FileRequest)
    plan = plan_of(services.store, action.kind, asked.data, now_ms=services.now_ms())
    if plan.refused:
        says = f"{len(plan.refused)} of {len(plan.steps)} can't be done, so nothing was changed"
        result = msgspec.json.encode(shown(plan, applied=False))
        return _failed(Code.ONBOARDING_PLAN_REFUSED, says, result)
    for _ in carry_out(services.store, plan, _no_token, by=action.created_by, now_ms=services.now_ms()):
        pass
    services.ring()
    result = msgspec.json.encode(shown(plan, applied=True))
    changed = f"{len(plan.companies)} companies and resellers written"
    return Outcome(state=ActionState.SUCCEEDED, message=changed, result=result.decode())


def _no_token(_: bool) -> NoReturn:
    raise AssertionError("a plan over REST has no tokens")


DOING: Final[Mapping[str, Callable[[Services, Action], Outcome]]] = {
    LEAVE: _leave,
    APPLY: _take_on,
    IMPORT: _take_on,
}
