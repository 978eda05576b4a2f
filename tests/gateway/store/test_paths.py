"""What the store keeps about paths: codes, overrides, the audit, reports with their documents. The projector's tests have the rest."""

from typing import Any

import attrs
import pytest

from gateway.store import (
    AuditEntry,
    Conflict,
    Documents,
    Halves,
    Judged,
    NewReport,
    NewSighting,
    NotFound,
    Override,
    Projection,
    Reporter,
    Store,
    projected_paths,
)
from gateway.store.projected_paths import KEPT_DOCUMENTS
from tests.helpers.stores import World, make_world

DOCUMENTS = Documents(evidence=b'{"a":1}', finding=b'{"b":2}')
REPORTER = Reporter(kind="agent", uid="a", installation_uid="i")


@pytest.fixture
def world(store: Store) -> World:
    """A provider and a company with a location."""
    return make_world(store)


# -- codes -------------------------------------------------------------------------------------------------------------


def add_code(store: Store, world: World, **changed: Any) -> None:
    fields = {
        "organization_uid": world.company.uid, "location_uid": world.location.uid, "who": "Ada", "why": "on the phone",
        "expires_ms": 100, "now_ms": 10,
    }  # fmt: skip
    store.codes.add("code", b"public", **{**fields, **changed})


def test_a_code_is_used_once_and_in_time(store: Store, world: World) -> None:
    """By whoever comes first."""
    add_code(store, world)
    code = store.codes.get("code")
    assert code is not None
    assert (code.public_key, code.organization_uid, code.location_uid) == (
        b"public", world.company.uid, world.location.uid,
    )  # fmt: skip
    assert code.is_good(99)
    assert not code.is_good(100)
    assert not store.codes.use("code", now_ms=100)
    assert store.codes.use("code", now_ms=99)
    assert not store.codes.use("code", now_ms=99)
    used = store.codes.get("code")
    assert used is not None
    assert (used.used_ms, used.is_good(50)) == (99, False)
    assert not store.codes.use("nobody's", now_ms=1)
    assert store.codes.get("nobody's") is None


@pytest.mark.parametrize(
    ("changed", "error"),
    [({"organization_uid": "x"}, NotFound), ({"location_uid": "x"}, NotFound), ({}, Conflict)],
    ids=["organization", "location", "taken"],
)
def test_a_code_that_fits_nowhere_is_refused(
    store: Store, world: World, changed: dict[str, str], error: type[Exception]
) -> None:
    """And leaves no trace in the audit."""
    add_code(store, world)
    with pytest.raises(error):
        add_code(store, world, **changed)
    assert len(store.audit.list()) == 1


# -- overrides ---------------------------------------------------------------------------------------------------------


def override(**changed: Any) -> Override:
    fields: dict[str, Any] = {
        "override_id": 1, "organization_uid": "", "location_uid": "", "verdict": "", "network": "", "who": "Ada",
        "why": "known", "created_ms": 10, "expires_ms": 100, "ended_ms": None,
    }  # fmt: skip
    return Override(**{**fields, **changed})


@pytest.mark.parametrize(
    ("fields", "covers"),
    [
        ({"organization_uid": "acme"}, True),
        ({"organization_uid": "other"}, False),
        ({"organization_uid": "acme", "location_uid": "berlin"}, True),
        ({"organization_uid": "acme", "location_uid": "bern"}, False),
        ({"organization_uid": "acme", "verdict": "downgraded"}, True),
        ({"organization_uid": "acme", "verdict": "alpn-changed"}, False),
        ({"network": "198.51.0.0/16"}, True),
        ({"network": "198.51.100.0/24"}, True),
        ({"network": "198.51.100.0/25"}, False),
        ({"network": "2001:db8::/32"}, False),
        ({"organization_uid": "acme", "network": "203.0.113.0/24"}, False),
    ],
    ids=str,
)
def test_an_override_covers_what_it_names(fields: dict[str, str], covers: bool) -> None:
    """All of what it names; a network that is only partly in it is not."""
    assert (
        override(**fields).covers(
            organization_uid="acme", location_uid="berlin", verdict="downgraded", network="198.51.100.0/24"
        )
        is covers
    )


def test_an_incident_without_a_network_is_in_none() -> None:
    """An override of a network means those whose network is known."""
    none = {"organization_uid": "acme", "location_uid": "", "verdict": "v", "network": ""}
    assert not override(network="0.0.0.0/0").covers(**none)
    assert override(organization_uid="acme").covers(**none)


@pytest.mark.parametrize(("at_ms", "active"), [(9, False), (10, True), (99, True), (100, False)])
def test_an_override_ends(at_ms: int, active: bool) -> None:
    """By itself, or when somebody ends it."""
    assert override().is_active(at_ms) is active
    assert not override(ended_ms=50).is_active(at_ms)


def test_overrides_are_kept_with_their_history(store: Store, world: World) -> None:
    """Each deed is in the audit, in the same transaction."""
    common: dict[str, Any] = {"who": "Ada", "why": "known", "expires_ms": 100, "now_ms": 10}
    first = store.overrides.add(organization_uid=world.company.uid, location_uid=world.location.uid, **common)
    second = store.overrides.add(network="198.51.100.0/24", **common)
    assert store.overrides.list() == [second, first]
    store.overrides.end(first.override_id, who="Bob", now_ms=20)
    assert store.overrides.list(active_at_ms=30) == [second]
    assert store.overrides.list(active_at_ms=100) == []
    assert store.overrides.list()[1] == attrs.evolve(first, ended_ms=20)
    with pytest.raises(Conflict):
        store.overrides.end(first.override_id, who="Bob", now_ms=21)
    with pytest.raises(Conflict):
        store.overrides.end(second.override_id, who="Bob", now_ms=100)
    with pytest.raises(NotFound):
        store.overrides.end(99, who="Bob", now_ms=20)
    assert [(entry.who, entry.action, entry.why) for entry in store.audit.list()] == [
        ("Bob", "override ended", ""),
        ("Ada", "override added", "known"),
        ("Ada", "override added", "known"),
    ]
    assert world.company.name in store.audit.list()[2].about


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, Conflict),
        ({"verdict": "downgraded"}, Conflict),
        ({"location_uid": "x", "network": "198.51.100.0/24"}, Conflict),
        ({"organization_uid": "x"}, NotFound),
    ],
    ids=str,
)
def test_an_override_for_everybody_or_nobody_is_refused(
    store: Store, world: World, fields: dict[str, str], error: type[Exception]
) -> None:
    """Nothing is written."""
    with pytest.raises(error):
        store.overrides.add(**fields, who="Ada", why="w", expires_ms=100, now_ms=10)
    assert store.overrides.list() == []
    assert store.audit.list() == []


def test_the_audit_keeps_what_it_is_told(store: Store) -> None:
    """The newest first, as many as are asked for."""
    entries = [AuditEntry(at_ms=n, who="Ada", action="did", about=str(n), why="w") for n in range(3)]
    for entry in entries:
        store.audit.note(entry)
    assert store.audit.list() == entries[::-1]
    assert store.audit.list(limit=1) == entries[2:]


# -- reports -----------------------------------------------------------------------------------------------------------


def add_report(p: Projection, counter: int, **changed: Any) -> int:
    fields: dict[str, Any] = {
        "reporter": REPORTER, "counter": counter, "organization_uid": "acme", "location_uid": "", "delivered_by": "later",
        "source": "198.51.100.7:1", "network": "198.51.100.0/24", "at_ms": counter, "happened_ms": counter,
        "wait_until_ms": None,
    }  # fmt: skip
    judged = Judged(
        verdict="downgraded", subject="s", confidence=90, halves=Halves.AGENT, documents=DOCUMENTS
    )
    return p.paths.add(NewReport(**{**fields, **changed}), judged).report_id


def test_a_report_is_found_by_its_signer_and_number(store: Store) -> None:
    """With its documents, as they were."""
    with store.projection() as p:
        number = add_report(p, 7)
        assert p.paths.find(REPORTER, 7) == p.paths.get(number)
        assert p.paths.find(REPORTER, 8) is None
        assert p.paths.find(attrs.evolve(REPORTER, installation_uid="j"), 7) is None
    report = store.paths.report(number)
    assert store.paths.find(REPORTER, 7) == report
    assert store.paths.find(REPORTER, 8) is None
    assert (report.reporter, report.halves, report.incident_id) == (REPORTER, Halves.AGENT, None)
    assert store.paths.documents(number) == DOCUMENTS
    assert store.paths.reports(since_ms=8) == []
    for verb in (store.paths.report, store.paths.documents):
        with pytest.raises(NotFound):
            verb(99)


def test_a_signer_fills_its_own_share(store: Store) -> None:
    """Of more reports than that, the documents of the oldest go; somebody else's stay, and every row does."""
    other = Reporter(kind="agent", uid="b", installation_uid="i")
    with store.projection() as p:
        add_report(p, 1, reporter=other)
        for counter in range(1, KEPT_DOCUMENTS + 6):
            add_report(p, counter)
    kept = [report.reporter.uid for report in store.paths.judged()]
    assert (kept.count("a"), kept.count("b")) == (KEPT_DOCUMENTS, 1)
    assert len(store.paths.reports()) == KEPT_DOCUMENTS + 6
    assert store.paths.documents(2) is None


def test_judged_goes_through_all_pages(store: Store) -> None:
    """An export of thousands holds no transaction open."""
    with store.projection() as p:
        for n in range(1001):
            add_report(p, n + 1, reporter=Reporter(kind="agent", uid=str(n), installation_uid="i"))
    assert [report.counter for report in store.paths.judged()] == list(range(1, 1002))
    assert [report.counter for report in store.paths.judged(since_ms=1000)] == [1000, 1001]


def test_a_report_waits_until_it_is_due(store: Store) -> None:
    """And is assigned once."""
    with store.projection() as p:
        number = add_report(p, 7, wait_until_ms=50)
        assert p.paths.is_waiting(number)
        assert p.paths.due(49) == []
        assert [report.report_id for report in p.paths.due(50)] == [number]
        p.paths.assign(number, None)
        assert not p.paths.is_waiting(number)
        assert p.paths.due(50) == []


def test_a_sighting_is_one_row_however_often_it_is_read(store: Store) -> None:
    """The nearest is found; one that is nobody's agent comes last."""
    common: dict[str, Any] = {
        "network": "198.51.100.0/24", "source": "198.51.100.9:1", "listener": ":6180", "confidence": 50, "connections": 3,
    }  # fmt: skip

    def sighting(at_ms: int, verdict: str) -> NewSighting:
        evidence = str(at_ms).encode()
        documents = Documents(evidence=evidence, finding=b"{}")
        return NewSighting(
            digest=evidence.rjust(16), at_ms=at_ms, verdict=verdict, documents=documents, **common
        )

    near: dict[str, Any] = {"from_ms": 50, "to_ms": 150, "nearest_ms": 100, "unlikely": "not-an-agent"}
    with store.projection() as p:
        for at_ms, verdict in ((100, "not-an-agent"), (90, "hello-foreign"), (140, "hello-foreign")):
            assert p.paths.add_sighting(sighting(at_ms, verdict))
            assert not p.paths.add_sighting(sighting(at_ms, verdict))
        assert p.paths.sighting_near("198.51.100.0/24", **near) == b"90"
        assert p.paths.sighting_near("203.0.113.0/24", **near) is None
    assert [each.at_ms for each in store.paths.sightings()] == [140, 100, 90]
    assert [each.at_ms for each in store.paths.sightings(since_ms=101)] == [140]


def test_strangers_fill_no_more_than_their_table(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more sightings than it may have, the newest stay."""
    monkeypatch.setattr(projected_paths, "MAX_SIGHTINGS", 5)
    with store.projection() as p:
        for n in range(12):
            documents = Documents(evidence=b"{}", finding=b"{}")
            p.paths.add_sighting(
                NewSighting(
                    digest=n.to_bytes(16), at_ms=n, network="", source="", listener="", verdict="not-an-agent", confidence=50,
                    connections=1, documents=documents,
                )
            )  # fmt: skip
        p.paths.forget(reports_before_ms=0, sightings_before_ms=0)
    assert [each.at_ms for each in store.paths.sightings()] == [11, 10, 9, 8, 7]
