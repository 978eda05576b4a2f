"""The logs of a process: one line an event, and none of it outlives the test that configured it."""

import json

import pytest
import structlog

from gateway.logs import configure_logs

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
