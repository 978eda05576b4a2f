"""The unit files in packaging/systemd: what docs/operations.md shows, and what systemd itself thinks of them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.exits import REFUSED

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "packaging" / "systemd").glob("*.service"))


def test_the_page_shows_the_files() -> None:
    """Whoever copies from the page has the file, and the other way round."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    shown = re.findall(r"```ini\n(# /etc/systemd/system/\S+\.service.*?)```", page, re.DOTALL)
    assert sorted(shown) == sorted(unit.read_text(encoding="utf-8") for unit in UNITS)


def test_an_agent_that_was_told_to_stop_stays_stopped() -> None:
    """systemd starts it again after anything but a gateway's no."""
    unit = (ROOT / "packaging" / "systemd" / "fieldgate-agent.service").read_text(encoding="utf-8")
    assert f"\nRestartPreventExitStatus={REFUSED}\n" in unit
    assert "\nRestart=always\n" in unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_knows_every_setting(unit: Path) -> None:
    """A misspelt one would be passed over with a line in a log that nobody reads."""
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    assert "Unknown" not in said.stderr
    assert "Failed to parse" not in said.stderr
