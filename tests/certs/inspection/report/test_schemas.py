"""The published schemas are those of the code, and what is written keeps to them."""

import json
from pathlib import Path
from typing import Any

import pytest

from certs.inspection.schemas import SCHEMAS, main, schema_text
from tests.certs.inspection.report.incidents import INCIDENTS
from tests.helpers.schemas import PUBLISHED, faults


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schemas_are_generated(name: str) -> None:
    """Run `python -m certs.inspection.schemas docs/schemas` when this fails."""
    assert (PUBLISHED / name).read_text(encoding="utf-8") == schema_text(name)


def test_no_other_schema_is_published() -> None:
    """A file that nothing generates goes stale. The simulator and the collectors have their own."""
    published = {path.name for path in PUBLISHED.iterdir()}
    assert {name for name in published if not name.startswith(("simulation-", "collector-"))} == set(SCHEMAS)


def test_they_are_written_where_asked(tmp_path: Path) -> None:
    """Into a folder that need not be there."""
    main([str(tmp_path / "schemas")])

    assert {path.name for path in (tmp_path / "schemas").iterdir()} == set(SCHEMAS)


def reported(make: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(make().json())
    return document


@pytest.mark.parametrize("make", INCIDENTS)
def test_reports_keep_to_the_schema(make: Any) -> None:
    """Every key that is written is declared, every one that is required is there, and each holds what it may."""
    document = reported(make)
    assert document["version"] == 1
    assert faults(document, "inspection-report.json") == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda report: report.update(version=2), "version"),
        (lambda report: report.update(version=True), "version"),
        (lambda report: report.update(more=1), "more: unknown"),
        (lambda report: report.pop("finding"), "required"),
        (lambda report: report["finding"].update(verdict="guilty"), "/finding/verdict"),
        (lambda report: report["finding"].update(confidence=1.5), "/finding/confidence"),
        (lambda report: report["finding"].update(evidence=["a"] * 65), "/finding/evidence"),
        (lambda report: report["evidence"]["agent"].update(proxy={}), "/evidence/agent"),
        (lambda report: report["evidence"]["agent"].update(chain=["?"]), "/evidence/agent"),
        (lambda report: report["evidence"]["agent"].update(at_ms="now"), "/evidence/agent"),
        (lambda report: report["evidence"]["agent"].update(verify_codes=[[0, 1, 2]]), "/evidence/agent"),
        (lambda report: report["evidence"]["agent"].update(unheard_of=1), "/evidence/agent"),
        (lambda report: report["evidence"]["expected"].update(names=["g", "g"]), "/evidence/expected/names"),
    ],
)
def test_the_schema_refuses_what_is_none(change: Any, says: str) -> None:
    """Else keeping to it would say nothing."""
    document = reported(INCIDENTS[0])
    change(document)
    assert any(says in fault for fault in faults(document, "inspection-report.json"))
