"""Counts what a fleet goes through, as it happens."""

import collections
from typing import Final

import attrs
import trio

from agent.marks import Ruling
from agent.observer import Ending, Observer, code_text
from agent.simulator.ledger import Ledger
from agent.stored import Stored
from protocol import Code, Mark, Standing, Welcome

# Connections that may be under way at once while a fleet comes up: more would only make each slower.
OPENING: Final = 64


@attrs.define(kw_only=True)
class Tally:
    """One for the whole fleet."""

    count: int
    enrolled: int = 0
    connected: int = 0
    unverified: int = 0
    sessions: int = 0
    batches: int = 0
    sent_bytes: int = 0
    collected: int = 0
    """Events and inventories that were brought into the outboxes."""
    durable: int = 0
    """Acknowledged as on disk: marks, not events, since several batches may share one."""
    refused: collections.Counter[str] = attrs.field(factory=collections.Counter)
    """Connections that did not come to a session, by code."""
    ended: collections.Counter[str] = attrs.field(factory=collections.Counter)
    """Sessions that ended, by code."""
    troubles: collections.Counter[str] = attrs.field(factory=collections.Counter)
    opening: trio.Semaphore = attrs.field(factory=lambda: trio.Semaphore(OPENING))
    """Taken by each agent until its first attempt to connect has come to something, good or bad."""
    stopped: int = 0
    """Agents that a gateway told to stop or to enroll again."""
    latencies: list[float] = attrs.field(factory=list)
    """Seconds from sending a batch to its durable acknowledgement, a sample."""


_SAMPLES = 100_000


class AgentTally(Observer):
    """One agent's part of the tally, and its page of the ledger."""

    __slots__ = ("_agent_uid", "_attempted", "_connected", "_ledger", "_sent_at", "_sent_id", "_tally")

    def __init__(self, tally: Tally, ledger: Ledger, agent_uid: str) -> None:
        self._tally = tally
        self._ledger = ledger
        self._agent_uid = agent_uid
        self._attempted = False
        self._connected = False
        self._sent_id = b""
        self._sent_at = 0.0

    def settle(self) -> None:
        """The first attempt to connect has come to something, if it had not before."""
        if not self._attempted:
            self._attempted = True
            self._tally.opening.release()

    def welcomed(self, welcome: Welcome, address: str) -> None:
        """One more is connected."""
        self.settle()
        self._connected = True
        self._tally.connected += 1
        self._tally.sessions += 1
        self._tally.unverified += welcome.standing is not Standing.VERIFIED

    def sent(self, batch: Stored) -> None:
        """Remember the latest one, to see how long its acknowledgement takes."""
        self._tally.batches += 1
        self._tally.sent_bytes += len(batch.payload)
        self._sent_id, self._sent_at = batch.batch_id, trio.current_time()

    def durable(self, mark: Mark) -> None:
        """Time it."""
        self._tally.durable += 1
        if mark.batch_id == self._sent_id and len(self._tally.latencies) < _SAMPLES:
            self._tally.latencies.append(trio.current_time() - self._sent_at)
            self._sent_id = b""

    def released(self, mark: Mark, ruling: Ruling) -> None:
        """Into the ledger, if it is a mark of ours."""
        if ruling is Ruling.RELEASED:
            self._ledger.told(self._agent_uid, mark)

    def trouble(self, code: Code | int, message: str) -> None:
        """Count it."""
        self._tally.troubles[code_text(code)] += 1

    def ended(self, ending: Ending, wait_s: float) -> None:
        """One less is connected, or one more was refused."""
        self.settle()
        if self._connected:
            self._connected = False
            self._tally.connected -= 1
            self._tally.ended[code_text(ending.code)] += 1
        else:
            self._tally.refused[code_text(ending.code)] += 1
