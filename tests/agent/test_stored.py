"""What the disk has changed since it was cut is never sent as it is: the chain of ids holds, whatever was flipped."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from trio.testing import MockClock

from agent.outbox import Outbox
from agent.spool import Spool
from agent.stored import Stored
from protocol import Code, EventBatch, Heartbeat, Sequenced, batch_id, decode
from tests.agent.rig import Rig, event
from tests.agent.test_outbox import assert_chained, pending, rows
from tests.helpers.gateway import Gateway


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway.make().listening() as gateway:
        yield gateway


def flip(spool: Spool, batch: Stored, column: str, *, byte: int) -> bytes:
    """What a disk does to a cell; the cell as it is then."""
    cell = bytearray(getattr(batch, column))
    cell[byte] ^= 0x01
    with spool.writing() as db:
        db.execute(f"UPDATE batches SET {column} = ? WHERE position = ?", (bytes(cell), batch.position))  # noqa: S608  # ours
    return bytes(cell)


def flip_text(spool: Spool, batch: Stored) -> bytes:
    """A letter of an event's text becomes another: the batch decodes, and says something else."""
    changed = flip(spool, batch, "payload", byte=batch.payload.index(b"event") + 1)
    assert isinstance(decode(batch.tag, changed), EventBatch)
    return changed


async def test_a_batch_that_still_decodes_is_not_sent_under_another_hash(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """A tombstone stands in for it, the batch behind it fits, and the people at the agent hear of their disk."""
    rig = Rig.make(gateway, tmp_path)
    for n in range(3):
        rig.report(event(n))
    cut = pending(rig.outbox)
    changed = flip_text(rig.spool, cut[1])
    async with rig.running():
        sent = [batch for batch in await gateway.heard(4) if isinstance(batch, Sequenced)]

    assert [batch_id(batch) for batch in sent[:3]] == [batch.batch_id for batch in cut]
    assert [batch.previous for batch in sent[1:]] == [batch_id(batch) for batch in sent[:3]]
    assert [batch.replaces for batch in sent[:3]] == [b"", cut[1].batch_id, b""]
    what = "set aside, a tombstone takes its place"
    message = f"this disk has changed record 2 of epoch {rig.outbox.epoch}: {what}"
    assert rig.recorder.of("trouble") == [(Code.BATCH_UNDECODABLE, message)]
    assert rig.spool.read("SELECT first, payload FROM set_aside").fetchall() == [(2, changed)]


async def test_a_full_disk_keeps_a_changed_batch_and_the_session(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """Without room to set it aside it waits, and is not sent; heartbeats go on, and so does everything when there is room."""
    rig = Rig.make(gateway, tmp_path)
    rig.report(*rows(100, "event " + "x" * 300))
    (cut,) = pending(rig.outbox)
    flip_text(rig.spool, cut)
    rig.spool._connection.execute("PRAGMA max_page_count = 1")  # SQLite makes that the present size
    async with rig.running():
        await gateway.heard(2, Heartbeat)
        assert (await gateway.peer()).batches == []
        code, _ = cast("tuple[Code, str]", rig.recorder.of("trouble")[-1])
        assert code is Code.OUTBOX_FULL
        rig.spool._connection.execute("PRAGMA max_page_count = 100000")
        (sent, *_) = await gateway.heard(1)

    assert isinstance(sent, EventBatch)
    assert (sent.replaces, sent.count) == (cut.batch_id, 100)
    assert rig.recorder.of("ended") == []


@pytest.mark.parametrize("which", [0, 1, 2], ids=["the first", "one between", "the last"])
def test_a_changed_id_is_put_right(tmp_path: Path, which: int) -> None:
    """The batch is as it was cut: what comes after it names it, and it is not buried."""
    with Spool.open(tmp_path / "outbox.sqlite") as spool:
        outbox = Outbox(spool, "me")
        for _ in range(3):
            outbox.cut_events(rows(2))
        cut = pending(outbox)
        flip(spool, cut[which], "batch_id", byte=3)
        changed = pending(outbox)[which]
        assert not changed.is_whole

        assert outbox.mend(changed) == cut[which]
        assert pending(outbox) == cut


def test_what_is_mended_is_counted_as_what_it_is(tmp_path: Path) -> None:
    """A tombstone is small, takes the same numbers, and is whole itself."""
    with Spool.open(tmp_path / "outbox.sqlite") as spool:
        outbox = Outbox(spool, "me")
        for _ in range(3):
            outbox.cut_events(rows(2, "event"))
        flip_text(spool, pending(outbox)[1])
        mended = outbox.mend(pending(outbox)[1])

        assert mended.is_whole
        assert mended.is_tombstone
        assert pending(outbox)[1] == mended
        assert_chained(pending(outbox))
        state = outbox.records, outbox.waiting_bytes
        outbox.reload()
        assert (outbox.records, outbox.waiting_bytes) == state
