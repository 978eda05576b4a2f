"""Getting things back, at the command line."""

import hashlib
import os
from pathlib import Path
from time import sleep
from typing import Annotated, Any, Final

import attrs
from cyclopts import App, Parameter
from cyclopts.validators import Number

from gateway.cli.command import agent_named
from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import FAILED, UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import ago, json_line, rows, say, size
from gateway.cli.restore_points import (
    LATEST,
    AgentName,
    By,
    WorkloadName,
    desk_of,
    instruction_of,
    point_named,
    restore_browse,
    restore_points,
    restore_search,
    told_plainly,
    workload_named,
)
from gateway.restores import FileMissing, RestoreDesk, RestoredFile
from gateway.store import CommandState, RestoreMode, RestoreSession, Scope
from protocol import Code, commands

__all__ = ["restore_app"]

POLL_S: Final = 0.2
TTL_MS: Final = 3600 * 1000
ASK_S: Final = 60.0
"""For the newest restore point."""

restore_app = App(name="restore")
restore_app.command(restore_points, name="points")
restore_app.command(restore_browse, name="browse")
restore_app.command(restore_search, name="search")


@restore_app.command(name="start")
def restore_start(
    agent: AgentName,
    workload: WorkloadName,
    point: str,
    /,
    *paths: str,
    mode: RestoreMode = RestoreMode.DOWNLOAD,
    folder: str = "",
    everything: Annotated[bool, Parameter(negative="")] = False,
    max_bytes: int = commands.ITEM_BYTES,
    to: Path | None = None,
    wait: Annotated[bool, Parameter(negative="")] = False,
    by: By = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Get items of a restore point back.

    - download: one file, or a folder as a tar archive, sent to the gateway; `restore download` copies it out.
    - in-place: onto the agent's server, where a file takes the place of the one that has its name.
    - keep-both: onto the agent's server, beside what has their names.

    Whoever looks after the agent's server decides whether files may leave it, and below which folders may be restored (agent.toml there).

    Example: fieldgate restore start backup01 "backup01: /home" POINT /home/ada/report.odt --to report.odt

    Example: fieldgate restore start backup01 "backup01: /home" POINT /home/ada/mail /home/ada/notes --mode keep-both --wait

    Parameters
    ----------
    point
        The restore point's uid, as `restore points` shows it; `latest` for the newest.
    paths
        The files and folders, as `restore browse` shows them.
    mode
        download, in-place or keep-both.
    folder
        With in-place and keep-both: the folder of the agent's server to restore into; default: where it came from.
    everything
        All of the restore point.
    max_bytes
        With download: how large it may be.
    to
        With download: wait for it, and copy it out to this new file.
    wait
        Wait for its end; exits with 0 if it succeeded, else with 1.
    by
        Who asks; default: the user who runs the command.
    """
    who = operator(by)
    if to is not None and mode is not RestoreMode.DOWNLOAD:
        raise CommandError("--to is for downloads", exit_code=UNUSABLE)
    with open_provider(data) as provider, told_plainly():
        asked = agent_named(provider, agent)
        of = workload_named(provider, asked.uid, workload)
        where = {"workload_uid": of, "point_uid": point}
        if point == LATEST:  # only once the rest of what was typed makes sense
            _wanted(where, paths, mode, folder, everything=everything, max_bytes=max_bytes)
            where["point_uid"] = point_named(provider, asked.uid, of, point, who=who, wait_s=ASK_S)
        wanted = _wanted(where, paths, mode, folder, everything=everything, max_bytes=max_bytes)
        desk = desk_of(provider)
        session = desk.begin(asked.uid, wanted, scope=Scope.everything(), who=who, ttl_ms=TTL_MS)
        if not json_:
            say(f"{session.uid}: asked of {session.host_name}")
        if wait or to is not None:
            session = _wait(provider, session.uid, quiet=json_)
        if to is not None:
            _fetch(desk, session.uid, to, who, quiet=json_)
    if json_:
        json_line(record_of(session))
    elif not wait and to is None:
        say("`fieldgate restore sessions` says how it stands")
    if wait and session.state is not CommandState.SUCCEEDED:
        known = session.code in Code._value2member_map_
        text = f"{session.state}: {session.message or 'without a word'}"
        raise CommandError(text, exit_code=FAILED, code=Code(session.code) if known else None)


def _wanted(
    where: dict[str, str],
    paths: tuple[str, ...],
    mode: RestoreMode,
    folder: str,
    *,
    everything: bool,
    max_bytes: int,
) -> commands.DownloadItem | commands.RestoreItems | commands.RestoreWorkload:
    if everything is bool(paths):
        raise CommandError("name what is wanted, or --everything", exit_code=UNUSABLE)
    if mode is not RestoreMode.DOWNLOAD:
        if everything:
            return instruction_of(commands.RestoreWorkload, **where, mode=mode.value, folder=folder)
        return instruction_of(commands.RestoreItems, **where, paths=paths, mode=mode.value, folder=folder)
    if folder:
        raise CommandError("--folder is for restores onto the agent's server", exit_code=UNUSABLE)
    if len(paths) > 1:
        raise CommandError("a download is one file or folder", exit_code=UNUSABLE)
    path = "/" if everything else paths[0]
    return instruction_of(commands.DownloadItem, **where, path=path, max_bytes=max_bytes)


@restore_app.command(name="download")
def restore_download(uid: str, /, *, to: Path, by: By = None, data: Data = DEFAULT_DATA) -> None:
    """Copy out what a restore brought, and check its hash.

    Parameters
    ----------
    uid
        The restore's uid, as `restore sessions` shows it.
    to
        The new file; for its owner only.
    """
    who = operator(by)
    with open_provider(data) as provider, told_plainly():
        _fetch(desk_of(provider), uid, to, who, quiet=False)


@restore_app.command(name="sessions")
def restore_sessions(
    *,
    agent: str | None = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=100_000))] = 50,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """List what was asked to be restored, by whom, and what came of it; the newest first.

    Parameters
    ----------
    agent
        Only this agent's (uid, or host name).
    limit
        How many at most.
    """
    with open_provider(data) as provider:
        agent_uid = None if agent is None else agent_named(provider, agent).uid
        found = provider.store.restores.list(scope=Scope.everything(), agent_uid=agent_uid, limit=limit)
    rows(
        map(record_of, found),
        {
            "created_ms": "ASKED",
            "created_by": "BY",
            "host_name": "HOST",
            "items": "WHAT",
            "mode": "HOW",
            "state": "STATE",
            "percent": "%",
            "code": "CODE",
            "message": "SAYS",
            "uid": "UID",
        },
        as_json=json_,
        empty="nothing was asked to be restored: fieldgate restore points AGENT WORKLOAD shows what there is",
        show={"created_ms": ago(now_ms()), "items": ", ".join},
    )


def record_of(session: RestoreSession) -> dict[str, Any]:
    """An entry of the log for a table or a script."""
    record = attrs.asdict(session)
    del record["path"]
    known = session.code in Code._value2member_map_
    return record | {
        "mode": session.mode.value,
        "state": session.state.value,
        "file_state": None if session.file_state is None else session.file_state.value,
        "code": str(Code(session.code)) if known else session.code or None,
        "sha256": None if session.sha256 is None else session.sha256.hex(),
        "items": list(session.items),
    }


def _wait(provider: Provider, uid: str, *, quiet: bool) -> RestoreSession:
    """The restore once it has ended; says how far it is."""
    said: tuple[CommandState, int] | None = None
    while not (session := provider.store.restores.get(uid, scope=Scope.everything())).state.is_final:
        if (now := (session.state, session.percent)) != said and not quiet:
            say(f"{session.state} {session.percent} % {session.message or ''}".rstrip())
        said = now
        sleep(POLL_S)
    return session


def _fetch(desk: RestoreDesk, uid: str, to: Path, who: str, *, quiet: bool) -> None:
    file = desk.fetch(uid, scope=Scope.everything(), who=who)
    try:
        _copy(file, to)
    finally:
        file.close()
    if not quiet:
        say(f"{to}: {size(file.size_bytes)}, SHA-256 {file.sha256.hex()}, as the agent sent it")


def _copy(file: RestoredFile, to: Path) -> None:
    """Copy and check; what turns out to be wrong is removed."""
    try:
        fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise CommandError(f"{to} is there already: name a new file", exit_code=UNUSABLE) from None
    except OSError as error:
        raise CommandError(f"cannot write {to}: {error.strerror}", exit_code=UNUSABLE) from None
    digest = hashlib.sha256()
    try:
        with os.fdopen(fd, "wb") as writing:
            for block in file.blocks():
                digest.update(block)
                writing.write(block)
        if digest.digest() != file.sha256:
            raise FileMissing("what lies in the spool is not what the agent sent")
    except BaseException as error:
        to.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise CommandError(f"cannot write {to}: {error.strerror}", exit_code=UNUSABLE) from None
        raise
