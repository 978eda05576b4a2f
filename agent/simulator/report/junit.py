"""A run as JUnit XML, which build servers read: each expectation, each persona and the verification is a test case.

The dialect is what Jenkins's xUnit schema and GitLab's parser have in common: `testsuites`, `testsuite` with its counts, `testcase`
with `classname`, `name` and `time`, and `failure` or `skipped` inside it.
"""

import datetime
import re
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree

import attrs

from agent.simulator.report.figures import amount
from agent.simulator.report.verdict import bottleneck_of, coded, headline, name_of
from agent.simulator.result import RunResult

__all__ = ["junit_xml"]

# What XML 1.0 has no way to write, not even as a reference.
_UNWRITABLE: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@attrs.frozen
class _Case:
    group: str
    name: str
    failure: str = ""
    kind: str = ""
    skipped: str = ""


def junit_xml(run: RunResult) -> str:
    """The document, which ends with a line feed. What did not pass fails at least one case in it."""
    cases = list(_cases(run))
    failures = sum(bool(case.failure) for case in cases)
    skipped = sum(bool(case.skipped) for case in cases)
    seconds = f"{run.duration_s + run.warm_up_s:.3f}"
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0"}
    name = _writable(f"fieldgate.{name_of(run)}")
    suites = ElementTree.Element("testsuites", {"name": "fieldgate", "time": seconds, **counts})
    suite = ElementTree.SubElement(
        suites,
        "testsuite",
        {
            "name": name, "time": seconds, "skipped": str(skipped), **counts,
            "timestamp": _stamp(run.started_ms), "hostname": _writable(run.machine.host),
        },
    )  # fmt: skip
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in (
        ("seed", str(run.seed)),
        ("agents", str(run.load.agents)),
        ("version", run.agent_version),
    ):
        ElementTree.SubElement(properties, "property", name=key, value=_writable(value))
    for case in cases:
        element = ElementTree.SubElement(
            suite, "testcase", classname=f"{name}.{case.group}", name=_writable(case.name), time="0"
        )
        if case.failure:
            failed = ElementTree.SubElement(
                element, "failure", message=_writable(case.failure), type=case.kind
            )
            failed.text = _writable(case.failure)
        elif case.skipped:
            ElementTree.SubElement(element, "skipped", message=_writable(case.skipped))
    ElementTree.SubElement(suite, "system-out").text = _writable(_output(run))
    ElementTree.indent(suites)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"
    )


def _cases(run: RunResult) -> Iterator[_Case]:
    for each in run.expectations:
        value = "not measured" if each.value is None else amount(each.value)
        yield _Case("expectation", each.expression, "" if each.passed else f"it was {value}", "expectation")
    verification = run.verification
    if run.not_verified:
        yield _Case("verification", "exactly once", run.not_verified, "not verified")
    elif verification is None:
        yield _Case("verification", "exactly once", skipped="the store was not looked at")
    elif not verification.passed:
        found = (
            f"{verification.missing:,} missing, {verification.doubled:,} doubled, {verification.altered:,} altered,"
            f" {verification.unsaid:,} never said"
        )
        examples = "\n".join(verification.examples)
        failure = f"{found}\n{examples}".strip() if verification.found else "no event was released"
        yield _Case("verification", "exactly once", failure, "FG-4013" if verification.found else "empty")
    else:
        yield _Case("verification", "exactly once")
    for persona in run.personas:
        seen = ", ".join(f"{code} × {times:,}" for code, times in coded(persona.seen)) or "no refusal"
        failure = "" if persona.passed else f"{persona.detail or 'not as expected'}; met with {seen}"
        yield _Case("persona", persona.name, failure, "persona")
    left = f"{run.unreleased:,} records were not in the store" if run.unreleased else ""
    yield _Case("delivery", "everything released", left, "unreleased")
    away = f"{run.agents.sent_away:,} agents were sent away" if run.agents.sent_away else ""
    yield _Case("delivery", "nobody sent away", away, "sent-away")


def _output(run: RunResult) -> str:
    doubt = bottleneck_of(run)
    return "\n".join((headline(run), *((f"WARNING: {doubt}",) if doubt else ()), *run.warnings))


def _stamp(time_ms: int) -> str:
    """Without a zone, as the schema wants it; UTC."""
    return f"{datetime.datetime.fromtimestamp(time_ms / 1000, datetime.UTC):%Y-%m-%dT%H:%M:%S}"


def _writable(words: str) -> str:
    return _UNWRITABLE.sub("\ufffd", words)
