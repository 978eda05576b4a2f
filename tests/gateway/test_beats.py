"""A process that beats is left alone, one that is silent is replaced; no clock is waited for."""

import os

import pytest

from gateway.beats import BEAT_VARIABLE, FIRST_S, Listener, beat_of_supervisor


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_silence_counts_from_the_last_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds after the last byte it is silent, and not before."""
    clock = Clock()
    listener = Listener.open(10.0, clock)
    monkeypatch.setenv(BEAT_VARIABLE, str(listener.writes))
    with beat_of_supervisor() as beat:
        beat()
        clock.now = 100.0
        assert not listener.is_silent()
        clock.now = 109.9
        assert not listener.is_silent()
        clock.now = 110.1
        assert listener.is_silent()
        beat()
        assert not listener.is_silent()
    listener.started()
    listener.close()


def test_a_start_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until its first byte a process has a minute."""
    clock = Clock()
    listener = Listener.open(10.0, clock)
    clock.now = FIRST_S - 1
    assert not listener.is_silent()
    clock.now = FIRST_S + 1
    assert listener.is_silent()
    listener.started()
    listener.close()


def test_a_supervisor_that_reads_nothing_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full pipe, and one whose reader is gone, cost a beat and nothing else."""
    reads, writes = os.pipe()
    monkeypatch.setenv(BEAT_VARIABLE, str(writes))
    with beat_of_supervisor() as beat:
        for _ in range(70_000):
            beat()
        os.close(reads)
        beat()
    os.close(writes)


def test_without_a_supervisor_there_is_nobody_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """`fieldgate management` alone runs as well."""
    monkeypatch.delenv(BEAT_VARIABLE, raising=False)
    with beat_of_supervisor() as beat:
        beat()
