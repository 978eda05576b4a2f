"""One look at the whole way, within its time, and what is made of it.

    attempt     DNS, TCP, a proxy, TLS: as the agent dials, with its certificate if there is one
    payload     a request that every gateway answers; with a code, a path report instead, on the very connection
    control     experiments that differ from the attempt in one thing, all at the same time: those that the failure asks for;
                where nothing failed, a small hello and port 443 (6180 where that was dialed)
    sizes       where a small hello passes and a large one does not
    delivery    with a code, if the connection carried nothing, or ended without the gateway's answer: the report goes another way

A healthy path takes a few round trips and the control experiments, 2 s at most: what another port does not answer says nothing
more after that. A broken one takes the sum of the limits below, at the very worst (`LONGEST_S`).
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import attrs
import trio

from agent.inspection.deliver import Report, carry, deliver, routes_for
from agent.inspection.gather import Observation, observe, speak
from agent.inspection.probes import SEGMENT, Prober, control_request, with_probes
from agent.inspection.replies import Reply
from agent.observer import code_text
from agent.path import split_address
from agent.probe.asker import Asker
from agent.probe.steps import Step, steps_of
from agent.proxies import Proxies, Way
from certs import PathCode, to_ms
from certs.inspection import AgentSide, Evidence, Finding, LastIo, code_signer, judge

__all__ = ["LONGEST_S", "Examined", "Progress", "examine"]

# The slowest satellite path needs three seconds for DNS, TCP and TLS together.
ATTEMPT_S: Final = 8.0
# A proxy of the environment's is a hint: after it, the way without one is tried.
HINT_S: Final = 4.0
ANSWER_S: Final = 5.0
CONTROL_S: Final = 4.0
CLEAN_CONTROL_S: Final = 2.0
DELIVER_S: Final = 8.0

LONGEST_S: Final = HINT_S + ATTEMPT_S + max(2 * CONTROL_S + DELIVER_S, ANSWER_S + 2 * CONTROL_S)

Progress = Callable[[str, tuple[Step, ...]], None]
"""Told what is being done now, and every step whose outcome is known."""

Now = Callable[[], datetime]


@attrs.frozen(kw_only=True)
class Examined:
    """What came of it.

    Attributes:
        signed: whether a gateway's signature vouches for the finding.
        note: why there is no gateway's view, where one was asked for.
    """

    evidence: Evidence
    finding: Finding
    steps: tuple[Step, ...]
    signed: bool = False
    note: str = ""


def wall_clock() -> datetime:
    """UTC."""
    return datetime.now(UTC)


async def examine(
    address: str,
    asker: Asker,
    proxies: Proxies,
    *,
    code: PathCode | None = None,
    progress: Progress = lambda _now, _steps: None,
    now: Now = wall_clock,
) -> Examined:
    """Look at the way to *address* once.

    Args:
        code: for the gateway's view. It is used up by this.

    Raises:
        PathError: *address* is none. Nothing that a network does raises.
    """
    look = _Look(address, asker, proxies, progress, now)
    try:
        await look.attempt()
        reply, left_s = None, DELIVER_S
        if code is None:
            await look.ask()
        else:
            begun = trio.current_time()
            reply = await look.carry(code)
            left_s -= trio.current_time() - begun
        await look.control()
        # Who says nothing may have passed the report on, and the code is spent; who hangs up at once has not waited for an answer.
        if code is not None and (reply is None or (reply.answer is None and left_s > DELIVER_S - ANSWER_S)):
            reply = await look.deliver(code, within_s=left_s)
    finally:
        await look.aclose()
    return look.concluded(reply)


class _Look:
    def __init__(self, address: str, asker: Asker, proxies: Proxies, progress: Progress, now: Now) -> None:
        self._address, self._asker, self._proxies = address, asker, proxies
        self._progress, self._now = progress, now
        self._way = Way()
        self._seen = Observation(AgentSide(at_ms=to_ms(now()), dialed=address))
        self._asked = False

    def _doing(self, what: str) -> None:
        self._progress(what, self._steps())

    def _steps(self) -> tuple[Step, ...]:
        return steps_of(self._seen.side, self._asker.anchors, asked=self._asked)

    async def attempt(self) -> None:
        ways = self._proxies.ways(*split_address(self._address))
        for way in ways:
            through = f" through {way.proxy}" if way.proxy else ""
            self._doing(f"connecting to {self._address}{through}")
            self._way = way
            seen = await observe(
                self._address,
                context=self._asker.context(),
                now=self._now,
                anchors=self._asker.anchors,
                enrolled=self._asker.enrolled,
                proxy=way.proxy,
                proxy_source=way.source,
                patience_s=ATTEMPT_S if way is ways[-1] else HINT_S,
            )
            self._seen = attrs.evolve(seen, side=self._asker.known(seen.side))
            if seen.side.handshake_complete is not None:  # there was a connection to shake hands on
                break

    async def ask(self) -> None:
        """Whether anything comes back inside the TLS."""
        if self._seen.stream is not None:
            self._doing("asking something inside the TLS")
            host, _ = split_address(self._address)
            self._seen, _ = await speak(self._seen, control_request(host), within_s=ANSWER_S)
            self._asked = True

    async def carry(self, code: PathCode) -> Reply | None:
        """Report on the very connection; None if there is none."""
        if self._seen.stream is None:
            return None
        self._doing("telling the gateway, on this connection")
        self._seen = attrs.evolve(self._seen, side=attrs.evolve(self._seen.side, carried=True))
        self._seen, reply = await carry(self._seen, self._report(code), within_s=ANSWER_S)
        self._asked = True
        return reply

    async def deliver(self, code: PathCode, *, within_s: float) -> Reply:
        """Report by another way."""
        self._doing("telling the gateway, by another way")
        routes = routes_for(
            self._address, code.gateways, proxy=self._way.proxy, spare_proxies=self._proxies.spare()
        )
        self._seen = attrs.evolve(self._seen, side=attrs.evolve(self._seen.side, carried=False))
        return await deliver(self._report(code), routes, within_s=within_s)

    def _report(self, code: PathCode) -> Report:
        assert code.report_public is not None  # noqa: S101  # the command has looked
        return Report.seal(self._seen.side, code_signer(code), code.report_public, to_ms(self._now()))

    async def control(self) -> None:
        side = self._seen.side
        prober = Prober(
            address=self._address,
            anchors=self._asker.anchors,
            chain_pem=self._asker.chain_pem,
            key_pem=self._asker.key_pem,
            proxy=self._way.proxy,
            patience_s=CONTROL_S,
        )
        self._doing("control experiments")
        if side.last_io is LastIo.COMPLETE:
            prober = attrs.evolve(prober, patience_s=CLEAN_CONTROL_S)
            probes = await prober.all_of(list(_of_a_good_path(side)))
            side = attrs.evolve(side, probes=(*side.probes, *probes))
        else:
            side = await with_probes(side, prober)
        self._seen = attrs.evolve(self._seen, side=side)

    async def aclose(self) -> None:
        if self._seen.stream is not None:
            await trio.aclose_forcefully(self._seen.stream)

    def concluded(self, reply: Reply | None) -> Examined:
        side = self._seen.side
        evidence = Evidence(agent=side, expected=self._asker.expected)
        answer = reply.answer if reply is not None else None
        if answer is not None and answer.finding is not None:
            whole = attrs.evolve(evidence, gateway=answer.gateway)
            return Examined(evidence=whole, finding=answer.finding, steps=self._steps(), signed=True)
        return Examined(
            evidence=evidence, finding=judge(evidence), steps=self._steps(),
            note="" if reply is None else _why_not(reply),
        )  # fmt: skip


def _of_a_good_path(side: AgentSide) -> Iterator[str]:
    yield "small-hello"
    if side.hello is None or side.hello.size <= SEGMENT:  # else the attempt itself was the large one
        yield "large-hello"
    yield "other-port"


def _why_not(reply: Reply) -> str:
    if reply.answer is not None:
        return f"the gateway did not add its view: {code_text(reply.answer.code)}"
    said = f"{code_text(reply.refused)}, {reply.detail}" if reply.refused else reply.detail
    return f"the gateway's view did not come ({said}); the code may be used up"
