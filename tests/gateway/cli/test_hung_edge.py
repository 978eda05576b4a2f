"""What the doctor says of a process that does not answer: whether it is there makes the difference."""

import socket

import pytest

from gateway.cli import doctor


def test_a_process_that_hangs_is_not_to_be_started_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its port takes connections, as a stopped process's does; `serve` would be refused."""
    monkeypatch.setattr(doctor, "HTTP_LIMIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        check = doctor._check_process("edge", *silent.getsockname())

    assert not check.ok
    assert "timed out" in check.found
    assert "it runs and hangs" in check.to_do


def test_a_process_that_is_not_there_is_to_be_started() -> None:
    """Nobody listens on its port."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        check = doctor._check_process("edge", *bound.getsockname())

    assert (check.ok, check.to_do) == (False, "fieldgate serve")
