"""What is written down of jobs is there after a kill, and reported once."""

import json
from pathlib import Path

import attrs
import pytest

from agent.jobs.book import KEPT, Book, Run
from agent.state import StateError
from protocol import JobStatus

NOW_MS = 1_790_000_000_000


def ended(book: Book, job_uid: str = "j", at_ms: int = NOW_MS) -> Run:
    """A run that went well."""
    run = book.begin(job_uid, at_ms, by_hand=False)
    return book.end(
        attrs.evolve(
            run, status=JobStatus.SUCCESS, ended_ms=at_ms + 5, restore_point="abc", processed_bytes=7
        )
    )


def test_everything_is_there_again(tmp_path: Path) -> None:
    """Whatever happened before the agent was killed."""
    book = Book(tmp_path / "jobs.json")
    run = ended(book)
    book.enable("other", NOW_MS, enabled=False)
    under_way = book.begin("other", NOW_MS + 9, by_hand=True)
    book.note_pid(under_way, 77)

    again = Book(tmp_path / "jobs.json")

    assert again.uid == book.uid
    assert again.ended == [run]
    assert again.running == {"other": attrs.evolve(under_way, pid=77)}
    assert again.entries == book.entries
    assert again.entry("j", 0).last_status is JobStatus.SUCCESS
    assert (again.entry("other", 0).enabled, again.entry("other", 0).last_ms) == (False, NOW_MS + 9)


def test_runs_are_reported_until_somebody_says_that_they_are(tmp_path: Path) -> None:
    """Numbers go on after a restart; those of another book mean nothing."""
    book = Book(tmp_path / "jobs.json")
    first, second = ended(book), ended(book)
    assert book.unreported("", 0) == [first, second]
    assert book.unreported(book.uid, first.number) == [second]

    again = Book(tmp_path / "jobs.json")
    third = ended(again)
    assert third.number == second.number + 1
    assert again.unreported("another book", 99) == [first, second, third]
    assert again.unreported(again.uid, third.number) == []
    assert Book(tmp_path / "new" / "jobs.json").uid != book.uid


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    """An outbox that is full for years does not fill the disk with runs."""
    book = Book(tmp_path / "jobs.json")
    book.ended = [Run(run_uid=f"{n}", job_uid="j", started_ms=n, number=n) for n in range(1, KEPT + 1)]
    run = ended(book)
    assert (len(book.ended), book.ended[-1]) == (KEPT, run)


def test_a_run_that_cannot_be_written_down_does_not_begin(tmp_path: Path) -> None:
    """It would be one that nobody hears of if the agent were killed."""
    (tmp_path / "file").touch()
    book = Book(tmp_path / "file" / "jobs.json")
    with pytest.raises(StateError, match="cannot write"):
        book.begin("j", NOW_MS, by_hand=False)
    assert book.running == {}
    assert book.entry("j", 0).last_ms == 0


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 1}', '{"version": 1, "uid": "x", "numbered": 1, "jobs": {"j": {"strange": 1}}, "runs": []}'])  # fmt: skip
def test_a_damaged_book_is_named(text: str, tmp_path: Path) -> None:
    """With what removing it means."""
    (tmp_path / "jobs.json").write_text(text)
    with pytest.raises(StateError, match=r"is damaged .* remove it; jobs then count as never run"):
        Book(tmp_path / "jobs.json")


def test_a_newer_book_is_left_alone(tmp_path: Path) -> None:
    """It says more than we understand."""
    (tmp_path / "jobs.json").write_text(json.dumps({"version": 2}))
    with pytest.raises(StateError, match="newer agent"):
        Book(tmp_path / "jobs.json")
