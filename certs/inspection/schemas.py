"""The JSON schemas that are published in docs/schemas, from the classes themselves.

python -m certs.inspection.schemas docs/schemas
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from certs.inspection.document import document_schema
from certs.inspection.evidence import Evidence
from certs.inspection.finding import Finding
from certs.inspection.report.model import Report

__all__ = ["SCHEMAS", "schema_text"]

SCHEMAS: Final[dict[str, type[attrs.AttrsInstance]]] = {
    "inspection-report.json": Report,
    "path-evidence.json": Evidence,
    "path-finding.json": Finding,
}
"""File name to the class whose documents it describes."""


def schema_text(name: str) -> str:
    """What the file holds; `name` is a key of `SCHEMAS`."""
    schema: dict[str, Any] = document_schema(SCHEMAS[name])
    return json.dumps(schema, indent=2) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write them all into the folder that is named."""
    (folder,) = arguments
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in SCHEMAS:
        (Path(folder) / name).write_text(schema_text(name), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
