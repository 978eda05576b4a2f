"""Asking agents: what they answer is judged, read once and removed; what they don't answer is taken back."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from gateway.restores import (
    AgentRefused,
    FileMissing,
    ListingInvalid,
    NoAnswer,
    OperatorsOnly,
    RestoreDesk,
    RestoredFile,
    RestoreError,
)
from gateway.store import CommandState, Scope, Store, TransferState
from protocol import Code, Outcome, commands, listing
from tests.helpers.restoring import NOW, Source, answer, file_of, make_source, put_in_spool

EVERYTHING = Scope.everything()
LIMIT_S = 30.0


def page(*rows: listing.Item) -> bytes:
    made = listing.Page[listing.Item](10)
    for row in rows:
        made.add(row, row.path)
    return bytes(made)


@attrs.frozen
class Agent:
    """Answers whatever its store has queued for it, as soon as the doorbell is rung."""

    store: Store
    source: Source
    spool: Path

    def answer(self, data: bytes) -> None:
        """With a file."""
        for view in self.store.commands.list(states=[CommandState.QUEUED]):
            uid = view.command.uid
            put_in_spool(self.spool, uid, data)
            digest = hashlib.sha256(data).digest()
            file = file_of(uid, self.source.uid, size_bytes=len(data), sha256=digest)
            self.store.transfers.note([file])
            answer(self.store, uid, self.source.uid)

    def refuse(self, outcome: Outcome, code: int, message: str) -> None:
        """With nothing."""
        for view in self.store.commands.list(states=[CommandState.QUEUED]):
            answer(self.store, view.command.uid, self.source.uid, outcome, code=code, message=message)


@pytest.fixture
def agent(sqlite_store: Store, tmp_path: Path) -> Agent:
    return Agent(sqlite_store, make_source(sqlite_store), tmp_path / "spool")


def desk(agent: Agent, ring: Callable[[], None] = lambda: None) -> RestoreDesk:
    return RestoreDesk(store=agent.store, spool=agent.spool, ring=ring, now=lambda: NOW)


def browse(agent: Agent, ring: Callable[[], None], *, wait_s: float = LIMIT_S) -> list[str]:
    """What is in /srv, by the agent that *ring* wakes."""
    question = commands.BrowseRestorePoint(workload_uid="w1", point_uid="p1", path="/srv")
    found = desk(agent, ring).asked(agent.source.uid, question, scope=EVERYTHING, who="ada", wait_s=wait_s)
    return [row.path for row in found.rows if isinstance(row, listing.Item)]


def test_a_folder_is_listed_and_its_list_not_kept(agent: Agent) -> None:
    """The names in a customer's folders stay no longer than it takes to read them."""
    data = page(listing.Item(path="/srv/a", type="file"), listing.Item(path="/srv/b", type="folder"))
    assert browse(agent, lambda: agent.answer(data)) == ["/srv/a", "/srv/b"]
    [view] = agent.store.commands.list()
    assert list((agent.spool / "e").iterdir()) == []
    transfer = agent.store.transfers.of_command(view.command.uid)
    assert transfer is not None
    assert transfer.state is TransferState.REMOVED


def test_what_is_searched_is_below_the_folder_that_was_named(agent: Agent) -> None:
    """And what an agent says of elsewhere is not shown."""
    question = commands.SearchRestorePoint(workload_uid="w1", point_uid="p1", text="a", path="/srv")
    items = [listing.Item(path=path, type="file") for path in ("/srv/a", "/srv/b/a", "/srvb/a")]

    def found(*rows: listing.Item) -> list[str]:
        counter = desk(agent, lambda: agent.answer(page(*rows)))
        answer = counter.asked(agent.source.uid, question, scope=EVERYTHING, who="ada", wait_s=LIMIT_S)
        return [row.path for row in answer.rows if isinstance(row, listing.Item)]

    assert found(*items[:2]) == ["/srv/a", "/srv/b/a"]
    with pytest.raises(ListingInvalid):
        found(*items)


def test_restore_points_are_listed(agent: Agent) -> None:
    made = listing.Page[listing.Point](1)
    points = [listing.Point(uid=f"p{n}", time_ms=n) for n in (2, 1)]
    for point in points:
        made.add(point, point.uid)
    found = desk(agent, lambda: agent.answer(bytes(made))).asked(
        agent.source.uid,
        commands.ListRestorePoints(workload_uid="w1"),
        scope=EVERYTHING,
        who="ada",
        wait_s=LIMIT_S,
    )
    assert (found.rows, found.next) == (points[:1], "p2")


def test_an_answer_is_read_once(agent: Agent) -> None:
    """And whoever asks again asks the agent again."""
    question = commands.ListRestorePoints(workload_uid="w1")
    counter = desk(agent)
    uid = counter.ask(agent.source.uid, question, scope=EVERYTHING, who="ada", wait_s=LIMIT_S)
    assert counter.answer(uid, question) is None
    agent.answer(bytes(listing.Page[listing.Point](1)))
    assert counter.answer(uid, question) is not None
    with pytest.raises(FileMissing):
        counter.answer(uid, question)


def test_an_answer_that_comes_later_is_waited_for(agent: Agent) -> None:
    late = threading.Timer(0.2, lambda: agent.answer(page()))
    assert browse(agent, late.start) == []
    late.join()


@pytest.mark.parametrize(
    "data",
    [
        b"garbage",
        b'{"version": 1, "rows": [{"path": "/srv/a"}]}',
        page(listing.Item(path="/etc/passwd", type="file")),
        page(listing.Item(path="/srv/a/b", type="file")),
        page(listing.Item(path="/srv/", type="file")),
        page(listing.Item(path="/srv", type="folder")),
    ],
    ids=repr,
)
def test_what_an_agent_makes_up_is_not_shown(agent: Agent, data: bytes) -> None:
    """No list at all, or one with what is not in the folder that was asked for."""
    with pytest.raises(ListingInvalid) as caught:
        browse(agent, lambda: agent.answer(data))
    assert caught.value.code is Code.RESTORE_LISTING_INVALID


@pytest.mark.parametrize(
    ("outcome", "number", "code", "says"),
    [
        (
            Outcome.UNSUPPORTED,
            5001,
            Code.COMMAND_UNSUPPORTED,
            "older than restores, or one of a simulated fleet",
        ),
        (Outcome.REFUSED, 5003, Code.COMMAND_NOT_ALLOWED, "not here"),
        (Outcome.FAILED, 5041, Code.RESTORE_ITEM_UNKNOWN, "not here"),
        (Outcome.FAILED, 12, None, "not here"),
        (Outcome.FAILED, 4999, None, "not here"),
    ],
)
def test_what_an_agent_refuses_is_said_with_its_code(
    agent: Agent, outcome: Outcome, number: int, code: Code | None, says: str
) -> None:
    """An older agent has to be upgraded, and that is what is said; another product's number is no code of ours."""
    with pytest.raises(AgentRefused, match=says) as caught:
        browse(agent, lambda: agent.refuse(outcome, number, "not here"))
    assert caught.value.code is code


def test_a_question_that_is_not_answered_is_taken_back(agent: Agent) -> None:
    """An agent that comes back later is not bothered with it."""
    with pytest.raises(NoAnswer, match="not connected"):
        browse(agent, lambda: None, wait_s=0.1)
    [view] = agent.store.commands.list()
    assert view.command.state is CommandState.CANCELLED


def fetched(agent: Agent, data: bytes) -> RestoredFile:
    """The file of a download that has come."""
    wanted = commands.DownloadItem(workload_uid="w1", point_uid="p1", path="/srv/a")
    counter = desk(agent, lambda: agent.answer(data))
    session = counter.begin(agent.source.uid, wanted, scope=EVERYTHING, who="ada", ttl_ms=60_000)
    return counter.fetch(session.uid, scope=EVERYTHING, who="bob")


def test_a_file_is_read_from_wherever_it_is_wanted(agent: Agent) -> None:
    """All of it, or a part; and to its end, although the spool has removed it meanwhile."""
    data = bytes(range(256)) * 3000
    file = fetched(agent, data)
    assert (file.size_bytes, file.sha256) == (len(data), hashlib.sha256(data).digest())
    blocks = file.blocks()
    start = next(blocks)
    for path in (agent.spool / "e").iterdir():
        path.unlink()
    assert start + b"".join(blocks) == data
    assert b"".join(file.blocks(5, 300)) == data[5:300]
    assert b"".join(file.blocks(len(data))) == b""
    file.close()
    assert [entry.who for entry in agent.store.audit.list() if entry.action == "restore fetched"] == ["bob"]


def test_what_is_not_there_is_not_read(agent: Agent) -> None:
    """Not yet, not any more, not what was sent, or somewhere else behind a link: each is said, and nobody took it."""
    wanted = commands.DownloadItem(workload_uid="w1", point_uid="p1", path="/srv/a")
    asked = desk(agent).begin(agent.source.uid, wanted, scope=EVERYTHING, who="ada", ttl_ms=60_000)

    def why() -> str:
        with pytest.raises(FileMissing) as caught:
            desk(agent).fetch(asked.uid, scope=EVERYTHING, who="bob")
        return str(caught.value)

    assert "is queued: its file is not there yet" in why()
    agent.answer(b"12345")
    path = agent.spool / "e" / asked.uid
    path.write_bytes(b"1234")
    assert "not what the agent sent" in why()
    path.unlink()
    assert "not in this machine's spool" in why()
    (agent.spool / "elsewhere").write_bytes(b"12345")
    path.symlink_to(agent.spool / "elsewhere")
    assert "not in this machine's spool" in why()
    agent.store.transfers.swept([asked.uid], message="old", now_ms=NOW)
    assert "removed from the spool" in why()
    assert not [entry for entry in agent.store.audit.list() if entry.action == "restore fetched"]


def test_all_of_a_restore_point_is_for_operators(agent: Agent) -> None:
    """A company's own people have items of it: files and folders; the provider's have both."""
    own = Scope.organization(agent.source.world.company.uid)
    for wanted in (
        commands.DownloadItem(workload_uid="w1", point_uid="p1", path="/"),
        commands.RestoreWorkload(workload_uid="w1", point_uid="p1", mode=commands.IN_PLACE),
    ):
        with pytest.raises(OperatorsOnly):
            desk(agent).begin(agent.source.uid, wanted, scope=own, who="ada", ttl_ms=60_000)
        desk(agent).begin(agent.source.uid, wanted, scope=EVERYTHING, who="ada", ttl_ms=60_000)
    item = commands.RestoreItems(workload_uid="w1", point_uid="p1", paths=("/a",), mode=commands.IN_PLACE)
    desk(agent).begin(agent.source.uid, item, scope=own, who="ada", ttl_ms=60_000)


def test_a_restore_that_failed_says_why(agent: Agent) -> None:
    wanted = commands.DownloadItem(workload_uid="w1", point_uid="p1", path="/srv/a")
    counter = desk(agent, lambda: agent.refuse(Outcome.FAILED, 5041, "not in there"))
    session = counter.begin(agent.source.uid, wanted, scope=EVERYTHING, who="ada", ttl_ms=60_000)
    with pytest.raises(RestoreError, match="the restore is failed: not in there"):
        counter.fetch(session.uid, scope=EVERYTHING, who="bob")


def test_a_file_that_is_cut_off_while_it_is_read_is_not_taken_for_whole(agent: Agent) -> None:
    file = fetched(agent, bytes(1_000_000))
    blocks = file.blocks()
    next(blocks)
    with (agent.spool / "e" / file.session.uid).open("r+b") as whole:
        whole.truncate(300_000)
    with pytest.raises(FileMissing, match="shorter than it was"):
        list(blocks)
    file.close()
