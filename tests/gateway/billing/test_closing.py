"""Months from the first report to the correction, over real stores: what is in a statement, what is not and why."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
import sqlalchemy as sa

from certs import Authority, StatementSigner
from gateway.billing import Books, Period, StatementRefused, read_signed
from gateway.billing.statement import canonical
from gateway.store import AgentEntry, Conflict, Move, NewStatement, StatementState, Store
from gateway.store.licensing.schema import licence_servers, licences
from gateway.store.schema import gaps
from protocol import UsageSubject
from tests.helpers.stores import enroll
from tests.helpers.tenants import Cloud, make_cloud, report_tenants
from tests.helpers.usage import DAY_MS, HOUR_MS, listing, take, tenant

ZONE = ZoneInfo("Europe/Stockholm")
SEPTEMBER, OCTOBER = Period.of_month("2026-09", ZONE), Period.of_month("2026-10", ZONE)
NOVEMBER = Period.of_month("2026-11", ZONE)
VM, MAILBOX = UsageSubject.VM, UsageSubject.M365_USER


@cache
def authority() -> Authority:
    return Authority.create("Nordlicht IT", datetime(2026, 1, 1, tzinfo=UTC))


@cache
def signer() -> StatementSigner:
    return StatementSigner.create(authority(), datetime(2026, 1, 1, tzinfo=UTC))


def pins() -> frozenset[bytes]:
    return frozenset(authority().pins_current())


@attrs.frozen
class Scene:
    """A cloud of one site; a company's agents; books of a provider in Stockholm."""

    cloud: Cloud
    agents: list[AgentEntry]
    books: Books
    clock: list[int]
    """What time it is: the last one."""

    @property
    def company(self) -> str:
        return self.cloud.world.company.uid

    def close(self, now_ms: int) -> list[tuple[str, int, StatementState]]:
        self.clock.append(now_ms)
        made = self.books.close(by="ann", as_of_ms=now_ms)
        return [(each.month, each.number, each.state) for each in made]


def enrolled(store: Store, key: int, now_ms: int, by: str = "lasting", **changed: Any) -> AgentEntry:
    return enroll(store, by, key, now_ms=now_ms, agent_kind="client", listener_kind="remote", **changed)


@pytest.fixture
def scene(store: Store) -> Scene:
    cloud = make_cloud(store)
    for name, synthetic in (("lasting", False), ("play", True)):
        store.tokens.add(
            name, b"public", kind="client", organization_uid=cloud.world.company.uid, location_uid=None, expires_ms=1 << 50,
            max_uses=99, synthetic=synthetic, now_ms=1,
        )  # fmt: skip
    agents = [enrolled(store, 10 + n, SEPTEMBER.from_ms) for n in range(2)]
    clock = [OCTOBER.to_ms]
    books = Books(
        store=store, now=lambda: clock[-1], zone=ZONE, signing=lambda: (signer(), signer().chain(authority())),
    )  # fmt: skip
    return Scene(cloud, agents, books, clock)


@pytest.fixture
def lists(store: Store, scene: Scene) -> Callable[..., None]:
    """One of the two agents lists virtual machines at a time, each with a restore point of an hour ago."""
    numbers = iter(range(1, 1000))

    def report(agent: int, at_ms: int, *names: str, why: str = "", kind: UsageSubject = VM) -> None:
        entry = scene.agents[agent]
        rows = listing(entry.agent_uid, {(kind, name): HOUR_MS for name in names}, at_ms)
        with store.projection() as p:
            take(p, entry, next(numbers), at_ms, rows, why=why)

    return report


def company_of(document: dict[str, Any]) -> dict[str, Any]:
    [company] = document["companies"]
    return dict(company)


def test_a_month_from_review_to_final(store: Store, scene: Scene, lists: Callable[..., None]) -> None:
    """In review from the first day on, made anew when something came in; final on the third; and then for good."""
    lists(0, SEPTEMBER.from_ms + DAY_MS, "a", "b")
    lists(0, OCTOBER.from_ms + DAY_MS, "a", "b", "c")
    lists(1, OCTOBER.from_ms + 2 * DAY_MS, "d")
    assert scene.close(OCTOBER.to_ms - 1) == [("2026-09", 0, StatementState.FINAL)]
    assert scene.close(OCTOBER.to_ms) == [("2026-10", 0, StatementState.REVIEW)]
    assert scene.close(OCTOBER.to_ms + HOUR_MS) == []
    lists(1, OCTOBER.to_ms - 1, "d", "e")
    assert scene.close(OCTOBER.to_ms + 2 * HOUR_MS) == [("2026-10", 0, StatementState.REVIEW)]
    assert scene.close(OCTOBER.final_ms) == [("2026-10", 0, StatementState.FINAL)]
    assert scene.close(OCTOBER.final_ms + 1) == []

    (newest, oldest), _ = store.statements.page()
    statement, data = store.statements.document(newest.uid)
    signed = read_signed(data)
    signed.verify(pins())
    assert (statement.month, oldest.month) == ("2026-10", "2026-09")
    assert (statement.basis, statement.final_ms) == (signed.statement["basis"]["sha256"], OCTOBER.final_ms)
    [line] = company_of(signed.statement)["workloads"]
    assert line == {
        "type": "VMs", "licence": "None", "rentalCount": 2, "newCount": 2, "usedCount": 4,
        "at": "2026-10-31T23:59:59.999+01:00",
    } | {"newCount": 3, "usedCount": 5}  # fmt: skip
    actions = [entry.action for entry in store.audit.list() if entry.about == "usage of 2026-10"]
    assert actions == ["usage statement final", "usage statement made"]


def test_the_first_month_bills_nothing(scene: Scene, lists: Callable[..., None]) -> None:
    """All of it is new."""
    lists(0, SEPTEMBER.from_ms + DAY_MS, "a", "b")
    [line] = company_of(scene.books.statement(SEPTEMBER))["workloads"]
    assert (line["rentalCount"], line["newCount"], line["usedCount"]) == (0, 2, 2)


def test_what_comes_late_is_a_correction(store: Store, scene: Scene, lists: Callable[..., None]) -> None:
    """The final one stays as it is, byte for byte; a company's new name is no reason for one."""
    lists(0, SEPTEMBER.from_ms + DAY_MS, "a")
    lists(0, OCTOBER.from_ms + DAY_MS, "a")
    scene.close(NOVEMBER.from_ms + 5 * DAY_MS)
    [final] = store.statements.of_month("2026-10")
    before = store.statements.document(final.uid)
    store.companies.change(scene.company, {"name": "Ölund AB"}, by="ann", now_ms=1)
    assert scene.close(NOVEMBER.from_ms + 6 * DAY_MS) == []
    lists(1, OCTOBER.from_ms + DAY_MS, "late")
    assert scene.close(NOVEMBER.from_ms + 7 * DAY_MS) == [("2026-10", 1, StatementState.FINAL)]
    assert scene.close(NOVEMBER.from_ms + 8 * DAY_MS) == []
    assert store.statements.document(final.uid) == before
    _, correction = store.statements.of_month("2026-10")
    said = read_signed(store.statements.document(correction.uid)[1]).statement
    assert said["corrects"] == {"number": 0, "basis": read_signed(before[1]).statement["basis"]}
    assert company_of(said)["workloads"][0]["usedCount"] == 2
    with pytest.raises(Conflict, match="is final"):
        store.statements.review(_new(said), by="ann", now_ms=1)


def _new(said: dict[str, Any]) -> Any:
    return NewStatement(
        month="2026-10", from_ms=1, to_ms=2, time_zone="UTC", basis="x", document=canonical(said)
    )


def test_a_month_can_be_made_final_by_hand(store: Store, scene: Scene, lists: Callable[..., None]) -> None:
    """Before its third day."""
    lists(0, OCTOBER.from_ms + DAY_MS, "a")
    made = scene.books.close_month(OCTOBER, by="ann", as_of_ms=OCTOBER.to_ms, at_once=True)
    assert made is not None
    assert made.state is StatementState.FINAL


def test_storage_at_its_highest(store: Store, scene: Scene) -> None:
    """Of mapped tenants a row; of the others one in the appendix; what came before or after is another month's."""
    site = scene.cloud.agent
    store.mappings.map(scene.cloud.site.uid, "t1", scene.company, by="ann", now_ms=2000)
    with store.projection() as p:
        for n, (at_ms, used) in enumerate(
            [
                (OCTOBER.from_ms - 1, 99), (OCTOBER.from_ms, 5), (OCTOBER.from_ms + 1, 8), (OCTOBER.to_ms - 1, 8),
                (OCTOBER.to_ms, 99),
            ],
            1,
        ):  # fmt: skip
            rows = tenant("t1", 5, storage_bytes=used, quota_bytes=10) + tenant("t2", 5, storage_bytes=used)
            take(p, site, n, at_ms, rows)
    document = scene.books.statement(OCTOBER)
    [row] = company_of(document)["cloud"]
    assert row == {
        "siteUid": scene.cloud.site.uid, "siteName": scene.cloud.site.name, "tenantUid": "t1", "tenantName": "T1",
        "storageQuota": 10, "usedStorageQuota": 8, "performanceTierUsage": None, "capacityTierUsage": None,
        "archiveTierUsage": None, "vmBackups": None, "serverBackups": None, "workstationBackups": None,
        "at": "2026-10-01T00:00:00.001+02:00",
    }  # fmt: skip
    assert [each["tenantUid"] for each in document["appendix"]["unmappedTenants"]] == ["t2"]


def test_nothing_that_is_missing_is_left_unsaid(
    store: Store, scene: Scene, lists: Callable[..., None]
) -> None:
    """Who said nothing, who fell silent, whose listing was not whole, whose records were lost, whose reports were erased."""
    quiet = enrolled(store, 20, OCTOBER.to_ms - 1)
    enrolled(store, 21, OCTOBER.to_ms)  # later than this month
    lists(0, OCTOBER.from_ms + DAY_MS, "a", why="hv2: no answer")
    lists(1, OCTOBER.to_ms - HOUR_MS, "b")
    with store._db.write() as connection:
        hole = {
            "agent_id": scene.agents[1].agent_id, "epoch": 7, "missing": b"x", "from_sequence": 1, "to_sequence": 2,
            "state": "lost", "opened_ms": 1, "ask_ms": 1, "asks": 1,
        }  # fmt: skip
        connection.execute(sa.insert(gaps).values(hole))
    first, second = (agent.agent_uid for agent in scene.agents)
    appendix = scene.books.statement(OCTOBER)["appendix"]
    assert [each["agentUid"] for each in appendix["notCollected"]] == [quiet.agent_uid]
    [silent] = appendix["silent"]
    assert (silent["agentUid"], silent["lastListed"]) == (first, "2026-10-02T00:00:00.000+02:00")
    [incomplete] = appendix["incomplete"]
    assert (incomplete["agentUid"], incomplete["reports"], incomplete["why"]) == (first, 1, "hv2: no answer")
    [gap] = appendix["gaps"]
    assert (gap["agentUid"], gap["missing"]) == (second, 1)
    assert appendix["erased"] == []
    store.usage_chain.erase([second], by="ann", why="left", now_ms=1)
    document = scene.books.statement(OCTOBER)
    assert [each["agentUid"] for each in document["appendix"]["erased"]] == [second]
    assert company_of(document)["workloads"][0]["usedCount"] == 1


def test_clones_count_once_and_simulated_agents_never(
    store: Store, scene: Scene, lists: Callable[..., None]
) -> None:
    """Who enrolled first counts; the clone is named with whose it is."""
    clone = enrolled(store, 30, SEPTEMBER.from_ms + 1, installation_uid="installation-10")
    played = enrolled(store, 31, 1, by="play", synthetic=True)
    lists(0, OCTOBER.from_ms + DAY_MS, "a")
    with store.projection() as p:
        for n, agent in enumerate((clone, played), 1):
            rows = listing(agent.agent_uid, {(VM, "x"): 0, (VM, "y"): 0}, 9)
            take(p, agent, n, OCTOBER.from_ms + DAY_MS, rows)
    document = scene.books.statement(OCTOBER)
    [line] = company_of(document)["workloads"]
    assert line["usedCount"] == 1
    [named] = document["appendix"]["clones"]
    assert (named["agentUid"], named["of"]) == (clone.agent_uid, scene.agents[0].agent_uid)
    assert played.agent_uid not in canonical(document).decode()


def licensed(store: Store, scene: Scene, installed: dict[str, str]) -> None:
    """The provider has rented out one licence; which one is on which agent's server."""
    rented = {
        "uid": "rented", "revision": 1, "product_uid": "p", "product": "P", "edition": "E", "kind": "Rental", "workloads": "[]",
        "points": 1, "issued_ms": 1, "shared": True, "state": "active", "authority": "embedded", "created_ms": 1, "changed_ms": 1,
    }  # fmt: skip
    with store._db.write() as connection:
        connection.execute(sa.insert(licences).values(rented))
        for agent_uid, uid in installed.items():
            row = {
                "agent_uid": agent_uid, "licence_uid": "rented", "revision": 1, "wanted": "installed", "state": "Installed",
                "code": 0, "installed_uid": uid, "changed_ms": 1, "changed_by": "ann",
            }  # fmt: skip
            connection.execute(sa.insert(licence_servers).values(row))


def test_anothers_licence_and_one_on_several_servers(
    store: Store, scene: Scene, lists: Callable[..., None]
) -> None:
    """What is under another's licence is not paid for here; one on two servers counts for both. Each is named."""
    third = enrolled(store, 40, SEPTEMBER.from_ms)
    first, second = (agent.agent_uid for agent in scene.agents)
    licensed(store, scene, {first: "rented", second: "rented", third.agent_uid: "somebody's"})
    for agent, names in ((0, ("a",)), (1, ("b", "c"))):
        lists(agent, OCTOBER.from_ms + DAY_MS, *names)
    with store.projection() as p:
        take(p, third, 1, OCTOBER.from_ms + DAY_MS, listing(third.agent_uid, {(VM, "x"): 0}, 9))
    document = scene.books.statement(OCTOBER)
    [line] = company_of(document)["workloads"]
    assert (line["licence"], line["usedCount"]) == ("Rental", 3)
    [foreign] = document["appendix"]["foreignLicences"]
    assert (foreign["agentUid"], foreign["licenceId"]) == (third.agent_uid, "somebody's")
    assert {each["agentUid"] for each in document["appendix"]["sharedLicences"]} == {first, second}


def test_by_licence(store: Store, scene: Scene, lists: Callable[..., None]) -> None:
    """A company's workloads are split by the kind of licence on the servers that protect them."""
    licensed(store, scene, {scene.agents[0].agent_uid: "rented"})
    for agent, names in ((0, ("a",)), (1, ("b", "c"))):
        lists(agent, OCTOBER.from_ms + DAY_MS, *names)
    lists(0, OCTOBER.from_ms + 2 * DAY_MS, "m", kind=MAILBOX)
    lines = company_of(scene.books.statement(OCTOBER))["workloads"]
    assert [(each["type"], each["licence"], each["usedCount"]) for each in lines] == [
        ("VMs", "None", 2), ("VMs", "Rental", 1), ("Microsoft365Users", "Rental", 1),
    ]  # fmt: skip


def test_the_same_store_gives_the_same_bytes(store: Store, scene: Scene, lists: Callable[..., None]) -> None:
    """However often; and for any interval, which a signature may be put to as well."""
    lists(0, OCTOBER.from_ms + DAY_MS, "a", "b")
    cycle = Period(from_ms=OCTOBER.from_ms, to_ms=OCTOBER.from_ms + 14 * DAY_MS, zone=ZONE)
    once, again = (canonical(scene.books.statement(cycle)) for _ in range(2))
    assert once == again
    signed = scene.books.signed(cycle)
    assert canonical(signed.statement) == once
    read_signed(signed.data).verify(pins())


def test_nothing_was_reported_yet(scene: Scene) -> None:
    """Nothing is to be closed."""
    assert scene.close(NOVEMBER.to_ms) == []


def forged(data: bytes) -> list[tuple[bytes, str]]:
    """A statement that was tampered with in every way we can think of, and what is said of it."""
    other = Authority.create("Somebody", datetime(2026, 1, 1, tzinfo=UTC))
    theirs = StatementSigner.create(other, datetime(2026, 1, 1, tzinfo=UTC))
    signed = read_signed(data)
    resigned = attrs.evolve(signed, chain=theirs.chain(other), signature=b"")
    resigned = attrs.evolve(resigned, signature=theirs.key.sign(resigned.signed_bytes))
    return [
        (data.replace(b'"usedCount":1', b'"usedCount":2'), "something in it was changed after it was signed"),
        (resigned.data, "does not lead to the provider's root"),
        (data + b" ", "not as it was written"),
        (data.replace(b'"at":', b'"at" :', 1), "not as it was written"),
        (data[:-5], "no JSON"),
        (b"[]", "not of the format"),
        (data.replace(b'"signedAt":"2026', b'"signedAt":"2024'), "might not sign at the time"),
    ]


def test_forgeries_are_named(scene: Scene, lists: Callable[..., None]) -> None:
    """By what is wrong with them."""
    lists(0, OCTOBER.from_ms + DAY_MS, "a")
    data = scene.books.signed(OCTOBER).data
    for changed, says in forged(data):
        with pytest.raises(StatementRefused, match=says):
            read_signed(changed).verify(pins())


def shares(document: dict[str, Any]) -> dict[str, int]:
    """What each company pays for of the tenant t1."""
    return {
        company["name"]: row["usedStorageQuota"]
        for company in document["companies"]
        for row in company["cloud"]
    }


def test_storage_is_paid_for_by_whose_the_tenant_was_then(store: Store, scene: Scene) -> None:
    """Each company has its own highest; what came while it was nobody's is in the appendix; a later mapping changes no month before it."""
    site, uid = scene.cloud.agent, scene.cloud.site.uid
    other = store.companies.add("Anker", by="ann", now_ms=1)
    begin = OCTOBER.from_ms
    for agent_ms, company in ((begin + 10 * DAY_MS, scene.company), (begin + 20 * DAY_MS, other.uid)):
        report_tenants(store, site, {"t1": "T1"}, received_ms=agent_ms, revision=agent_ms)
        if company == other.uid:
            store.mappings.unmap(uid, "t1", by="ann", now_ms=agent_ms)
        store.mappings.map(uid, "t1", company, by="ann", now_ms=agent_ms)
    with store.projection() as p:
        for n, (day, used) in enumerate([(1, 70), (11, 30), (12, 40), (19, 35), (21, 20), (25, 25)], 1):
            take(p, site, n, begin + day * DAY_MS, tenant("t1", 5, storage_bytes=used))
    document = scene.books.statement(OCTOBER)
    assert shares(document) == {"Bäckerei Ölund": 40, "Anker": 25}
    assert [row["usedStorageQuota"] for row in document["appendix"]["unmappedTenants"]] == [70]
    assert document["mappings"]["n"] == 3

    assert scene.close(OCTOBER.final_ms)[-1][2] is StatementState.FINAL
    store.mappings.unmap(uid, "t1", by="ann", now_ms=OCTOBER.final_ms + 1)
    assert shares(scene.books.statement(OCTOBER)) == shares(document)
    assert scene.close(OCTOBER.final_ms + 2) == []


def test_what_is_moved_from_now_on_leaves_a_final_month_as_it_is(store: Store, scene: Scene) -> None:
    """Whether it is moved, moved back, or taken back and mapped anew."""
    site, uid = scene.cloud.agent, scene.cloud.site.uid
    other = store.companies.add("Anker", by="ann", now_ms=1)
    store.mappings.map(uid, "t1", scene.company, by="ann", now_ms=2000)
    with store.projection() as p:
        take(p, site, 1, OCTOBER.from_ms + DAY_MS, tenant("t1", 5, storage_bytes=7))
    assert scene.close(OCTOBER.final_ms)[-1][2] is StatementState.FINAL

    late = OCTOBER.final_ms + DAY_MS
    here = Move(from_uid=scene.company, to_uid=other.uid, tenants=((uid, "t1"),))
    store.remapping.move(here, why="sold", by="ann", now_ms=late)
    assert scene.close(late) == []
    back = Move(from_uid=other.uid, to_uid=scene.company, tenants=((uid, "t1"),))
    store.remapping.move(back, why="unsold", by="ann", now_ms=late + 1)
    assert scene.close(late + 1) == []
    store.mappings.unmap(uid, "t1", by="ann", now_ms=late + 2)
    report_tenants(store, site, {"t1": "T1"}, received_ms=late + 2, revision=9)
    store.mappings.map(uid, "t1", scene.company, by="ann", now_ms=late + 2)
    assert scene.close(late + 2) == []


def test_a_repair_since_a_day_of_a_final_month(store: Store, scene: Scene) -> None:
    """The correction bills whose it was from that day on."""
    site, uid = scene.cloud.agent, scene.cloud.site.uid
    other = store.companies.add("Anker", by="ann", now_ms=1)
    store.mappings.map(uid, "t1", scene.company, by="ann", now_ms=2000)
    with store.projection() as p:
        for n, (day, used) in enumerate([(1, 7), (20, 9)], 1):
            take(p, site, n, OCTOBER.from_ms + day * DAY_MS, tenant("t1", 5, storage_bytes=used))
    scene.close(OCTOBER.final_ms)
    repair = Move(
        from_uid=scene.company,
        to_uid=other.uid,
        tenants=((uid, "t1"),),
        since_ms=OCTOBER.from_ms + 10 * DAY_MS,
    )
    store.remapping.move(repair, why="typing error", by="ann", now_ms=OCTOBER.final_ms + 1)
    assert scene.close(OCTOBER.final_ms + 2) == [("2026-10", 1, StatementState.FINAL)]
    [_, corrected] = store.statements.of_month("2026-10")
    _, data = store.statements.document(corrected.uid)
    assert shares(read_signed(data).statement) == {"Bäckerei Ölund": 7, "Anker": 9}


def test_a_month_that_was_entered_by_hand_is_billed_and_says_so(store: Store, scene: Scene) -> None:
    """New in the first month, paid for in the next; until day 3 in review."""
    for period in (SEPTEMBER, OCTOBER):
        store.usage_entries.enter(
            scene.agents[0].agent_uid, {UsageSubject.SERVER: 5}, at_ms=period.from_ms, why="by the customer's list", by="ann",
            now_ms=NOVEMBER.from_ms,
        )  # fmt: skip
    assert scene.close(NOVEMBER.from_ms) == [
        ("2026-09", 0, StatementState.FINAL), ("2026-10", 0, StatementState.REVIEW),
    ]  # fmt: skip
    counted = {}
    for period in (SEPTEMBER, OCTOBER):
        document = scene.books.statement(period)
        [line] = company_of(document)["workloads"]
        counted[period.month] = (line["rentalCount"], line["newCount"], line["usedCount"])
        [said] = document["appendix"]["entered"]
        assert (said["reports"], said["by"], said["why"]) == (1, "ann", "by the customer's list")
    assert counted == {"2026-09": (0, 5, 5), "2026-10": (5, 0, 5)}
    assert scene.close(OCTOBER.final_ms) == [("2026-10", 0, StatementState.FINAL)]
