"""What is in the outbox stays in it, as it was cut, until a mark covers it: whatever is killed, reverted or full."""

import itertools
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from agent.facts import Facts
from agent.marks import Ruling
from agent.outbox import BATCH_ROWS, Outbox
from agent.spool import OVERHEAD_BYTES, OutboxError, OutboxFullError, Spool
from agent.stored import Stored
from protocol import (
    NO_BATCH,
    Code,
    EventBatch,
    EventKind,
    Inventory,
    InventoryMode,
    JobEvent,
    JobStatus,
    LocalProtocolError,
    Mark,
    Outcome,
    Row,
    Sequenced,
    Server,
    ServerKind,
    batch_id,
    decode,
)

NOW_MS = 1_790_000_000_000
FACTS = Facts(servers=(Server(uid="s", name="BKP", kind=ServerKind.BACKUP_SERVER).to_row(),))


def rows(count: int, message: str = "") -> list[Row]:
    event = JobEvent(
        time_ms=NOW_MS, kind=EventKind.NOTICE, job_uid="j", session_uid="s", workload_uid="", status=JobStatus.NONE,
        message=message,
    )  # fmt: skip
    return [event.to_row()] * count


def pending(outbox: Outbox) -> list[Stored]:
    found, after = [], 0
    while batch := outbox.next_batch(after):
        found.append(batch)
        after = batch.position
    return found


def read(batch: Stored) -> Sequenced:
    message = decode(batch.tag, batch.payload)
    assert isinstance(message, Sequenced)
    return message


def mark_of(batch: Stored, first_sequence: int = 1) -> Mark:
    return Mark(
        epoch=batch.epoch,
        next_sequence=batch.next_sequence,
        batch_id=batch.batch_id,
        first_sequence=first_sequence,
    )


def assert_chained(batches: list[Stored]) -> None:
    """Every batch says the numbers it is stored under, and names the one before it."""
    for batch in batches:
        message = read(batch)
        assert (message.epoch, message.first_sequence, message.next_sequence) == (
            batch.epoch,
            batch.first_sequence,
            batch.next_sequence,
        )
        assert batch_id(message) == batch.batch_id
    for one, two in itertools.pairwise(batches):
        if two.epoch == one.epoch and two.first_sequence == one.next_sequence:
            assert read(two).previous == one.batch_id


class OutboxMachine(RuleBasedStateMachine):
    """Cut, release, crash, restart and revert in any order; `waiting` is what has to be there."""

    copies: Bundle[tuple[Path, tuple[Stored, ...], bytes]] = Bundle("copies")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.epochs = itertools.count(1)
        self.generation = itertools.count()
        self.waiting: list[Stored] = []
        self.tip = NO_BATCH

    @initialize()
    def begin(self) -> None:
        self.open(self.folder / "outbox.sqlite")

    def open(self, path: Path) -> None:
        self.spool = Spool.open(path)
        self.outbox = Outbox(self.spool, "me", new_epoch=lambda: next(self.epochs))

    def cut(self) -> None:
        """Whatever was cut last is new, chained to what was cut before, and contiguous in its epoch."""
        held = pending(self.outbox)
        new = held[len(self.waiting) :]
        assert held[: len(self.waiting)] == self.waiting
        for batch in new:
            assert read(batch).previous == self.tip
            assert batch.epoch == self.outbox.epoch
            self.tip = batch.batch_id
        self.waiting = held

    @rule(count=st.integers(1, 2 * BATCH_ROWS + 1))
    def cut_events(self, count: int) -> None:
        before = self.outbox.next_sequence
        self.outbox.cut_events(rows(count))
        assert self.outbox.next_sequence == before + count
        self.cut()

    @rule()
    def cut_inventory(self) -> None:
        before = self.outbox.revision
        assert self.outbox.cut_inventory(FACTS, InventoryMode.FULL, NOW_MS) > before
        self.cut()

    @rule()
    def cut_result(self) -> None:
        self.outbox.cut_result("c", 1, outcome=Outcome.UNSUPPORTED, code=5001, message="", finished_ms=NOW_MS)
        self.cut()

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """A mark of our own deletes what it covers and nothing else."""
        if not self.waiting:
            return
        batch = data.draw(st.sampled_from(self.waiting))
        first = data.draw(st.sampled_from([1, batch.first_sequence]))
        assert self.outbox.release(mark_of(batch, first)) is Ruling.RELEASED
        self.waiting = [
            b for b in self.waiting
            if not (b.epoch == batch.epoch and first <= b.first_sequence and b.next_sequence <= batch.next_sequence)
        ]  # fmt: skip

    @rule(data=st.data(), beyond=st.integers(-3, 3))
    def hear_of_strangers(self, data: st.DataObject, beyond: int) -> None:
        """A mark of a batch that we never cut deletes nothing; beyond all we know of, it opens an epoch."""
        epoch = data.draw(st.sampled_from(sorted({b.epoch for b in self.waiting} | {self.outbox.epoch})))
        next_sequence = max(1, self.outbox.next_sequence + beyond)
        before = self.outbox.epoch, self.outbox.released_sequence
        ruling = self.outbox.release(Mark(epoch=epoch, next_sequence=next_sequence, batch_id=b"x" * 16))
        if (epoch, True) == (before[0], next_sequence > before[1]):
            assert ruling is Ruling.REVERTED
            assert self.outbox.epoch != before[0]
            assert (self.outbox.next_sequence, self.outbox.released_sequence) == (1, 1)
        else:
            assert ruling is Ruling.STALE
            assert self.outbox.epoch == before[0]

    @rule(data=st.data())
    def set_aside(self, data: st.DataObject) -> None:
        """A tombstone keeps numbers, place and id; a second one is refused."""
        if not self.waiting:
            return
        index = data.draw(st.integers(0, len(self.waiting) - 1))
        old = self.waiting[index]
        fresh = not read(old).replaces
        assert self.outbox.set_aside(old.epoch, old.first_sequence) is fresh
        new = pending(self.outbox)[index]
        assert read(new).replaces == old.batch_id
        assert read(new).previous == read(old).previous
        self.waiting[index] = new

    @rule(target=copies)
    def snapshot(self) -> tuple[Path, tuple[Stored, ...], bytes]:
        """A copy of the files as they are, as a snapshot or a kill finds them."""
        self.spool.flush()
        return self.copy(), tuple(self.waiting), self.tip

    def copy(self) -> Path:
        folder = self.folder / str(next(self.generation))
        folder.mkdir()
        for file in self.spool.path.parent.iterdir():
            if file.is_file():
                shutil.copy(file, folder)
        return folder / "outbox.sqlite"

    @rule()
    def kill(self) -> None:
        """After kill -9 everything that was cut is there. A release may have been forgotten, and is heard again."""
        path = self.copy()
        self.spool._connection.close()
        self.open(path)
        held = pending(self.outbox)
        assert [b for b in held if b in self.waiting] == self.waiting
        self.waiting = held

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.open(self.spool.path)
        assert pending(self.outbox) == self.waiting

    @rule(copy=copies)
    def revert(self, copy: tuple[Path, tuple[Stored, ...], bytes]) -> None:
        """A reverted machine has the outbox of back then, whole."""
        self.spool.close()
        folder = self.folder / str(next(self.generation))
        shutil.copytree(copy[0].parent, folder)
        self.open(folder / "outbox.sqlite")
        self.waiting, self.tip = list(copy[1]), copy[2]
        assert pending(self.outbox) == self.waiting

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "outbox"):
            return
        held = pending(self.outbox)
        assert held == self.waiting
        assert_chained(held)
        assert self.outbox.records == sum(b.next_sequence - b.first_sequence for b in held)
        assert self.outbox.waiting_bytes == sum(len(b.payload) + OVERHEAD_BYTES for b in held)
        assert self.outbox.waiting_bytes == self.spool.used_bytes
        assert self.outbox.tip == self.tip

    def teardown(self) -> None:
        self.spool.close()
        shutil.rmtree(self.folder)


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite"


def test_full_outbox_refuses_events_and_keeps_what_it_has(path: Path) -> None:
    """At the limit events and inventory are refused whole; results still have a reserve."""
    with Spool.open(path, limit_bytes=20_000) as spool:
        outbox = Outbox(spool, "me")
        outbox.cut_events(rows(100))
        before, state = pending(outbox), (outbox.next_sequence, outbox.tip, outbox.taken)

        with pytest.raises(OutboxFullError, match="limit"):
            outbox.cut_events(rows(8 * BATCH_ROWS))
        with pytest.raises(OutboxFullError):
            outbox.cut_inventory(Facts(servers=FACTS.servers * 3000), InventoryMode.FULL, NOW_MS)
        assert pending(outbox) == before
        assert (outbox.next_sequence, outbox.tip, outbox.taken) == state

        while spool.has_room(1000):
            outbox.cut_events(rows(5, "x" * 300))
        outbox.cut_result(
            "c", 1, outcome=Outcome.UNSUPPORTED, code=5001, message="x" * 1024, finished_ms=NOW_MS
        )

        outbox.release(mark_of(pending(outbox)[-1]))
        outbox.cut_events(rows(50))
        assert [b.next_sequence - b.first_sequence for b in pending(outbox)] == [50]


def cut_for_both(spool: Spool, one: Outbox, two: Outbox) -> None:
    with spool.writing():
        one.cut_events(rows(1))
        two.cut_events(rows(2000, "x" * 500))


def test_full_disk_is_a_clear_error_and_loses_nothing(path: Path) -> None:
    """SQLite's own refusal rolls back to what was there, in the file and in memory, and passes when space returns."""
    with Spool.open(path) as spool:
        outbox, other = Outbox(spool, "me"), Outbox(spool, "other")
        outbox.cut_events(rows(10))
        outbox.release(mark_of(pending(outbox)[0]))
        other.cut_events(rows(10))
        spool._connection.execute("PRAGMA max_page_count = 1")  # SQLite makes that the present size
        state = [(o.next_sequence, o.tip, o.taken, o.records, o.waiting_bytes) for o in (outbox, other)]

        for _ in range(2):
            with pytest.raises(OutboxFullError, match=r"no space left.*nothing is lost"):
                cut_for_both(spool, other, outbox)
            assert [
                (o.next_sequence, o.tip, o.taken, o.records, o.waiting_bytes) for o in (outbox, other)
            ] == state

        spool._connection.execute("PRAGMA max_page_count = 100000")
        outbox.cut_events(rows(2000, "x" * 500))
        assert_chained(pending(outbox))
        assert (outbox.records, other.records) == (2000, 10)


def test_an_invalid_row_is_the_sources_bug_and_stores_nothing(path: Path) -> None:
    """What we hold our peers to, we hold ourselves to, before anything is written."""
    with Spool.open(path) as spool:
        outbox = Outbox(spool, "me")
        with pytest.raises(LocalProtocolError):
            outbox.cut_events([*rows(BATCH_ROWS), (1, 2, 3)])
        assert (outbox.records, outbox.next_sequence, outbox.taken) == (0, 1, 0)


def test_outboxes_share_a_file_and_nothing_else(path: Path) -> None:
    """Marks, numbers and epochs of one owner leave the other alone."""
    with Spool.open(path) as spool:
        one, two = Outbox(spool, "one"), Outbox(spool, "two")
        with spool.writing():
            one.cut_events(rows(3))
            two.cut_events(rows(4))
        assert (one.records, two.records) == (3, 4)

        one.release(mark_of(pending(two)[0]))
        one.release(mark_of(pending(one)[0]))

        assert (one.records, two.records) == (0, 4)


def test_a_second_agent_on_the_same_state_is_refused(path: Path) -> None:
    """Two processes would cut different batches with the same numbers."""
    with Spool.open(path), pytest.raises(OutboxError, match="another agent is running"):
        Spool.open(path)
    Spool.open(path).close()


@pytest.mark.parametrize("content", [b"not a database at all" * 400, b""])
def test_damage_is_told_from_emptiness(path: Path, content: bytes) -> None:
    """A file that is no database is named, with what to do; an empty one is a new one."""
    path.write_bytes(content)
    if content:
        with pytest.raises(OutboxError, match=r"damaged.*move it away"):
            Spool.open(path)
    else:
        Spool.open(path).close()


def test_a_newer_file_is_refused(path: Path) -> None:
    """An older agent does not touch what it does not understand."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(OutboxError, match="newer agent"):
        Spool.open(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(OutboxError, match=r"cannot write .*nowhere"):
        Spool.open(tmp_path / "nowhere" / "outbox.sqlite")


def test_space_is_given_back(path: Path) -> None:
    """After a long outage has drained, the file shrinks again."""
    with Spool.open(path) as spool:
        outbox = Outbox(spool, "me")
        for _ in range(40):
            outbox.cut_events(rows(10 * BATCH_ROWS, "x" * 500))
        full = path.stat().st_size
        outbox.release(mark_of(pending(outbox)[-1]))
        for _ in range(10):
            spool.flush()
    assert path.stat().st_size < full / 2


def test_space_that_cannot_be_given_back_is_an_error_in_words(path: Path) -> None:
    """The disk says no to that as it may to any write."""
    with Spool.open(path) as spool:
        outbox = Outbox(spool, "me")
        for _ in range(15):
            outbox.cut_events(rows(10 * BATCH_ROWS, "x" * 500))
        outbox.release(mark_of(pending(outbox)[-1]))
        with spool.writing():
            pass
        spool._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(OutboxError, match="cannot write"):
            spool.flush()
        spool._connection.execute("PRAGMA query_only = OFF")


def test_revisions_grow_even_if_the_clock_goes_back(path: Path) -> None:
    """An inventory's revision is larger than any before, also on a machine that was reverted."""
    with Spool.open(path) as spool:
        outbox = Outbox(spool, "me")
        seen = [
            outbox.cut_inventory(FACTS, InventoryMode.FULL, now)
            for now in (NOW_MS, NOW_MS - 10, NOW_MS, NOW_MS + 5)
        ]
        assert seen == sorted(set(seen))


def test_an_inventory_is_cut_into_parts_with_one_revision(path: Path) -> None:
    """Only the last part is final."""
    with Spool.open(path) as spool:
        outbox = Outbox(spool, "me")
        outbox.cut_inventory(Facts(servers=FACTS.servers * 450), InventoryMode.FULL, NOW_MS)
        parts = [read(batch) for batch in pending(outbox)]
        assert all(isinstance(part, Inventory) for part in parts)
        assert [(p.part, p.final, p.revision) for p in parts if isinstance(p, Inventory)] == [
            (0, False, NOW_MS), (1, False, NOW_MS), (2, True, NOW_MS),
        ]  # fmt: skip


def test_before_finds_where_to_send_again(path: Path) -> None:
    """RANGE from a sequence inside a batch sends that batch whole; of a foreign epoch, nothing."""
    with Spool.open(path) as spool:
        outbox = Outbox(spool, "me")
        for _ in range(3):
            outbox.cut_events(rows(10))
        epoch = outbox.epoch
        starts = []
        for sequence in (1, 10, 11, 25, 31):
            position = outbox.before(epoch, sequence)
            batch = None if position is None else outbox.next_batch(position)
            starts.append(None if batch is None else batch.first_sequence)
        assert starts == [1, 1, 11, 21, None]
        assert outbox.before(epoch ^ 1, 1) is None


def test_originals_that_nobody_could_decode_are_kept_for_a_while(path: Path) -> None:
    """The last few stay in the file for whoever looks into it."""
    with Spool.open(path) as spool:
        outbox = Outbox(spool, "me")
        for _ in range(20):
            outbox.cut_events(rows(1))
        for batch in pending(outbox):
            outbox.set_aside(batch.epoch, batch.first_sequence)
        kept = spool.read("SELECT first FROM set_aside ORDER BY first").fetchall()
        assert [row[0] for row in kept] == list(range(5, 21))
        assert all(isinstance(m, EventBatch) and not m.rows for m in map(read, pending(outbox)))


@pytest.mark.parametrize("told", [True, False], ids=["by its numbers", "by nothing: they were unreadable"])
def test_a_batch_damaged_on_disk_is_buried(path: Path, told: bool) -> None:
    """Its bytes have another hash than when it was cut, and it is no tombstone for that: it would be refused for ever."""
    with Spool.open(path) as spool:
        outbox = Outbox(spool, "me")
        for _ in range(3):
            outbox.cut_events(rows(2))
        _, damaged, _ = pending(outbox)
        with spool.writing() as db:
            db.execute("UPDATE batches SET payload = ? WHERE batch_id = ?", (b"\xc1" * 40, damaged.batch_id))
        place = (damaged.epoch, damaged.first_sequence) if told else (0, 0)

        assert outbox.set_aside(*place)
        assert not outbox.set_aside(*place)
        found = read(pending(outbox)[1])
        assert (found.replaces, found.count) == (damaged.batch_id, 2)
        assert_chained(pending(outbox))


CHILD = """
import sys
from pathlib import Path
from agent.outbox import Outbox
from agent.spool import Spool
from tests.agent.test_outbox import mark_of, pending, rows

outbox = Outbox(Spool.open(Path(sys.argv[1])), "me")
for n in range(100_000):
    outbox.cut_events(rows(n % 7 + 1))
    print("cut", outbox.next_sequence, flush=True)
    if n % 5 == 4:
        outbox.release(mark_of(outbox.next_batch(0)))
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a POSIX matter")
def test_kill_nine_loses_nothing_that_was_cut(path: Path) -> None:
    """Whatever a killed agent had cut is in its outbox, chained; the next one goes on from there."""
    for lines in (3, 17, 40):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        told += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        cut = max(int(line.split()[1]) for line in told if line.endswith("\n"))
        with Spool.open(path) as spool:
            outbox = Outbox(spool, "me")
            held = pending(outbox)
            assert outbox.next_sequence >= cut
            assert_chained(held)
            assert all(one.next_sequence == two.first_sequence for one, two in itertools.pairwise(held))
            assert held[-1].next_sequence == outbox.next_sequence
            assert outbox.taken == outbox.next_sequence - 1


def test_errors_carry_a_code(path: Path) -> None:
    """Whoever logs it has a number that `fieldgate explain` knows."""
    with Spool.open(path, limit_bytes=10) as spool, pytest.raises(OutboxFullError) as caught:
        Outbox(spool, "me").cut_events(rows(1))
    assert caught.value.code is Code.OUTBOX_FULL


@pytest.mark.skipif(sys.platform == "win32", reason="modes say nothing there")
def test_the_file_is_its_users_alone(tmp_path: Path) -> None:
    """In a folder that others can read, too, and where an older agent left it open."""
    tmp_path.chmod(0o755)
    path = tmp_path / "outbox.sqlite"
    path.touch(0o644)
    with Spool.open(path) as spool:
        Outbox(spool, "agent").cut_events(rows(1))

        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"outbox.sqlite": 0o600, "outbox.sqlite-wal": 0o600}
