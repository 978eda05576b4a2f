"""The restore log: who asked for what, whose it is, and how it ended, in the transaction in which it ended."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.store import (
    AuditEntry,
    CommandState,
    NotFound,
    RestoreMode,
    RestoreSession,
    Scope,
    Store,
    TransferState,
)
from gateway.store.projected_commands import KEPT_MS
from gateway.store.restores.verbs import MOST_UNDER_WAY, TooManyRestores
from protocol import Code, Outcome, commands
from tests.helpers.restoring import HASH, NOW, Source, answer, file_of, make_source, report_workloads
from tests.helpers.stores import enroll

TTL_MS = 60_000
EVERYTHING = Scope.everything()


@pytest.fixture
def source(store: Store) -> Source:
    return make_source(store)


def wanted(workload_uid: str = "w1", path: str = "/srv/report.bin") -> commands.DownloadItem:
    return commands.DownloadItem(workload_uid=workload_uid, point_uid="p1", path=path)


def download(store: Store, agent_uid: str, *, scope: Scope = EVERYTHING, now_ms: int = NOW) -> RestoreSession:
    return store.restores.begin(agent_uid, wanted(), scope=scope, who="ada", ttl_ms=TTL_MS, now_ms=now_ms)


def audited(store: Store, action: str) -> list[AuditEntry]:
    return [entry for entry in store.audit.list() if entry.action == action]


def test_a_download_is_a_command_and_an_entry_of_the_log(store: Store, source: Source) -> None:
    """With whose it is, what of, and who asked; in the audit as well."""
    session = download(store, source.uid)
    command = store.commands.get(session.uid).command
    assert (command.agent_uid, command.kind, command.payload) == (
        source.uid,
        "download-item",
        wanted().payload(),
    )
    assert (session.organization_uid, session.workload_name) == (source.world.company.uid, "name of w1")
    assert (session.items, session.mode, session.created_by) == (
        ("/srv/report.bin",),
        RestoreMode.DOWNLOAD,
        "ada",
    )
    assert (session.state, session.sha256, session.file_state) == (CommandState.QUEUED, None, None)
    assert store.restores.get(session.uid, scope=EVERYTHING) == session
    assert store.restores.list(scope=EVERYTHING) == [session]
    [entry] = audited(store, "restore asked")
    assert (entry.who, entry.organization_uid) == ("ada", source.world.company.uid)
    assert "download: /srv/report.bin in p1 of name of w1" in entry.about


def test_so_many_at_once_and_then_one_waits(store: Store, source: Source) -> None:
    """Of one agent; what is refused leaves nothing, and one that has ended makes room."""
    sessions = [download(store, source.uid) for _ in range(MOST_UNDER_WAY)]
    with pytest.raises(TooManyRestores) as caught:
        download(store, source.uid)
    assert caught.value.code is Code.RESTORE_TOO_MANY
    assert len(store.commands.list()) == len(store.restores.list(scope=EVERYTHING)) == MOST_UNDER_WAY
    store.commands.cancel(sessions[0].uid, who="ada", now_ms=NOW)
    download(store, source.uid)


@pytest.mark.parametrize(
    ("wanted", "items", "mode", "target"),
    [
        (
            commands.RestoreItems(workload_uid="w1", point_uid="p1", paths=("/a", "/b"), mode="keep-both", folder="/srv"),
            ("/a", "/b"),
            RestoreMode.KEEP_BOTH,
            "/srv",
        ),
        (commands.RestoreWorkload(workload_uid="w1", point_uid="p1", mode="in-place"), ("/",), RestoreMode.IN_PLACE, None),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)  # fmt: skip
def test_what_is_restored_onto_the_server_is_logged_alike(
    store: Store,
    source: Source,
    wanted: commands.RestoreItems,
    items: tuple[str, ...],
    mode: RestoreMode,
    target: str | None,
) -> None:
    """With where it goes; and there is no file."""
    session = store.restores.begin(source.uid, wanted, scope=EVERYTHING, who="ada", ttl_ms=TTL_MS, now_ms=NOW)
    assert (session.items, session.mode, session.target) == (items, mode, target)
    answer(store, session.uid, source.uid, message="restored: 2 new")
    ended = store.restores.get(session.uid, scope=EVERYTHING)
    assert (ended.state, ended.message, ended.sha256) == (CommandState.SUCCEEDED, "restored: 2 new", None)


def test_its_end_is_the_commands_end(store: Store, source: Source) -> None:
    """With the hash and the size of the file that came."""
    session = download(store, source.uid)
    store.transfers.note([file_of(session.uid, source.uid)])
    answer(store, session.uid, source.uid)
    ended = store.restores.get(session.uid, scope=EVERYTHING)
    assert (ended.state, ended.finished_ms, ended.message) == (CommandState.SUCCEEDED, NOW + 5, "done")
    assert (ended.file_name, ended.size_bytes, ended.sha256) == ("report.bin", 5, HASH)
    assert (ended.file_state, ended.path) == (TransferState.COMPLETE, f"e/{session.uid}")


def test_the_log_outlives_the_command_and_its_file(store: Store, source: Source) -> None:
    """What it came to is still known when neither is."""
    session = download(store, source.uid)
    store.transfers.note([file_of(session.uid, source.uid)])
    answer(store, session.uid, source.uid)
    later = NOW + 5 + 2 * KEPT_MS
    with store.projection() as p:
        p.commands.expire(later)
    store.transfers.swept([session.uid], message="old", now_ms=NOW + 6)
    gone = store.restores.get(session.uid, scope=EVERYTHING)
    assert (gone.file_state, gone.path, gone.sha256) == (TransferState.REMOVED, None, HASH)
    store.transfers.swept([], message="", now_ms=later)
    with pytest.raises(NotFound):
        store.commands.get(session.uid)
    forgotten = store.restores.get(session.uid, scope=EVERYTHING)
    assert (forgotten.state, forgotten.sha256, forgotten.file_state) == (CommandState.SUCCEEDED, HASH, None)


def cancelled(store: Store, uid: str, _agent_uid: str) -> None:
    store.commands.cancel(uid, who="bob", now_ms=NOW + 5)


def expired(store: Store, _uid: str, _agent_uid: str) -> None:
    with store.projection() as p:
        p.commands.expire(NOW + TTL_MS)


def revoked(store: Store, _uid: str, agent_uid: str) -> None:
    with store.projection() as p:
        p.commands.abandon_all(agent_uid, message="the agent was revoked", now_ms=NOW + 5)


def refused(store: Store, uid: str, agent_uid: str) -> None:
    answer(store, uid, agent_uid, Outcome.REFUSED, code=Code.COMMAND_NOT_ALLOWED, message="not here")


@pytest.mark.parametrize(
    ("how", "state", "code"),
    [
        (cancelled, CommandState.CANCELLED, Code.COMMAND_CANCELLED),
        (expired, CommandState.EXPIRED, Code.COMMAND_EXPIRED),
        (revoked, CommandState.CANCELLED, Code.COMMAND_CANCELLED),
        (refused, CommandState.FAILED, Code.COMMAND_NOT_ALLOWED),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_however_a_command_ends_the_log_knows(
    store: Store, source: Source, how: Callable[[Store, str, str], Any], state: CommandState, code: Code
) -> None:
    """Also once the command itself is forgotten."""
    session = download(store, source.uid)
    how(store, session.uid, source.uid)
    for _ in range(2):
        ended = store.restores.get(session.uid, scope=EVERYTHING)
        assert (ended.state, ended.code, ended.sha256) == (state, code, None)
        with store.projection() as p:
            p.commands.expire(NOW + TTL_MS + 2 * KEPT_MS)


def test_what_lies_outside_a_scope_does_not_exist(store: Store, source: Source) -> None:
    """Neither to be asked for nor to be looked at; the owner's identical request succeeds."""
    own, foreign = Scope.organization(source.world.company.uid), Scope.organization(source.world.provider.uid)
    reseller = Scope.reseller("somebody")
    session = download(store, source.uid, scope=own)
    question = commands.ListRestorePoints(workload_uid="w1")
    asked = {"who": "ada", "ttl_ms": TTL_MS, "now_ms": NOW}
    assert store.restores.get(session.uid, scope=own) == session
    assert store.restores.list(scope=own) == [session]
    store.restores.ask(source.uid, question, scope=own, who="ada", ttl_ms=TTL_MS, now_ms=NOW)
    before = len(store.commands.list())
    for scope in (foreign, reseller):
        assert store.restores.list(scope=scope) == []
        with pytest.raises(NotFound):
            store.restores.get(session.uid, scope=scope)
        with pytest.raises(NotFound):
            store.restores.ask(source.uid, question, scope=scope, **asked)  # type: ignore[arg-type]  # of two types
        with pytest.raises(NotFound):
            download(store, source.uid, scope=scope)
    assert len(store.commands.list()) == before


def test_a_workload_is_its_own_agents(store: Store, source: Source) -> None:
    """One that the agent does not report, or that another one does, is not there."""
    other = enroll(store, key=1)
    report_workloads(store, other, "w9")
    for agent_uid, workload_uid in ((source.uid, "w9"), (other.agent_uid, "w1"), ("nobody", "w1")):
        with pytest.raises(NotFound):
            store.restores.begin(
                agent_uid, wanted(workload_uid), scope=EVERYTHING, who="ada", ttl_ms=TTL_MS, now_ms=NOW
            )
    assert store.commands.list() == []
    assert store.restores.workloads(source.uid, "w1") == {"w1": "name of w1"}
    assert store.restores.workloads(source.uid, "name of w2") == {"w2": "name of w2"}
    assert store.restores.workloads(other.agent_uid, "w1") == {}


def test_who_looks_is_in_the_audit(store: Store, source: Source) -> None:
    """Names of files are a customer's business; and so is who took one."""
    store.restores.ask(
        source.uid, commands.BrowseRestorePoint(workload_uid="w1", point_uid="p1", path="/srv"),
        scope=EVERYTHING, who="bob", ttl_ms=TTL_MS, now_ms=NOW,
    )  # fmt: skip
    [entry] = audited(store, "restore points read")
    assert (entry.who, entry.organization_uid) == ("bob", source.world.company.uid)
    assert entry.about.startswith("/srv in p1 of name of w1")
    session = download(store, source.uid)
    store.restores.fetched(session, who="carol", now_ms=NOW)
    [entry] = audited(store, "restore fetched")
    assert (entry.who, session.uid in entry.about) == ("carol", True)


def test_the_log_is_listed_newest_first(store: Store, source: Source) -> None:
    """Of one agent, or of all."""
    first, second = (download(store, source.uid, now_ms=NOW + n) for n in range(2))
    assert [each.uid for each in store.restores.list(scope=EVERYTHING)] == [second.uid, first.uid]
    assert [each.uid for each in store.restores.list(scope=EVERYTHING, limit=1)] == [second.uid]
    assert store.restores.list(scope=EVERYTHING, agent_uid="other") == []
