"""Asking agents for what can be restored, and for what is wanted back.

A question is a command like any other, and its answer a file in the spool, which is read here and removed: what lies in a customer's folders is
kept no longer than somebody looks at it.
"""

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import attrs

from gateway.restores.errors import AgentRefused, FileMissing, ListingInvalid, NoAnswer, OperatorsOnly
from gateway.restores.files import RestoredFile, open_restored
from gateway.store import CommandState, Conflict, RestoreSession, Scope, Store, StoredCommand, TransferState
from protocol import Code, commands, listing

__all__ = ["Page", "Question", "RestoreDesk", "Wanted", "is_whole"]

Question = commands.ListRestorePoints | commands.BrowseRestorePoint | commands.SearchRestorePoint
Page = listing.Listing[listing.Point] | listing.Listing[listing.Item]
Wanted = commands.DownloadItem | commands.RestoreItems | commands.RestoreWorkload

POLL_S: Final = 0.05
SLOWEST_POLL_S: Final = 0.5

_OURS: Final = 4000
"""From here on a number is an FG code; what is below is the executing product's."""


@attrs.frozen(kw_only=True)
class RestoreDesk:
    """The verbs. Safe to use from several threads."""

    store: Store
    spool: Path
    """Of all edges: `spool` in the data folder."""
    ring: Callable[[], None]
    """Tells the edges that there is a command."""
    now: Callable[[], int]
    """Milliseconds since the epoch."""

    def ask(self, agent_uid: str, question: Question, *, scope: Scope, who: str, wait_s: float) -> str:
        """Ask an agent what there is; the uid under which `answer` finds what it says.

        Raises:
            InvalidCommand: a field is out of its bounds.
            StoreError: as of `store.restores.ask`.
        """
        command = self.store.restores.ask(
            agent_uid, question, scope=scope, who=who, ttl_ms=max(1, round(wait_s * 1000)), now_ms=self.now()
        )
        self.ring()
        return command.uid

    def answer(self, uid: str, question: Question) -> Page | None:
        """What an agent said; None as long as it has said nothing. Once only: what was read is removed.

        Raises:
            AgentRefused: it can't or won't say.
            FileMissing: it was read already, or by an edge on another machine.
            ListingInvalid: what it says can't be read, or can't be true.
        """
        command = self.store.commands.get(uid).command
        if not command.state.is_final:
            return None
        if command.state is not CommandState.SUCCEEDED:
            raise refusal(command)
        data = self._taken(uid)
        try:
            if isinstance(question, commands.ListRestorePoints):
                return listing.read_listing(listing.Point, data)
            items = listing.read_listing(listing.Item, data)
        except listing.ListingError as error:
            raise ListingInvalid(str(error)) from error
        deep = isinstance(question, commands.SearchRestorePoint)
        for item in items.rows:
            if not is_below(item.path, question.path, deep=deep):
                raise ListingInvalid(
                    f"{item.path!r} is not in the folder {question.path!r} that was asked for"
                )
        return items

    def give_up(self, uid: str, *, who: str) -> NoAnswer:
        """Nobody waits for the answer any more: take the question back. What to raise."""
        try:
            taken = self.store.commands.cancel(uid, who=who, now_ms=self.now())
        except Conflict:
            return NoAnswer("the agent answered when nobody waited any more")
        self.ring()
        if taken.state is CommandState.CANCELLED:
            return NoAnswer("the agent is not connected, or too busy to be asked")
        return NoAnswer(f"the agent has not answered yet ({taken.state}); it is told to stop")

    def asked(self, agent_uid: str, question: Question, *, scope: Scope, who: str, wait_s: float) -> Page:
        """Ask, and wait for the answer.

        Raises:
            NoAnswer: there was none within *wait_s*.
            InvalidCommand, RestoreError, StoreError: as `ask` and `answer` do.
        """
        deadline, pause_s = monotonic() + wait_s, POLL_S
        uid = self.ask(agent_uid, question, scope=scope, who=who, wait_s=wait_s)
        while (page := self.answer(uid, question)) is None:
            left_s = deadline - monotonic()
            if left_s <= 0:
                raise self.give_up(uid, who=who)
            sleep(min(pause_s, left_s))
            pause_s = min(SLOWEST_POLL_S, pause_s * 1.2)
        return page

    def begin(
        self,
        agent_uid: str,
        wanted: Wanted,
        *,
        scope: Scope,
        who: str,
        ttl_ms: int,
        uid: str | None = None,
    ) -> RestoreSession:
        """Have an item sent, or some restored on the agent's machine; *uid* as of `store.restores.begin`.

        Raises:
            OperatorsOnly: it is all of a restore point, and the scope is not the provider's.
            StoreError: as of `store.restores.begin`.
        """
        if is_whole(wanted) and scope != Scope.everything():
            raise OperatorsOnly("all of a restore point is for the provider's operators: name the items")
        session = self.store.restores.begin(
            agent_uid, wanted, scope=scope, who=who, ttl_ms=ttl_ms, now_ms=self.now(), uid=uid
        )
        self.ring()
        return session

    def fetch(self, uid: str, *, scope: Scope, who: str) -> RestoredFile:
        """The file of a restore, to be read and closed; whoever takes it is in the audit.

        Raises:
            FileMissing: there is none, not yet or not any more.
            NotFound: the scope has no such restore.
        """
        session = self.store.restores.get(uid, scope=scope)
        file = open_restored(self.spool, session)
        try:
            self.store.restores.fetched(session, who=who, now_ms=self.now())
        except BaseException:
            file.close()
            raise
        return file

    def _taken(self, uid: str) -> bytes:
        """The answer to a question; what lies in a customer's folders is not kept."""
        transfer = self.store.transfers.of_command(uid)
        if transfer is None or transfer.state is not TransferState.COMPLETE:
            raise FileMissing("the agent's answer is not in the spool any more")
        path = self.spool / transfer.path
        try:
            with path.open("rb") as file:
                data = file.read(listing.MAX_LISTING + 1)
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FileMissing(
                f"the agent's answer is not in this machine's spool: {error.strerror}"
            ) from error
        self.store.transfers.swept([uid], message="it was read", now_ms=self.now())
        return data


def is_below(path: str, folder: str, *, deep: bool) -> bool:
    """Whether an item is in that folder, or with *deep* anywhere below it."""
    top = "/" if folder == "/" else f"{folder}/"
    name = path[len(top) :]
    return path.startswith(top) and bool(name) and (deep or "/" not in name)


def is_whole(wanted: Wanted) -> bool:
    """Whether all of a restore point is wanted, and not items of it."""
    return isinstance(wanted, commands.RestoreWorkload) or (
        isinstance(wanted, commands.DownloadItem) and wanted.path == "/"
    )


def refusal(command: StoredCommand) -> AgentRefused:
    """Why a command that has ended did not succeed."""
    known = command.code >= _OURS and command.code in Code._value2member_map_
    code = Code(command.code) if known else None
    text = command.message or f"the command is {command.state}"
    if code is Code.COMMAND_UNSUPPORTED:
        text = f"the agent is older than restores, or one of a simulated fleet: {text}"
    return AgentRefused(text, code)
