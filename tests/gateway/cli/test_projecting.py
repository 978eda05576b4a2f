"""`fieldgate projector rebuild`, as an operator types it."""

import json
import uuid
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.common import open_provider
from gateway.journal import JournalWriter, Record, RecordFlags
from gateway.projector import only_one
from protocol import EventBatch
from tests.gateway.projector.rig import Chain
from tests.helpers.stores import enroll


@pytest.fixture
def journaled(data: Path) -> Path:
    """A data folder whose journal holds two batches that nobody has projected; returns the journal's folder."""
    with open_provider(data) as provider:
        company = provider.store.organizations.add_company("Northwind", now_ms=1)
        provider.store.tokens.add(
            "client", b"public", kind="client", organization_uid=company.uid, location_uid=None,
            expires_ms=1 << 50, max_uses=9, synthetic=False, now_ms=1,
        )  # fmt: skip
        agent = enroll(provider.store)
    chain = Chain()
    writer = JournalWriter(data / "journals" / "edge")
    for texts in (("a", "b"), ("c",)):
        record = Record(
            agent_uid=uuid.UUID(agent.agent_uid).bytes, received_ms=1, tag=EventBatch.tag, flags=RecordFlags.NONE,
            payload=chain.cut(*texts),
        )  # fmt: skip
        writer.append(record.encode())
        writer.sync()
        writer.roll()
    writer.close()
    return data / "journals" / "edge"


def messages(data: Path) -> list[str]:
    with open_provider(data) as provider:
        return [event.message for event in provider.store.events.export()]


def test_it_builds_refuses_and_keeps(data: Path, journaled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From nothing; again; not from less; and from less where that is wanted."""
    rebuild = ["projector", "rebuild", "--data", str(data)]
    assert main(rebuild) == 0
    assert messages(data) == ["a", "b", "c"]
    assert main(rebuild) == 0
    (journaled / "0000000001.fgj").unlink()
    assert main(rebuild) == 3
    said = capsys.readouterr().err
    assert "2 records of 1 agents" in said
    assert "FG-1028" in said
    assert messages(data) == ["a", "b", "c"]
    assert main([*rebuild, "--resync", "--json"]) == 0
    [done] = json.loads(capsys.readouterr().out)
    assert (done["kept"]["records"], done["asked"]) == (2, 1)
    assert messages(data) == ["a", "b", "c"]
    with open_provider(data) as provider:
        assert [entry.action for entry in provider.store.audit.list()] == ["tables rebuilt"] * 3


def test_not_beside_a_projector(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has to be stopped."""
    with only_one(data / "run"):
        assert main(["projector", "rebuild", "--data", str(data)]) == 2
    assert "FG-1005" in capsys.readouterr().err
