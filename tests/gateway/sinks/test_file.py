"""The file sink: whatever a crash leaves of its last batch, what was delivered is there, and every line is whole."""

import errno
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sinks import Batch, SinkRunsAlready, SinkUnavailable, SinkUnusable
from gateway.sinks.file import FileSink
from tests.gateway.sinks.contract import lines


def read(*paths: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in path.read_bytes().split(b"\n") if line]


def ids(found: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(line["id"] for line in found))


@given(
    counts=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    lost=st.floats(0, 1),
    size=st.sampled_from([0, 1, 70_000]),
    zeros=st.integers(0, 9),
)
def test_whatever_is_left_of_the_last_batch_is_mended(
    counts: list[int], lost: float, size: int, zeros: int
) -> None:
    """The power goes at any byte of it, with zeros behind or without: the batch comes again, and every line is there, whole."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines"
        sink, first, confirmed = FileSink(path), 0, 0
        for count in counts:
            confirmed = path.stat().st_size
            batch = Batch(lines(first, count, size=size))
            sink.deliver(batch)
            first += count
        sink.close()
        whole = path.read_bytes()
        kept = confirmed + round((len(whole) - confirmed) * lost)
        path.write_bytes(whole[:kept] + bytes(zeros))

        sink = FileSink(path)
        assert path.read_bytes() == whole[: whole.rfind(b"\n", 0, kept) + 1]
        sink.deliver(batch)
        sink.close()

        assert ids(read(path)) == ids(lines(0, first))
        assert all(line in lines(0, first, size=size) for line in read(path))


@pytest.mark.parametrize(
    "content", [b"127.0.0.1 localhost\n", b"notes without an end", b'{"id":1}\n', b"\n", b"[]\n"]
)
def test_somebody_elses_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """Whether it ends with a line or not."""
    path = tmp_path / "lines"
    path.write_bytes(content)
    with pytest.raises(SinkUnusable, match="something else"):
        FileSink(path)
    assert path.read_bytes() == content


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A device keeps nothing, and a FIFO without a reader would be waited for: neither can be delivered to."""
    os.mkfifo(tmp_path / "fifo")
    for path in (Path("/dev/null"), tmp_path / "fifo"):
        with pytest.raises(SinkUnusable, match="no regular file"):
            FileSink(path)


def test_what_a_full_disk_cuts_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader never meets a piece of a line in the middle; tried again, everything is there once."""
    path = tmp_path / "lines"
    sink = FileSink(path)
    sink.deliver(Batch(lines(0, 3)))
    write = os.pwrite

    def cut(fd: int, data: bytes, at: int) -> int:
        if at > before:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[:20], at)

    before = path.stat().st_size
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", cut)
        with pytest.raises(SinkUnavailable, match="No space left"):
            sink.deliver(Batch(lines(3, 2)))
    assert read(path) == lines(0, 3)
    sink.deliver(Batch(lines(3, 2)))
    assert read(path) == lines(0, 5)


def test_a_sync_that_failed_is_not_believed_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is written anew, through a descriptor of its own."""
    path = tmp_path / "lines"
    sink = FileSink(path)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(SinkUnavailable, match="Input/output"):
            sink.deliver(Batch(lines(0, 2)))
    assert path.read_bytes() == b""
    sink.deliver(Batch(lines(0, 2)))
    assert read(path) == lines(0, 2)


def test_it_rotates_and_removes_nothing(tmp_path: Path) -> None:
    """The old ones are counted up, also past one that somebody has removed, and past a restart."""
    path = tmp_path / "lines"
    for n in range(6):
        sink = FileSink(path, rotate_bytes=300)
        sink.deliver(Batch(lines(2 * n, 2)))
        sink.deliver(Batch(lines(100 + n, 1)))
        sink.close()
    old = sorted(tmp_path.glob("lines.*"), key=lambda each: int(each.suffix[1:]))
    assert [each.name for each in old] == [f"lines.{n + 1}" for n in range(len(old))]
    assert len(old) > 2
    expected = [line for n in range(6) for line in (*lines(2 * n, 2), *lines(100 + n, 1))]
    assert read(*old, path) == expected

    old[0].unlink()
    sink = FileSink(path, rotate_bytes=1)
    sink.deliver(Batch(lines(50, 1)))
    assert (tmp_path / f"lines.{len(old) + 1}").exists()


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    """Whatever name the other one has; also after it was rotated."""
    path = tmp_path / "lines"
    sink = FileSink(path, rotate_bytes=1)
    for n in range(2):
        sink.deliver(Batch(lines(n, 1)))
        with pytest.raises(SinkRunsAlready, match="another process"):
            FileSink(path)
    sink.close()
    FileSink(path).close()


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    """Customers' names are in it."""
    FileSink(tmp_path / "lines").close()
    assert (tmp_path / "lines").stat().st_mode & 0o077 == 0


def test_a_file_that_was_moved_away_takes_no_more_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would read them. The next ones begin a new file, and those of the batch under way are there in it, too."""
    path, away = tmp_path / "lines", tmp_path / "away"
    sink = FileSink(path)
    sink.deliver(Batch(lines(0, 2)))
    path.rename(away)
    sink.deliver(Batch(lines(2, 2)))
    assert (len(away.read_bytes().splitlines()), len(path.read_bytes().splitlines())) == (2, 2)

    sync = os.fsync

    def delete_and_sync(fd: int) -> None:
        path.unlink(missing_ok=True)
        sync(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", delete_and_sync)
        with pytest.raises(SinkUnavailable, match="moved away"):
            sink.deliver(Batch(lines(4, 1)))
    sink.deliver(Batch(lines(4, 1)))
    assert len(path.read_bytes().splitlines()) == 1
    sink.close()
