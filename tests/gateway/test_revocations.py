"""The revocation log: append-only, synced before the deed, and told from one that was cut or edited."""

import json
import re
from pathlib import Path

import pytest

import gateway as gateway_package
from gateway.revocations import RevocationLog, RevocationLogError, read_log


@pytest.fixture
def log(tmp_path: Path) -> RevocationLog:
    """A log with two decisions."""
    made = RevocationLog(path=tmp_path / "revocations.log", copy=tmp_path / "elsewhere.log", provider_uid="p")
    assert made.begin(lambda: [{"what": "token revoked", "token_id": "old", "at_ms": 5}]) == ""
    with made.deciding("token revoked", token_id="a") as problems:
        pass
    assert problems == []
    return made


def decided(log: RevocationLog) -> list[str]:
    return [line["token_id"] for line in read_log(log.path.read_bytes(), "it").lines]


def test_it_begins_with_what_was_decided_before(log: RevocationLog) -> None:
    """A data folder from before there was a log; a second start adds nothing."""
    assert log.begin(lambda: [{"what": "token revoked", "token_id": "again"}]) == ""
    assert decided(log) == ["old", "a"]
    first = read_log(log.path.read_bytes(), "it").lines[0]
    assert first["at_ms"] == 5
    assert log.path.stat().st_mode & 0o777 == 0o600


def test_it_is_written_before_the_deed(log: RevocationLog) -> None:
    """A crash in between shuts out somebody whom an operator wanted shut out."""
    with log.deciding("token revoked", token_id="b"):
        assert decided(log) == ["old", "a", "b"]


def test_a_deed_that_failed_is_taken_back(log: RevocationLog) -> None:
    """There is no such token: nothing was revoked."""
    with pytest.raises(KeyError), log.deciding("token revoked", token_id="b"):
        raise KeyError("b")
    assert decided(log) == ["old", "a"]
    assert read_log(log.path.read_bytes(), "it").count == 5


def test_the_copy_follows(log: RevocationLog) -> None:
    """After every decision; and at the next one, or the next start, when it could not."""
    assert log.copy is not None
    assert log.copy.read_bytes() == log.path.read_bytes()
    log.copy.unlink()
    log.copy.mkdir()
    with log.deciding("token revoked", token_id="b") as problems:
        pass
    assert len(problems) == 1
    assert "directory" in problems[0]
    log.copy.rmdir()
    assert log.catch_up() == ""
    assert log.copy.read_bytes() == log.path.read_bytes()


def test_a_copy_that_is_anothers_is_left_alone(log: RevocationLog) -> None:
    """It may be the only log of another gateway."""
    assert log.copy is not None
    log.copy.write_bytes(b'{"n": 0}\n')
    assert "is not a copy of" in log.catch_up()
    assert log.copy.read_bytes() == b'{"n": 0}\n'


def test_what_a_crash_left_of_a_line_goes(log: RevocationLog) -> None:
    """Nobody was told of it; also when the log had only just begun."""
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + b'{"n": 3, "previous')
    assert decided(log) == ["old", "a"]
    with log.deciding("token revoked", token_id="b"):
        pass
    assert decided(log) == ["old", "a", "b"]
    assert log.path.read_bytes().startswith(whole)
    log.path.write_bytes(b'{"n": 0, "prev')
    log.begin(list)
    assert decided(log) == []


@pytest.mark.parametrize("change", ["drop", "edit", "swap", "garbage", "empty"])
def test_one_that_was_changed_is_not_believed(log: RevocationLog, change: str) -> None:
    """A line that is missing may be the one that matters."""
    lines = log.path.read_bytes().splitlines(keepends=True)
    if change == "drop":
        del lines[1]
    elif change == "edit":
        lines[1] = lines[1].replace(b"old", b"new")
    elif change == "swap":
        lines[1], lines[2] = lines[2], lines[1]
    elif change == "garbage":
        lines[1] = b"\xff\n"
    else:
        lines = []
    with pytest.raises(RevocationLogError):
        read_log(b"".join(lines), "it")


def test_another_providers_is_not_written(log: RevocationLog) -> None:
    """Its folder was copied by mistake."""
    other = RevocationLog(path=log.path, copy=None, provider_uid="q")
    with (
        pytest.raises(RevocationLogError, match="another provider's"),
        other.deciding("token revoked", token_id="b"),
    ):
        pass


def test_a_line_is_one_object_whatever_the_words_are(log: RevocationLog) -> None:
    """A reason may hold line ends and any alphabet."""
    with log.deciding("token revoked", token_id="b", why="zwei\nZeilen\u2028 ü"):
        pass
    assert len(log.path.read_bytes().splitlines()) == 4
    assert json.loads(log.path.read_bytes().splitlines()[-1])["why"] == "zwei\nZeilen\u2028 ü"


def test_nobody_decides_past_the_log() -> None:
    """What shuts somebody out is decided in one place, which writes it down; a verb of the store alone would be rolled back."""
    verbs = re.compile(
        r"\b(agents\.(accept|reject|revoke)|tokens\.(reset|revoke)|consents\.withdraw|forget_agent_issuers)\("
    )
    gateway = Path(gateway_package.__file__).parent
    deciding = {
        str(path.relative_to(gateway))
        for path in gateway.rglob("*.py")
        if verbs.search(path.read_text(encoding="utf-8"))
    }
    # The authority's two: one is wrapped in a decision, the other takes one again.
    assert deciding == {"decisions.py", "cli/ca.py", "backup/restore.py"}
