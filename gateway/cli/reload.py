"""`fieldgate reload`: have every process of a data folder read its settings and certificates again, and hear what came of it."""

import contextlib
import os
import signal
import time
from typing import Any

from gateway.cli.errors import FAILED, UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import rows, say
from gateway.config import load_config
from gateway.datafolder import DataFolder
from gateway.processes import Running, running
from protocol import Code

__all__ = ["reload"]

# A certificate is read and judged in milliseconds; a busy edge comes round within a second.
PATIENCE_S = 15.0
POLL_S = 0.05


def reload(*, data: Data = DEFAULT_DATA, json_: Json = False) -> int:
    """Have every process read its settings and certificates again; says what changed. No session ends."""
    folder = DataFolder(data)
    folder.check()
    load_config(data)  # what can't be used is said here, and nobody is troubled with it
    before = running(folder.run)
    if not before:
        raise CommandError(
            f"nothing runs on {data}: `fieldgate serve --data {data}` starts with the settings as they are"
        )
    supervisors = {process.pid for process in before if process.kind == "supervisor"}
    for process in before:
        if process.parent_pid not in supervisors:  # those hear of it from their supervisor
            with contextlib.suppress(ProcessLookupError):  # it has ended since
                _hang_up(process)
    outcomes = [_record(process, _answer(folder, process)) for process in before]
    if json_:
        rows(outcomes, {}, as_json=True, empty="")
    else:
        for outcome in outcomes:
            say(*_lines(outcome))
    if any(outcome["refused"] for outcome in outcomes):
        return UNUSABLE
    return 0 if all(outcome["answered"] for outcome in outcomes) else FAILED


def _hang_up(process: Running) -> None:
    try:
        os.kill(process.pid, signal.SIGHUP)
    except PermissionError:
        text = f"process {process.pid} is another user's: run this as the user that the gateway runs as"
        raise CommandError(text, exit_code=UNUSABLE) from None


def _answer(folder: DataFolder, asked: Running) -> dict[str, Any] | None:
    """What *asked* says of the reload; None if it does not within `PATIENCE_S`, or has ended."""
    known = (asked.reload or {}).get("number", 0)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = next((each for each in running(folder.run) if each.pid == asked.pid), None)
        if found is None:
            return None
        if found.reload is not None and found.reload["number"] > known:
            return found.reload
        time.sleep(POLL_S)
    return None


def _record(process: Running, answer: dict[str, Any] | None) -> dict[str, Any]:
    said = answer or {}
    return {
        "process": process.kind, "name": process.name, "pid": process.pid, "answered": answer is not None,
        "refused": said.get("refused"), "code": str(Code(said["code"])) if "code" in said else None,
        "changed": said.get("changed", {}), "restart": said.get("restart", {}),
        "certificate": said.get("certificate"), "trust": said.get("trust"),
    }  # fmt: skip


def _lines(outcome: dict[str, Any]) -> list[str]:
    who = (
        outcome["process"]
        if outcome["name"] == outcome["process"]
        else f"{outcome['process']} {outcome['name']}"
    )
    if not outcome["answered"]:
        return [f"{who}: no answer from process {outcome['pid']}; its log says why, or it is busy starting"]
    if outcome["refused"]:
        return [
            f"{who}: refused, goes on as before: {outcome['refused']} ({outcome['code']}, {Code.RELOAD_REFUSED})"
        ]
    lines = [f"{who}: {key} {old} → {new}" for key, (old, new) in outcome["changed"].items()]
    lines += [f"{who}: {what} {outcome[what]}" for what in ("certificate", "trust") if outcome[what]]
    lines += [
        f"{who}: {key} takes a restart ({Code.RESTART_NEEDED})"
        + ("" if old == "…" else f": it is {old}, the file says {new}")
        for key, (old, new) in outcome["restart"].items()
    ]
    return lines or [f"{who}: nothing has changed"]
