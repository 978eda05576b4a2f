"""Decisions: who took each is in the audit and in the log, and none is kept up by a second log that can't be written."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.common import open_provider
from gateway.cli.provider import make_provider
from gateway.datafolder import DataFolder
from gateway.decisions import Decisions
from gateway.store import AgentEntry, ConsentGiven, NotFound, Store
from tests.helpers.stores import enroll, opened

NOW_MS = 1_000_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A provider with the company Acme, its token t, and a consent for it."""
    folder = tmp_path / "data"
    make_provider(folder, "Nordwind", ("gateway.example",))
    with opened(folder) as store:
        company = store.organizations.add_company("Acme", now_ms=1)
        store.tokens.add(
            "t", b"public", kind="client", organization_uid=company.uid, location_uid=None, expires_ms=2 * NOW_MS,
            max_uses=9, synthetic=False, now_ms=1,
        )  # fmt: skip
        given = ConsentGiven(given_by="Ann", words="two servers", given_ms=1)
        store.consents.record("t", given, by="bo", now_ms=1)
    return folder


def logged(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / "revocations.log").read_bytes().splitlines()]


def agent(store: Store, key: int = 1) -> AgentEntry:
    return enroll(store, "t", key, now_ms=NOW_MS)


def test_who_decided_is_in_the_audit_and_in_the_log(data: Path) -> None:
    """With whose agent or token it was."""
    with open_provider(data) as provider:
        store, decide = provider.store, provider.decisions
        uid = agent(store).agent_uid
        decide.reject_agent(uid, by="ann", now_ms=NOW_MS)
        found = store.agents.get(uid, now_ms=NOW_MS)
        decide.accept_agent(
            found, organization_uid=found.organization_uid, location_uid=None, by="ann", now_ms=NOW_MS
        )
        decide.revoke_agent(uid, why="stolen", by="bo", now_ms=NOW_MS)
        decide.reset_token("t", by="ann", now_ms=NOW_MS)
        decide.revoke_token("t", by="ann", now_ms=NOW_MS)
        entries = store.audit.list()[:5]
        assert {entry.organization_uid for entry in entries} == {found.organization_uid}
    expected = ["agent rejected", "agent accepted", "agent revoked", "token reset", "token revoked"]
    assert [entry.action for entry in entries][::-1] == expected
    assert [(line["what"], line["by"]) for line in logged(data)[1:]] == [
        (what, "bo" if what == "agent revoked" else "ann") for what in expected
    ]
    assert (entries[2].who, entries[2].why) == ("bo", "stolen")


def test_a_withdrawn_consent_is_beyond_a_restore(data: Path) -> None:
    """The log has the token's end, and why: a store that was an older copy is told both."""
    with open_provider(data) as provider:
        withdrawn = provider.decisions.withdraw_consent("t", why="sold", by="ann", now_ms=NOW_MS)
        assert (withdrawn.withdrawn_by, withdrawn.withdrawn_why) == ("ann", "sold")
        with pytest.raises(NotFound, match="no consent"):
            provider.decisions.withdraw_consent("u", why="sold", by="ann", now_ms=NOW_MS)
    [_, line] = logged(data)
    assert (line["what"], line["token_id"], line["withdrawn_why"]) == ("token revoked", "t", "sold")


def test_an_older_copy_hears_of_a_withdrawn_consent(data: Path) -> None:
    """Once; what it knows already stays as it is."""
    with open_provider(data) as provider:
        line = {"what": "token revoked", "token_id": "t", "at_ms": 7, "by": "ann", "withdrawn_why": "sold"}
        assert provider.store.restoring.apply([line]) == {"token revoked": 1}
        assert (
            provider.store.restoring.apply([line | {"at_ms": 8, "withdrawn_why": "again"}])["token revoked"]
            == 0
        )
        consent = provider.store.consents.get("t")
        assert (consent.withdrawn_ms, consent.withdrawn_by, consent.withdrawn_why) == (7, "ann", "sold")


def test_a_second_log_that_cannot_be_written_is_said_and_delays_nothing(data: Path, tmp_path: Path) -> None:
    """Each time."""
    said: list[str] = []
    with opened(data) as store:
        decide = Decisions(
            store=store, folder=DataFolder(data), copy=tmp_path / "no" / "copy", warn=said.append
        )
        decide.revoke_token("t", by="ann", now_ms=NOW_MS)
        token = store.tokens.get("t")
    assert token is not None
    assert token.revoked_ms == NOW_MS
    assert len(said) == 1
