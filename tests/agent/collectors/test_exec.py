"""A program of the customer's: what it prints is read strictly, and what it does has an end."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio

from agent.collectors.config import SettingError
from agent.collectors.contract import CollectorError, CollectorSettings
from agent.collectors.document import FILE, read_output, schema_text
from agent.collectors.exec import Exec, make
from agent.collectors.program import bare_environment, run_program
from protocol import Code, JobEvent, JobStatus, Usage
from tests.agent.collectors.scripted import NOW_MS, around
from tests.helpers.schemas import PUBLISHED, faults

EVENT = {
    "time_ms": 1, "kind": "job-finished", "job_uid": "j", "session_uid": "s", "workload_uid": "", "status": "failed",
    "message": "no tape",
}  # fmt: skip
USAGE = {"subject_kind": "repository", "subject_uid": "r", "name": "R", "metric": "storage-bytes", "value": 7}


def program(folder: Path, code: str, **options: object) -> Exec:
    (folder / "program.py").write_text(code)
    command = [sys.executable, str(folder / "program.py")]
    settings = CollectorSettings(name="x", kind="exec", options={"command": command, **options})
    return make(settings, around(folder))


def test_what_is_printed_becomes_rows() -> None:
    """Words for numbers, defaults for what is left out, now for when."""
    output = read_output(
        json.dumps({"version": 1, "events": [EVENT], "usage": [USAGE], "cursor": "c"}).encode(), now_ms=NOW_MS
    )
    [event] = map(JobEvent.from_row, output.events)
    assert (event.status, event.message, event.attempt) == (JobStatus.FAILED, "no tape", 0)
    [usage] = map(Usage.from_row, output.usage)
    assert (usage.value, usage.observed_ms) == (7, NOW_MS)
    assert output.cursor == "c"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("{", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "it is no JSON object"),
        ("{}", 'it begins with "version": 1'),
        ('{"version": true}', 'it begins with "version": 1'),
        ({"job": []}, "there is no 'job'; did you mean 'jobs'?"),
        ({"jobs": {}}, "jobs is no list"),
        ({"jobs": [3]}, "jobs[0] is no object"),
        ({"jobs": [{"uid": "j", "name": "J"}]}, "jobs[0]: server_uid is missing"),
        ({"events": [EVENT | {"sise": 1}]}, "events[0]: there is no 'sise'"),
        ({"events": [EVENT, EVENT | {"kind": "job-finish"}]}, "events[1]: kind is 'job-finish'; did you mean 'job-finished'?"),
        ({"events": [EVENT | {"time_ms": 1.5}]}, "events[0]: time_ms is float, and not int"),
        ({"events": [EVENT | {"attempt": True}]}, "events[0]: attempt is bool, and not int"),
        ({"events": [EVENT | {"time_ms": -1}]}, "events[0]: -1 is outside"),
        ({"events": [EVENT | {"job_uid": "x" * 65}]}, "events[0]: text of 65 characters"),
        ({"usage": [USAGE | {"value": 2**63}]}, "usage[0]: "),
        ({"usage": 3}, "usage is no list"),
        ({"cursor": 3}, "cursor is of another type"),
        ({"cursor": "x" * 4097}, "cursor has more than 4096 bytes"),
        ({"more": 1}, "more is of another type"),
    ],
)  # fmt: skip
def test_what_is_something_else_is_refused_with_its_place(
    document: str | dict[str, object], says: str
) -> None:
    """FG-4032."""
    text = document if isinstance(document, str) else json.dumps({"version": 1, **document})
    with pytest.raises(CollectorError) as refused:
        read_output(text.encode(), now_ms=NOW_MS)
    assert says in refused.value.message
    assert refused.value.code is Code.COLLECTOR_INVALID


def test_the_published_schema_is_generated() -> None:
    """Run `python -m agent.collectors.document docs/schemas` when this fails."""
    assert (PUBLISHED / FILE).read_text(encoding="utf-8") == schema_text()


def test_the_schema_says_what_is_read() -> None:
    """Of what is right and of what is wrong."""
    good: dict[str, object] = {"version": 1, "events": [EVENT], "usage": [USAGE]}
    assert faults(good, FILE) == []
    bad: list[dict[str, object]] = [
        {"job": []},
        {"events": [EVENT | {"kind": "x"}]},
        {"events": [{}]},
        {"usage": [USAGE | {"value": -1}]},
    ]
    for wrong in bad:
        assert faults({**good, **wrong}, FILE)
        with pytest.raises(CollectorError):
            read_output(json.dumps({**good, **wrong}).encode(), now_ms=NOW_MS)


@pytest.mark.parametrize(
    "options",
    [{"command": []}, {"command": ["./tapes"]}, {"command": ["x"], "limit_s": 0}, {"command": ["x"], "interval_s": 0}],
)  # fmt: skip
def test_options_out_of_bounds(options: dict[str, object], tmp_path: Path) -> None:
    """Named with the collector."""
    with pytest.raises(SettingError, match="collector x: "):
        make(CollectorSettings(name="x", kind="exec", options=options), around(tmp_path))


async def test_it_is_told_where_it_was_and_nothing_else(tmp_path: Path) -> None:
    """Neither the agent's environment nor its input; what it says on standard error is shown."""
    code = """
import json, os, sys
print("looked at", os.environ["FIELDGATE_SINCE"], repr(sys.stdin.read()), file=sys.stderr)
names = sorted(os.environ.keys() - {"LC_CTYPE", "HOME", "TMPDIR", "TZ"})
print(json.dumps({"version": 1, "cursor": " ".join(names)}))
"""
    collector = program(tmp_path, code)
    found = await collector.events("tape 17")
    assert found.cursor == "FIELDGATE_LIMIT FIELDGATE_SINCE LANG PATH"
    assert collector.status() == "looked at tape 17 ''"


@pytest.mark.parametrize(
    ("code", "says", "fg"),
    [
        ("import sys; print('no drive', file=sys.stderr); sys.exit(3)", "ended with 3: no drive", Code.COLLECTOR_FAILED),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with -9: without a word", Code.COLLECTOR_FAILED),
        ("import sys; print('\\x1b[2Jgone', file=sys.stderr); sys.exit(1)", "\\x1b[2Jgone", Code.COLLECTOR_FAILED),
        ("while True: print('x' * 1000000)", "printed more than", Code.COLLECTOR_INVALID),
        ("import time; time.sleep(100)", "did not end within 1 s", Code.COLLECTOR_FAILED),
        ("import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(100)", "did not end within 1 s", Code.COLLECTOR_FAILED),
        ("print('hello')", "it is no JSON", Code.COLLECTOR_INVALID),
    ],
)  # fmt: skip
async def test_a_program_that_fails(
    code: str, says: str, fg: Code, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended where it does not end by itself, and its own words are passed on, harmless."""
    monkeypatch.setattr("agent.collectors.program.POLITE_S", 0.2)
    with pytest.raises(CollectorError) as refused:
        await program(tmp_path, code, limit_s=1).events("")
    assert says in refused.value.message
    assert refused.value.code is fg


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """Said with its name."""
    settings = CollectorSettings(name="x", kind="exec", options={"command": ["no-such-program"]})
    with pytest.raises(CollectorError, match="no program 'no-such-program' that this agent's user may run"):
        await make(settings, around(tmp_path)).events("")


CHILDREN = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(100 if sys.argv[1] == "stays" else 0)
"""


@pytest.mark.parametrize("how", ["stays", "goes"])
async def test_what_a_program_has_started_ends_with_it(how: str, tmp_path: Path) -> None:
    """Whether it is cancelled, or has ended and left a child behind that holds its output."""
    pids: list[int] = []
    (tmp_path / "program.py").write_text(CHILDREN)
    with trio.fail_after(30), trio.CancelScope() as scope:

        def said(line: bytes) -> None:
            pids.extend(map(int, line.split()))
            if how == "stays":
                scope.cancel()

        await run_program(
            [sys.executable, str(tmp_path / "program.py"), how], environment=bare_environment(), on_line=said
        )
    assert len(pids) == 2
    for pid in pids:
        await gone(pid)


async def gone(pid: int) -> None:
    """Wait until a process has ended; a child of one that ended is reaped by others, sooner or later."""
    with trio.fail_after(10):
        while True:
            try:
                text = await trio.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
            except FileNotFoundError:
                return
            if text.rpartition(")")[2].split()[0] == "Z":
                return
            await trio.sleep(0.01)


AGENT = """
import sys, trio
from agent.collectors.program import bare_environment, run_program
async def main():
    await run_program([sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(100)"],
                      environment=bare_environment(), on_line=lambda line: print(line.decode(), flush=True))
trio.run(main)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does this")
async def test_a_program_ends_with_an_agent_that_is_killed() -> None:
    """Though nobody is left who could end it, and it says nothing."""
    async with trio.open_nursery() as nursery:
        start = partial(trio.run_process, [sys.executable, "-c", AGENT], stdout=subprocess.PIPE, check=False)
        agent = await nursery.start(start)
        pid = int(await agent.stdout.receive_some())
        os.kill(agent.pid, signal.SIGKILL)
        await gone(pid)
