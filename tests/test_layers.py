"""Arrows point down: who may import whom, read from the sources.

The table is the architecture (docs/architecture.md draws it). A package may import the standard library, what
stands in its row, and itself. Another package of ours is entered by its front door only.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("protocol", "certs", "transport", "gateway", "agent")

MAY_IMPORT = {
    "protocol": {"attrs", "msgpack"},
    "certs": {"attrs", "cryptography"},
    "certs.inspection": {"attrs", "cryptography", "certs"},
    "transport": {"attrs", "trio", "OpenSSL", "cryptography"},
    "gateway.journal": {"attrs", "protocol"},
    "gateway.store": {
        "alembic", "attrs", "psycopg", "pysqlite3", "sqlalchemy", "structlog", "protocol", "certs.inspection",
    },
    "gateway.projector": {
        "attrs", "prometheus_client", "structlog",
        "protocol", "certs.inspection", "gateway.journal", "gateway.store",
    },
    "gateway.sinks": {"attrs", "protocol", "certs", "gateway.outgoing", "gateway.store"},
    "gateway.restores": {"attrs", "protocol", "gateway.store"},
    "gateway.billing": {"attrs", "cryptography", "fpdf", "protocol", "certs", "gateway.store"},
    "gateway.onboarding": {
        "attrs", "protocol", "certs", "certs.inspection", "gateway.billing", "gateway.decisions", "gateway.store",
    },
    "gateway.licensing": {"attrs", "structlog", "protocol", "certs", "gateway.config", "gateway.onboarding", "gateway.outgoing", "gateway.store"},
    "gateway.edge": {
        "attrs", "cryptography", "prometheus_client", "structlog", "trio",
        "protocol", "certs", "certs.inspection", "transport", "gateway.journal", "gateway.store", "gateway.config",
    },
    "gateway.access": {"attrs", "cryptography", "jwt", "structlog", "protocol", "gateway.store", "gateway.config"},
    "gateway.alarms": {
        "attrs", "cryptography", "structlog", "protocol", "gateway.config", "gateway.outgoing", "gateway.settings_alarms", "gateway.store",
    },
    "gateway.management": {
        "anyio", "attrs", "h11", "jsonpatch", "litestar", "msgspec", "structlog", "uvicorn",
        "protocol", "certs", "certs.inspection", "gateway.access", "gateway.alarms", "gateway.licensing", "gateway.store", "gateway.config", "gateway.beats",
        "gateway.billing", "gateway.bookkeeping", "gateway.onboarding", "gateway.datafolder", "gateway.decisions",
        "gateway.minting", "gateway.restores", "gateway.revocations",
    },
    "gateway": {
        "attrs", "cryptography", "cyclopts", "prometheus_client", "rich", "structlog", "trio", "typed_settings",
        "protocol", "certs", "certs.inspection", "transport",
        "gateway.journal", "gateway.store", "gateway.projector", "gateway.alarms", "gateway.sinks", "gateway.onboarding", "gateway.edge", "gateway.cli", "gateway.management", "gateway.access",
        "gateway.billing", "gateway.licensing", "gateway.restores",
    },
    "agent": {
        "attrs", "cryptography", "cyclopts", "rich", "structlog", "trio", "typed_settings",
        "protocol", "certs", "certs.inspection", "transport",
    },
}  # fmt: skip

FORBIDDEN_STDLIB = {
    "protocol": {"asyncio", "logging", "socket", "ssl", "threading", "time"},
    "certs": {"asyncio", "logging", "socket", "ssl", "threading"},
}

MAX_LINES = 350


def room_of(dotted: str) -> str:
    """The most specific row of the table that *dotted* falls under."""
    parts = dotted.split(".")
    for n in range(len(parts), 0, -1):
        if ".".join(parts[:n]) in MAY_IMPORT:
            return ".".join(parts[:n])
    return parts[0]


def modules() -> Iterator[tuple[str, Path]]:
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(p for p in parts if p != "__init__"), path


def imports_of(path: Path, module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import; write the package's name"
            assert node.module is not None
            yield node.module


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda v: v if isinstance(v, str) else "")
def test_imports_point_down(module: str, path: Path) -> None:
    """No module imports what its row does not name, and none reaches behind another room's front door."""
    room = room_of(module)
    for target in imports_of(path, module):
        top = target.split(".")[0]
        if top in sys.stdlib_module_names:
            assert top not in FORBIDDEN_STDLIB.get(room.split(".")[0], set()), f"{module} imports {target}"
            continue
        target_room = room_of(target) if top in OURS else top
        if target_room == room:
            continue
        allowed = MAY_IMPORT[room]
        assert target_room in allowed or target in allowed, f"{module} imports {target}"
        if top in OURS and target_room != "gateway":
            assert target == target_room, f"{module} imports {target}: enter {target_room} by its front door"


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda v: v if isinstance(v, str) else "")
def test_modules_hold_one_idea(module: str, path: Path) -> None:
    """A module past 350 lines holds more than one idea."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES, module


@pytest.mark.parametrize("package", [p for p in MAY_IMPORT if p not in ("gateway", "agent")])
def test_front_doors_are_sorted(package: str) -> None:
    """Every package says what it offers, in order."""
    front = ROOT.joinpath(*package.split("."), "__init__.py")
    for node in ast.walk(ast.parse(front.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets
        ):
            names = ast.literal_eval(node.value)
            # RUF022's order: constants, then classes, then functions.
            assert names == sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
            return
    pytest.fail(f"{package} has no __all__")
