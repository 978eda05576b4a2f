"""The linter: what looks wrong in how customers were taken on, what each finding means, and what to type to mend it.

What it finds is right by every rule of the store, and still the reason for next month's wrong bill.
"""

import shlex
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from gateway.store import Scope, Store, Suspect, time_text
from protocol import Code

__all__ = ["TOKEN_ENDS_WITHIN_MS", "Finding", "lint"]

EVERYTHING: Final = Scope.everything()
TOKEN_ENDS_WITHIN_MS: Final = 7 * 24 * 3600 * 1000


@attrs.frozen(kw_only=True)
class Finding:
    """Something that looks wrong."""

    code: Code
    organization_uid: str | None
    """Whom it concerns; None: the provider."""
    organization_name: str | None
    uid: str
    """Of what is wrong."""
    says: str
    """What, for people."""
    command: str
    """What to type to mend it, words in capitals to be filled in."""


def lint(store: Store, scope: Scope = EVERYTHING, *, now_ms: int) -> Iterator[Finding]:
    """Everything within *scope* that looks wrong, check by check. Changes nothing."""
    checks: tuple[tuple[Code, list[Suspect], Callable[[Suspect], tuple[str, str]]], ...] = (
        (Code.LINT_TENANT_UNMAPPED, store.lint.unmapped_tenants(scope), _unmapped),
        (Code.LINT_TENANT_LOST, store.lint.lost_tenants(scope), _lost),
        (Code.LINT_INSTALLATION_TWICE, store.lint.cloned_agents(scope), _cloned),
        (Code.LINT_LICENCE_SHARED, store.lint.shared_licences(scope), _shared),
        (Code.LINT_LICENCE_LEFT_BEHIND, store.lint.licences_left_behind(scope), _left_behind),
        (Code.LINT_LICENCES_MIXED, store.lint.mixed_licences(scope), _mixed),
        (Code.LINT_AGENT_WAITING, store.lint.waiting_agents(scope), _waiting),
        (
            Code.LINT_TOKEN_ENDING,
            store.lint.ending_tokens(scope, from_ms=now_ms, to_ms=now_ms + TOKEN_ENDS_WITHIN_MS),
            _ending,
        ),
        (Code.LINT_COMPANY_IDLE, store.lint.idle_companies(scope), _idle),
    )
    for code, suspects, words in checks:
        for suspect in suspects:
            says, command = words(suspect)
            yield Finding(
                code=code, organization_uid=suspect.organization_uid, organization_name=suspect.organization_name,
                uid=suspect.uid, says=says, command=command,
            )  # fmt: skip


def _company(suspect: Suspect) -> str:
    return shlex.quote(suspect.organization_name or "")


def _unmapped(found: Suspect) -> tuple[str, str]:
    says = f"cloud tenant {found.name} is nobody's: what it uses is billed to nobody"
    return says, f"fieldgate tenant map {shlex.quote(found.uid)} COMPANY --site {found.detail}"


def _lost(found: Suspect) -> tuple[str, str]:
    says = f"cloud tenant {found.name} is mapped, but its site reports it no more, or as disabled"
    return says, f"fieldgate tenant unmap {shlex.quote(found.uid)} --site {found.detail}"


def _cloned(found: Suspect) -> tuple[str, str]:
    says = f"{found.name} shares the installation id {found.detail} with another agent: one is a copy, and neither is billed"
    return says, f"fieldgate agent revoke {found.uid} --why clone"


def _shared(found: Suspect) -> tuple[str, str]:
    says = f"licence {found.uid} ({found.name}) is on {found.detail} servers: its usage is summed, and none can be limited alone"
    return says, "fieldgate licence list"


def _left_behind(found: Suspect) -> tuple[str, str]:
    says = f"{found.name} has a licence of another company: what it uses counts for no licence"
    return says, f"fieldgate licence push LICENCE --agent {found.uid}"


def _mixed(found: Suspect) -> tuple[str, str]:
    says = f"licences that are paid for in {found.detail} ways: what is rented and what is owned can't be told apart on a server"
    return says, "fieldgate licence list"


def _waiting(found: Suspect) -> tuple[str, str]:
    says = f"agent {found.name} waits to be accepted: it reports nothing until then"
    return says, f"fieldgate agent accept {found.uid} --company {_company(found)}"


def _ending(found: Suspect) -> tuple[str, str]:
    says = f"token {found.uid} ends at {time_text(int(found.detail))}: who enrolls later waits to be accepted"
    return says, f"fieldgate token create --company {_company(found)}"


def _idle(found: Suspect) -> tuple[str, str]:
    says = "no agent: nothing is known of its backups"
    return says, f"fieldgate token create --company {_company(found)}"
