"""Who asks too often is told when to come back; nobody else notices."""

import pytest

from gateway.management.rest.errors import Refused
from gateway.management.rest.pace import BURST_S, Pace


def test_a_burst_is_allowed_and_then_the_pace() -> None:
    """Four seconds' worth at once, then as many as are allowed each second."""
    now = [0.0]
    pace = Pace(lambda: 5.0, lambda: now[0])
    for _ in range(int(5 * BURST_S)):
        pace.take("anna")
    with pytest.raises(Refused) as refused:
        pace.take("anna")
    assert (refused.value.status, str(refused.value.code), refused.value.retry_after_s) == (429, "FG-6008", 1)

    now[0] = 1.0
    for _ in range(5):
        pace.take("anna")
    with pytest.raises(Refused):
        pace.take("anna")


def test_one_does_not_pay_for_another() -> None:
    """A bucket each."""
    pace = Pace(lambda: 1.0, lambda: 0.0)
    for _ in range(int(BURST_S)):
        pace.take("anna")
    with pytest.raises(Refused):
        pace.take("anna")
    pace.take("ben")


def test_waiting_as_long_as_was_said_is_enough() -> None:
    """Whoever obeys is let in."""
    now = [0.0]
    pace = Pace(lambda: 0.1, lambda: now[0])
    pace.take("anna")
    with pytest.raises(Refused) as refused:
        pace.take("anna")
    assert refused.value.retry_after_s is not None
    now[0] += refused.value.retry_after_s
    pace.take("anna")
