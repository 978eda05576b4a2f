"""The agent's life: connect, talk, and connect again, until somebody says stop.

One attempt tries every known gateway once, beginning with the best one, or with the next one after a gateway that refused or
did not keep us. What follows an ending is decided in one place, `_what_next`, from the ending's type alone, so that no
reason can become a loop: whatever is not an order to stop waits by `Backoff`.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

import attrs
import trio

from agent.backoff import SUSTAINED_S, Backoff
from agent.facilities import Facilities
from agent.observer import Ending
from agent.path import Path, PathError, Refusal, open_path
from agent.session import Session
from agent.state import StateError
from certs import from_ms
from protocol import Action, Code
from transport import client_context

# These say that the credential is at fault; with a renewed one at hand, the one before it may still be good.
_CREDENTIAL: Final = frozenset(
    {
        Code.CLIENT_CERT_UNTRUSTED,
        Code.CLIENT_CERT_EXPIRED,
        Code.CLIENT_CERT_BEYOND_GRACE,
        Code.CLIENT_CERT_WRONG_USAGE,
        Code.CLIENT_CERT_WRONG_AGENT,
    }
)


class Stopped(Enum):
    """Why the agent does not go on."""

    ASKED = "asked"
    """`stop` was called."""
    REJECTED = "rejected"
    """The gateway said stop."""
    REENROLL = "re-enroll"
    """The gateway does not accept this credential any more: a new token is needed."""


@attrs.frozen
class Farewell:
    """The end of `Client.run`."""

    why: Stopped
    last: Ending | None


class Client:
    """Keeps one agent connected.

    Args:
        facilities: the agent's.
        backoff: how to wait.
        draw: uniform in [0, 1), for the jitter.
    """

    def __init__(
        self, facilities: Facilities, *, draw: Callable[[], float], backoff: Backoff | None = None
    ) -> None:
        self._with = facilities
        self._backoff = backoff or Backoff()
        self._draw = draw
        self._first = 0
        """Which of the gateways to begin with."""
        self._spoken_with = ""
        """The one that answered last."""
        self._session: Session | None = None
        self._stop = trio.Event()
        self._waiting = trio.CancelScope()

    def stop(self) -> None:
        """End the session in order, or the wait for one, and return from `run`."""
        self._stop.set()
        self._waiting.cancel()
        if self._session is not None:
            self._session.leave()

    async def run(self) -> Farewell:
        """Stay connected until `stop` is called or a gateway says so.

        Raises:
            OutboxError: the outbox can no longer be read or written.
        """
        ending: Ending | None = None
        while not self._stop.is_set():
            ending = await self._attempt()
            if self._stop.is_set():
                break
            stopped, wait_s = self._what_next(ending)
            self._with.observer.ended(ending, wait_s)
            if stopped is not None:
                return Farewell(stopped, ending)
            with trio.CancelScope() as self._waiting:
                await trio.sleep(wait_s)
        return Farewell(Stopped.ASKED, ending)

    async def _attempt(self) -> Ending:
        """Connect, and talk until it ends."""
        reporter = self._with.reporter
        refused: list[Refusal] | None = None if reporter is None else []
        try:
            path = await self._connect(refused)
        except PathError as error:
            if reporter is not None:
                reporter.failed(refused or ())
            return Ending(code=error.code, message=error.message, reached=False, address=error.address)
        if reporter is not None and refused:
            reporter.failed(refused, opened=path.address)
        self._spoken_with = path.address
        session = self._session = Session(self._with, path)
        try:
            ending = await session.run()
        finally:
            self._session = None
            self._with.session_ended()
        if ending.code == Code.CLIENT_CERT_MISSING:
            # Said to somebody in between: we were asked for ours, and showed it.
            ending = attrs.evolve(ending, action=Action.RETRY)
            if reporter is not None:
                reporter.denied(path, ending)
        elif reporter is not None:
            if session.unanswered is not None:
                reporter.broke(path, session.unanswered, ending)
            elif ending.lasted_s:
                reporter.ended(ending)
        return ending

    async def _connect(self, refused: list[Refusal] | None) -> Path:
        keeper = self._with.keeper
        credential = keeper.pending or keeper.credential
        known = keeper.identity.gateways
        first = self._first % max(1, len(known))
        with trio.CancelScope() as self._waiting:
            return await open_path(
                known[first:] + known[:first],
                context=client_context(credential.chain_pem, credential.key_pem),
                anchors=keeper.identity.anchors(),
                certified=True,
                at=from_ms(self._with.now()),
                proxies=self._with.proxies,
                refused=refused,
                source=self._with.source,
            )
        raise PathError(Code.GOODBYE, "the agent is stopping")

    def _what_next(self, ending: Ending) -> tuple[Stopped | None, float]:
        """Whether it is over, else how long to wait."""
        keeper = self._with.keeper
        if ending.renewed:
            return None, 0.0
        if keeper.pending is not None and ending.code in _CREDENTIAL:
            self._disprove()  # the old credential has not been refused yet
        elif ending.action is Action.STOP:
            return Stopped.REJECTED, 0.0
        elif ending.action is Action.REENROLL:
            return Stopped.REENROLL, 0.0
        elif ending.action is Action.RENEW:
            self._with.renew_now = True
        if ending.lasted_s < SUSTAINED_S or ending.slot_s is not None:
            self._turn_from(ending)
        if ending.slot_s is not None:
            self._backoff, wait_s = self._backoff.drained(ending.lasted_s, ending.slot_s)
        else:
            self._backoff, wait_s = self._backoff.after(
                ending.lasted_s, self._draw(), retry_after_s=ending.retry_after_s
            )
        return None, wait_s

    def _disprove(self) -> None:
        """Back to the old credential. A file that can't be removed is trouble, and read again after a restart only."""
        try:
            self._with.keeper.disproven()
        except StateError as error:
            self._with.observer.trouble(Code.AGENT_STATE_UNUSABLE, str(error))

    def _turn_from(self, ending: Ending) -> None:
        """Begin with the gateway after the one that did not keep us; it need not be the one that we began with."""
        known = self._with.keeper.identity.gateways
        if ending.reached and self._spoken_with in known:
            self._first = known.index(self._spoken_with)
        self._first += 1
