"""`fieldgate lint`: 4 when there is something, with what to type."""

from pathlib import Path

import pytest

from gateway.cli import main
from tests.gateway.cli.test_companies import add_site, run

Capture = pytest.CaptureFixture[str]


def test_what_looks_wrong_ends_with_4(data: Path, capsys: Capture) -> None:
    """Each with its code, whom it concerns, and the command that mends it."""
    assert run(capsys, data, "lint").strip() == "nothing looks wrong"
    run(capsys, data, "company", "add", "Acme")
    add_site(data)
    assert main(["lint", "--data", str(data)]) == 4
    said = capsys.readouterr().out
    assert "FG-6127  Acme: no agent" in said
    assert "         fieldgate token create --company Acme" in said
    assert "FG-6120  cloud tenant Contoso is nobody's" in said
    assert said.splitlines()[-1].startswith("4 findings;")


def test_scripts_read_findings(data: Path, capsys: Capture) -> None:
    """Of one company, if that is named."""
    for name in ("Acme", "Birke"):
        run(capsys, data, "company", "add", name)
    assert main(["lint", "--json", "--company", "Birke", "--data", str(data)]) == 4
    assert '"organization_name": "Birke"' in (said := capsys.readouterr().out)
    assert "Acme" not in said
