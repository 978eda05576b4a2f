"""The agent's own log: bounded, without secrets, and what is packed of it for the provider."""

import io
import json
import tarfile
from pathlib import Path

import pytest
import structlog

from agent.archive import ArchiveError, build_archive
from agent.logfile import FILES, LogFile, log_files, read_lines
from agent.logs import tail
from agent.scrub import scrubbed
from agent.watch import configure_logs

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


def test_the_log_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    """Five files, none above its limit; the oldest go."""
    log = LogFile(tmp_path, file_bytes=1000)
    for n in range(200):
        log.write({"event": "tick", "n": n})
    files = log_files(tmp_path)
    assert len(files) == FILES
    assert all(path.stat().st_size <= 1000 for path in files)
    numbers = [json.loads(line)["n"] for line in read_lines(tmp_path)]
    assert numbers == list(range(numbers[0], 200))
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_every_event_is_written_down_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its level and its time; a traceback within its bound."""
    configure_logs("json", LogFile(tmp_path))
    log = structlog.get_logger()
    log.warning("no gateway", reason="http://user:pw@proxy refused")
    try:
        raise ValueError("x" * 100_000)
    except ValueError:
        log.exception("command broke")
    first, second = (json.loads(line) for line in read_lines(tmp_path))
    assert (first["event"], first["level"]) == ("no gateway", "warning")
    assert first["reason"] == "http://[removed]@proxy refused"
    assert first["timestamp"]
    assert "Traceback" in second["exception"]
    assert len(json.dumps(second)) < 10_000


def test_a_log_that_cannot_be_written_costs_its_lines(tmp_path: Path) -> None:
    LogFile(tmp_path / "not there").write({"event": "lost"})
    assert list(read_lines(tmp_path / "not there")) == []


def test_following_goes_over_to_the_next_file(tmp_path: Path) -> None:
    """Nothing that was logged since is left out when a file is put aside."""
    log = LogFile(tmp_path, file_bytes=300)
    log.write({"event": "before"})
    following = tail(tmp_path)
    for n in range(12):
        log.write({"event": "tick", "n": n})
        assert json.loads(next(following))["n"] == n
    following.close()


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
        "fge1_AAAAAAAAAAAAAAAA",
        "http://ada:hunter2@proxy:3128",
        'password = "hunter2"',
        '{"token": "hunter2"}',
        "Proxy-Authorization: Basic aHVudGVyMg==",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(secret: str) -> None:
    for text in (secret, json.dumps({"event": secret})):
        found = scrubbed(text)
        assert "removed" in found
        assert not any(word in found for word in ("hunter2", "MIIB", "AAAAAAAA", "aHVudGVyMg"))


def parts_of(path: Path) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        return {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}


def fill(state: Path, lines: int) -> None:
    log = LogFile(state)
    for n in range(lines):
        log.write({"event": f"tick {n * 7919 % 10007}", "n": n, "timestamp": "2026-09-21T14:00:00Z"})


@pytest.mark.parametrize("max_bytes", [4096, 8000, 1 << 20])
def test_an_archive_is_as_large_as_it_may_be(tmp_path: Path, max_bytes: int) -> None:
    """Of the log the newest lines; and never a file of the state folder."""
    fill(tmp_path, 3000)
    (tmp_path / "credential.pem").write_text("-----BEGIN PRIVATE KEY-----")
    archive = build_archive(tmp_path, "c1", max_bytes=max_bytes, hours=24, now_ms=NOW_MS)
    assert archive.size_bytes == archive.path.stat().st_size <= max_bytes
    assert archive.path.stat().st_mode & 0o777 == 0o600
    parts = parts_of(archive.path)
    assert set(parts) == {"agent-logs/agent.log", "agent-logs/status.json", "agent-logs/doctor.json"}
    lines = parts["agent-logs/agent.log"].splitlines()
    assert len(lines) == archive.lines
    assert json.loads(lines[-1])["n"] == 2999
    assert (archive.lines == 3000) == (max_bytes == 1 << 20)


def test_old_lines_stay_at_home(tmp_path: Path) -> None:
    LogFile(tmp_path).write({"event": "old", "timestamp": "2026-09-19T14:00:00Z"})
    fill(tmp_path, 2)
    archive = build_archive(tmp_path, "c1", max_bytes=1 << 20, hours=24, now_ms=NOW_MS)
    assert archive.lines == 2


def test_an_archive_that_cannot_be_small_enough_is_none(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="smallest"):
        build_archive(tmp_path, "c1", max_bytes=10, hours=24, now_ms=NOW_MS)
