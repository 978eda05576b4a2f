"""Nobody is starved, whoever else is at the door."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.turns import Turns

Waiter = tuple[int, str, str]


class Hall:
    """Places that are never given back unless a test does it."""

    def __init__(self, *, share: int = 1_000_000, party_share: int = 1_000_000) -> None:
        self.by_address: Counter[str] = Counter()
        self.by_party: Counter[str] = Counter()
        self.turns: Turns[Waiter] = Turns(
            is_party_full=lambda party: self.by_party[party] >= party_share,
            held_by=lambda address: self.by_address[address],
            share=lambda: share,
        )
        self.number = 0

    def join(self, party: str, address: str) -> Waiter:
        self.number += 1
        waiter = (self.number, party, address)
        self.turns.join(waiter, party=party, address=address)
        return waiter

    def grant(self) -> Waiter | None:
        waiter = self.turns.next()
        if waiter is not None:
            self.by_address[waiter[2]] += 1
            self.by_party[waiter[1]] += 1
        return waiter

    def give_back(self, waiter: Waiter) -> None:
        self.by_address[waiter[2]] -= 1
        self.by_party[waiter[1]] -= 1


def test_five_are_through_among_five_thousand() -> None:
    """A tenant of 5,000 reconnecting does not starve a tenant of 5, which comes last: each second place is its."""
    hall = Hall()
    for n in range(5000):
        hall.join("large", f"10.0.{n // 250}.{n % 250}")
    for _ in range(5):
        hall.join("small", "192.0.2.1")
    served = [hall.grant() for _ in range(10)]
    assert [waiter[1] for waiter in served if waiter is not None].count("small") == 5


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.sampled_from("ABCDE"), st.integers(0, 3)),
        st.tuples(st.just("grant"), st.just(""), st.just(0)),
        st.tuples(st.just("leave"), st.just(""), st.integers(0, 50)),
    ),
    max_size=200,
)


@given(STEPS)
def test_no_party_waits_for_more_places_than_there_are_parties(steps: list[tuple[str, str, int]]) -> None:
    """Whoever joins and leaves in whatever order: with N parties waiting when it came, a party is served within N places."""
    hall = Hall()
    waiting: list[Waiter] = []
    patience: dict[str, int] = {}
    for verb, party, which in steps:
        if verb == "join":
            waiting.append(hall.join(party, f"{party}.{which}"))
            patience.setdefault(party, len({each[1] for each in waiting}))
        elif verb == "leave" and waiting:
            waiter = waiting.pop(which % len(waiting))
            hall.turns.leave(waiter, party=waiter[1], address=waiter[2])
        elif verb == "grant":
            served = hall.grant()
            assert (served is None) == (not waiting)
            if served is not None:
                waiting.remove(served)
                del patience[served[1]]
                patience = {each: left - 1 for each, left in patience.items()}
                if any(each[1] == served[1] for each in waiting):
                    patience[served[1]] = len({each[1] for each in waiting})
        left = {each[1] for each in waiting}
        patience = {each: n for each, n in patience.items() if each in left}
        assert all(n > 0 for n in patience.values()), "somebody was passed over too often"
        assert len(hall.turns) == len(waiting)


@given(STEPS, st.integers(1, 3), st.integers(1, 6))
def test_shares_are_kept_and_nobody_is_kept_for_nothing(
    steps: list[tuple[str, str, int]], share: int, party_share: int
) -> None:
    """No address and no party passes its share; and as long as somebody waits who is below both, a place finds its taker."""
    hall = Hall(share=share, party_share=party_share)
    waiting: list[Waiter] = []
    holding: list[Waiter] = []
    for verb, party, which in steps:
        if verb == "join":
            waiting.append(hall.join(party, f"{party}.{which}"))
        elif verb == "leave" and holding:
            hall.give_back(holding.pop(which % len(holding)))
        elif verb == "grant":
            could = [
                w for w in waiting if hall.by_address[w[2]] < share and hall.by_party[w[1]] < party_share
            ]
            assert hall.turns.is_stuck == (not could)
            served = hall.grant()
            assert (served is None) == (not could)
            if served is not None:
                waiting.remove(served)
                holding.append(served)
        assert all(n <= share for n in hall.by_address.values())
        assert all(n <= party_share for n in hall.by_party.values())


def test_within_a_party_the_address_that_holds_the_fewest_is_next() -> None:
    hall = Hall()
    for address in ("a", "a", "a", "b"):
        hall.join("northwind", address)
    assert [waiter[2] for waiter in (hall.grant(), hall.grant()) if waiter is not None] == ["a", "b"]
