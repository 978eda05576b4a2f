"""One attempt of an agent's, from the first packet to the gateway's answer: the agent's own parts, in the agent's own order.

A path that is refused is told of as the agent tells of it (`agent.inspection.report.tell`). On a path that is good an agent says
Hello; what both ends saw of such a one is asked for here, by a report about a connection with which nothing is wrong.
"""

import json
from collections.abc import Callable
from datetime import datetime

import attrs
import trio

from agent.hello import AGENT_VERSION, PLATFORM
from agent.inspection.deliver import carry
from agent.inspection.gather import look_back
from agent.inspection.keep import Cut, Opinion
from agent.inspection.report import tell, tell_cut, tell_later
from agent.inspection.teller import Teller
from agent.path import Path, PathError, Refusal, Unanswered, open_path
from agent.proxies import DIRECT, Proxies
from agent.state import StateFolder
from certs import from_ms, to_ms
from certs.inspection import EXPORTER_BYTES, EXPORTER_LABEL, AgentSide, Answer
from protocol import MINOR, NEED_DATA, Code, Connection, Hello, Rejected, Role, Welcome
from transport import BrokenStreamError, TLSStream, client_context

__all__ = ["Outcome", "Session", "attempt", "open_session", "refused_by", "were_cut"]

ANSWER_S = 10.0
AGAIN_S = 0.2


@attrs.frozen(kw_only=True)
class Outcome:
    """What is thought of a path in the end. `counter` is that of the last report; `by_gateway` whether one answered it."""

    verdict: str
    confidence: float
    blame: str
    by_gateway: bool
    counter: int

    @classmethod
    def of_opinion(cls, teller: Teller, opinion: Opinion) -> "Outcome":
        """As a person would be shown it."""
        return cls(
            verdict=opinion.verdict, confidence=opinion.confidence, blame=opinion.blame, by_gateway=opinion.by_gateway, counter=_last(teller)
        )  # fmt: skip

    @classmethod
    def of_answer(cls, teller: Teller, answer: Answer) -> "Outcome":
        """As the gateway said it."""
        assert answer.finding is not None
        return cls(
            verdict=answer.finding.verdict.value, confidence=answer.finding.confidence, blame=answer.finding.blame, by_gateway=True,
            counter=_last(teller),
        )  # fmt: skip


def _last(teller: Teller) -> int:
    """The number of the last report, 0 before there is one."""
    file = teller.keep.folder / "counter.json"
    return int(json.loads(file.read_bytes())["last"]) if file.exists() else 0


async def attempt(teller: Teller, address: str, *, persist_s: float = 0.0) -> Outcome:
    """Try to reach *address* once.

    Args:
        persist_s: try that long to deliver what no gateway has heard.
    """
    refused: list[Refusal] = []
    try:
        path = await _open(teller, address, refused)
    except PathError:
        outcome = Outcome.of_opinion(teller, await tell(teller, refused[0]))
    else:
        outcome = await _compared(teller, path)
    deadline = trio.current_time() + persist_s
    while teller.keep.waiting and trio.current_time() < deadline:
        if not (await tell_later(teller, address)).said:
            await trio.sleep(AGAIN_S)
            continue
        opinion = teller.keep.opinion()
        assert opinion is not None
        outcome = Outcome.of_opinion(teller, opinion)
    return outcome


async def _open(teller: Teller, address: str, refused: list[Refusal]) -> Path:
    return await open_path(
        [address], context=teller.context, anchors=teller.anchors, certified=teller.enrolled, at=from_ms(teller.now()),
        proxies=teller.proxies, refused=refused,
    )  # fmt: skip


async def _compared(teller: Teller, path: Path) -> Outcome:
    """What both ends saw of a path that looks good; where it carries nothing, what the agent makes of that."""
    seen, exporter = path.stream.seen(), path.stream.exporter(EXPORTER_LABEL, EXPORTER_BYTES)

    def refusal(outcome: TLSStream | Unanswered) -> Refusal:
        return Refusal(
            code=Code.HELLO_TIMEOUT, message="no answer", address=path.address, at=path.at, way=path.way, outcome=outcome
        )  # fmt: skip

    observation = await look_back(
        refusal(path.stream), context=teller.context, anchors=teller.anchors, enrolled=teller.enrolled
    )
    report = teller.seal(attrs.evolve(teller.known(observation.side), carried=True))
    _, reply = await carry(observation, report)
    if reply.answer is not None and reply.answer.finding is not None:
        return Outcome.of_answer(teller, reply.answer)
    silent = Unanswered(seen=seen, exporter=exporter, end=None)
    return Outcome.of_opinion(teller, await tell(teller, refusal(silent)))


def refused_by(teller: Teller, address: str, code: int) -> Outcome:
    """What the agent makes of a gateway's own refusal; the gateway hears nothing from whom it has revoked."""
    side = AgentSide(at_ms=teller.now(), dialed=address, enrolled=True, refusal=code)
    finding = teller.judge(teller.known(side))
    return Outcome(
        verdict=finding.verdict.value,
        confidence=finding.confidence,
        blame=finding.blame,
        by_gateway=False,
        counter=_last(teller),
    )


async def were_cut(teller: Teller, cuts: list[Cut], address: str, good: str) -> Outcome:
    """Sessions at *address* were cut; it is told at *good*."""
    for cut in cuts:
        tell_cut(teller, cut, code=Code.CONNECTION_RESET, address=address)
    later = await tell_later(teller, good)
    assert later.said == 1, later
    opinion = teller.keep.opinion()
    assert opinion is not None
    return Outcome.of_opinion(teller, opinion)


@attrs.frozen(kw_only=True)
class Session:
    """What a gateway said to Hello, or why nobody said it."""

    answer: str
    code: int = 0
    lasted_s: float = 0.0
    cut: bool = False


async def open_session(
    keeper: StateFolder,
    address: str,
    *,
    now: Callable[[], datetime],
    proxies: Proxies = DIRECT,
    until_s: float = 0.0,
) -> Session:
    """Say Hello as an agent does, if its own judgement of the path allows it; what came, and how long it was let be.

    Args:
        until_s: wait so long for somebody to cut it.
    """
    identity, credential = keeper.identity, keeper.credential
    try:
        path = await open_path(
            [address], context=client_context(credential.chain_pem, credential.key_pem), anchors=identity.anchors(),
            certified=True, at=now(), proxies=proxies,
        )  # fmt: skip
    except PathError as error:
        return Session(answer=str(error))
    connection = Connection(Role.AGENT)
    begun = trio.current_time()
    cut = False
    hello = Hello(
        minor=MINOR, capabilities=0, agent_uid=identity.agent_uid, installation_uid=identity.installation_uid,
        host_name=identity.host_name, agent_version=AGENT_VERSION, platform=PLATFORM, agent_type=identity.agent_type,
        nonces=(), epoch=1, next_sequence=1, released_sequence=1, agent_time_ms=to_ms(now()), synthetic=identity.synthetic,
        gateway_list_revision=identity.gateway_list_revision, trust_revision=identity.trust_revision,
    )  # fmt: skip
    try:
        with trio.fail_after(ANSWER_S):
            await path.stream.send_all(connection.send(hello))
            answer = await _hear(path.stream, connection)
        if isinstance(answer, Welcome):
            with trio.move_on_after(until_s):
                try:
                    while await path.stream.receive_some():
                        pass
                except BrokenStreamError:
                    cut = True
    finally:
        await trio.aclose_forcefully(path.stream)
    code = answer.code if isinstance(answer, Rejected) else 0
    return Session(answer=type(answer).__name__, code=code, lasted_s=trio.current_time() - begun, cut=cut)


async def _hear(stream: TLSStream, connection: Connection) -> object:
    while (event := connection.next_event()) is NEED_DATA:
        connection.receive_data(await stream.receive_some())
    return event
