"""What an agent does about paths that fail: beside its attempts to connect, and never in their way.

The client says what happened; here it is decided whether it is worth a report, and a task looks into it. One of each kind at a
time: what comes meanwhile is dropped, for the same path will fail again. What that takes (`agent.inspection.report` and the judgement) is
imported when the first path fails: an agent whose paths are good never loads it.

*Not every failure is news.* A gateway that restarts leaves thousands of agents without an answer, and none of them has anything
to tell that it doesn't know. So an attempt that says no more than that nothing answered is looked into when it is the third in
a row; one that shows a stranger at the other end, at once. What could not be said is said some time after the next session has
opened, each agent at its own moment.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import attrs
import trio

from agent.identity import Keeper
from agent.inspection.keep import Cut, Keep, Opinion
from agent.observer import Ending, Observer, code_text
from agent.path import Path, PathError, Refusal, Unanswered, open_path
from agent.proxies import DIRECT, Proxies
from agent.state import StateError
from certs import from_ms
from protocol import Code, Welcome

__all__ = ["Reporter"]

# Three attempts with the usual back-off are half a minute: a restart is over by then.
ENOUGH_FAILURES: Final = 3

# So many times the first wait before a reconnect: a minute, in which ten thousand agents say what they have kept.
SPREAD: Final = 8.0

# A gateway that is overloaded or goes away does this, too.
_LITTLE: Final = frozenset({Code.TLS_HANDSHAKE_FAILED, Code.HELLO_TIMEOUT})


class Reporter:
    """Of one enrolled agent. Nothing is done before `run`.

    Args:
        keeper: who the agent is.
        keep: where it keeps what it reports.
        now: milliseconds since the epoch.
        observer: is told what is thought of the path.
        proxies: how the agent dials.
        spread_s: how long after a session has opened it may take until what was kept is said.
        draw: uniform in [0, 1).
    """

    def __init__(
        self,
        keeper: Keeper,
        keep: Keep,
        *,
        now: Callable[[], int],
        observer: Observer,
        draw: Callable[[], float],
        proxies: Proxies = DIRECT,
        spread_s: float = 0.0,
    ) -> None:
        self._keeper = keeper
        self._keep = keep
        self._now = now
        self._observer = observer
        self._proxies = proxies
        self._spread_s = spread_s
        self._draw = draw
        self._nursery: trio.Nursery | None = None
        self._busy: set[str] = set()
        self._failures = 0
        self._offset_ms: int | None = None
        self._good = ""
        self._guarded(self._check)
        self.opinion: Opinion | None = keep.opinion()
        """What is thought of the path; it may be of a former process, and it may be over."""

    @property
    def waiting(self) -> int:
        """How many reports no gateway has yet."""
        return self._keep.waiting

    def status(self, *, connected: bool) -> dict[str, Any]:
        """What a person is shown of it, by name."""
        opinion = self.opinion
        fields: dict[str, Any] = {}
        if opinion is not None and opinion.over_ms is None:
            fields = {
                "path_verdict": opinion.verdict,
                "path_confidence": round(opinion.confidence, 2),
                "path_blame": opinion.blame,
                "path_said_by": "gateway" if opinion.by_gateway else "agent",
                "path_code": code_text(opinion.code),
                "path_gateway": opinion.address,
                "path_since_ms": opinion.since_ms,
                "path_last_ms": opinion.last_ms,
            }
        elif connected:  # its certificate signed the handshake, which no box that opens TLS can pass
            fields = {"path_verdict": "direct", "path_confidence": 1.0, "path_said_by": "session"}
            if opinion is not None:
                fields |= {
                    "path_was": f"{opinion.verdict}: {opinion.blame}",
                    "path_was_until_ms": opinion.over_ms,
                }
        if waiting := self.waiting:
            fields["path_reports_waiting"] = waiting
        return fields

    async def run(self) -> None:
        """Do what the other methods ask for, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    # -- what the client says ----------------------------------------------------------------------------------

    def failed(self, refusals: Sequence[Refusal], *, opened: str = "") -> None:
        """One attempt to connect, and what refused it on its way. The connections are ours from now on.

        Args:
            opened: the address that a path was found to all the same; "" if none was.
        """
        if not opened:
            self._failures += 1
        telling = [each for each in refusals if not each.says_little and each.code not in _LITTLE]
        if self._failures >= ENOUGH_FAILURES and not opened:
            telling += refusals
        told = next((each for each in telling if each.address != opened), None)
        if told is not None and not self._start("path", self._tell(told)):
            told = None
        for refusal in refusals:
            if refusal is not told:
                self._discard(refusal)

    def broke(self, path: Path, unanswered: Unanswered, ending: Ending) -> None:
        """A path was good, and then nobody answered our first message."""
        code = ending.code if isinstance(ending.code, Code) else Code.CONNECTION_LOST
        refusal = Refusal(
            code=code, message=ending.message, address=path.address, at=path.at, way=path.way, outcome=unanswered
        )  # fmt: skip
        self.failed((refusal,))

    def denied(self, path: Path, ending: Ending) -> None:
        """A gateway got no certificate of ours, and we had shown it: somebody with its key ends the TLS in between.

        The connection is gone. Another one is opened, to say so where both ends can be compared.
        """
        self._start("path", self._tell_anew(path, ending))

    def welcomed(self, welcome: Welcome, address: str) -> None:
        """A session is open: the path there is good."""
        self._failures = 0
        self._good = address
        self._offset_ms = self._now() - welcome.gateway_time_ms
        opinion = self.opinion
        if opinion is not None and opinion.over_ms is None and not opinion.is_of_sessions:
            self._end(opinion)
        self._guarded(lambda: self._keep.unsay(address))
        if self.waiting:
            self._start("later", self._say_later())

    def ended(self, ending: Ending) -> None:
        """A session is over that had been open."""
        opinion = self.opinion
        if opinion is not None and opinion.over_ms is None and opinion.is_of_sessions:
            longest_s = max((cut.lasted_s for cut in self._keep.cuts()), default=0.0)
            if ending.lasted_s > 2 * longest_s:
                self._end(opinion)
        if ending.idle_s is None:
            return
        cut = Cut(
            at_ms=self._now(), lasted_s=round(ending.lasted_s, 3), idle_s=round(ending.idle_s, 3),
            close_notify=ending.closed,
        )  # fmt: skip
        self._start("cut", self._tell_cut(cut, int(ending.code)))

    # -- what is done ------------------------------------------------------------------------------------------

    def _start(self, kind: str, work: Coroutine[Any, Any, None]) -> bool:
        """Do it beside everything else, unless something of its kind is being done."""
        if self._nursery is None or kind in self._busy:
            work.close()
            return False
        self._busy.add(kind)
        self._nursery.start_soon(self._do, kind, work)
        return True

    async def _do(self, kind: str, work: Coroutine[Any, Any, None]) -> None:
        from certs.inspection import SealError  # is being loaded anyway

        try:
            await work
        except StateError as error:
            self._observer.trouble(Code.AGENT_STATE_UNUSABLE, str(error))
        except SealError as error:
            self._observer.trouble(Code.INTERNAL_ERROR, f"no path report: {error}")
        except Exception as error:  # noqa: BLE001  # what is judged comes from strangers: a bug here ends no agent
            self._observer.trouble(Code.INTERNAL_ERROR, f"no path report: {type(error).__name__}: {error}")
        finally:
            self._busy.remove(kind)

    async def _tell(self, refusal: Refusal) -> None:
        from agent.inspection.report import tell

        await tell(self._teller(), refusal)

    async def _tell_anew(self, path: Path, ending: Ending) -> None:
        from agent.inspection.report import tell

        teller = self._teller()
        refused: list[Refusal] = []
        try:
            again = await open_path(
                (path.address,), context=teller.context, anchors=teller.anchors, certified=True,
                at=from_ms(self._now()), proxies=self._proxies, refused=refused,
            )  # fmt: skip
        except PathError:
            return
        finally:
            for each in refused:
                self._discard(each)
        denied = Refusal(
            code=Code.CLIENT_CERT_MISSING, message=ending.message, address=again.address, at=again.at, way=again.way,
            outcome=again.stream,
        )  # fmt: skip
        await tell(teller, denied)

    async def _tell_cut(self, cut: Cut, code: int) -> None:
        from agent.inspection.report import tell_cut

        tell_cut(self._teller(), cut, code=code, address=self._good)

    async def _say_later(self) -> None:
        from agent.inspection.report import tell_later

        wait_s: float | None = self._draw() * self._spread_s
        while wait_s is not None:
            await trio.sleep(wait_s)
            later = await tell_later(self._teller(), self._good)
            self._observer.reported(later.said, later.refused, self.waiting)
            wait_s = later.retry_after_s

    def _teller(self) -> Any:
        from agent.inspection.teller import agent_teller

        return agent_teller(
            self._keeper,
            self._keep,
            now=self._now,
            proxies=self._proxies,
            clock_offset_ms=self._offset_ms,
            show=self._show,
        )

    def _show(self, opinion: Opinion) -> None:
        before, self.opinion = self.opinion, opinion
        self._observer.judged(opinion, is_news=before is None or not before.says_the_same(opinion))

    def _end(self, opinion: Opinion) -> None:
        self._show(attrs.evolve(opinion, over_ms=self._now()))
        self._guarded(lambda: self._keep.think(self.opinion or opinion))

    def _check(self) -> None:
        if why := self._keep.drop_unproven():
            self._observer.unproven(why)

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except StateError as error:
            self._observer.trouble(Code.AGENT_STATE_UNUSABLE, str(error))

    def _discard(self, refusal: Refusal) -> None:
        if self._nursery is None:
            refusal.abort()
        else:
            self._nursery.start_soon(refusal.aclose)
