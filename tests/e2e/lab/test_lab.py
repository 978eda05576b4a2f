"""Every box, fault and innocent between real agents and real gateways: what is said of each, and that it is right.

The lab is put up and run once; each run is a test. LAB_GROUND=loopback does without namespaces, LAB_WRITE=1 writes
docs/inspection-cases.md.
"""

import ipaddress
import os
from collections import Counter
from typing import Any

import attrs
import pytest

from certs.inspection import Family, Verdict
from certs.inspection.finding import FAMILIES
from tests.e2e.lab.cases import Run, all_runs
from tests.e2e.lab.lab import Result, standing_lab
from tests.e2e.lab.middleboxes import missing
from tests.e2e.lab.stories import play
from tests.e2e.lab.table import PAGE, promised, render

GUILTY = {verdict.value for verdict in Verdict if FAMILIES[verdict] is Family.INSPECTION}
LACKS = missing()
RUNS = all_runs()

pytestmark = pytest.mark.skipif(bool(LACKS), reason=f"the lab needs more than this machine has: {LACKS}")


@attrs.frozen
class Played:
    """What came of it all."""

    results: dict[str, Result]
    incidents: list[dict[str, Any]]
    ground: str


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("lab")
    with standing_lab(folder, RUNS) as lab:
        found = play(lab, RUNS)
        incidents = lab.incidents()
        if os.environ.get("LAB_WRITE"):
            PAGE.write_text(render(found, lab.ground.name), encoding="utf-8")
        stumbled = (folder / "relays.log").read_text(encoding="utf-8")
    assert "Traceback" not in stumbled
    return Played({result.run.id: result for result in found}, incidents, lab.ground.name)


@pytest.fixture(scope="module")
def results(played: Played) -> dict[str, Result]:
    return played.results


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.id)
def test_every_case_is_called_what_it_is(played: Played, run: Run) -> None:
    """As cases.toml says, which was written first."""
    result = played.results[run.id]

    assert result.verdict == run.expected_on(played.ground), result
    assert not run.case.session or not run.enrolled or result.session == "Welcome"


@pytest.mark.parametrize("run", [run for run in RUNS if run.case.innocent], ids=lambda run: run.id)
def test_nobody_innocent_is_accused_of_inspection(results: dict[str, Result], run: Run) -> None:
    """Neither by the gateway, nor by the agent alone, nor by what the case itself expects."""
    assert results[run.id].verdict not in GUILTY
    assert run.expected not in GUILTY


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.id)
def test_what_is_stored_is_what_was_said(played: Played, run: Run) -> None:
    """The projector looks at a report again when it knows more, and comes to nothing else. (Stories' gateways have none.)"""
    result = played.results[run.id]

    assert set(result.stored) <= {run.expected_on(played.ground)}


def test_incidents_of_inspection_are_the_guiltys_alone(played: Played) -> None:
    """As many agents as behind boxes that open TLS, and far fewer incidents.

    What comes ten seconds after its attempt waits for a minute, in case its agent is well again; so those may be missing still.
    """
    guilty = [result for result in played.results.values() if result.run.expected in GUILTY]
    at_once = Counter(result.run.expected for result in guilty if result.delivery == "connection")
    listed = [each for each in played.incidents if each["family"] == Family.INSPECTION.value]
    agents = Counter[str]()
    for each in listed:
        agents[each["verdict"]] += each["agents"]

    assert at_once <= agents <= Counter(result.run.expected for result in guilty)
    assert agents.total() > 4 * len(listed), "forty agents are one incident"


MEDDLED = [run for run in RUNS if run.case.name.endswith("-reports")]


@pytest.mark.parametrize("run", MEDDLED, ids=lambda run: run.id)
def test_who_meddles_with_reports_changes_no_verdict(results: dict[str, Result], run: Run) -> None:
    """Whatever was said in the agent's name and counted, it accuses the box, and each report counted once."""
    result = results[run.id]

    assert set(result.verdicts) == {run.expected}
    assert len(result.verdicts) == (2 if run.case.name == "delays-reports" else 1)


@pytest.mark.parametrize("run", MEDDLED, ids=lambda run: run.id)
def test_who_reads_along_learns_nobodys_address_or_name(results: dict[str, Result], run: Run) -> None:
    """Neither where the agent or the gateway is inside, nor who reports, nor what is said of the box."""
    result = results[run.id]
    side = result.side
    assert side is not None
    assert side.local is not None
    local = side.local.rpartition(":")[0]
    half = result.gateway
    inside = {local, "10.213.1.2", result.signer, run.expected, "Example Provider"}
    inside |= {half.listener.rpartition(":")[0]} if half is not None and half.listener else set()

    assert result.read, "the box has read what it opened"
    for secret in inside:
        assert secret.encode() not in result.read, secret
    for address in filter(_is_address, inside):
        assert ipaddress.ip_address(address).packed not in result.read, address


def _is_address(text: str) -> bool:
    return text.replace(".", "").isdigit()


def test_the_page_says_what_the_run_came_to(played: Played) -> None:
    """docs/inspection-cases.md is of this lab, and not of a better one."""
    found = {
        (r.run.case.name, r.run.who, r.run.store or "–"): (
            r.run.expected,
            r.run.expected if r.verdict == r.run.expected_on(played.ground) else r.verdict,
        )
        for r in played.results.values()
    }

    assert promised(PAGE.read_text(encoding="utf-8")) == found
