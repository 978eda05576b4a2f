"""A restore lets nobody in who was shut out after the backup, overwrites nothing, and leaves nothing where it fails."""

import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from certs import Authority
from gateway.cli import main
from gateway.cli.common import open_provider
from gateway.cli.provider import make_provider
from gateway.store import Admitted, AgentEntry, ConnectionStatus, Refused, Standing, Store, open_store
from protocol import Code, commands
from tests.gateway.backup.conftest import Run
from tests.helpers.postgres import PostgresServer, postgres_server
from tests.helpers.stores import applicant, apply_batch, enroll, event, open_stream

__all__ = ["postgres_server"]

NOW_MS = time.time_ns() // 1_000_000


@attrs.define
class Lost:
    """A gateway with three agents, of which there is a backup, and what becomes of it afterwards."""

    data: Path
    backup: Path
    into: Path
    log: Path
    agents: dict[str, AgentEntry]
    run: Run

    def restore(self, *options: object) -> int:
        """Its exit code."""
        return self.run("backup", "restore", self.backup, self.into, *options)

    def restored(self) -> Store:
        return open_store(f"sqlite:///{self.into / 'store.sqlite'}")

    def standing(self, name: str) -> Standing:
        store = self.restored()
        try:
            return store.agents.get(self.agents[name].agent_uid, now_ms=NOW_MS).standing
        finally:
            store.close()


def token(store: Store, token_id: str, company_uid: str) -> None:
    store.tokens.add(
        token_id, b"public", kind="client", organization_uid=company_uid, location_uid=None,
        expires_ms=NOW_MS * 2, max_uses=100, synthetic=False, now_ms=1,
    )  # fmt: skip


@pytest.fixture
def lost(data: Path, tmp_path: Path, run: Run) -> Lost:
    """Agents a, b, c and tokens one, two; backed up."""
    with open_provider(data) as provider:
        store = provider.store
        company = store.organizations.add_company("Northwind", now_ms=1)
        for name in ("one", "two"):
            token(store, name, company.uid)
        agents = {name: enroll(store, "one", key, now_ms=NOW_MS) for key, name in enumerate("abc")}
        for serial, entry in enumerate(agents.values(), 1):
            store.agents.record_certificate(
                entry.agent_uid, serial=serial, spki=b"", not_after_ms=NOW_MS, now_ms=1
            )
    backup = tmp_path / "backup.tar"
    assert run("backup", "create", backup) == 0
    return Lost(data, backup, tmp_path / "into", data / "revocations.log", agents, run)


def test_who_was_revoked_since_stays_revoked(lost: Lost) -> None:
    """With every certificate that the lost store knew, and by the log's own words."""
    with open_provider(lost.data) as provider:
        a = lost.agents["a"].agent_uid
        provider.store.agents.record_certificate(a, serial=77, spki=b"", not_after_ms=NOW_MS, now_ms=1)
        provider.decisions.revoke_agent(a, why="stolen", by="ann", now_ms=NOW_MS)
    assert lost.restore("--revocation-log", lost.log) == 0
    assert [lost.standing(name) for name in "abc"] == [Standing.REVOKED, Standing.VERIFIED, Standing.VERIFIED]
    store = lost.restored()
    assert store.directory().revoked == {1, 77}
    assert (lost.into / "revocations.log").read_bytes() == lost.log.read_bytes()
    [restored] = store.audit.list()
    assert restored.action == "restored"
    store.close()


def test_who_enrolled_and_was_revoked_since_does_not_enroll_again(lost: Lost) -> None:
    """The store has never heard of it: the same key by the same token would be somebody new."""
    with open_provider(lost.data) as provider:
        late, turned_away = (enroll(provider.store, "two", key, now_ms=NOW_MS) for key in (7, 8))
        provider.decisions.revoke_agent(late.agent_uid, why="stolen", by="ann", now_ms=NOW_MS)
        provider.decisions.reject_agent(turned_away.agent_uid, by="ann", now_ms=NOW_MS)
    assert lost.restore("--revocation-log", lost.log) == 0
    store = lost.restored()
    outcomes = [store.enrollment.enroll(applicant("two", key), now_ms=NOW_MS) for key in (7, 8, 9)]
    assert [outcome.code for outcome in outcomes if isinstance(outcome, Refused)] == [
        Code.CLIENT_CERT_REVOKED, Code.AGENT_REJECTED,
    ]  # fmt: skip
    assert isinstance(outcomes[2], Admitted)
    store.close()


def test_one_whose_token_is_unknown_too_is_nobody(lost: Lost) -> None:
    """Nobody can enroll by that token; its certificate is on the list all the same."""
    with open_provider(lost.data) as provider:
        [company] = provider.store.organizations.list_companies()
        token(provider.store, "new", company.uid)
        late = enroll(provider.store, "new", 7, now_ms=NOW_MS)
        provider.store.agents.record_certificate(late.agent_uid, serial=9, spki=b"", not_after_ms=1, now_ms=1)
        provider.decisions.revoke_agent(late.agent_uid, why="stolen", by="ann", now_ms=NOW_MS)
    assert lost.restore("--revocation-log", lost.log) == 0
    store = lost.restored()
    assert len(store.agents.list(now_ms=NOW_MS)) == 3
    assert store.directory().revoked == {9}
    outcome = store.enrollment.enroll(applicant("new", 7), now_ms=NOW_MS)
    assert isinstance(outcome, Refused)
    assert outcome.code is Code.TOKEN_UNKNOWN
    store.close()


def test_decisions_are_taken_again_in_their_order(lost: Lost) -> None:
    """Rejected and then accepted is accepted; the tokens are as they were."""
    with open_provider(lost.data) as provider:
        a, b = (provider.store.agents.get(lost.agents[name].agent_uid, now_ms=0) for name in "ab")
        provider.decisions.reject_agent(a.uid, by="ann", now_ms=NOW_MS)
        provider.decisions.accept_agent(
            a, organization_uid=a.organization_uid, location_uid=None, by="ann", now_ms=NOW_MS
        )
        provider.decisions.reject_agent(b.uid, by="ann", now_ms=NOW_MS)
        provider.decisions.revoke_token("one", by="ann", now_ms=NOW_MS)
        provider.decisions.reset_token("two", by="ann", now_ms=NOW_MS)
    assert lost.restore("--revocation-log", lost.log) == 0
    assert [lost.standing(name) for name in "abc"] == [
        Standing.VERIFIED,
        Standing.REJECTED,
        Standing.VERIFIED,
    ]
    store = lost.restored()
    tokens = {each.id: each for each in store.tokens.list()}
    assert tokens["one"].revoked_ms is not None
    assert tokens["two"].reset_ms is not None
    store.close()


def test_a_decision_that_failed_is_not_taken(lost: Lost) -> None:
    """The log says that it was taken back."""
    with open_provider(lost.data) as provider:
        with pytest.raises(Exception, match="no token"):
            provider.decisions.revoke_token("nobody's", by="ann", now_ms=NOW_MS)
        a = lost.agents["a"].agent_uid
        provider.decisions.revoke_agent(a, why="stolen", by="ann", now_ms=NOW_MS)
        with pytest.raises(Exception, match="revoked already"):
            provider.decisions.reject_agent(a, by="ann", now_ms=NOW_MS)
    assert lost.restore("--revocation-log", lost.log) == 0
    assert lost.standing("a") is Standing.REVOKED


def test_without_the_log_it_stops(lost: Lost, capsys: pytest.CaptureFixture[str]) -> None:
    """And leaves nothing."""
    assert lost.restore() == 2
    assert "FG-1025" in capsys.readouterr().err
    assert not lost.into.exists()
    lost.into.mkdir()
    assert lost.restore("--revocation-log", "/nowhere/at.all") == 1
    assert list(lost.into.iterdir()) == []


def test_accepting_that_holds_everybody(lost: Lost, capsys: pytest.CaptureFixture[str]) -> None:
    """Agents wait for an operator, and so does whoever enrolls; who is revoked already is not un-revoked."""
    with open_provider(lost.data) as provider:
        provider.decisions.revoke_agent(lost.agents["a"].agent_uid, why="stolen", by="ann", now_ms=NOW_MS)
    lost.backup = lost.backup.with_name("second.tar")
    assert lost.run("backup", "create", lost.backup) == 0
    assert lost.restore("--accept-lost-revocations") == 0
    assert "2 agents wait" in capsys.readouterr().out
    assert [lost.standing(name) for name in "abc"] == [
        Standing.REVOKED,
        Standing.UNVERIFIED,
        Standing.UNVERIFIED,
    ]
    store = lost.restored()
    outcome = store.enrollment.enroll(applicant("two", 9), now_ms=NOW_MS)
    assert isinstance(outcome, Admitted)
    assert outcome.agent.standing is Standing.UNVERIFIED
    store.close()


def test_the_copy_that_the_settings_name_is_found(lost: Lost, tmp_path: Path) -> None:
    """Nobody has to know where it is."""
    elsewhere = tmp_path / "elsewhere.log"
    settings = lost.data / "fieldgate.toml"
    settings.write_text(settings.read_text() + f'revocation_log = "{elsewhere}"\n')
    lost.backup = tmp_path / "second.tar"
    assert lost.run("backup", "create", lost.backup) == 0
    assert lost.run("agent", "revoke", lost.agents["b"].agent_uid, "--why", "stolen") == 0
    shutil.rmtree(lost.data)
    assert lost.restore() == 0
    assert lost.standing("b") is Standing.REVOKED


@pytest.mark.parametrize("harm", ["older", "edited", "another's", "none"])
def test_a_log_that_does_not_continue_the_backups(
    lost: Lost, tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    """It might lack what matters."""
    older = lost.log.read_bytes()
    assert lost.run("token", "reset", "one") == 0
    lost.backup = tmp_path / "second.tar"
    assert lost.run("backup", "create", lost.backup) == 0
    given = tmp_path / "given.log"
    data = lost.log.read_bytes()
    if harm == "older":
        data = older
    elif harm == "edited":
        data = data.replace(b'"one"', b'"two"')
    elif harm == "another's":
        uid = json.loads((lost.data / "version.json").read_bytes())["provider_uid"]
        data = data.replace(uid.encode(), b"0" * len(uid)).splitlines(keepends=True)[0]
    else:
        data = b"nothing\n"
    given.write_bytes(data)
    assert lost.restore("--revocation-log", given) == 2
    assert "FG-1026" in capsys.readouterr().err
    assert not lost.into.exists()


def test_what_is_there_is_never_overwritten(lost: Lost, tmp_path: Path) -> None:
    """Neither a folder nor a store that the settings name elsewhere."""
    lost.into.mkdir()
    (lost.into / "precious").touch()
    assert lost.restore("--revocation-log", lost.log) == 2
    assert [path.name for path in lost.into.iterdir()] == ["precious"]
    (lost.into / "precious").unlink()
    settings = lost.data / "fieldgate.toml"
    taken = tmp_path / "taken.sqlite"
    shutil.copy(lost.data / "store.sqlite", taken)
    settings.write_text(settings.read_text() + f'store = "sqlite:///{taken}"\n')
    lost.backup = tmp_path / "second.tar"
    assert lost.run("backup", "create", lost.backup) == 0
    before = taken.read_bytes()
    assert lost.restore("--revocation-log", lost.log) == 2
    assert taken.read_bytes() == before
    assert list(lost.into.iterdir()) == []
    taken.rename(tmp_path / "away.sqlite")
    assert lost.restore("--revocation-log", lost.log) == 0
    assert taken.exists()
    assert not (lost.into / "store.sqlite").exists()


def test_a_changed_backup_is_not_restored(
    lost: Lost, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is left of it."""
    whole = bytearray(lost.backup.read_bytes())
    at = whole.index(b"PRIVATE KEY") + 30
    whole[at] ^= 1
    lost.backup.write_bytes(whole)
    assert lost.restore("--revocation-log", lost.log) == 4
    assert "FG-1022" in capsys.readouterr().err
    assert not lost.into.exists()


def test_one_from_a_newer_version_is_refused(
    lost: Lost, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its layout."""
    folder = tmp_path / "second"
    assert lost.run("backup", "create", folder) == 0
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"layout": 99}))
    lost.backup = folder
    assert lost.restore("--revocation-log", lost.log) == 2
    assert "FG-1004" in capsys.readouterr().err


def test_no_session_of_the_copy_lives(lost: Lost, data: Path) -> None:
    """An agent that comes back within the lease of its lost edge is no clone of itself."""
    with open_provider(data) as provider:
        provider.store.sessions.register_edge("edge", [], lease_ms=10**9, now_ms=NOW_MS)
    lost.backup = lost.backup.with_name("second.tar")
    assert lost.run("backup", "create", lost.backup) == 0
    assert lost.restore("--revocation-log", lost.log) == 0
    store = lost.restored()
    [edge] = store.sessions.list_edges()
    assert edge.lease_until_ms == 0
    assert all(agent.status is not ConnectionStatus.ONLINE for agent in store.agents.list(now_ms=NOW_MS))
    store.close()


def test_a_command_that_waited_is_withdrawn(lost: Lost, data: Path) -> None:
    """It may have been cancelled since the backup."""
    with open_provider(data) as provider:
        provider.store.commands.enqueue(
            lost.agents["a"].agent_uid, commands.CollectNow(), who="me", ttl_ms=3_600_000, now_ms=NOW_MS
        )
    lost.backup = lost.backup.with_name("second.tar")
    assert lost.run("backup", "create", lost.backup) == 0
    assert lost.restore("--revocation-log", lost.log) == 0
    store = lost.restored()
    [view] = store.commands.list()
    assert view.command.state == "cancelled"
    store.close()


@pytest.mark.parametrize("root_offline", [False, True])
def test_issuers_that_were_forgotten_since_stay_forgotten(
    lost: Lost, capsys: pytest.CaptureFixture[str], root_offline: bool
) -> None:
    """A key of an agents' issuer leaked. Where the backup's authority can't make another one, there is no restore."""
    if root_offline:
        key = next((lost.data / "ca").glob("root-*.key"))
        kept = key.read_bytes()
        key.unlink()
        lost.backup = lost.backup.with_name("second.tar")
        assert lost.run("backup", "create", lost.backup) == 0
        key.write_bytes(kept)
    leaked = Authority.load(lost.data / "ca").state.agent_issuer.pin
    assert lost.run("ca", "rotate", "--issuers") == 0
    assert lost.run("ca", "rotate", "--forget") == 0
    code = lost.restore("--revocation-log", lost.log)
    if root_offline:
        assert code == 2
        assert "root's key" in capsys.readouterr().err
        assert not lost.into.exists()
        return
    assert code == 0
    state = Authority.load(lost.into / "ca").state
    assert state.agent_issuer.pin != leaked
    assert state.retired_agent_issuers == ()
    assert Authority.load(lost.into / "ca").gateway_chains()
    assert not Authority.load(lost.into / "ca").gateway_due(datetime.now(UTC), ("gateway.example",))


# -- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture
def on_postgres(tmp_path: Path, postgres_server: PostgresServer) -> tuple[Path, AgentEntry]:
    """A gateway whose store is on a server."""
    data = tmp_path / "pg"
    url = postgres_server.url(postgres_server.new_database())
    make_provider(data, "Nordlicht IT", ("gateway.example",), url)
    with open_provider(data) as provider:
        company = provider.store.organizations.add_company("Ölund", now_ms=1)
        token(provider.store, "client", company.uid)
        agent = enroll(provider.store, now_ms=NOW_MS)
        with provider.store.projection() as p:
            stream = open_stream(p, agent, epoch=5)
            apply_batch(
                p,
                agent,
                epoch=5,
                stream_id=stream,
                first=1,
                rows=[event(n) for n in range(2500)],
                batch_id=b"b" * 16,
            )
    return data, agent


def rows_of(store: Store, agent: AgentEntry) -> list[Any]:
    return list(store.events.export(agent.agent_uid))


def test_a_store_on_postgresql_is_backed_up_and_restored_to_either(
    on_postgres: tuple[Path, AgentEntry], tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, run: Run,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Without PostgreSQL's own tools: rows of one moment in a SQLite file. The counters of the new database go on."""
    data, agent = on_postgres
    backup = tmp_path / "pg.tar"
    assert main(["backup", "create", str(backup), "--data", str(data)]) == 0
    assert run("backup", "verify", backup) == 0
    log = data / "revocations.log"
    assert run("backup", "restore", backup, tmp_path / "taken", "--revocation-log", log) == 3
    assert "holds a store already" in capsys.readouterr().err
    assert not (tmp_path / "taken").exists()

    empty = postgres_server.url(postgres_server.new_database())
    for url in (empty, f"sqlite:///{tmp_path / 'lite' / 'store.sqlite'}"):
        into = tmp_path / ("lite" if url.startswith("sqlite") else "again")
        monkeypatch.setenv("FIELDGATE_STORE", url)
        assert run("backup", "restore", backup, into, "--revocation-log", log) == 0
        store = open_store(url)
        assert [stored.sequence for stored in rows_of(store, agent)] == list(range(1, 2501))
        again = enroll(store, key=5, now_ms=NOW_MS)
        assert again.agent_id > agent.agent_id
        store.close()
    assert (tmp_path / "lite" / "store.sqlite").exists()
    assert not (tmp_path / "again" / "store.sqlite").exists()
