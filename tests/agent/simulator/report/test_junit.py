"""JUnit as build servers read it: counts that add up, a case for each promise, and words that XML can hold."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import attrs
import pytest

from agent.simulator.report.junit import junit_xml
from agent.simulator.result import RunResult, Verification
from tests.agent.simulator.report.hostile import hostile_run, nothing_run
from tests.agent.simulator.report.runs import RUNS, failed_herd, good_run

# Of Jenkins's junit-10.xsd, as far as we write it: attributes (the required ones first) and children of each element.
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors", "disabled"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests"},
        {"failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": ({"name", "classname"}, {"time", "assertions", "status"}, {"skipped", "error", "failure", "system-out"}),
    "failure": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}  # fmt: skip


def read(run: RunResult) -> ElementTree.Element:
    return ElementTree.fromstring(junit_xml(run).encode())  # noqa: S314  # our own


def check(element: ElementTree.Element) -> None:
    required, optional, children = SCHEMA[element.tag]
    assert required <= element.attrib.keys() <= required | optional
    for child in element:
        assert child.tag in children
        check(child)


@pytest.mark.parametrize("make", [*RUNS.values(), hostile_run, nothing_run])
def test_documents_keep_to_the_schema_and_their_counts(make: Callable[[], RunResult]) -> None:
    """What a server shows is what is in it."""
    suites = read(make())
    check(suites)
    cases = suites.findall(".//testcase")
    for element in (suites, suites[0]):
        assert int(element.attrib["tests"]) == len(cases)
        assert int(element.attrib["failures"]) == len(suites.findall(".//failure"))
        assert element.attrib["errors"] == "0"
    assert int(suites[0].attrib["skipped"]) == len(suites.findall(".//skipped"))


@pytest.mark.parametrize("make", [*RUNS.values(), hostile_run, nothing_run])
def test_a_build_fails_when_the_run_did(make: Callable[[], RunResult]) -> None:
    """And only then."""
    run = make()
    assert bool(read(run).findall(".//failure")) is not run.passed


EMPTY = Verification(
    over="store", said=5, released=0, stored=0, missing=0, doubled=0, altered=0, unsaid=0, examples=()
)


@pytest.mark.parametrize(
    "change",
    [{"unreleased": 1}, {"agents": attrs.evolve(good_run().agents, sent_away=1)}, {"verification": EMPTY}],
)
def test_every_reason_fails_a_case(change: dict[str, Any]) -> None:
    """Whatever a result calls a reason is seen by a build server, too."""
    run = attrs.evolve(good_run(), **change)
    assert len(read(run).findall(".//failure")) == len(run.reasons) == 1


def test_every_promise_is_a_case() -> None:
    """Expectations, personas, and the verification, by their names, with what came of them."""
    suites = read(failed_herd())
    cases = {
        (case.attrib["classname"].rpartition(".")[2], case.attrib["name"]): case
        for case in suites.iter("testcase")
    }

    assert {name for group, name in cases if group == "expectation"} == {
        "p99_ack_ms < 500", "back_99_s < 60", "lost = 0", "p99_renewal_ms < 100"
    }  # fmt: skip
    assert {name for group, name in cases if group == "persona"} == {
        "clone",
        "skewed-clock",
        "half-open",
        "oversized-frames",
    }
    failed = cases["persona", "oversized-frames"].find("failure")
    assert failed is not None
    assert failed.attrib["message"] == "1 of 5 met with FG-2126; met with FG-2108 × 4, FG-2126 × 1"
    lost = cases["verification", "exactly once"].find("failure")
    assert lost is not None
    assert "3 missing, 1 doubled" in (lost.text or "")
    assert cases["expectation", "p99_ack_ms < 500"].find("failure") is None


def test_what_was_not_verified_is_skipped() -> None:
    """It is neither passed nor failed."""
    suites = read(attrs.evolve(good_run(), verification=None))
    assert [each.attrib["message"] for each in suites.iter("skipped")] == ["the store was not looked at"]
