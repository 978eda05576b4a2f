"""`fieldgate reload`: have every process of a data folder read its settings and certificates again, and hear what came of it.

Only an edge knows whether it can use its certificates: by its own settings, environment and rights. So the edges are asked first, and if
one refuses, the others are left as they are. A supervisor passes the signal on to its edge once more, which finds nothing new.
"""

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from typing import Any

import attrs

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
    answers = _ask_all(folder, before)
    outcomes = [_record(process, answers.get(process.pid), told=process.pid in answers) for process in before]
    if json_:
        rows(outcomes, {}, as_json=True, empty="")
    else:
        for outcome in outcomes:
            say(*_lines(outcome))
    if any(outcome["refused"] for outcome in outcomes):
        return UNUSABLE
    return 0 if all(outcome["answered"] for outcome in outcomes) else FAILED


def _ask_all(folder: DataFolder, processes: Sequence[Running]) -> dict[int, dict[str, Any] | None]:
    """What each says, by process; those that were not told are missing."""
    answers: dict[int, dict[str, Any] | None] = {}
    for edge in processes:
        if edge.kind == "edge":
            _hang_up(edge)
            answer = answers[edge.pid] = _answer(folder, edge)
            if answer and answer.get("refused"):
                return answers
    supervisors = {process.pid for process in processes if process.kind == "supervisor"}
    for process in processes:
        if process.pid not in answers and process.parent_pid not in supervisors:  # from whom those hear of it
            _hang_up(process)
    for process in processes:
        first = answers.get(process.pid)
        if process.pid not in answers:
            answers[process.pid] = _answer(folder, process)
        elif first is not None and process.parent_pid in supervisors:
            # Else the next reload could take this answer for its own.
            again = _answer(folder, attrs.evolve(process, reload=first))
            answers[process.pid] = again if again and again.get("refused") else first
    return answers


def _hang_up(process: Running) -> None:
    try:
        with contextlib.suppress(ProcessLookupError):  # it has ended since
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


def _record(process: Running, answer: dict[str, Any] | None, *, told: bool) -> dict[str, Any]:
    said = answer or {}
    return {
        "process": process.kind, "name": process.name, "pid": process.pid, "told": told, "answered": answer is not None,
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
    if not outcome["told"]:
        return [f"{who}: not told, goes on as before: an edge has refused"]
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
