"""What can be restored, at the command line: restore points, and what is in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, TypeVar

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from gateway.cli.command import agent_named
from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import FAILED, UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import rows, say, size, when
from gateway.restores import Page, RestoreDesk, RestoreError
from gateway.store import Scope
from protocol import Code, commands, listing

__all__ = [
    "AgentName",
    "By",
    "WorkloadName",
    "desk_of",
    "instruction_of",
    "point_named",
    "restore_browse",
    "restore_points",
    "restore_search",
    "told_plainly",
    "workload_named",
]

AgentName = Annotated[str, Parameter(help="The agent's uid, or its host name where only one agent has that.")]
WorkloadName = Annotated[
    str, Parameter(help="The workload's uid or its name, as the agent's inventory has it.")
]
By = Annotated[str | None, Parameter(help="Who asks; default: the user who runs the command.")]
Rows = Annotated[int, Parameter(validator=Number(gte=1, lte=listing.MAX_ROWS))]
Timeout = Annotated[
    float, Parameter(validator=Number(gte=1, lte=3600), help="Seconds to wait for the agent's answer.")
]

LATEST: Final = "latest"

T = TypeVar("T", bound=commands.Instruction)


def restore_points(
    agent: AgentName,
    workload: WorkloadName,
    /,
    *,
    limit: Rows = 100,
    after: str = "",
    timeout: Timeout = 60.0,
    by: By = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """List the restore points of a workload, the newest first, as its agent has them now.

    Example: fieldgate restore points backup01 "backup01: /home"

    Parameters
    ----------
    limit
        How many at most.
    after
        Go on behind this restore point.
    """
    who = operator(by)
    with open_provider(data) as provider, told_plainly():
        asked = agent_named(provider, agent)
        uid = workload_named(provider, asked.uid, workload)
        question = instruction_of(commands.ListRestorePoints, workload_uid=uid, after=after, limit=limit)
        page = desk_of(provider).asked(asked.uid, question, scope=Scope.everything(), who=who, wait_s=timeout)
    rows(
        map(attrs.asdict, page.rows),
        {"time_ms": "TIME", "size_bytes": "SIZE", "name": "OF", "uid": "UID"},
        as_json=json_,
        empty="it has no restore point",
        show={"time_ms": when, "size_bytes": size},
    )
    _say_more(page.next, as_json=json_)


def restore_browse(
    agent: AgentName,
    workload: WorkloadName,
    point: str,
    path: str = "/",
    /,
    *,
    limit: Rows = 500,
    after: str = "",
    timeout: Timeout = 60.0,
    by: By = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """List a folder of a restore point.

    Example: fieldgate restore browse backup01 "backup01: /home" POINT /home/ada

    Parameters
    ----------
    point
        The restore point's uid, as `restore points` shows it; `latest` for the newest.
    path
        The folder, from the top of the restore point.
    limit
        How many items at most.
    after
        Go on behind the item of this path.
    """
    who = operator(by)
    with open_provider(data) as provider, told_plainly():
        asked = agent_named(provider, agent)
        uid = workload_named(provider, asked.uid, workload)
        question = instruction_of(
            commands.BrowseRestorePoint,
            workload_uid=uid,
            point_uid=point_named(provider, asked.uid, uid, point, who=who, wait_s=timeout),
            path=path,
            after=after,
            limit=limit,
        )
        page = desk_of(provider).asked(asked.uid, question, scope=Scope.everything(), who=who, wait_s=timeout)
    _show_items(page, empty="the folder is empty", as_json=json_)


def restore_search(
    agent: AgentName,
    workload: WorkloadName,
    point: str,
    text: str,
    /,
    *,
    below: str = "/",
    limit: Rows = 500,
    after: str = "",
    timeout: Timeout = 60.0,
    by: By = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Find what has a text in its name, anywhere in a restore point.

    Example: fieldgate restore search backup01 "backup01: /home" POINT invoice --below /home/ada

    Parameters
    ----------
    point
        The restore point's uid, as `restore points` shows it; `latest` for the newest.
    text
        Part of the name of a file or folder; capital or small does not matter.
    below
        The folder below which to look.
    limit
        How many items at most.
    after
        Go on behind the item of this path.
    """
    who = operator(by)
    with open_provider(data) as provider, told_plainly():
        asked = agent_named(provider, agent)
        uid = workload_named(provider, asked.uid, workload)
        question = instruction_of(
            commands.SearchRestorePoint,
            workload_uid=uid,
            point_uid=point_named(provider, asked.uid, uid, point, who=who, wait_s=timeout),
            text=text,
            path=below,
            after=after,
            limit=limit,
        )
        page = desk_of(provider).asked(asked.uid, question, scope=Scope.everything(), who=who, wait_s=timeout)
    _show_items(page, empty="nothing has that in its name", as_json=json_)


@contextmanager
def told_plainly() -> Iterator[None]:
    """What an agent can't or won't do ends the command, with its code."""
    try:
        yield
    except RestoreError as error:
        raise CommandError(str(error), exit_code=FAILED, code=error.code) from None


def desk_of(provider: Provider) -> RestoreDesk:
    return RestoreDesk(
        store=provider.store, spool=provider.folder.path / "spool", ring=provider.ring, now=now_ms
    )


def instruction_of(cls: type[T], **fields: Any) -> T:
    instruction = cls(**fields)
    try:
        instruction.payload()
    except commands.InvalidCommand as error:
        raise CommandError(error.message, exit_code=UNUSABLE, code=error.code) from None
    return instruction


def workload_named(provider: Provider, agent_uid: str, text: str) -> str:
    """The uid of the agent's workload of that uid or name."""
    known = provider.store.restores.workloads(agent_uid, text)
    if text in known:
        return text
    if len(known) != 1:
        what = (
            f"{len(known)} workloads have the name {text!r}: name one of {', '.join(known)}"
            if known
            else (f"the agent protects no workload of the uid or name {text!r}")
        )
        raise CommandError(what, code=Code.NOT_FOUND)
    return next(iter(known))


def point_named(
    provider: Provider, agent_uid: str, workload_uid: str, text: str, *, who: str, wait_s: float
) -> str:
    """The uid of the workload's restore point of that uid; of `latest`, the agent is asked for the newest that it has now."""
    if text != LATEST:
        return text
    question = instruction_of(commands.ListRestorePoints, workload_uid=workload_uid, limit=1)
    page = desk_of(provider).asked(agent_uid, question, scope=Scope.everything(), who=who, wait_s=wait_s)
    for point in page.rows:
        if isinstance(point, listing.Point):
            return point.uid
    raise CommandError("it has no restore point", exit_code=FAILED, code=Code.RESTORE_SOURCE_UNKNOWN)


def _show_items(page: Page, *, empty: str, as_json: bool) -> None:
    rows(
        map(attrs.asdict, page.rows),
        {"type": "TYPE", "size_bytes": "SIZE", "modified_ms": "CHANGED", "path": "PATH"},
        as_json=as_json,
        empty=empty,
        show={"modified_ms": when, "size_bytes": size},
    )
    _say_more(page.next, as_json=as_json)


def _say_more(after: str, *, as_json: bool) -> None:
    if after and not as_json:
        say(f"there is more: --after {after}")
