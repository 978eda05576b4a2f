"""What was reported synced survives a power cut, and the check that says so would notice if it did not."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journal import DamageKind, JournalWriter
from tests.gateway.journal.reading import drain
from tests.helpers.lossy_files import LossyFiles, everything, nothing


@attrs.frozen(kw_only=True)
class Life:
    """One life of a writer: appends (their sizes) and syncs (None), then the power goes."""

    steps: list[int | None]
    share: float
    as_zeros: bool
    names_too: bool


STEPS = st.lists(st.one_of(st.none(), st.integers(1, 150)), max_size=12)
LIVES = st.builds(
    Life, steps=STEPS, share=st.sampled_from([0.0, 0.3, 1.0]), as_zeros=st.booleans(), names_too=st.booleans()
)


def check_that_synced_records_survive(folder: Path, lives: list[Life], files: LossyFiles) -> None:
    """Live those lives in *folder*; after each power cut every synced record is there, and none that was not written.

    Raises:
        AssertionError: A record is missing.
    """
    must_survive: list[bytes] = []
    written: list[bytes] = []
    for n_life, life in enumerate(lives):
        writer = JournalWriter(folder, segment_bytes=400, files=files)
        unsynced: list[bytes] = []
        for n_step, step in enumerate(life.steps):
            if step is None:
                before = writer.appended
                writer.sync()
                assert writer.synced == before
                must_survive += unsynced
                unsynced = []
            else:
                record = f"{n_life}/{n_step} ".encode() + bytes(step)
                writer.append([record])
                written.append(record)
                unsynced.append(record)
        share = life.share
        files.power_cut(
            surviving=lambda n_bytes, share=share: int(n_bytes * share),  # type: ignore[misc]  # bound early
            as_zeros=life.as_zeros,
            names_too=life.names_too,
        )
        found = drain(folder).records
        kept = set(found)
        assert [record for record in must_survive if record not in kept] == []
        rest = iter(written)
        assert all(record in rest for record in found)
        written = list(found)  # what was lost is lost: it must not come back
        must_survive = list(found)  # what a power cut has left is on disk


@settings(max_examples=120)
@given(st.lists(LIVES, min_size=1, max_size=4))
def test_synced_records_survive_any_number_of_power_cuts(lives: list[Life]) -> None:
    with tempfile.TemporaryDirectory() as name:
        check_that_synced_records_survive(Path(name, "journal"), lives, LossyFiles())


class NoDataSync(LossyFiles):
    """A writer without its fdatasync."""

    def fdatasync(self, fd: int) -> None:
        pass


class NoFolderSync(LossyFiles):
    """A writer without its fsync of the folder."""

    def fsync_folder(self, folder: Path) -> None:
        pass


class OnlyTheNewestSegment(LossyFiles):
    """A writer that forgets the segment it rolled away from."""

    def fdatasync(self, fd: int) -> None:
        if self.descriptors[fd].path == max(path for path in self.names if path.suffix in (".fgj", ".new")):
            super().fdatasync(fd)


class FirstFolderSyncsOnly(LossyFiles):
    """A writer that syncs the folder when it opens and not after a roll."""

    syncs = 0

    def fsync_folder(self, folder: Path) -> None:
        self.syncs += 1
        if self.syncs <= 3:  # the parent, journal.json, the first segment
            super().fsync_folder(folder)


LIVE_AND_ROLL = Life(steps=[100] * 5 + [None], share=0.0, as_zeros=False, names_too=False)


@pytest.mark.parametrize("careless", [NoDataSync, NoFolderSync, OnlyTheNewestSegment, FirstFolderSyncsOnly])
def test_the_check_fails_for_a_writer_that_does_not_sync(
    tmp_path: Path, careless: Callable[[], LossyFiles]
) -> None:
    """Take any of the syncs away, and the check above turns red."""
    check_that_synced_records_survive(tmp_path / "careful", [LIVE_AND_ROLL], LossyFiles())
    with pytest.raises(AssertionError):
        check_that_synced_records_survive(tmp_path / "careless", [LIVE_AND_ROLL], careless())


def test_what_a_killed_writer_left_unsynced_is_synced_by_the_next_before_it_counts_on_it(
    tmp_path: Path,
) -> None:
    """Its header says where the segment before it ends: that end must not vanish."""
    files = LossyFiles()
    writer = JournalWriter(tmp_path / "journal", files=files)
    writer.append([b"never synced"])
    files.kill()
    JournalWriter(tmp_path / "journal", files=files)
    files.power_cut()
    found = drain(tmp_path / "journal")

    assert found.records == [b"never synced"]
    assert found.damage == []


def test_unsynced_records_lost_before_later_ones_are_named(tmp_path: Path) -> None:
    """Nobody acknowledged them, but the disk took the later segment first: the reader can't know, and says so."""
    files = LossyFiles()
    writer = JournalWriter(tmp_path / "journal", files=files)
    writer.append([b"first segment"])
    writer.roll()
    writer.append([b"second segment"])
    files.power_cut(surviving=lambda n_bytes: n_bytes if n_bytes > 64 else 0, names_too=True)
    found = drain(tmp_path / "journal")

    assert found.records == [b"second segment"]
    assert [damage.kind for damage in found.damage] == [DamageKind.CORRUPT]


def test_the_layer_forgets_what_was_not_synced(tmp_path: Path) -> None:
    """The helper's own promise: contents by fdatasync, names by the folder's fsync."""
    import os

    files = LossyFiles()
    kept, lost = tmp_path / "kept", tmp_path / "lost"
    for path in (kept, lost):
        fd = files.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        files.writev(fd, [b"synced "])
        files.fdatasync(fd)
        files.writev(fd, [b"not synced"])
        if path == kept:
            files.fsync_folder(tmp_path)
    files.unlink(kept)
    assert not kept.exists()
    files.power_cut(surviving=nothing)

    assert kept.read_bytes() == b"synced "
    assert not lost.exists()
    fd = files.open(kept, os.O_WRONLY | os.O_APPEND)
    files.writev(fd, [b"and more"])
    files.power_cut(surviving=everything)
    assert kept.read_bytes() == b"synced and more"


def test_what_a_new_life_has_shown_its_readers_survives_a_power_cut(tmp_path: Path) -> None:
    """A killed writer may leave unsynced records in several segments; the next life vouches for the end of them all."""
    files = LossyFiles()
    folder = tmp_path / "journal"
    writer = JournalWriter(folder, segment_bytes=400, files=files)
    written = [f"{n} ".encode() + bytes(150) for n in range(7)]
    for record in written:
        writer.append([record])
    files.kill()
    JournalWriter(folder, segment_bytes=400, files=files)
    assert len(list(folder.glob("*.fgj"))) > 2

    files.power_cut(surviving=nothing)

    assert drain(folder).records == written
