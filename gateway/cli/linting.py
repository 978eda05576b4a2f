"""`fieldgate lint`: what looks wrong in how customers were taken on."""

import attrs

from gateway.cli.common import now_ms, open_provider
from gateway.cli.errors import CHECK_FAILED
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import rows, say
from gateway.onboarding import lint
from gateway.store import Scope

__all__ = ["lint_command"]


def lint_command(*, company: str | None = None, data: Data = DEFAULT_DATA, json_: Json = False) -> int:
    """Look for what is wrong in how customers were taken on, with the command that mends each. Exits with 4 when there is something.

    Parameters
    ----------
    company
        Only what concerns this company (name or uid).
    """
    with open_provider(data) as provider:
        uid = None if company is None else provider.store.companies.find(company).uid
        scope = Scope.everything() if uid is None else Scope.organization(uid)
        found = list(lint(provider.store, scope, now_ms=now_ms()))
    if json_:
        listed = [attrs.asdict(each) | {"code": str(each.code)} for each in found]
        rows(listed, {}, as_json=True, empty="")
    elif not found:
        say("nothing looks wrong")
    else:
        for each in found:
            whom = f"{each.organization_name}: " if each.organization_name else ""
            say(f"{each.code}  {whom}{each.says}", f"         {each.command}")
        say("", f"{len(found)} findings; `fieldgate explain CODE` says more of each")
    return CHECK_FAILED if found else 0
