"""The client of a remote authority, against one that follows docs/pulse-api.md: done once, whatever breaks, and no answer believed blindly."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from gateway.licensing import (
    AuthorityRefused,
    AuthorityUnreachable,
    LicenceChange,
    LicenceOffice,
    LicenceOrder,
    RemoteAuthority,
)
from gateway.store import LicenceDeedState, LicenceKind, LicenceState, Store
from tests.gateway.licensing.pulse import (
    CONTRACT,
    DRIP,
    DROP,
    LOST,
    PRODUCT,
    TOKEN,
    Play,
    Pulse,
    refusal,
    serving,
)
from tests.gateway.licensing.rig import DAY_MS, NOW_MS, Rig, make_rig

ORDER = LicenceOrder(
    product_uid="suite", kind=LicenceKind.RENTAL, contract_uid="C-1", counts=[("vm", 20)], expires_ms=NOW_MS + DAY_MS
)  # fmt: skip


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    with serving(tmp_path) as pulse:
        yield pulse


@pytest.fixture
def remote(pulse: Pulse, tmp_path: Path) -> RemoteAuthority:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return RemoteAuthority(
        url=pulse.url, token_file=tmp_path / "token", ca=tmp_path / "ca.pem", timeout_s=5.0
    )


@pytest.fixture
def rig(store: Store, remote: RemoteAuthority, tmp_path: Path) -> Rig:
    rig = make_rig(store, tmp_path)
    rig.office = attrs.evolve(rig.office, authority=remote)
    return rig


def generate(office: LicenceOffice, now_ms: int = NOW_MS, **changed: Any) -> Any:
    return office.generate(attrs.evolve(ORDER, **changed), by="Eva", now_ms=now_ms)


def test_a_licence_s_life_at_a_remote_authority(rig: Rig, pulse: Pulse) -> None:
    rig.office.sync(by="clock", now_ms=NOW_MS)
    offered = {each.uid: each for each in rig.store.licence_catalogue.products()}
    assert [(each.uid, each.multiplier) for each in offered["suite"].workloads] == [("vm", 11)]
    assert rig.store.licence_catalogue.contract("C-1").points == 1000

    made = generate(rig.office, organization_uid=rig.world.company.uid).licence
    assert (made.terms.uid, made.terms.points, made.authority) == ("L-1", 220, "remote")
    agent = rig.agent()
    rig.office.install("L-1", agent.uid, by="Eva", now_ms=NOW_MS)
    assert agent.comes_back()[0].endswith("revision 1 installed")

    more = rig.office.change("L-1", LicenceChange(counts=[("vm", 30)]), by="Eva", now_ms=NOW_MS).licence
    assert more is not None
    assert (more.terms.revision, more.terms.points) == (2, 330)
    over = rig.office.revoke("L-1", why="unpaid", by="Eva", now_ms=NOW_MS).licence
    assert over is not None
    assert over.state is LicenceState.REVOKED
    assert pulse.revoked == {"L-1"}
    assert len({key for method, _, key in pulse.asked if method == "POST"}) == 3


@pytest.mark.parametrize(
    "play",
    [
        DROP,
        LOST,
        (500, {}, b"oops"),
        (503, {"Retry-After": "7"}, refusal("busy")),
        (429, {}, b""),
        (401, {}, refusal("who are you?")),
        (302, {"Location": "https://elsewhere.example/"}, b""),
        (200, {}, b"no json"),
        (200, {}, b"[" * 100_000),
        (200, {}, b"{}"),
        (200, {}, b'{"data": 5}'),
        (200, {}, b'{"data": {"licenseId": "L-1"}}'),
        (200, {}, b'{"data": "' + b"x" * (1 << 20) + b'"}'),
    ],
    ids=lambda play: play if isinstance(play, str) else f"{play[0]} {play[2][:20]!r}",
)
def test_what_is_no_answer_is_asked_again_under_the_same_key(rig: Rig, pulse: Pulse, play: Play) -> None:
    """However it broke, the licence is there once in the end, here and there."""
    pulse.plays.append(play)
    outcome = generate(rig.office)
    assert outcome.licence is None
    assert outcome.deed.state is LicenceDeedState.PENDING
    assert outcome.deed.message

    rig.office.work(outcome.deed.next_ms)
    assert [licence.terms.uid for licence in rig.store.licences.list()] == ["L-1"]
    assert list(pulse.licences) == ["L-1"]
    assert {key for _, _, key in pulse.asked} == {outcome.deed.uid}


def test_what_it_asks_to_wait_is_waited(remote: RemoteAuthority, pulse: Pulse) -> None:
    pulse.plays.append((503, {"Retry-After": "70"}, refusal("busy")))
    with pytest.raises(AuthorityUnreachable, match="answered 503: busy") as caught:
        remote.generate(ORDER, key="k", now_ms=NOW_MS)
    assert caught.value.retry_after_s == 70


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_plain_no_is_final(rig: Rig, pulse: Pulse, status: int) -> None:
    pulse.plays.append((status, {}, refusal("the contract is full\x1b[2J")))
    with pytest.raises(AuthorityRefused, match=f"answered {status}: the contract is full") as caught:
        generate(rig.office)
    assert "\x1b" not in str(caught.value)
    assert rig.store.licences.pending() == []


def test_another_licence_than_the_one_that_was_asked_for_is_not_taken(
    remote: RemoteAuthority, pulse: Pulse
) -> None:
    made = remote.generate(ORDER, key="k", now_ms=NOW_MS)
    other = pulse.licences[made.uid] | {
        "workloads": [{"workloadId": "vm", "name": "VM", "count": 9, "multiplier": 11}]
    }
    pulse.plays.append((200, {}, json.dumps({"data": other}).encode()))
    with pytest.raises(AuthorityUnreachable, match="not the one that was asked for"):
        remote.generate(ORDER, key="k2", now_ms=NOW_MS)
    pulse.plays.append((200, {}, json.dumps({"data": other | {"licenseId": "L-9"}}).encode()))
    with pytest.raises(AuthorityUnreachable, match="about licence L-9"):
        remote.revoke(made.uid, "unpaid", key="k3", now_ms=NOW_MS)


def test_an_answer_that_drips_is_cut_off(remote: RemoteAuthority, pulse: Pulse) -> None:
    pulse.plays.append(DRIP)
    with pytest.raises(AuthorityUnreachable, match=r"no answer within 0\.5 s"):
        attrs.evolve(remote, timeout_s=0.5).catalogue()


def test_a_certificate_of_somebody_else_s_is_not_trusted(
    remote: RemoteAuthority, pulse: Pulse, tmp_path: Path
) -> None:
    with pytest.raises(AuthorityUnreachable, match="not trusted"):
        attrs.evolve(remote, ca=None).catalogue()
    (tmp_path / "empty.pem").touch()
    with pytest.raises(AuthorityUnreachable, match="no certificates"):
        attrs.evolve(remote, ca=tmp_path / "empty.pem").catalogue()
    assert pulse.asked == []


def test_without_a_token_nothing_is_said(remote: RemoteAuthority, pulse: Pulse, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("two words")
    with pytest.raises(AuthorityUnreachable, match="holds no token"):
        remote.catalogue()
    assert pulse.asked == []
    (tmp_path / "token").write_text("another")
    with pytest.raises(AuthorityUnreachable, match="answered 401"):
        remote.catalogue()


def test_long_lists_come_in_pages(remote: RemoteAuthority, pulse: Pulse) -> None:
    pulse.products = [PRODUCT | {"productId": f"p{n}"} for n in range(250)]
    assert [each.uid for each in remote.catalogue().products] == [f"p{n}" for n in range(250)]
    assert [path for _, path, _ in pulse.asked if "products" in path] == [
        f"/products?limit=100&offset={n}" for n in (0, 100, 200)
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("points", -1),
        ("points", True),
        ("type", "Loan"),
        ("startDate", "2026-01-01"),
        ("name", "a\nb"),
        ("automaticReporting", 1),
    ],
)
def test_a_contract_that_cannot_be_is_not_taken(
    remote: RemoteAuthority, pulse: Pulse, field: str, value: Any
) -> None:
    pulse.contracts = [CONTRACT | {field: value}]
    with pytest.raises(AuthorityUnreachable, match=f"{field} of a contract"):
        remote.catalogue()


def test_a_licence_that_is_away_there_is_named(rig: Rig, pulse: Pulse) -> None:
    made = generate(rig.office).licence
    pulse.licences.clear()
    with pytest.raises(AuthorityRefused, match="there is no licence L-1"):
        rig.office.change(made.terms.uid, LicenceChange(expires_ms=NOW_MS + 2), by="Eva", now_ms=NOW_MS)
