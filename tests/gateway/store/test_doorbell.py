"""The doorbell: heard once, never waited for, and nobody's fault when nobody is there."""

import select
import socket
from pathlib import Path

import pytest

from gateway.store import answer, listen, ring


def rings(bell: socket.socket) -> bool:
    return bool(select.select([bell], [], [], 0)[0])


def test_every_edge_hears_a_ring(tmp_path: Path) -> None:
    """And it is quiet after the answer."""
    with listen(tmp_path, "edge1") as first, listen(tmp_path, "edge2") as second:
        assert not rings(first)
        ring(tmp_path)
        for bell in (first, second):
            assert rings(bell)
            answer(bell)
            assert not rings(bell)


def test_a_full_queue_rings_already(tmp_path: Path) -> None:
    """However often somebody rings, nobody waits and nothing fails; one answer empties it."""
    with listen(tmp_path, "edge1") as bell:
        for _ in range(1_000):
            ring(tmp_path)
        assert rings(bell)
        answer(bell)
        assert not rings(bell)


def test_a_dead_edges_bell_is_taken_down(tmp_path: Path) -> None:
    """The file that a killed edge leaves is removed by the next ring, and the living are heard."""
    listen(tmp_path, "dead").close()
    assert (tmp_path / "dead.sock").exists()
    with listen(tmp_path, "living") as bell:
        ring(tmp_path)
        assert rings(bell)
    assert not (tmp_path / "dead.sock").exists()


def test_a_restarted_edge_takes_its_bell_over(tmp_path: Path) -> None:
    """What a former life left does not stand in the way."""
    listen(tmp_path, "edge1").close()
    with listen(tmp_path, "edge1") as bell:
        ring(tmp_path)
        assert rings(bell)


def test_nobody_and_nothing_to_ring(tmp_path: Path) -> None:
    """A folder without edges, without anything, or with a file that is no socket."""
    ring(tmp_path / "none")
    (tmp_path / "file.sock").write_text("mine")
    ring(tmp_path)
    assert (tmp_path / "file.sock").read_text() == "mine"


@pytest.mark.parametrize("depth", [60, 90, 107, 108, 109, 200])
def test_a_deep_folder_is_no_obstacle(tmp_path: Path, depth: int) -> None:
    """A Unix socket's address has 107 bytes; a data folder's path may have more."""
    folder = tmp_path / ("d" * max(1, depth - len(str(tmp_path)) - len("//e.sock")))
    with listen(folder, "e") as bell:
        assert (folder / "e.sock").exists()
        ring(folder)
        assert rings(bell)
