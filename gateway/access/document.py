"""The table of roles in docs/security.md, written by the one that decides.

    python -m gateway.access.document docs/security.md

rewrites what stands between `<!-- generated: roles -->` and `<!-- end -->`. A test fails when the page and the code say different things.
"""

import re
import sys
from pathlib import Path
from typing import Final

from gateway.access.permissions import READING, Permission
from gateway.access.roles import GRANTS, Role

__all__ = ["refreshed", "roles"]

_BLOCK: Final = re.compile(r"(<!-- generated: roles -->\n).*?(<!-- end -->)", re.DOTALL)


def refreshed(page: str) -> str:
    """A page with the table as the code has it now."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{roles()}\n{found[2]}", page)


def roles() -> str:
    """A row for each permission, a column for each role."""
    lines = [f"| permission | changes something | {' | '.join(Role)} |", "|---" * (len(Role) + 2) + "|"]
    for permission in Permission:
        granted = " | ".join("yes" if permission in GRANTS[role] else "" for role in Role)
        lines.append(f"| `{permission}` | {'' if permission in READING else 'yes'} | {granted} |")
    return "\n".join(line.replace("|  |", "| |").replace("|  |", "| |") for line in lines) + "\n"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(refreshed(path.read_text(encoding="utf-8")), encoding="utf-8")
