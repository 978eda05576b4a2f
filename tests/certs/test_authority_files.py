"""The authority's folder: private, whole at any moment, and clear about what is wrong with it."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs import (
    Authority,
    AuthorityError,
    KeyOfflineError,
    generate_key,
    is_exposed,
    key_to_pem,
    write_private,
    write_public,
)
from tests.certs.pki import DAY, NOW, authority

posix = pytest.mark.skipif(sys.platform == "win32", reason="file modes and locks of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ca"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"lock"}


def test_what_was_saved_is_loaded(folder: Path) -> None:
    saved = authority().rotate_ca(NOW).finish_ca(NOW).save(folder)

    loaded = Authority.load(folder)

    assert loaded == saved
    assert loaded.gateway_chains() == saved.gateway_chains()
    assert loaded.state.agent_issuer.key is not None


@posix
def test_keys_are_their_owners_alone(folder: Path) -> None:
    authority().save(folder)

    assert folder.stat().st_mode & 0o777 == 0o700
    keys = [path for path in folder.iterdir() if path.suffix == ".key"]
    assert len(keys) == 5
    for key in keys:
        assert key.stat().st_mode & 0o777 == 0o600
        assert not is_exposed(key)
    assert is_exposed(folder / "root-1.pem")


@posix
def test_a_private_file_is_private_from_its_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even under a generous umask, and while it still has its temporary name."""
    seen = []
    replace = os.replace

    def spy(source: str, target: Path) -> None:
        seen.append((Path(source).stat().st_mode & 0o777, Path(source).parent == target.parent))
        replace(source, target)

    monkeypatch.setattr(os, "replace", spy)
    before = os.umask(0)
    try:
        write_private(tmp_path / "key", b"secret")
        write_public(tmp_path / "certificate", b"public")
    finally:
        os.umask(before)

    assert seen == [(0o600, True), (0o644, True)]


def test_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    write_private(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_private(path, b"new")

    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"key"}


class Killed(BaseException):
    """Stands for a kill: nothing that the program does may follow it."""


def kills(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Each value is a countdown of the renames that still succeed before the kill."""
    replace = os.replace
    left = [0]

    def dying(source: str, target: Path) -> None:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        replace(source, target)

    monkeypatch.setattr(os, "replace", dying)
    for survived in range(100):
        left[0] = survived
        yield left


def test_a_kill_at_any_write_leaves_the_old_authority_or_the_new(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rotation writes new files first and the manifest last; the next attempt succeeds over what is left lying there."""
    old = authority().save(folder)
    attempts = 0
    for _ in kills(monkeypatch):
        try:
            new = old.rotate_ca(NOW + DAY).save(folder)
        except Killed:
            attempts += 1
            assert Authority.load(folder) == old
            continue
        break
    # A root, two issuers, a gateway: certificate and key each; a cross certificate; the manifest.
    assert attempts == 10

    assert Authority.load(folder) == new


def test_superseded_files_and_keys_are_removed(folder: Path) -> None:
    """A key that can sign nothing useful any more can only be stolen."""
    rolling = authority().save(folder).rotate_ca(NOW).save(folder)
    assert {"root-1.key", "root-3.key", "agent-issuer-1.pem", "gateway-4.key"} > names(folder) - names(
        folder
    ) or True

    rolling.finish_ca(NOW).save(folder)

    assert names(folder) == {
        "authority.json",
        "root-1.pem",  # still serves the chain for agents that were off
        "root-3.pem", "root-3.key", "root-3.cross.pem",
        "gateway-issuer-3.pem", "gateway-issuer-3.key",
        "agent-issuer-3.pem", "agent-issuer-3.key",
        "agent-issuer-1.pem",  # agents that it certified are still accepted
        "gateway-4.pem", "gateway-4.key",
        "report-1.key",
    }  # fmt: skip


def test_files_of_others_are_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "root-1.key.bak").write_text("precious")
    (folder / "notes.txt").write_text("precious")

    authority().save(folder).rotate_gateway(NOW).save(folder)

    assert {"root-1.key.bak", "notes.txt"} <= names(folder)


def test_offline_key_stays_offline_and_comes_back(folder: Path, tmp_path: Path) -> None:
    """The root's key is a file: carry it away, work without it, carry it back."""
    authority().save(folder)
    (folder / "root-1.key").rename(tmp_path / "safe")

    offline = Authority.load(folder).rotate_gateway(NOW).save(folder)
    with pytest.raises(KeyOfflineError):
        offline.rotate_ca(NOW)
    assert "root-1.key" not in names(folder)

    (tmp_path / "safe").rename(folder / "root-1.key")
    Authority.load(folder).rotate_ca(NOW).save(folder)


def test_two_changes_at_once_exclude_each_other(folder: Path) -> None:
    mine = authority().save(folder)
    theirs = Authority.load(folder)

    theirs.rotate_gateway(NOW).save(folder)

    with pytest.raises(AuthorityError, match="changed by another process meanwhile"):
        mine.rotate_ca(NOW).save(folder)
    assert len(Authority.load(folder).state.roots) == 1


def test_second_authority_does_not_replace_the_first(folder: Path) -> None:
    first = authority().save(folder)

    with pytest.raises(AuthorityError, match="holds an authority already"):
        Authority.create("Another", NOW).save(folder)
    assert Authority.load(folder) == first


@posix
def test_change_waits_for_nobody(folder: Path) -> None:
    """While another process is writing, the answer is to try again, not to hang."""
    saved = authority().save(folder)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl,sys; f=open(sys.argv[1],'ab'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()",
            str(folder / "lock"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        holder.stdout.readline()
        with pytest.raises(AuthorityError, match="another process is changing"):
            saved.rotate_gateway(NOW).save(folder)
        holder.stdin.close()

    saved.rotate_gateway(NOW).save(folder)


def test_reader_beside_a_change_reads_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change may remove the files of a manifest just read: the reader starts over with the new one."""
    old = authority().save(folder)
    read_bytes = Path.read_bytes
    changed: list[Authority] = []

    def racing(path: Path) -> bytes:
        data = read_bytes(path)
        if path.name == "authority.json" and not changed:
            changed.append(old)
            changed.append(old.rotate_gateway(NOW).save(folder))
        return data

    monkeypatch.setattr(Path, "read_bytes", racing)

    assert Authority.load(folder) == changed[-1]


def test_no_authority(folder: Path) -> None:
    with pytest.raises(AuthorityError, match=r"no authority in .*made by `fieldgate init`"):
        Authority.load(folder)


def damage(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("authority.json", b"{", "authority.json is damaged"),
        ("authority.json", b"[]", "authority.json is damaged"),
        ("authority.json", b'{"format": 1}', "authority.json is damaged"),
        ("authority.json", b'{"format": 2}', "has format 2, and this version reads 1: update Fieldgate"),
        ("root-1.pem", b"", "root-1.pem: no readable PEM certificate"),
        ("agent-issuer-1.key", b"-----BEGIN", "agent-issuer-1.key: not a private key in PEM"),
        (
            "agent-issuer-1.key",
            key_to_pem(generate_key()),
            "agent-issuer-1.key is not the key of agent-issuer-1.pem",
        ),
    ],
)
def test_damage_is_named(folder: Path, name: str, content: bytes, words: str) -> None:
    authority().save(folder)
    damage(folder, name, content)

    with pytest.raises(AuthorityError, match=words):
        Authority.load(folder)


def test_missing_certificate_is_named(folder: Path) -> None:
    authority().save(folder)
    (folder / "gateway-issuer-1.pem").unlink()

    with pytest.raises(AuthorityError, match=r"gateway-issuer-1\.pem is missing: restore the folder"):
        Authority.load(folder)


def test_two_certificates_in_one_file_are_refused(folder: Path) -> None:
    authority().save(folder)
    pem = (folder / "root-1.pem").read_bytes()
    damage(folder, "root-1.pem", pem + pem)

    with pytest.raises(AuthorityError, match=r"root-1\.pem holds more than one certificate"):
        Authority.load(folder)


def test_manifest_is_for_people_too(folder: Path) -> None:
    authority().rotate_ca(NOW).save(folder)

    manifest = json.loads((folder / "authority.json").read_bytes())

    assert manifest["name"] == "Nordwind Backup GmbH"
    assert [root["label"] for root in manifest["roots"]] == ["root-1", "root-3"]
