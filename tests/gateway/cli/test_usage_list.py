"""`fieldgate usage list`: figures with how old and how complete they are."""

import json
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.common import now_ms
from tests.gateway.store.test_usage import report
from tests.helpers.stores import applicant, opened


@pytest.fixture
def reported(data: Path) -> Path:
    """Two agents that have reported, one of them not all."""
    with opened(data) as store:
        company = store.organizations.add_company("Acme", now_ms=1)
        store.tokens.add(
            "client", b"public", kind="client", organization_uid=company.uid, location_uid=None,
            expires_ms=1 << 50, max_uses=9, synthetic=False, now_ms=1,
        )  # fmt: skip
        agents = [store.enrollment.enroll(applicant(key=key), now_ms=2) for key in range(2)]
        with store.projection() as p:
            for agent, why in zip(agents, ("", "nas: wrong password"), strict=True):
                report(p, agent.agent, 1, now_ms() - 7_200_000, why, nas=3_000_000_000)  # type: ignore[union-attr]  # the scene names every agent
    return data


def test_for_people(reported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each figure."""
    assert main(["usage", "list", "--data", str(reported)]) == 0
    heading, complete, incomplete = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["HOST", "OF", "NAME"]
    for words in ("backup0000", "repository", "nas", "storage-bytes", "3.0 GB", "2 h ago", "complete"):
        assert words in complete
    assert "incomplete: nas: wrong password" in incomplete


def test_for_scripts(reported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Plain figures, of all or of one."""
    assert main(["usage", "list", "--json", "--data", str(reported)]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["value"], first["metric"], first["subject"]) == (
        3_000_000_000,
        "storage-bytes",
        "repository",
    )
    assert (first["complete"], second["complete"], second["why"]) == (True, False, "nas: wrong password")

    assert main(["usage", "list", "--json", "--agent", second["agent_uid"], "--data", str(reported)]) == 0
    assert json.loads(capsys.readouterr().out) == [second]
    assert main(["usage", "list", "--agent", "nobody", "--data", str(reported)]) == 3
    assert "nobody" in capsys.readouterr().err
