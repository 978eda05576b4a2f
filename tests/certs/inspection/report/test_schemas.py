"""The published schemas are those of the code, and what is written keeps to them."""

import json
from pathlib import Path
from typing import Any

import pytest

from certs.inspection import report_schema
from certs.inspection.schemas import SCHEMAS, main, schema_text
from tests.certs.inspection.report.incidents import INCIDENTS

FOLDER = Path(__file__).parents[4] / "docs" / "schemas"


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schemas_are_generated(name: str) -> None:
    """Run `python -m certs.inspection.schemas docs/schemas` when this fails."""
    assert (FOLDER / name).read_text(encoding="utf-8") == schema_text(name)


def test_no_other_schema_is_published() -> None:
    """A file that nothing generates goes stale."""
    assert {path.name for path in FOLDER.iterdir()} == set(SCHEMAS)


def test_they_are_written_where_asked(tmp_path: Path) -> None:
    """Into a folder that need not be there."""
    main([str(tmp_path / "schemas")])

    assert {path.name for path in (tmp_path / "schemas").iterdir()} == set(SCHEMAS)


@pytest.mark.parametrize("make", INCIDENTS)
def test_reports_keep_to_the_schema(make: Any) -> None:
    """Every key that is written is declared, and every one that is required is there."""
    schema = report_schema()

    def walk(value: Any, shape: dict[str, Any]) -> None:
        if "anyOf" in shape:
            if value is not None:
                walk(value, next(s for s in shape["anyOf"] if s.get("type") != "null"))
        elif "$ref" in shape:
            declared = schema["$defs"][shape["$ref"].rsplit("/", 1)[1]]
            assert set(value) <= set(declared["properties"])
            assert set(declared["required"]) <= set(value)
            for key, entry in value.items():
                walk(entry, declared["properties"][key])
        elif shape.get("type") == "array" and "prefixItems" not in shape:
            assert len(value) <= shape["maxItems"]
            for entry in value:
                walk(entry, shape["items"])
        elif shape.get("type") == "string" and "maxLength" in shape:
            assert isinstance(value, str)
            assert len(value) <= shape["maxLength"]

    document = json.loads(make().json())
    assert document.pop("version") == 1
    walk(document, schema["allOf"][1])
