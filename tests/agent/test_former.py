"""What a former identity had not delivered is put aside whole, and named; nobody deletes it but a person."""

import errno
import json
import os
import sqlite3
from pathlib import Path

import attrs
import pytest
import structlog
import trio
from trio.testing import MockClock

from agent.cli import main
from agent.former import KEPT, former_outboxes, open_own
from agent.outbox import Outbox
from agent.service import ServiceOptions, serve_agent
from agent.spool import OutboxError, Spool
from agent.state import StateFolder, enrollment_key
from tests.agent.rig import make_keeper
from tests.agent.test_outbox import pending, rows
from tests.helpers.gateway import Gateway


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite"


def leave_behind(path: Path, owner: str, count: int) -> None:
    """An agent that ends with so many records in its outbox."""
    spool, _ = open_own(path, owner)
    with spool:
        Outbox(spool, owner).cut_events(rows(count))


def refuse(*_: object) -> None:
    """What a folder that may not be written says."""
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def held_in(path: Path) -> list[tuple[str, int]]:
    """Owners and their undelivered records, by reading the file alone as whoever looks into it would."""
    db = sqlite3.connect(path)
    try:
        query = "SELECT name, sum(next - first) FROM batches JOIN owners ON owners.id = owner GROUP BY name"
        return db.execute(query).fetchall()
    finally:
        db.close()


def test_undelivered_records_of_a_former_identity_are_put_aside_whole(path: Path) -> None:
    """The new identity begins with an empty outbox; the old file is all there, in one piece."""
    leave_behind(path, "old", 300)
    spool, put_aside = open_own(path, "new")
    with spool:
        outbox = Outbox(spool, "new")
        assert (pending(outbox), outbox.next_sequence, spool.used_bytes) == ([], 1, 0)

    assert put_aside is not None
    assert (put_aside.path.name, put_aside.records) == ("outbox-former-1.sqlite", 300)
    assert held_in(put_aside.path) == [("old", 300)]
    assert sorted(file.name for file in path.parent.iterdir()) == ["outbox-former-1.sqlite", "outbox.sqlite"]


def test_what_was_delivered_is_not_put_aside(path: Path) -> None:
    """There is nothing to keep, and the numbering of the former identity harms nobody."""
    leave_behind(path, "old", 0)
    spool, put_aside = open_own(path, "new")
    spool.close()
    assert put_aside is None
    assert former_outboxes(path.parent) == []


def test_its_own_outbox_is_nobody_elses(path: Path) -> None:
    """A restart finds what was left."""
    leave_behind(path, "me", 3)
    spool, put_aside = open_own(path, "me")
    with spool:
        assert (Outbox(spool, "me").records, put_aside) == (3, None)


def test_originals_that_were_set_aside_are_kept_too(path: Path) -> None:
    """They are for whoever looks into it, also after the machine became another agent."""
    with Spool.open(path) as spool:
        outbox = Outbox(spool, "old")
        outbox.cut_events(rows(1))
        (batch,) = pending(outbox)
        outbox.set_aside(batch.epoch, batch.first_sequence)
        with spool.writing() as db:
            db.execute("DELETE FROM batches")
    spool, put_aside = open_own(path, "new")
    spool.close()
    assert put_aside is not None
    assert put_aside.records == 1


def test_the_last_few_are_kept_and_what_goes_is_named(path: Path) -> None:
    """A machine that is enrolled anew all the time does not fill its disk, and is told."""
    for n in range(KEPT + 1):
        leave_behind(path, f"agent-{n}", n + 1)
    assert len(former_outboxes(path.parent)) == KEPT

    spool, put_aside = open_own(path, "the last")
    spool.close()

    assert put_aside is not None
    assert [file.name for file in put_aside.removed] == ["outbox-former-1.sqlite"]
    assert "outbox-former-1.sqlite was removed" in str(put_aside)
    assert [held_in(file) for file in former_outboxes(path.parent)] == [
        [(f"agent-{n}", n + 1)] for n in range(1, KEPT + 1)
    ]


def test_what_cannot_be_moved_stays_and_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Better no agent than one that drops what is another's."""
    leave_behind(path, "old", 2)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        with pytest.raises(OutboxError, match=r"cannot put .*outbox.sqlite aside.*Permission denied"):
            open_own(path, "new")
    assert held_in(path) == [("old", 2)]


async def test_the_log_and_the_status_name_it(
    clock: MockClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its code and its file, and until somebody has removed the file."""
    async with Gateway.make().listening() as gateway:
        folder = tmp_path / "state"
        enrollment_key(folder)
        keeper = make_keeper(gateway)
        StateFolder.create(folder, attrs.evolve(keeper.identity, synthetic=False), keeper.credential)
        leave_behind(folder / "outbox.sqlite", "old", 7)
        with structlog.testing.capture_logs() as log:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve_agent, folder, ServiceOptions())
                await gateway.heard(1)
                nursery.cancel_scope.cancel()

    (line,) = [line for line in log if line.get("code") == "FG-4021"]
    assert "7 records of a former identity" in line["reason"]
    assert "outbox-former-1.sqlite" in line["reason"]
    assert json.loads((folder / "status.json").read_bytes())["former_outboxes"] == ["outbox-former-1.sqlite"]
    main(["status", "--state", str(folder)])
    assert "former outboxes        outbox-former-1.sqlite\n" in capsys.readouterr().out
