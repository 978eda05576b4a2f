"""The JSON schemas that are published in docs/schemas, from the classes themselves.

python -m agent.simulator.report.schemas docs/schemas
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from agent.simulator.report.comparison import Comparison
from agent.simulator.report.document import schema_of
from agent.simulator.result import RunResult

__all__ = ["SCHEMAS", "schema_text"]

SCHEMAS: Final[dict[str, type[attrs.AttrsInstance]]] = {
    "simulation-comparison.json": Comparison,
    "simulation-result.json": RunResult,
}
"""File name to the class whose documents it describes."""


def schema_text(name: str) -> str:
    """What the file holds; `name` is a key of `SCHEMAS`."""
    return json.dumps(schema_of(SCHEMAS[name]), indent=2) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write them all into the folder that is named, which is there."""
    (folder,) = arguments
    for name in SCHEMAS:
        (Path(folder) / name).write_text(schema_text(name), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
