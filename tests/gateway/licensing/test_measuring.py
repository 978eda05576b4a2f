"""What servers list becomes what is used of their licences, and the morning's list and the alarms say so."""

from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from gateway.alarms import Engine
from gateway.licensing import Measurer, Policy, measured
from gateway.licensing.measuring import PAGE, SWEEP_MS, kind_of
from gateway.store import VIEWS, Asked, LicenceStatus, LicensedCount, Scope, Store, StoredLicence
from protocol import UsageSubject
from tests.gateway.licensing.rig import DAY_MS, NOW_MS, Agent, Rig, make_rig
from tests.gateway.store.licensing.orders import changed, generated, revoked
from tests.helpers.usage import listing, take

HOUR_MS = 3_600_000
VM, SERVER, WORKSTATION, M365 = (
    UsageSubject.VM, UsageSubject.SERVER, UsageSubject.WORKSTATION, UsageSubject.M365_USER,
)  # fmt: skip


@attrs.define
class Site:
    """Servers with licences, and what measures them."""

    rig: Rig
    measurer: Measurer
    reports: int = 0

    def install(self, licence: StoredLicence, key: int = 0) -> Agent:
        """A new server has it, by its agent's word."""
        agent = self.rig.agent(key)
        self.rig.office.install(licence.terms.uid, agent.uid, by="Eva", now_ms=NOW_MS)
        agent.comes_back()
        self.rig.office.work(NOW_MS + 2000)
        return agent

    def lists(
        self, agent: Agent, counts: Mapping[UsageSubject, int], *, at_ms: int = NOW_MS, age_ms: int = HOUR_MS, why: str = ""
    ) -> None:  # fmt: skip
        """Its agent reports so many protected workloads of each kind."""
        self.reports += 1
        workloads: dict[tuple[UsageSubject, str], int | None] = {
            (kind, f"{kind.name}{n}"): age_ms for kind, count in counts.items() for n in range(count)
        }
        with self.rig.store.projection() as p:
            take(p, agent.entry, self.reports, at_ms, listing(agent.uid, workloads, at_ms), why=why)

    def measure(self, licence: StoredLicence, now_ms: int = NOW_MS) -> StoredLicence:
        """A whole sweep; the licence as it stands then."""
        self.measurer.work(now_ms)
        return self.rig.store.licences.get(licence.terms.uid)


@pytest.fixture
def site(store: Store, tmp_path: Path) -> Site:
    return Site(make_rig(store, tmp_path), Measurer(store, Policy()))


def test_what_a_server_lists_is_used_of_its_licence(site: Site) -> None:
    """83 per cent of it, which is a warning, and in the list of the morning."""
    licence = site.rig.generate(6)
    agent = site.install(licence)
    before = site.measure(licence)
    assert (before.used_points, before.status, before.near_limit) == (None, LicenceStatus.VALID, False)

    site.lists(agent, {VM: 5}, at_ms=NOW_MS + 1)
    found = site.measure(licence, NOW_MS + SWEEP_MS)
    assert (found.used_points, found.used_percent, found.used_ms) == (55, 83, NOW_MS + 1)
    assert (found.status, found.status_why) == (LicenceStatus.WARNING, "55 of 66 points used, 83 %")
    page = site.rig.store.views.page(VIEWS["morning/licences"], Asked(), Scope.everything(), now_ms=NOW_MS)
    (row,) = page.rows
    assert (row["licenceUid"], row["usedPercent"], row["status"]) == (licence.terms.uid, 83, "Warning")
    assert (row["organizationName"], row["statusMessage"]) == ("Bäckerei Ölund", "55 of 66 points used, 83 %")


def test_nothing_is_written_twice(site: Site) -> None:
    """A sweep that finds what is known writes nothing, and one does not follow on the heels of another."""
    licence = site.rig.generate(6)
    site.lists(site.install(licence), {VM: 5})
    assert len(site.measurer.work(NOW_MS)) == 1
    assert site.measurer.work(NOW_MS + SWEEP_MS - 1) == ()
    assert site.measurer.work(NOW_MS + SWEEP_MS) == []


def test_the_percentage_is_the_provider_s(site: Site) -> None:
    licence = site.rig.generate(6)
    site.lists(site.install(licence), {VM: 5})
    site.measurer = Measurer(site.rig.store, Policy(warning_percent=84))
    found = site.measure(licence)
    assert (found.status, found.near_limit) == (LicenceStatus.VALID, False)


def test_a_workload_whose_restore_points_are_old_is_not_used(site: Site) -> None:
    licence = site.rig.generate(6)
    agent = site.install(licence)
    site.lists(agent, {VM: 5}, age_ms=32 * DAY_MS)
    assert site.measure(licence).used_points == 0


def test_the_newest_listing_counts_alone(site: Site) -> None:
    """What it does not list any more is gone, though the table still knows it."""
    licence = site.rig.generate(6)
    agent = site.install(licence)
    site.lists(agent, {VM: 5}, at_ms=NOW_MS)
    site.lists(agent, {VM: 2}, at_ms=NOW_MS + 1)
    assert site.measure(licence).used_points == 22


def test_servers_of_a_shared_licence_are_added_up(site: Site) -> None:
    """As of the oldest of their listings; one that has listed nothing yet is told."""
    licence = site.rig.generate(6, shared=True)
    first, second = site.install(licence), site.install(licence, 1)
    site.lists(first, {VM: 2}, at_ms=NOW_MS + 5)
    measure = site.rig.store.licence_use.of(licence.terms.uid)
    assert (measure.servers, measure.silent, measure.as_of_ms) == (2, 1, NOW_MS + 5)
    site.lists(second, {VM: 3}, at_ms=NOW_MS + 9, why="the catalogue is locked")
    measure = site.rig.store.licence_use.of(licence.terms.uid)
    assert (measure.used, measure.silent, measure.as_of_ms) == ({VM: 5}, 0, NOW_MS + 5)
    assert [each.endswith(": the catalogue is locked") for each in measure.incomplete] == [True]


def test_more_than_licensed_is_put_up_with_for_some_time_then_it_is_an_error(site: Site) -> None:
    """With an alarm that becomes graver when the grace ends, and goes when there is enough again."""
    store, licence = site.rig.store, site.rig.generate(6)
    agent = site.install(licence)
    engine = Engine(store)
    site.lists(agent, {VM: 7})
    over = site.measure(licence)
    assert (over.status, over.over_since_ms, over.grace_ends_ms) == (
        LicenceStatus.WARNING, NOW_MS, NOW_MS + 30 * DAY_MS,
    )  # fmt: skip

    def alarm() -> list[tuple[str, str]]:
        return [
            (each.template, each.severity.value)
            for each in store.alarms.list()
            if each.template == "licence-exceeded"
        ]

    engine.tick(NOW_MS)
    assert alarm() == [("licence-exceeded", "warning")]
    late_ms = NOW_MS + 30 * DAY_MS + 1
    late = site.measure(licence, late_ms)
    assert (late.status, late.over_since_ms) == (LicenceStatus.ERROR, NOW_MS)
    engine.tick(late_ms)
    assert alarm() == [("licence-exceeded", "error")]

    changed(store, late, workloads=[LicensedCount(uid="vm", name="Virtual machine", count=20, multiplier=11)])
    again = site.measure(licence, late_ms + SWEEP_MS)
    assert (again.status, again.over_since_ms, again.used_percent) == (LicenceStatus.VALID, None, 35)
    engine.tick(late_ms + 60_000)
    assert alarm() == []


def test_the_alarm_of_a_licence_that_is_nearly_used_up(site: Site) -> None:
    licence = site.rig.generate(6)
    site.lists(site.install(licence), {VM: 5})
    site.measure(licence)
    Engine(site.rig.store).tick(NOW_MS)
    (found,) = [each for each in site.rig.store.alarms.list() if each.template == "licence-exceeded"]
    assert (found.object_uid, found.severity.value) == (licence.terms.uid, "warning")


def test_what_the_licence_does_not_name_is_more_than_licensed(site: Site) -> None:
    licence = site.rig.generate(6)
    site.lists(site.install(licence), {VM: 1, M365: 3})
    found = site.measure(licence)
    assert (found.status, found.status_why) == (
        LicenceStatus.WARNING, "Microsoft365Users not licensed, in grace",
    )  # fmt: skip


def test_nobody_is_accused_over_a_workload_that_nobody_can_measure(store: Store, tmp_path: Path) -> None:
    """An authority may name its workloads as it likes."""
    site = Site(make_rig(store, tmp_path), Measurer(store, Policy()))
    licence = generated(
        store, organization_uid=site.rig.world.company.uid, expires_ms=NOW_MS + 365 * DAY_MS,
        workloads=(LicensedCount(uid="P-77", name="Protection point", count=10, multiplier=10),),
    )  # fmt: skip
    site.lists(site.install(licence), {VM: 5})
    assert site.measure(licence).status is LicenceStatus.VALID
    found = measured(store.licence_use.of(licence.terms.uid), NOW_MS, Policy())
    assert (found.used, found.unmeasured) == ({}, ("P-77",))


def test_a_revoked_licence_is_near_nothing(site: Site) -> None:
    licence = site.rig.generate(6)
    site.lists(site.install(licence), {VM: 5})
    near = site.measure(licence)
    revoked(site.rig.store, near)
    page = site.rig.store.views.page(VIEWS["morning/licences"], Asked(), Scope.everything(), now_ms=NOW_MS)
    assert page.rows == []
    assert site.rig.store.licence_use.page() == []


def test_a_judgement_of_another_licence_is_dropped(site: Site) -> None:
    """The licence was changed while it was judged: the next sweep judges it as it is."""
    licence = site.rig.generate(6)
    agent = site.install(licence)
    site.lists(agent, {VM: 5})
    stale = measured(site.rig.store.licence_use.of(licence.terms.uid), NOW_MS, Policy())
    changed(site.rig.store, licence, expires_ms=NOW_MS + 300 * DAY_MS)
    assert not site.rig.store.licence_use.note(stale.measure.licence, stale.judged)
    assert site.rig.store.licences.get(licence.terms.uid).status is None


def test_all_pages_are_measured(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PAGE > 1
    monkeypatch.setattr("gateway.licensing.measuring.PAGE", 2)
    uids = [site.rig.generate(1).terms.uid for _ in range(3)]
    site.measurer.work(NOW_MS)
    site.measurer.work(NOW_MS)
    assert [site.rig.store.licences.get(uid).status for uid in uids] == [LicenceStatus.VALID] * 3


@pytest.mark.parametrize(
    ("uid", "name", "kind"),
    [
        ("vm", "x", VM), ("VMs", "x", VM), ("P-1", "Virtual machine", VM), ("server", "x", SERVER), ("Servers", "x", SERVER),
        ("work-station", "x", WORKSTATION), ("P-2", "Microsoft 365 users", M365), ("m365-user", "x", M365),
        ("P-3", "Tape drive", None), ("s", "s", None),
    ],
)  # fmt: skip
def test_workloads_are_known_by_their_words(uid: str, name: str, kind: UsageSubject | None) -> None:
    assert kind_of(LicensedCount(uid=uid, name=name, count=1, multiplier=1)) is kind
