"""What holds of every sink, as tests: subclass it, say which sink, and how to read what its receiver has.

class TestMine(SinkContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Sink]:
        return lambda: Mine(tmp_path / "here")

    @pytest.fixture
    def taken(self, tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
        return lambda: [json.loads(line) for line in (tmp_path / "here").read_text().splitlines()]
"""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.sinks import Batch, Sink

Taken = Callable[[], list[dict[str, Any]]]


def lines(first: int, count: int, *, size: int = 0) -> list[dict[str, Any]]:
    """Lines as the feed has them."""
    return [
        {
            "id": f"1-{n}",
            "kind": "job-event",
            "cursor": f"v1.{n}",
            "body": {"message": f"Ölstand\n{n}" + "x" * size},
        }
        for n in range(first, first + count)
    ]


class SinkContract:
    """What holds of every sink."""

    @pytest.fixture
    def make(self) -> Callable[[], Sink]:
        """Makes the sink, before the same receiver every time."""
        raise NotImplementedError("a subclass says which sink")

    @pytest.fixture
    def taken(self) -> Taken:
        """The lines that the receiver has, in order, with those that it has twice."""
        raise NotImplementedError("a subclass says how to look")

    def test_what_deliver_returned_for_is_there(self, make: Callable[[], Sink], taken: Taken) -> None:
        """Whole, in order, before the next batch: nothing is held back until the end."""
        sink = make()
        for n in range(3):
            sink.deliver(Batch(lines(10 * n, 10)))
            assert taken() == lines(0, 10 * n + 10)
        sink.close()
        assert taken() == lines(0, 30)

    def test_another_one_goes_on_where_one_has_ended(self, make: Callable[[], Sink], taken: Taken) -> None:
        """A restart changes nothing of what is there."""
        for n in range(3):
            sink = make()
            sink.deliver(Batch(lines(n, 1)))
            sink.close()
        assert taken() == lines(0, 3)

    def test_a_batch_may_come_twice(self, make: Callable[[], Sink], taken: Taken) -> None:
        """As it does after a crash; nothing is lost, and by ids everything is there once."""
        sink = make()
        for batch in (lines(0, 5), lines(0, 5), lines(5, 2)):
            sink.deliver(Batch(batch))
        sink.close()
        assert list(dict.fromkeys(line["id"] for line in taken())) == [line["id"] for line in lines(0, 7)]

    def test_a_large_line_is_taken_alone(self, make: Callable[[], Sink], taken: Taken) -> None:
        """An estate's inventory is as large as the estate."""
        sink = make()
        sink.deliver(Batch(lines(0, 1, size=3_000_000)))
        sink.close()
        assert taken() == lines(0, 1, size=3_000_000)

    def test_closing_twice_is_closing(self, make: Callable[[], Sink]) -> None:
        """A sink that nothing was given can be closed as well."""
        sink = make()
        sink.close()
        sink.close()
