"""Bringing a sealed report to a gateway, on whatever still carries it there, and hearing what the gateway makes of it.

    carry      on the very connection that the report is about
    deliver    elsewhere: another gateway, port 443, as an HTTP request, through a proxy

Nothing here needs an enrolled agent, and nothing trusts the path: the report is sealed, and an answer counts only if it was
sealed for this report and signed by the key that the report was sealed to. What is said in the clear (Rejected, an HTTP
status) may be anybody's word on the way: it is noted, and the next way is tried. So no box can end a delivery but by
ending every way of it.

On all ways a connection without the agent's certificate is used: its key signs nothing there.
"""

import enum
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs
import trio

from agent.inspection.gather import Observation, speak
from agent.inspection.replies import Exchange, FrameExchange, HttpExchange, Reply
from agent.path import PathError, split_address
from certs import ReportPublic
from certs.inspection import AgentSide, LastIo, Signer, report_digest, seal_report
from transport import Context, Proxy, TransportError, client_context, connect, connect_plain

__all__ = ["Form", "Report", "Route", "carry", "deliver", "routes_for", "say", "take"]

# All ways together. It runs beside whatever else the agent does, and its only cost is that an answer comes later.
DELIVER_S: Final = 20.0

# A gateway answers when the report is on its disk; a box that swallows everything is given no more than this.
CARRY_S: Final = 8.0
ROUTE_S: Final = 8.0

# A way that has not answered by then gets company. Ten ways in fifteen seconds, if none answers at all.
HEAD_START_S: Final = 1.5

HTTPS_PORT: Final = 443

_OTHERS: Final = 2
_SPARE_PROXIES: Final = 2


class Form(enum.Enum):
    """What a report looks like on the wire."""

    FRAME = "frame"
    """The protocol's own message, in TLS."""
    HTTPS = "https"
    """An HTTP request in TLS."""
    HTTP = "http"
    """An HTTP request in clear: the report is sealed anyway."""


@attrs.frozen(kw_only=True)
class Route:
    """One way to a gateway."""

    address: str
    form: Form = Form.FRAME
    proxy: Proxy | None = None

    def __str__(self) -> str:
        """For logs: `https to gw.example:443 through http://proxy:3128`."""
        how = "" if self.form is Form.FRAME else f"{self.form.value} to "
        through = "" if self.proxy is None else f" through {self.proxy}"
        return f"{how}{self.address}{through}"


@attrs.frozen(kw_only=True)
class Report:
    """A sealed report, and what it takes to read its answer. Sent again, it is sent as the same bytes."""

    sealed: bytes = attrs.field(repr=False)
    answer_key: bytes = attrs.field(repr=False)
    public: ReportPublic
    counter: int

    @classmethod
    def seal(cls, side: AgentSide, signer: Signer, public: ReportPublic, counter: int) -> "Report":
        """Seal what was seen.

        Args:
            side: with `carried` set if, and only if, the report is for `carry`.
            public: the gateway's report key, from a token, a code or a session.
            counter: larger than any before of this signer and installation, and stored already.

        Raises:
            SealError: it can't be put in a report.
        """
        sealed, answer_key = seal_report(side, signer, public, counter)
        return cls(sealed=sealed, answer_key=answer_key, public=public, counter=counter)

    @property
    def digest(self) -> bytes:
        """What an answer is bound to."""
        return report_digest(self.sealed)


def routes_for(
    dialed: str,
    gateways: Sequence[str],
    *,
    proxy: Proxy | None = None,
    spare_proxies: Sequence[Proxy] = (),
) -> tuple[Route, ...]:
    """The ways to try for a report about *dialed*, in their order; at most ten.

    Args:
        dialed: the gateway whose path is at fault.
        gateways: all that are known.
        proxy: that all connections go through.
        spare_proxies: that are known of, and not used.
    """

    def ways() -> Iterator[Route]:
        others = [each for each in gateways if each != dialed][:_OTHERS]
        on_443 = [each for each in _on_443((dialed, *others)) if each not in (dialed, *others)][:_OTHERS]
        for address in (*others, *on_443):
            yield Route(address=address, proxy=proxy)
        for address in (dialed, *on_443[:1]):
            yield Route(address=address, form=Form.HTTPS, proxy=proxy)
        for address in (dialed, *others[:1]):
            yield Route(address=address, form=Form.HTTP, proxy=proxy)
        for spare in spare_proxies[:_SPARE_PROXIES]:
            if spare != proxy:
                yield Route(address=dialed, proxy=spare)

    return tuple(dict.fromkeys(ways()))


def _on_443(addresses: Iterable[str]) -> Iterator[str]:
    for address in addresses:
        try:
            host, _ = split_address(address)
        except PathError:
            continue
        yield f"[{host}]:{HTTPS_PORT}" if ":" in host else f"{host}:{HTTPS_PORT}"


async def carry(
    observation: Observation, report: Report, *, within_s: float = CARRY_S
) -> tuple[Observation, Reply]:
    """Say *report* on the connection that it is about.

    Returns:
        What was seen of the path now, its stream closed: whether anything came back is evidence as well. And the reply.
    """
    exchange = FrameExchange(report.sealed)
    deadline = trio.current_time() + within_s
    observation, first = await speak(observation, exchange.words, within_s=within_s)
    if observation.stream is None:
        silent = observation.side.last_io is LastIo.ANSWER_TIMEOUT
        return observation, Reply(detail="no answer" if silent else "it ended without an answer")
    exchange.hear(first)
    reply = await _converse(observation.stream, exchange, report, deadline)
    return attrs.evolve(observation, stream=None), reply


async def deliver(
    report: Report,
    routes: Iterable[Route],
    *,
    context: Context | None = None,
    within_s: float = DELIVER_S,
    head_start_s: float = HEAD_START_S,
) -> Reply:
    """Bring *report* to a gateway by one of *routes*. A way that is slow gets company by the next, not a successor.

    Args:
        context: for TLS; without a certificate, if None.
        within_s: for all ways together.

    Returns:
        The gateway's own answer, if there was one; else the likeliest reason why not. Nothing that a network does raises.
    """
    replies: list[Reply] = []
    under_way = 0
    context = context or client_context()
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + within_s

        async def go(route: Route, ended: trio.Event) -> None:
            nonlocal under_way
            under_way += 1
            reply = await take(report, route, context=context)
            under_way -= 1
            replies.append(reply)
            ended.set()
            # Another way may have brought the same report a moment ago, and its answer is the one that says something.
            if reply.answer is not None and (not reply.is_replayed or not under_way):
                nursery.cancel_scope.cancel()

        for route in routes:
            ended = trio.Event()
            nursery.start_soon(go, route, ended)
            with trio.move_on_after(head_start_s):
                await ended.wait()
    return max(replies, key=lambda reply: reply.worth, default=Reply(detail="nobody answered"))


async def take(
    report: Report, route: Route, *, context: Context | None = None, within_s: float = ROUTE_S
) -> Reply:
    """Bring *report* along one way. Nothing that a network does raises."""
    deadline = trio.current_time() + within_s
    stream: trio.abc.Stream
    try:
        host, port = split_address(route.address)
        if route.form is Form.HTTP:
            stream = await connect_plain(host, port, deadline, proxy=route.proxy)
        else:
            stream = await connect(
                host, port, context or client_context(), deadline=deadline, proxy=route.proxy
            )
    except TransportError as error:
        return Reply(detail=f"{route}: {error.detail}")
    except PathError as error:
        return Reply(detail=str(error))
    is_frame = route.form is Form.FRAME
    exchange: Exchange = FrameExchange(report.sealed) if is_frame else HttpExchange(report.sealed, host)
    reply = await _converse(stream, exchange, report, deadline, words=exchange.words)
    return attrs.evolve(reply, detail=f"{route}: {reply.detail}" if reply.detail else str(route))


async def say(report: Report, stream: trio.abc.Stream, *, within_s: float = ROUTE_S) -> Reply:
    """Say *report* as the first message on a connection to a gateway, which is closed. Nothing that a network does raises."""
    exchange = FrameExchange(report.sealed)
    return await _converse(stream, exchange, report, trio.current_time() + within_s, words=exchange.words)


async def _converse(
    stream: trio.abc.Stream, exchange: Exchange, report: Report, deadline: float, *, words: bytes = b""
) -> Reply:
    """Say *words* and hear until the exchange is over, or until *deadline*. The stream is closed."""
    try:
        with trio.CancelScope(deadline=deadline):
            if words:
                await stream.send_all(words)
            while not exchange.is_over:
                exchange.hear(bytes(await stream.receive_some()))
    except trio.BrokenResourceError as error:  # BrokenStreamError is one
        exchange.broke(str(getattr(error, "detail", None) or error.__cause__ or error))
    finally:
        await trio.aclose_forcefully(stream)
    return exchange.reply(report.answer_key, report.public, report.digest)
