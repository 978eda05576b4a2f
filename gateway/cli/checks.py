"""A list of things that were looked at, each fine or not, with what to do: what `doctor` and `upgrade check` print."""

from collections.abc import Iterable

import attrs

from gateway.cli.errors import CHECK_FAILED
from gateway.cli.output import rows

__all__ = ["Check", "print_checks"]


@attrs.frozen
class Check:
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str
    to_do: str = ""
    is_gone: bool = False
    """No process of ours answers there at all."""


def print_checks(checks: Iterable[Check], *, as_json: bool) -> int:
    """Print them; the exit code. What to do is said of those that are not fine."""
    listed = [check if not check.ok else attrs.evolve(check, to_do="") for check in checks]
    rows(
        [attrs.asdict(check, filter=lambda field, _: field.name != "is_gone") for check in listed],
        {"ok": "", "what": "CHECK", "found": "FOUND", "to_do": "WHAT TO DO"},
        as_json=as_json,
        empty="",
        show={"ok": lambda ok: "ok" if ok else "FAIL"},
    )
    return 0 if all(check.ok for check in listed) else CHECK_FAILED
