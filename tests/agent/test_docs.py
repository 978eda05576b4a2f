"""docs/agent.md says all there is to set, and nothing that there is not."""

import re
from pathlib import Path

import agent.state
from agent.cli import app
from agent.exits import INTERRUPTED, UNUSABLE
from agent.probe.outcome import EXIT_CODES
from agent.service_command import service_app
from agent.spool import LIMIT_BYTES

DOCS = Path(__file__).parents[2] / "docs" / "agent.md"
INSPECTION = DOCS.with_name("tls-inspection.md")
LOAD_TESTING = DOCS.with_name("load-testing.md")
COMMANDS = ("doctor", "enroll", "logs", "probe", "report", "run", "status")
SIMULATOR = ("simulate", "verify")


def options(commands: tuple[str, ...] = COMMANDS) -> set[str]:
    """Every option of every command, as a person types it."""
    found = set()
    for command in commands:
        for argument in app[command].assemble_argument_collection():
            found |= {name for name in argument.names if name.startswith("--")}
    return found


def service_options() -> set[str]:
    """Those of the commands below `service`."""
    found = set()
    for command in service_app:
        if not command.startswith("-"):
            for argument in service_app[command].assemble_argument_collection():
                found |= {name for name in argument.names if name.startswith("--")}
    return found


def test_every_option_is_documented_and_every_documented_option_exists() -> None:
    """A renamed option changes the page."""
    page = DOCS.read_text(encoding="utf-8")
    assert set(re.findall(r"--[a-z][a-z-]+", page)) == options() | service_options()
    table = LOAD_TESTING.read_text(encoding="utf-8").partition("\n## Options\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(--[a-z][a-z-]+)`", table, re.MULTILINE)) == options(SIMULATOR)


def test_the_probes_exit_codes_are_documented() -> None:
    """Where a person looks for them, and those of other commands beside them; no code that it does not end with."""
    own = {str(code) for code in EXIT_CODES.values()}
    said = set(re.findall(r"^\| (\d+) \| `probe`: ", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert said == own - {"0"}
    section = INSPECTION.read_text(encoding="utf-8").partition("\n## The probe\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| (\d+) \|", section, re.MULTILINE)) == own | {str(UNUSABLE), str(INTERRUPTED)}
    known = set(re.findall(r"--[a-z][a-z-]+", section))
    assert known <= options()


def test_the_figures_are_the_codes() -> None:
    """The outbox's limit, the state folder's files."""
    page = DOCS.read_text(encoding="utf-8")
    assert f"| `--outbox-mib` | run | {LIMIT_BYTES >> 20} |" in page
    files = re.findall(r"^    ([a-z-]+\.[a-z]+)  ", agent.state.__doc__ or "", re.MULTILINE)
    assert len(files) == 9
    assert [name for name in files if f"| `{name}` |" not in page] == []
