"""Asking agents for what can be restored, and for what is wanted back.

A question is a command like any other, and its answer a file in the spool, which is read here and removed: what lies in a customer's folders is
kept no longer than somebody looks at it.
"""

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Final, TypeVar

import attrs

from gateway.restores.errors import AgentRefused, FileMissing, ListingInvalid, NoAnswer, OperatorsOnly
from gateway.restores.files import RestoredFile, open_restored
from gateway.store import CommandState, Conflict, RestoreSession, Scope, Store, StoredCommand, TransferState
from protocol import Code, commands, listing

__all__ = ["RestoreDesk", "is_whole"]

T = TypeVar("T", listing.Point, listing.Item)

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

    def points(
        self, agent_uid: str, question: commands.ListRestorePoints, *, scope: Scope, who: str, wait_s: float
    ) -> listing.Listing[listing.Point]:
        """A page of restore points, the newest first.

        Raises:
            AgentRefused: the agent can't or won't say.
            ListingInvalid: what it says can't be read.
            NoAnswer: it said nothing within *wait_s*.
            StoreError: as of `store.restores.ask`.
        """
        command = self._ask(agent_uid, question, scope=scope, who=who, wait_s=wait_s)
        return self._read(listing.Point, command)

    def browse(
        self, agent_uid: str, question: commands.BrowseRestorePoint, *, scope: Scope, who: str, wait_s: float
    ) -> listing.Listing[listing.Item]:
        """A page of a folder. Raises as `points` does."""
        command = self._ask(agent_uid, question, scope=scope, who=who, wait_s=wait_s)
        page = self._read(listing.Item, command)
        below = question.path.rstrip("/")
        for item in page.rows:
            folder, _, name = item.path.rpartition("/")
            if folder != below or not name:
                raise ListingInvalid(
                    f"{item.path!r} is not in the folder {question.path!r} that was asked for"
                )
        return page

    def search(
        self, agent_uid: str, question: commands.SearchRestorePoint, *, scope: Scope, who: str, wait_s: float
    ) -> listing.Listing[listing.Item]:
        """A page of what was found. Raises as `points` does."""
        command = self._ask(agent_uid, question, scope=scope, who=who, wait_s=wait_s)
        page = self._read(listing.Item, command)
        below = "/" if question.path == "/" else f"{question.path}/"
        for item in page.rows:
            if not item.path.startswith(below):
                raise ListingInvalid(
                    f"{item.path!r} is not below the folder {question.path!r} that was asked for"
                )
        return page

    def begin(self, agent_uid: str, wanted: Wanted, *, scope: Scope, who: str, ttl_ms: int) -> RestoreSession:
        """Have an item sent, or some restored on the agent's machine.

        Raises:
            OperatorsOnly: it is all of a restore point, and the scope is not the provider's.
            StoreError: as of `store.restores.begin`.
        """
        if is_whole(wanted) and scope != Scope.everything():
            raise OperatorsOnly("all of a restore point is for the provider's operators: name the items")
        session = self.store.restores.begin(
            agent_uid, wanted, scope=scope, who=who, ttl_ms=ttl_ms, now_ms=self.now()
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

    def _ask(
        self,
        agent_uid: str,
        question: commands.ListRestorePoints | commands.BrowseRestorePoint | commands.SearchRestorePoint,
        *,
        scope: Scope,
        who: str,
        wait_s: float,
    ) -> StoredCommand:
        """The command, once it has succeeded."""
        ttl_ms = max(1, round(wait_s * 1000))
        asked = self.store.restores.ask(
            agent_uid, question, scope=scope, who=who, ttl_ms=ttl_ms, now_ms=self.now()
        )
        self.ring()
        deadline, pause_s = monotonic() + wait_s, POLL_S
        command = asked
        while not command.state.is_final:
            if monotonic() >= deadline:
                raise self._given_up(command, who)
            sleep(min(pause_s, max(0.0, deadline - monotonic())))
            pause_s = min(SLOWEST_POLL_S, pause_s * 1.2)
            command = self.store.commands.get(asked.uid).command
        if command.state is not CommandState.SUCCEEDED:
            raise refusal(command)
        return command

    def _given_up(self, command: StoredCommand, who: str) -> NoAnswer:
        """Nobody waits for the answer any more: take the question back."""
        try:
            taken = self.store.commands.cancel(command.uid, who=who, now_ms=self.now())
        except Conflict:
            return NoAnswer("the agent answered when nobody waited any more")
        self.ring()
        if taken.state is CommandState.CANCELLED:
            return NoAnswer("the agent is not connected, or too busy to be asked")
        return NoAnswer(f"the agent has not answered yet ({command.state}); it is told to stop")

    def _read(self, cls: type[T], command: StoredCommand) -> listing.Listing[T]:
        transfer = self.store.transfers.of_command(command.uid)
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
        self.store.transfers.swept([command.uid], message="it was read", now_ms=self.now())
        try:
            return listing.read_listing(cls, data)
        except listing.ListingError as error:
            raise ListingInvalid(str(error)) from error


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
        text = f"the agent is older than restores, and has to be upgraded first: {text}"
    return AgentRefused(text, code)
