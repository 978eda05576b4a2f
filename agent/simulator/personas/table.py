"""The table of personas in docs/load-testing.md, from the personas themselves.

python -m agent.simulator.personas.table docs/load-testing.md
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from agent.observer import code_text
from agent.simulator.personas import PERSONAS, Persona

BEGIN: Final = "| persona | what it does | the agent meets with | the gateway notes |\n"


def table() -> str:
    """The whole of it, as Markdown."""
    return "".join((BEGIN, "|---|---|---|---|\n", *_rows()))


def _rows() -> Iterator[str]:
    for persona in PERSONAS.values():
        noted = "" if persona.noted is None else code_text(persona.noted)
        yield f"| `{persona.name}` | {persona.does}{_needs(persona)} | {_meets(persona)} | {noted} |\n"


def _needs(persona: Persona) -> str:
    return " (with `--data` only)" if persona.needs_data else ""


def _meets(persona: Persona) -> str:
    return " or ".join(map(code_text, persona.meets)) or "nothing: it is survived"


def placed(page: str) -> str:
    """The page with the table in the place of the one that it has.

    Raises:
        ValueError: it has none.
    """
    before, begin, rest = page.partition(BEGIN)
    if not begin:
        raise ValueError("the page has no table of personas")
    lines = rest.splitlines(keepends=True)
    after = next((n for n, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return before + table() + "".join(lines[after:])


def main(arguments: Sequence[str]) -> None:
    """Write it into the page that is named."""
    (name,) = arguments
    path = Path(name)
    path.write_text(placed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
