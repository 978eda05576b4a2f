"""Where a backup is made, looked at and restored: full disks, two at once, what a killed one leaves, forms that are none."""

import errno
import gzip
import io
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.backup import NoRoom, TargetInUse, places, restore
from gateway.cli import main
from gateway.store import Store, StoreFull
from tests.gateway.backup.conftest import Run


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def store_full(*_: object) -> None:
    raise StoreFull("database or disk is full")


@pytest.mark.parametrize("name", ["b", "b.tar", "b.tgz"])
@pytest.mark.parametrize("at", ["store", "bytes"])
def test_a_full_disk_is_the_targets(
    tmp_path: Path,
    run: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    at: str,
) -> None:
    """Not the gateway's store's, nor the output's; nothing is left."""
    if at == "store":
        monkeypatch.setattr(Store, "copy_to", store_full)
    else:
        monkeypatch.setattr(places.Limited, "read", no_room)
    target = tmp_path / "out" / name
    assert run("backup", "create", target) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"no room at {target}" in said.replace("- ", "-")
    assert "FG-1031" in said
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("at", ["unpack", "settle_store"])
def test_a_full_disk_is_that_of_the_new_folder(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """While files are unpacked, and while the store is brought up to date."""
    assert run("backup", "create", tmp_path / "b.tar") == 0
    monkeypatch.setattr(restore, at, no_room if at == "unpack" else lambda *_, **__: store_full())
    into = tmp_path / "into"
    assert run("backup", "restore", tmp_path / "b.tar", into, "--accept-lost-revocations") == 1
    said = "".join(capsys.readouterr().err.split())
    assert f"noroomat{into}" in said
    assert "FG-1031" in said
    assert not into.exists()


@pytest.mark.parametrize("name", ["b", "b.tar"])
@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("ends", ["writes", "fails"])
def test_of_two_at_once_one_is_refused(tmp_path: Path, name: str, there: bool, ends: str) -> None:
    """By whoever is first to have something there; what that one made stays."""
    target = tmp_path / name
    if there and name == "b":
        target.mkdir()

    def both() -> None:
        with places.open_writer(target) as second:
            with places.open_writer(target) as first:
                first.add("a/x", io.BytesIO(b"first"), 5)
            if ends == "writes":
                second.add("a/x", io.BytesIO(b"other"), 5)
            else:
                second.add("b/y", io.BytesIO(b"other"), 5)
                no_room()

    with pytest.raises(TargetInUse if ends == "writes" else NoRoom):
        both()
    with places.open_reader(target) as reader, reader.open("a/x") as file:
        assert file.read() == b"first"
        assert reader.names() == ["a/x"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


KILLED_RESTORE = """
import os, signal, sys
from gateway.backup import restore
from gateway.cli import main
restore.seal = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main(["backup", "restore", *sys.argv[1:], "--accept-lost-revocations"])
"""


def test_a_folder_of_a_killed_restore_says_so(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is tried on it; once it is deleted, the backup can be restored there."""
    backup, into = tmp_path / "b.tar", tmp_path / "into"
    assert run("backup", "create", backup) == 0
    subprocess.run([sys.executable, "-c", KILLED_RESTORE, backup, into], check=False, timeout=60)
    assert (into / "store.sqlite").exists()
    capsys.readouterr()
    for words in (
        ("backup", "restore", backup, into, "--accept-lost-revocations"),
        ("serve", "--data", into),
        ("init", "--data", into, "--name", "gateway.example"),
    ):
        assert main([*map(str, words)]) == 2, words
        said = " ".join(capsys.readouterr().err.split())
        assert "interrupted" in said, words
        assert "delete the folder" in said, words
    shutil.rmtree(into)
    assert run("backup", "restore", backup, into, "--accept-lost-revocations") == 0
    assert not (into / "restore.unfinished").exists()


@pytest.mark.parametrize("harm", ["empty", "random", "text", "gzip of garbage", "flipped", "manifest"])
def test_of_garbage_one_line_is_said(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    """And the code, and nothing of Python's."""
    target = tmp_path / "b.tgz"
    if harm == "flipped":
        assert run("backup", "create", target) == 0
        whole = bytearray(target.read_bytes())
        whole[64:] = b"\xff" * (len(whole) - 64)
        target.write_bytes(whole)
    elif harm == "manifest":
        target.mkdir()
        (target / "manifest.json").write_bytes(b"\xff{")
    else:
        target.write_bytes(
            {
                "empty": b"",
                "random": random.Random(1).randbytes(5000),
                "text": b"hello\n" * 300,
                "gzip of garbage": gzip.compress(b"hello" * 1000),
            }[harm]
        )
    capsys.readouterr()
    assert run("backup", "verify", target) == 4
    said = capsys.readouterr().err
    assert "FG-1022" in said
    assert "manifest.json is not" in said if harm == "manifest" else "b.tgz" in said
    assert not [word for word in ("Error", "method", "codec", "header", "decompress") if word in said]


@pytest.mark.parametrize("name", ["b.zip", "b.tar.bz2", "b.tar.zst", "b.TAR"])
def test_a_form_that_is_not_known_is_refused(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """By the names of those that are; a folder's name may have any other dot in it."""
    assert run("backup", "create", tmp_path / "out" / name) == 2
    assert ".tar, .tar.gz or .tgz, or a folder" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
    assert run("backup", "create", tmp_path / "out" / "gateway.example-2026.11.24") == 0
    assert (tmp_path / "out" / "gateway.example-2026.11.24" / "manifest.json").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from gateway.backup.places import open_writer
with open_writer(Path(sys.argv[1])) as writer:
    (writer.scratch / "store.sqlite").write_bytes(b"a tenant's data")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_one_left_goes_with_the_next(tmp_path: Path, run: Run) -> None:
    """Whatever the name of the next; what a living one writes and what is not ours stays."""
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "monday.tar"], check=False, timeout=60)
    [leftover] = tmp_path.glob(".fieldgate-backup.*")
    assert (leftover / "store.sqlite").exists()
    (tmp_path / ".fieldgate-backup.precious").mkdir()
    with places.open_writer(tmp_path / "living.tar") as living:
        assert not leftover.exists()
        assert run("backup", "create", tmp_path / "tuesday.tar") == 0
        assert living.scratch.exists()
    assert [path.name for path in tmp_path.glob(".*")] == [".fieldgate-backup.precious"]
