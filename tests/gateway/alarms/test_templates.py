"""The templates: documented as they are, changed within bounds, and pure at their edges."""

from pathlib import Path
from typing import Any

import attrs
import pytest

from gateway.alarms import TEMPLATES, TemplateRefused, change_template, template_named, values_of
from gateway.alarms.evaluations import job_state, journal_lag, least
from gateway.alarms.watching import fails, lost_together
from gateway.store import JobFacts, LagFacts, LicenceFacts, LocationFacts, Machine, Severity
from protocol import JobStatus
from tests.gateway.alarms.conftest import NOW, Estate

DOCS = Path(__file__).parents[3] / "docs" / "alarms.md"


def table() -> str:
    """The templates as docs/alarms.md has them."""
    lines = ["| template | raised when | threshold | severity | after |", "|---|---|---|---|---|"]
    for each in TEMPLATES.values():
        values = each.values
        tolerance = f", tolerance {values.tolerance}" if values.tolerance else ""
        threshold = f"{values.threshold} {each.threshold}{tolerance}" if each.threshold else "–"
        after = f"{values.trigger_after_s} s" if values.trigger_after_s else "at once"
        lines.append(f"| `{each.name}` | {each.says} | {threshold} | {values.severity.value} | {after} |")
    return "\n".join(lines)


def test_the_templates_are_documented() -> None:
    """docs/alarms.md has this very table."""
    assert table() in DOCS.read_text(encoding="utf-8"), table()


def test_lost_together_is_a_window_of_two_minutes() -> None:
    """The most that lie within it, wherever it lies."""
    assert lost_together([]) == 0
    assert lost_together([0, 60_000, 120_000, 500_000]) == 3
    assert lost_together([0, 121_000, 180_000]) == 2


@pytest.mark.parametrize(
    ("online", "lost", "failing"),
    [(0, 1, False), (0, 2, True), (1, 2, True), (2, 2, False), (4, 6, True), (5, 6, False)],
)
def test_a_place_fails_when_most_went_together(online: int, lost: int, failing: bool) -> None:
    """Sixty per cent of those that were there, and one alone is an agent's alarm."""
    place = LocationFacts(
        location_uid="l",
        name="l",
        organization_uid="o",
        online=online,
        lost_ms=(NOW,) * lost,
        inspected=False,
    )
    assert fails(place, 60) is failing


def test_a_tolerance_keeps_what_was_wrong(estate: Estate) -> None:
    """And does not make wrong what was not."""
    values = attrs.evolve(TEMPLATES["journal-lag"].values, threshold=60, tolerance=30)
    lag = LagFacts(organization_uid="o", received_ms=NOW - 40_000)
    assert journal_lag(lag, values, NOW, holding=False) is None
    assert journal_lag(lag, values, NOW, holding=True) is not None
    assert (least(values, holding=False), least(values, holding=True)) == (60, 30)


def job(**changed: Any) -> JobFacts:
    machine = Machine(agent_uid="a", organization_uid="o", location_uid=None, host_name="h")
    facts = JobFacts(
        machine=machine, job_uid="j", name="j", session_uid="s", status=JobStatus.FAILED, at_ms=NOW, message="", bad_runs=2,
        is_gone=False,
    )  # fmt: skip
    return attrs.evolve(facts, **changed)


def test_a_job_may_fail_now_and_then() -> None:
    """Where a template asks for three in a row, two are none; and a job that is gone is well."""
    values = attrs.evolve(TEMPLATES["job-state"].values, threshold=3)
    assert job_state(job(), values, NOW, holding=False) is None
    assert job_state(job(bad_runs=3), values, NOW, holding=False) is not None
    assert job_state(job(bad_runs=3, is_gone=True), values, NOW, holding=False) is None


@pytest.mark.parametrize(
    "changed", [{"threshold": 0}, {"tolerance": -1}, {"trigger_after_s": 10**9}, {"suppress_after": 1001}]
)
def test_values_out_of_bounds_are_refused(estate: Estate, changed: dict[str, int]) -> None:
    """And nothing is stored."""
    with pytest.raises(TemplateRefused):
        change_template(estate.store, TEMPLATES["clock-skew"], changed, by="eva", now_ms=NOW)
    assert estate.store.alarm_rules.all() == {}


def test_what_has_no_threshold_gets_none(estate: Estate) -> None:
    """An agent is connected or it is not."""
    with pytest.raises(TemplateRefused, match="has no threshold"):
        change_template(estate.store, TEMPLATES["agent-connection"], {"threshold": 3}, by="eva", now_ms=NOW)


def test_an_unknown_template_is_named() -> None:
    """FG-6251."""
    with pytest.raises(TemplateRefused) as caught:
        template_named("weather")
    assert str(caught.value.code) == "FG-6251"


def test_a_company_has_its_own_values(estate: Estate) -> None:
    """Field by field, before everybody's, before the template's own; and a change is taken back by None."""
    template, company = TEMPLATES["job-state"], estate.world.company.uid
    change_template(
        estate.store, template, {"severity": Severity.WARNING, "threshold": 2}, by="eva", now_ms=NOW
    )
    change_template(estate.store, template, {"threshold": 5}, by="eva", now_ms=NOW, organization_uid=company)
    values = values_of(estate.store, template, company)
    assert (values.severity, values.threshold) == (Severity.WARNING, 5)
    assert values_of(estate.store, template).threshold == 2
    change_template(
        estate.store, template, {"threshold": None}, by="eva", now_ms=NOW, organization_uid=company
    )
    assert values_of(estate.store, template, company).threshold == 2


def test_a_template_that_is_switched_off_ends_its_alarms(estate: Estate) -> None:
    """For whom it is switched off."""
    estate.end_job("r1", JobStatus.FAILED)
    estate.engine.tick(NOW + 1)
    assert len(estate.open()) == 1
    off = {"enabled": False}
    change_template(
        estate.store,
        TEMPLATES["job-state"],
        off,
        by="eva",
        now_ms=NOW + 2,
        organization_uid=estate.world.company.uid,
    )
    estate.engine.tick(NOW + 60_000)
    assert estate.open() == []


def test_after_so_many_repetitions_nobody_is_told(estate: Estate) -> None:
    """They are counted all the same."""
    from gateway.store import ReceiverKind

    hook = estate.store.receivers.add(
        "u", kind=ReceiverKind.WEBHOOK, name="ops", target="https://a.example/", secret="s", by="eva", now_ms=NOW  # nobody's
    )  # fmt: skip
    change_template(estate.store, TEMPLATES["job-state"], {"suppress_after": 2}, by="eva", now_ms=NOW)
    for n in range(5):
        estate.end_job(f"r{n}", JobStatus.FAILED, at=NOW + n)
        estate.engine.tick(NOW + n + 1)
    assert estate.only().repeat_count == 5
    events = [each.event for each in estate.store.alarm_deliveries.log(hook.uid)]
    assert sorted(events) == ["raised", "repeated"]


def licence(**changed: Any) -> LicenceFacts:
    facts = LicenceFacts(
        licence_uid="l", product="Backup", organization_uid="o", points=100, used_points=0, grace_ends_ms=None, expires_ms=None,
        support_ms=None, shared=False, servers=1,
    )  # fmt: skip
    return attrs.evolve(facts, **changed)


def severity_of(name: str, facts: LicenceFacts, *, holding: bool = False) -> str | None:
    """How grave a template finds a licence."""
    template = TEMPLATES[name]
    wrong = template.evaluate(facts, template.values, NOW, holding=holding)
    return None if wrong is None else wrong.severity.value


def test_a_licence_that_is_nearly_used_up() -> None:
    """From 80 per cent a warning; within the tolerance it still is if it was. A licence of nothing of which nothing is used is well."""
    used = [severity_of("licence-exceeded", licence(used_points=points)) for points in (79, 80, 100)]
    assert used == [None, "warning", "warning"]
    assert severity_of("licence-exceeded", licence(points=0)) is None
    assert severity_of("licence-exceeded", licence(used_points=78), holding=True) == "warning"


def test_a_licence_of_which_more_is_used_than_it_has() -> None:
    """A warning for as long as that is put up with, then an error."""
    over = [
        severity_of("licence-exceeded", licence(used_points=101, grace_ends_ms=NOW + ms)) for ms in (0, -1)
    ]
    assert over == ["warning", "error"]


def test_support_that_ends() -> None:
    """It is named as the licence's end is, and is no error."""
    day = 24 * 3_600_000
    ends = [severity_of("licence-expiring", licence(support_ms=NOW + days * day)) for days in (31, 30, -1)]
    assert ends == [None, "warning", "warning"]


def test_a_licence_that_ends() -> None:
    """A month before, and once it has ended."""
    day = 24 * 3_600_000
    ends = [severity_of("licence-expiring", licence(expires_ms=NOW + days * day)) for days in (31, 30, 0)]
    assert ends == [None, "warning", "error"]
    assert severity_of("licence-expiring", licence()) is None


def test_a_key_on_several_servers() -> None:
    """Less grave where that is meant."""
    assert severity_of("shared-licence-key", licence(servers=2)) == "warning"
    assert severity_of("shared-licence-key", licence(servers=2, shared=True)) == "info"
