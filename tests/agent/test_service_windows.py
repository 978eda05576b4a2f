"""The agent as a Windows service, against a manager that is held to Windows' rules: what that one may be told, and when it starts one again.

Windows itself is not here. What calls it, `agent.service_api`, is checked by types only.
"""

import contextlib
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from agent import service_windows
from agent.cli import main
from agent.exits import FAILED, REFUSED, UNUSABLE, CommandError
from agent.service_command import check_name, explained, work
from agent.service_windows import (
    NEXT,
    Control,
    Life,
    Report,
    State,
    Step,
    command_line,
    install_plan,
    remove_plan,
    run_as_service,
)
from agent.state import StateFolder
from tests.agent.rig import make_keeper
from tests.helpers.gateway import Gateway

LIMIT_S = 30.0


class FakeManager:
    """Windows' manager, in two threads of its own, and its rules."""

    def __init__(self, *, knows_us: bool = True) -> None:
        self.knows_us = knows_us
        self.reports: list[Report] = []
        self.heard: queue.Queue[Report] = queue.Queue()
        self.control: Callable[[int], int] | None = None
        self.stopped = threading.Event()

    def dispatch(self, name: str, begin: Callable[[], None]) -> None:
        if not self.knows_us:
            raise OSError(1063, "the service process could not connect to the service controller")
        thread = threading.Thread(target=begin)
        thread.start()
        self.stopped.wait()
        thread.join(LIMIT_S)

    def listen(self, name: str, control: Callable[[int], int]) -> None:
        self.control = control

    def report(self, report: Report) -> None:
        assert self.control is not None, "no word before the handler is there"
        before = self.reports[-1] if self.reports else None
        assert before is None or before.state is not State.STOPPED, "STOPPED is the last word"
        pending = report.state in (State.STARTING, State.STOPPING)
        assert (report.hint_ms > 0) is pending
        assert (report.checkpoint > 0) is pending
        if before is not None and before.state is report.state and pending and report != before:
            assert report.checkpoint > before.checkpoint, "who makes no progress hangs"
        assert (report.specific_code != 0) is (report.exit_code == 1066)
        self.reports.append(report)
        self.heard.put(report)
        if report.state is State.STOPPED:
            self.stopped.set()

    def press(self, control: int, *, at: State) -> int:
        """Wait until the service says *at*, then send it *control* from this thread; what it answered."""
        while self.heard.get(timeout=LIMIT_S).state is not at:
            pass
        assert self.control is not None
        return self.control(control)

    @property
    def states(self) -> list[State]:
        return [report.state for report in self.reports]


@contextlib.contextmanager
def beside(act: Callable[[], object]) -> Iterator[None]:
    """Do *act* in another thread meanwhile; it must come to its end."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001  # to the test's thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    assert failures == []


def until_stopped(life: Life, code: int = 0) -> int:
    """An agent that runs until it is told to stop."""

    async def agent() -> None:
        stop = trio.Event()
        life.ready(stop.set)
        with trio.fail_after(LIMIT_S):
            await stop.wait()

    trio.run(agent)
    return code


@pytest.mark.parametrize("control", [Control.STOP, Control.SHUTDOWN])
def test_it_stops_in_order(control: Control) -> None:
    """The trio run ends because the manager asked, and the manager hears of each step."""
    manager = FakeManager()
    with beside(lambda: manager.press(control, at=State.RUNNING)):
        assert run_as_service(manager, "agent", until_stopped) == 0
    assert manager.states == [State.STARTING, State.RUNNING, State.STOPPING, State.STOPPED]
    assert manager.reports[-1] == Report(state=State.STOPPED)
    assert [bool(report.accepts) for report in manager.reports] == [False, True, False, False]


def test_it_stops_although_it_was_asked_before_it_could() -> None:
    """A system that shuts down waits for no start."""
    manager = FakeManager()

    def slow(life: Life) -> int:
        assert manager.press(Control.STOP, at=State.STARTING) == 0
        return until_stopped(life)

    assert run_as_service(manager, "agent", slow) == 0
    assert manager.states == [State.STARTING, State.STOPPING, State.STOPPING, State.STOPPED]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, Report(state=State.STOPPED)),
        (REFUSED, Report(state=State.STOPPED, exit_code=1066, specific_code=REFUSED)),
    ],
)
def test_it_is_not_started_again_where_that_changes_nothing(code: int, said: Report) -> None:
    """A gateway's no is final, and shown as the exit code that every other system has."""
    manager = FakeManager()
    assert run_as_service(manager, "agent", lambda life: code) == code
    assert manager.reports[-1] == said


@pytest.mark.parametrize("code", [FAILED, UNUSABLE])
def test_it_is_started_again_after_a_failure(code: int) -> None:
    """Without a word: that is what the manager restarts."""
    manager = FakeManager()
    assert run_as_service(manager, "agent", lambda life: code) == code
    assert manager.states == [State.STARTING]
    manager.stopped.set()  # the process is gone


def test_it_is_not_started_again_when_it_failed_while_it_was_stopped() -> None:
    """Somebody wanted it stopped."""
    manager = FakeManager()
    with beside(lambda: manager.press(Control.STOP, at=State.RUNNING)):
        assert run_as_service(manager, "agent", lambda life: until_stopped(life, FAILED)) == FAILED
    assert manager.reports[-1] == Report(state=State.STOPPED, exit_code=1066, specific_code=FAILED)


def test_a_control_that_comes_after_the_end_harms_nobody() -> None:
    """The manager's thread may be late."""
    manager = FakeManager()
    with beside(lambda: manager.press(Control.STOP, at=State.RUNNING)):
        run_as_service(manager, "agent", until_stopped)
    assert manager.control is not None
    assert manager.control(Control.STOP) == 0
    assert manager.states[-1] is State.STOPPED


def test_whoever_asks_is_answered() -> None:
    """What it said last for INTERROGATE; no for what it does not know."""
    manager = FakeManager()

    def ask() -> None:
        assert manager.press(128, at=State.RUNNING) == 120
        assert manager.control is not None
        assert manager.control(Control.INTERROGATE) == 0
        manager.control(Control.STOP)

    with beside(ask):
        run_as_service(manager, "agent", until_stopped)
    assert manager.states.count(State.RUNNING) == 2


def test_nothing_runs_that_the_manager_did_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a console, that is; nor one that it never lets begin."""

    def never(life: Life) -> int:
        raise AssertionError("it ran")

    with pytest.raises(OSError, match="could not connect"):
        run_as_service(FakeManager(knows_us=False), "agent", never)
    monkeypatch.setattr(service_windows, "BEGIN_S", 0.01)
    manager = FakeManager()
    monkeypatch.setattr(manager, "dispatch", lambda name, begin: manager.stopped.wait())
    with pytest.raises(OSError, match="has not let agent begin"):
        run_as_service(manager, "agent", never)
    manager.stopped.set()


@given(st.lists(st.sampled_from(Step), max_size=12))
def test_every_order_of_steps_is_one_that_windows_takes(steps: list[Step]) -> None:
    """Whatever comes when: each report is allowed (the fake looks), and STOPPED is the end."""
    manager = FakeManager()
    manager.control = lambda asked: 0
    life = Life(manager, "agent")
    expected: State | None = None
    for step in steps:
        life._take(step)
        expected = NEXT.get((expected, step), expected)
        assert life.state is expected


def test_a_real_agent_ends_when_the_manager_asks(tmp_path: Path) -> None:
    """From the manager's thread to the goodbye: the state folder's agent, which finds no gateway, stops in order."""
    made = make_keeper(Gateway.make(), gateways=("127.0.0.1:1",))
    StateFolder.create(tmp_path, attrs.evolve(made.identity, synthetic=False), made.credential)
    manager = FakeManager()
    with beside(lambda: manager.press(Control.STOP, at=State.RUNNING)):
        assert run_as_service(manager, "agent", lambda life: work(tmp_path, life)) == 0
    assert manager.reports[-1] == Report(state=State.STOPPED)
    assert '"state": "stopped"' in (tmp_path / "status.json").read_text()


def test_a_folder_that_cannot_be_used_is_said_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service has no console; the exit code is that of `run`."""
    manager = FakeManager()
    assert run_as_service(manager, "agent", lambda life: work(tmp_path / "none", life)) == UNUSABLE
    assert "agent ended" in capsys.readouterr().err
    manager.stopped.set()


# -- making it known ------------------------------------------------------------------------------------------------------


def parsed(line: str) -> list[str]:
    """*line* as the C runtime of Windows takes it apart, by the published rules: 2n backslashes and a quote are n and a border, 2n+1 are n and a quote."""
    arguments, current, quoted, begun, at = [], "", False, False, 0
    while at < len(line):
        char = line[at]
        if char == "\\":
            end = at
            while end < len(line) and line[end] == "\\":
                end += 1
            count, begun = end - at, True
            if end < len(line) and line[end] == '"':
                current += "\\" * (count // 2)
                if count % 2:
                    current += '"'
                    end += 1
            else:
                current += "\\" * count
            at = end
            continue
        if char == '"':
            quoted, begun = not quoted, True
        elif char in " \t" and not quoted:
            if begun:
                arguments.append(current)
            current, begun = "", False
        else:
            current, begun = current + char, True
        at += 1
    return [*arguments, current] if begun else arguments


WORDS = st.text(st.sampled_from(' \t"\\ab:é') | st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_every_argument_arrives(argv: list[str]) -> None:
    """Whatever quotes, blanks and backslashes are in it: a folder's name cannot become an option."""
    assert parsed(command_line(argv)) == argv


def test_the_service_is_what_was_installed() -> None:
    """The line that Windows starts is the command; the account is the service's own, and the folder its."""
    argv = [
        r"C:\Program Files\Fieldgate\python.exe",
        "-m",
        "agent",
        "service",
        "run",
        "--state",
        r"C:\Agent State",
    ]
    create, describe, failure, access = install_plan("fieldgate-agent", argv, r"C:\Agent State")

    assert create[:3] == ["sc.exe", "create", "fieldgate-agent"]
    options = dict(zip(create[3::2], create[4::2], strict=True))
    assert all(name.endswith("=") for name in options)  # sc.exe wants the value as a word of its own
    assert parsed(options["binPath="]) == argv
    assert options["obj="] == r"NT SERVICE\fieldgate-agent"
    assert options["start="] == "delayed-auto"
    assert describe[:3] == ["sc.exe", "description", "fieldgate-agent"]
    assert failure[3:] == ["reset=", "86400", "actions=", "restart/5000/restart/60000/restart/300000"]
    assert access[:4] == ["icacls.exe", r"C:\Agent State", "/inheritance:r", "/grant:r"]
    assert access[4] == r"NT SERVICE\fieldgate-agent:(OI)(CI)M"
    assert not any("Everyone" in word or "Users" in word for word in access)
    assert remove_plan("fieldgate-agent") == [
        ["sc.exe", "stop", "fieldgate-agent"],
        ["sc.exe", "delete", "fieldgate-agent"],
    ]


@pytest.mark.parametrize("name", ["", "-x", "a b", 'a"', "a\\b", "a/b", "x" * 81, "ä"])
def test_a_name_that_is_none(name: str) -> None:
    """It becomes an account's name, and a word on a command line."""
    with pytest.raises(CommandError, match="is no name"):
        check_name(name)


def test_what_windows_says_is_explained() -> None:
    """Its numbers that people meet; another one as it is."""
    assert "as administrator" in explained(["sc.exe", "create", "fieldgate-agent", "binPath="], 5)
    assert explained(["sc.exe", "start", "x"], 87) == "sc.exe start x: Windows error 87"


@pytest.mark.skipif(sys.platform == "win32", reason="there it works")
@pytest.mark.parametrize("command", ["install", "remove", "start", "stop", "status", "run"])
def test_elsewhere_it_says_where_it_works(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And runs nothing."""
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("something was run"))
    state = ["--state", str(tmp_path)] if command in ("install", "run") else []
    assert main(["service", command, *state]) == UNUSABLE
    assert "on Linux use packaging/systemd" in capsys.readouterr().err
