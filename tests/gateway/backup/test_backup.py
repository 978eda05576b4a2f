"""What a backup holds, that it is refused where it would not be whole, and that a changed byte is found."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.backup import BackupDamaged, BackupIncomplete, TargetInUse, create_backup, verify_backup
from gateway.backup.places import open_writer
from gateway.cli.common import Provider, open_provider
from gateway.journal import JournalReader, JournalWriter, Record, RecordFlags
from gateway.store import CursorMoved
from tests.gateway.backup.conftest import Run


def append(writer: JournalWriter, count: int, size: int = 100) -> None:
    for n in range(count):
        record = Record(
            agent_uid=bytes(16), received_ms=n, tag=3, flags=RecordFlags.NONE, payload=bytes(size)
        )
        writer.append(record.encode())


def backed_up(
    data: Path, target: Path, *, meanwhile: Callable[[Provider], None] = lambda provider: None
) -> Path:
    """Back *data* up; *meanwhile* happens once the store was copied."""
    with open_provider(data) as provider:
        provider.decisions.begin()
        store = provider.store
        copy_to = store.copy_to

        def copy(path: Path) -> None:
            copy_to(path)
            meanwhile(provider)

        store.copy_to = copy  # type: ignore[method-assign]  # something happens meanwhile
        create_backup(provider.folder, provider.config, store, target, now_ms=1000)
    return target


def records(folder: Path) -> int:
    reader, cursor, found = JournalReader(folder), None, 0
    while True:
        chunk = reader.read(cursor, 1024 * 1024)
        assert not chunk.damage
        assert chunk.stalled is None
        found += len(chunk.records)
        if chunk.cursor == cursor:
            return found
        cursor = chunk.cursor


@pytest.mark.parametrize("name", ["backup", "backup.tar", "backup.tar.gz", "backup.tgz"])
def test_a_backup_is_whole_and_its_owners(data: Path, tmp_path: Path, name: str) -> None:
    """A folder or a file; with the keys, which is said."""
    manifest = verify_backup(backed_up(data, tmp_path / "out" / name))
    assert {"store.sqlite", "revocations.log", "fieldgate.toml", "version.json", "ca/authority.json"} <= {
        entry.path for entry in manifest.files
    }
    assert manifest.private_keys
    assert set(manifest.private_keys) == {f"ca/{path.name}" for path in (data / "ca").glob("*.key")}
    made = tmp_path / "out" / name
    assert [path.name for path in made.parent.iterdir()] == [name]
    for path in (made, *made.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0


def test_what_is_there_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    """Neither a file nor a folder that is not empty."""
    full = tmp_path / "full"
    full.mkdir()
    (full / "precious").touch()
    (tmp_path / "old.tar").write_bytes(b"precious")
    for target in (full, tmp_path / "old.tar", full / "precious"):
        with pytest.raises(TargetInUse):
            backed_up(data, target)
    assert (full / "precious").exists()
    assert (tmp_path / "old.tar").read_bytes() == b"precious"


def test_the_journals_reach_at_least_as_far_as_the_store(data: Path, tmp_path: Path) -> None:
    """What is appended, and a segment that is rolled, after the store was copied is in it, up to a whole frame."""
    writer = JournalWriter(data / "journals" / "north", segment_bytes=2000)
    append(writer, 30)

    def meanwhile(_: Provider) -> None:
        append(writer, 30)
        with (data / "journals" / "north").joinpath(f"{writer.end.segment:010}.fgj").open("ab") as file:
            file.write(b"\0\0\0\x64half a frame")

    backup = backed_up(data, tmp_path / "backup", meanwhile=meanwhile)
    assert records(backup / "journals" / "north") == 60
    [journal] = verify_backup(backup).journals
    assert (journal.name, journal.journal_uid) == ("north", writer.journal_uid)
    JournalWriter(backup / "journals" / "north").close()
    assert records(backup / "journals" / "north") == 60


def test_a_segment_that_the_store_needs_and_that_is_deleted_meanwhile(data: Path, tmp_path: Path) -> None:
    """The backup would have a hole: it is not made, and nothing of it is left. One that is projected may go."""
    writer = JournalWriter(data / "journals" / "north", segment_bytes=2000)
    append(writer, 60)
    second = next(
        number for number in range(2, 10) if (data / "journals" / "north" / f"{number:010}.fgj").exists()
    )

    def project(provider: Provider, segment: int) -> None:
        with provider.store.projection() as p:
            p.journals.save(
                CursorMoved(
                    journal_uid=writer.journal_uid,
                    segment=segment,
                    incarnation=bytes(16),
                    offset=64,
                    time_ms=1,
                )
            )

    def delete(*numbers: int) -> Callable[[Provider], None]:
        def now(_: Provider) -> None:
            for number in numbers:
                (data / "journals" / "north" / f"{number:010}.fgj").unlink()

        return now

    with open_provider(data) as provider:
        project(provider, second)
    verify_backup(backed_up(data, tmp_path / "fine", meanwhile=delete(1)))
    with pytest.raises(BackupIncomplete, match="deleted while"):
        backed_up(data, tmp_path / "holed.tar", meanwhile=delete(second))
    with pytest.raises(BackupIncomplete, match="deleted while"):
        backed_up(data, tmp_path / "holed", meanwhile=lambda provider: None)
    assert not (tmp_path / "holed.tar").exists()
    assert not (tmp_path / "holed").exists()
    assert not list(tmp_path.glob(".*"))


def test_what_lies_elsewhere_is_named(data: Path, tmp_path: Path) -> None:
    """Certificates of one's own and collected files: a person has to see to them."""
    toml = (data / "fieldgate.toml").read_text()
    (data / "fieldgate.toml").write_text(
        toml + 'certificate = "/etc/leaf.pem"\ncertificate_key = "/etc/leaf.key"\n'
    )
    (data / "spool").mkdir(exist_ok=True)
    (data / "spool" / "logs.tar").touch()
    left_out = verify_backup(backed_up(data, tmp_path / "backup")).left_out
    assert [text.partition(":")[0] for text in left_out] == ["certificate", "certificate_key", "spool"]


def test_a_changed_byte_is_found_wherever_it_is(data: Path, tmp_path: Path) -> None:
    """In every file, of every kind."""
    JournalWriter(data / "journals" / "north").close()
    backup = backed_up(data, tmp_path / "backup")
    for path in [each for each in backup.rglob("*") if each.is_file() and each.name != "manifest.json"]:
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(BackupDamaged, match="was changed"):
            verify_backup(backup)
        path.write_bytes(whole)
    verify_backup(backup)


@pytest.mark.parametrize("harm", ["missing", "stranger", "no manifest", "garbage", "format", "short list"])
def test_what_is_no_backup_is_said_to_be_none(data: Path, tmp_path: Path, run: Run, harm: str) -> None:
    """With the exit code of a check."""
    backup = backed_up(data, tmp_path / "backup")
    manifest = backup / "manifest.json"
    body = json.loads(manifest.read_bytes())
    if harm == "missing":
        (backup / "version.json").unlink()
    elif harm == "stranger":
        (backup / "ca" / "more.key").touch()
    elif harm == "no manifest":
        manifest.unlink()
    elif harm == "garbage":
        manifest.write_bytes(b"[1")
    elif harm == "format":
        manifest.write_text(json.dumps(body | {"format": 2}))
    else:
        (backup / "revocations.log").unlink()
        body["files"] = [entry for entry in body["files"] if entry["path"] != "revocations.log"]
        manifest.write_text(json.dumps(body))
    assert run("backup", "verify", backup) == 4


def test_a_store_that_contradicts_itself_is_found(data: Path, tmp_path: Path) -> None:
    """Its hash may be right: it was damaged before."""
    backup = backed_up(data, tmp_path / "backup")
    store = bytearray((backup / "store.sqlite").read_bytes())
    store[4096 * 3 : 4096 * 4] = b"\xff" * 4096
    (backup / "store.sqlite").write_bytes(store)
    manifest = json.loads((backup / "manifest.json").read_bytes())
    for entry in manifest["files"]:
        if entry["path"] == "store.sqlite":
            entry["sha256"] = hashlib.sha256(store).hexdigest()
    (backup / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BackupDamaged):
        verify_backup(backup)


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd"])
def test_a_file_that_would_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    """A tar file can name any path."""
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        info = tarfile.TarInfo(name)
        info.size = 4
        tar.addfile(info, io.BytesIO(b"evil"))
    with pytest.raises(BackupDamaged, match="nothing that a backup holds"):
        verify_backup(tmp_path / "evil.tar")


def test_a_tar_that_was_cut_short(data: Path, tmp_path: Path) -> None:
    """A copy over a line that broke."""
    backup = backed_up(data, tmp_path / "backup.tar")
    whole = backup.read_bytes()
    for size in (len(whole) // 3, 700, 0):
        backup.write_bytes(whole[:size])
        with pytest.raises(BackupDamaged):
            verify_backup(backup)


def test_a_file_that_shrinks_while_it_is_copied(tmp_path: Path) -> None:
    """It is noticed, in both forms."""
    for target in (tmp_path / "a", tmp_path / "a.tar"):
        with pytest.raises(BackupIncomplete, match="became shorter"), open_writer(target) as writer:
            writer.add("x", io.BytesIO(b"123"), 10)


def test_the_commands_say_what_they_did(
    data: Path, tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys are named; the deed is in the audit; a backup of a backup is possible."""
    assert run("backup", "create", tmp_path / "one.tar") == 0
    said = capsys.readouterr().out
    assert "private keys (ca/" in said
    assert "revocation_log" in said
    assert run("backup", "verify", tmp_path / "one.tar") == 0
    assert "whole: made" in capsys.readouterr().out
    with open_provider(data) as provider:
        assert [entry.action for entry in provider.store.audit.list()] == ["backed up"]
    assert run("backup", "create", tmp_path / "one.tar") == 2
    assert "FG-1024" in capsys.readouterr().err


def test_a_folder_from_before_the_log_is_given_one(data: Path, tmp_path: Path, run: Run) -> None:
    """Nothing has to be prepared for a first backup."""
    assert not (data / "revocations.log").exists()
    assert run("backup", "create", tmp_path / "one.tar") == 0
    assert (data / "revocations.log").exists()
    shutil.rmtree(data)
