"""A gateway's desk for path reports, at the other end of real sockets: it opens what comes, and answers as a test wants."""

import socket
from collections.abc import Awaitable, Callable

import attrs
import trio

from agent.inspection.keep import Opinion
from certs import ReportKey
from certs.inspection import (
    AgentSide,
    Answer,
    Evidence,
    Finding,
    OpenedReport,
    SealError,
    Signer,
    Verdict,
    code_signer,
    judge,
    open_report,
    seal_answer,
    unseal_answer,
)
from certs.token import PathCode
from protocol import (
    NEED_DATA,
    Action,
    Code,
    Connection,
    PathReport,
    PathVerdict,
    Rejected,
    RemoteProtocolError,
    Role,
    decode,
    encode,
)
from tests.agent.inspection.peers import Serve, gateway_context, tls
from tests.helpers.gateway import NOW_MS
from transport import Context, TLSStream

HEAD_END = b"\r\n\r\n"


def somebody() -> Signer:
    """A person with a code."""
    return code_signer(PathCode.create(seed=bytes(32), pins=(bytes(32),), gateways=("gw.example:6180",)))


@attrs.define(eq=False, kw_only=True)
class Desk:
    """Takes reports, each once. `reply` may put another answer in the place of the right one."""

    key: ReportKey = attrs.field(factory=ReportKey.generate)
    opened: list[OpenedReport] = attrs.field(factory=list)
    sealed: list[bytes] = attrs.field(factory=list)
    refusal: Rejected | None = None
    answers: Callable[["Desk", OpenedReport], bytes] | None = None
    context: Context = attrs.field(factory=gateway_context)
    _changed: trio.Event = attrs.field(factory=trio.Event)

    @property
    def sides(self) -> list[AgentSide]:
        return [each.side for each in self.opened]

    async def until(self, count: int) -> list[OpenedReport]:
        """Wait for that many reports."""
        with trio.fail_after(600):
            while len(self.opened) < count:
                await self._changed.wait()
        return self.opened

    def answer(self, sealed: bytes) -> bytes | Rejected:
        """What a gateway says to it: sealed, or in the clear."""
        self.sealed.append(sealed)
        if self.refusal is not None:
            return self.refusal
        try:
            opened = open_report(sealed, [self.key])
        except SealError as error:
            return rejected(Code.REPORT_UNREADABLE, str(error), Action.STOP)
        replayed = opened.counter in [each.counter for each in self.opened]
        self.opened.append(opened)
        self._changed.set()
        self._changed = trio.Event()
        if replayed:
            return self.sealed_answer(opened, Code.REPORT_REPLAYED)
        return self.answers(self, opened) if self.answers is not None else self.sealed_answer(opened)

    def sealed_answer(self, opened: OpenedReport, code: int = 0, key: ReportKey | None = None) -> bytes:
        finding = judge(Evidence(agent=opened.side)) if not code else None
        answer = Answer(code=int(code), gateway_time_ms=NOW_MS, finding=finding)
        return seal_answer(answer, key or self.key, opened.answer_key, opened.digest)

    # -- what carries it ---------------------------------------------------------------------------------------

    def serve(self) -> Serve:
        """A gateway's port: TLS, or HTTP in clear."""
        in_tls = tls(self.context, self.talk)

        async def serve(sock: socket.socket) -> None:
            await trio.lowlevel.wait_readable(sock)
            if sock.recv(5, socket.MSG_PEEK) == b"POST ":
                await self.http(trio.SocketStream(trio.socket.from_stdlib_socket(sock)), b"")
            else:
                await in_tls(sock)

        return serve

    async def talk(self, stream: TLSStream) -> None:
        """Frames, or HTTP, in TLS."""
        first = b""
        while len(first) < 5:
            more = await stream.receive_some()
            if not more:
                return
            first += more
        if first.startswith(b"POST "):
            await self.http(stream, first)
            return
        connection = Connection(Role.GATEWAY)
        connection.receive_data(first)
        try:
            while (event := connection.next_event()) is NEED_DATA:
                connection.receive_data(await stream.receive_some())
        except RemoteProtocolError:
            return
        if isinstance(event, PathReport):
            answer = self.answer(event.sealed)
            message = answer if isinstance(answer, Rejected) else PathVerdict(sealed=answer)
            await stream.send_all(connection.send(message))

    async def http(
        self, stream: trio.abc.Stream, begun: bytes, hold: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        """One request; its answer waits for *hold*."""
        while HEAD_END not in begun:
            begun += bytes(await stream.receive_some())
        head, _, body = begun.partition(HEAD_END)
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += bytes(await stream.receive_some())
        report = decode(PathReport.tag, body)
        assert isinstance(report, PathReport)
        answer = self.answer(report.sealed)
        status, sealed = (b"200 OK", answer) if isinstance(answer, bytes) else (b"503 Later", b"")
        verdict = encode(PathVerdict(sealed=sealed))
        if hold is not None:
            await hold()
        await stream.send_all(
            b"HTTP/1.1 %s\r\nContent-Length: %d\r\nRetry-After: 60\r\nConnection: close\r\n\r\n%s"
            % (status, len(verdict), verdict)
        )


def proven(opinion: Opinion, key: ReportKey, *, signs: Opinion | None = None) -> Opinion:
    """*opinion* as a gateway's word, with the signature of *key*; under other words if it *signs* another."""
    said = signs or opinion
    finding = Finding(
        verdict=Verdict(said.verdict), confidence=said.confidence, blame=said.blame, reason=said.reason
    )  # fmt: skip
    answer_key, digest = bytes(32), bytes(32)
    sealed = seal_answer(Answer(code=0, gateway_time_ms=NOW_MS, finding=finding), key, answer_key, digest)
    signed = unseal_answer(sealed, answer_key, digest).to_bytes()
    return attrs.evolve(opinion, signed=signed, public=key.public.raw)


def rejected(code: Code, message: str = "", action: Action = Action.RETRY) -> Rejected:
    return Rejected(code=code, message=message, gateway_time_ms=NOW_MS, retry_after_ms=60_000, action=action)
