"""The logs of a process: one line an event, and none of it outlives the test that configured it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from gateway.config import Config, ConfigError
from gateway.logs import configure_logs
from gateway.settings import LOG_FORMATS

log = structlog.get_logger()


def test_an_event_is_one_line_of_json_with_its_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, process and fields."""
    configure_logs("json", process="edge")
    log.info("ready", port=6180)

    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"], said["process"], said["port"]) == ("ready", "info", "edge", 6180)
    assert said["timestamp"].endswith("Z")


def test_a_logger_that_was_used_before_follows_the_next_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A logger that kept its first output would write into a closed file here, as sixty tests once did."""
    for process in ("edge", "projector"):
        configure_logs("json", process=process)
        log.info("ready")
        assert json.loads(capsys.readouterr().err)["process"] == process


def test_what_an_agent_said_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """The console's columns come from us alone; a traceback keeps its lines."""
    configure_logs("console", process="edge")
    try:
        raise ValueError("x\x1b]0;pwned\x07")
    except ValueError:
        log.exception("session crashed", host="x\x1b]0;pwned\x07\nready")

    said = capsys.readouterr().err
    assert "\x1b]" not in said
    assert "\nready" not in said
    assert r"x\x1b]0;pwned\x07\nready" in said
    assert "\nValueError: x\\x1b]0" in said


Stderr = Callable[[], list[str]]


@pytest.fixture
def into_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Stderr]]:
    """From the call on, standard error is a file that JOURNAL_STREAM names; what it returns reads what was added since."""
    path = tmp_path / "stderr"
    with path.open("w") as file, path.open() as reader:

        def begin() -> Stderr:
            found = path.stat()
            monkeypatch.setattr(
                "sys.stderr", file
            )  # not before: the capture of pytest sets it between fixture and test
            monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
            return lambda: reader.read().splitlines()

        yield begin


def test_into_the_journal_a_line_carries_its_priority(into_journal: Callable[[], Stderr]) -> None:
    """The time is the journal's own; a traceback, and whatever an agent said, stays in its line."""
    said = into_journal()
    configure_logs(process="edge")
    log.warning("clone held", host="x\n<2>forged", code="FG-2113")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("session crashed")

    held, crashed = said()
    assert held == (
        '<4>{"event": "clone held", "process": "edge", "level": "warning", "code": "FG-2113", "host": "x\\n<2>forged"}'
    )
    assert crashed.startswith("<3>")
    assert json.loads(crashed[3:])["exception"].endswith("ValueError: two\nlines")


def test_a_journal_that_is_not_our_standard_error_gets_no_priorities(
    into_journal: Callable[[], Stderr], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is inherited by whoever was given a file instead."""
    said = into_journal()
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    configure_logs(process="edge")
    log.info("ready")

    (line,) = said()
    assert "timestamp" in json.loads(line)


def test_syslog_gets_the_time_as_well(into_journal: Callable[[], Stderr]) -> None:
    """Between the event and a syslog there may be a relay that is late."""
    said = into_journal()
    configure_logs("syslog", process="edge", log_level="warning")
    log.info("ready")
    log.error("failed")

    (line,) = said()
    assert line.startswith('<3>{"timestamp": "')


def test_a_reload_changes_the_form(into_journal: Callable[[], Stderr]) -> None:
    """Whoever logs by a logger from before follows."""
    said = into_journal()
    for log_format, begins in (("journald", "<6>{"), ("json", "{"), ("journald", "<6>{")):
        configure_logs(log_format, process="edge")
        log.info("ready")
        (line,) = said()
        assert line.startswith(begins)


def test_every_form_that_can_be_set_is_one(into_journal: Callable[[], Stderr]) -> None:
    """And no other can be set."""
    said = into_journal()
    for log_format in LOG_FORMATS:
        configure_logs(Config(log_format=log_format).log_format, process="edge")
        log.info("ready")
        assert len(said()) == 1
    with pytest.raises(ConfigError, match="journald, syslog"):
        Config(log_format="yaml")
