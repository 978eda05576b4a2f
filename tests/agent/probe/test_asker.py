"""Who probes: what they typed becomes an address, and what they know is used and never changed."""

import json
from pathlib import Path

import pytest

from agent.inspection.keep import Cut, Keep, Opinion
from agent.path import PathError
from agent.probe.asker import STRANGER, Asker, agent_asker, pasted_asker
from agent.state import NotEnrolledError
from certs.inspection import AgentSide
from tests.agent.probe.test_bundle import CODE, make_agent

KNOWING = Asker(gateways=("gateway.example:9999", "[2001:db8::1]:443"))


@pytest.mark.parametrize(
    ("asker", "typed", "address"),
    [
        (STRANGER, "gateway.example", "gateway.example:6180"),
        (STRANGER, "gateway.example:443", "gateway.example:443"),
        (STRANGER, " 192.0.2.1 ", "192.0.2.1:6180"),
        (STRANGER, "2001:db8::1", "[2001:db8::1]:6180"),
        (STRANGER, "[2001:db8::1]", "[2001:db8::1]:6180"),
        (STRANGER, "[2001:db8::1]:443", "[2001:db8::1]:443"),
        (KNOWING, None, "gateway.example:9999"),
        (KNOWING, "Gateway.Example", "gateway.example:9999"),
        (KNOWING, "2001:db8::1", "[2001:db8::1]:443"),
        (KNOWING, "gateway.example:6180", "gateway.example:6180"),
        (KNOWING, "other.example", "other.example:6180"),
    ],
)
def test_what_is_typed_becomes_an_address(asker: Asker, typed: str | None, address: str) -> None:
    assert asker.address(typed) == address


@pytest.mark.parametrize(
    "typed", [None, "", ":6180", "gateway.example:", "gateway.example:x", "gateway.example:0", "[::1]:x"]
)
def test_what_is_none_is_refused(typed: str | None) -> None:
    with pytest.raises(PathError):
        STRANGER.address(typed)


def test_an_agent_brings_its_certificate_its_pins_and_its_clock(tmp_path: Path) -> None:
    """And changes nothing in its folder, where it may be running."""
    make_agent(tmp_path)
    (tmp_path / "status.json").write_text(json.dumps({"clock_offset_ms": 4000}), encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    asker = agent_asker(tmp_path)
    side = asker.known(AgentSide(at_ms=0, dialed="gateway.example:6180"))
    assert asker.enrolled
    assert asker.expected.pins
    assert side.clock_offset_ms == 4000
    assert side.certificate_not_after_ms is not None
    assert side.sessions == (), "it does not complain of them"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("offset", [b"{", b"[]", b'{"clock_offset_ms": true}', b'{"clock_offset_ms": "1"}'])
def test_a_status_that_says_nothing_is_no_clock(tmp_path: Path, offset: bytes) -> None:
    make_agent(tmp_path)
    (tmp_path / "status.json").write_bytes(offset)
    assert agent_asker(tmp_path).clock_offset_ms is None


@pytest.mark.parametrize(("over_ms", "count"), [(None, 1), (5, 0)])
def test_sessions_that_were_cut_count_while_the_agent_complains(
    tmp_path: Path, over_ms: int | None, count: int
) -> None:
    """Once its sessions last again, what is on the disk accuses nobody any more."""
    make_agent(tmp_path)
    Keep(tmp_path).think(
        Opinion(
            code=0, verdict="session-cut", found="session-cut", confidence=0.9, blame="", reason="", address="",
            since_ms=1, last_ms=2, over_ms=over_ms,
        )
    )  # fmt: skip
    assert Keep(tmp_path).cuts() == [Cut(at_ms=1, lasted_s=300.0, idle_s=0.0, close_notify=False)]
    assert len(agent_asker(tmp_path).sessions) == count


def test_nobody_is_no_agent(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolledError):
        agent_asker(tmp_path)
    assert not pasted_asker(CODE).enrolled
    assert pasted_asker(CODE).anchors is not None
    assert STRANGER.expected.pins == frozenset()
