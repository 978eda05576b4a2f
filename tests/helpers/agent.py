"""A small agent for tests of the gateway: a certificate, an outbox in memory, and the protocol's own Connection."""

import contextlib
import platform
import secrets
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import attrs
import trio
from cryptography.hazmat.primitives.asymmetric import ec

from certs import (
    EXPORTER_BYTES,
    EXPORTER_LABEL,
    Token,
    chain_to_pem,
    generate_key,
    key_to_pem,
    make_csr,
    sign_enrollment,
)
from protocol import (
    MINOR,
    NEED_DATA,
    NO_BATCH,
    PEER_CLOSED,
    Ack,
    AgentType,
    Connection,
    Enroll,
    Enrolled,
    EventBatch,
    EventKind,
    Health,
    Heartbeat,
    Hello,
    JobEvent,
    JobStatus,
    Message,
    Rejected,
    Role,
    Welcome,
    batch_id,
    encode,
)
from tests.helpers.edges import RunningEdge, wall_ms
from transport import TLSStream, client_context, connect

T = TypeVar("T", bound=Message)

LIMIT_S = 30.0  # a hang is a failure; a busy machine is none


def job_event(n: int = 0, **fields: Any) -> JobEvent:
    """A plausible event."""
    defaults: dict[str, Any] = {
        "time_ms": 1_700_000_000_000 + n,
        "kind": EventKind.WORKLOAD_FINISHED,
        "job_uid": "job-1",
        "session_uid": "run-1",
        "workload_uid": f"vm-{n % 10}",
        "status": JobStatus.SUCCESS,
        "attempt": 1,
        "duration_ms": 1000 + n,
        "processed_bytes": 10_000_000 + n,
        "transferred_bytes": 1_000_000 + n,
        "code": 0,
        "message": "finished",
    }
    return JobEvent(**(defaults | fields))


@attrs.define
class Line:
    """One open connection."""

    stream: TLSStream
    connection: Connection
    heard: list[Message] = attrs.field(factory=list)
    closed: bool = False

    async def say(self, *messages: Message) -> None:
        await self.stream.send_all(b"".join(map(self.connection.send, messages)))

    async def say_payload(self, tag: int, payload: bytes) -> None:
        await self.stream.send_all(self.connection.send_batch(tag, payload))

    async def hear(self) -> Message | None:
        """The next message; None when the gateway has said its last."""
        with trio.fail_after(LIMIT_S):
            while (event := self.connection.next_event()) is NEED_DATA:
                self.connection.receive_data(await self.stream.receive_some())
        if event is PEER_CLOSED:
            self.closed = True
            return None
        self.heard.append(event)
        return event

    async def expect(self, kind: type[T], where: Callable[[T], object] = lambda message: True) -> T:
        """The next message of that kind for which *where* holds; others are passed over."""
        while (message := await self.hear()) is not None:
            if isinstance(message, kind) and where(message):
                return message
        raise AssertionError(f"closed without a {kind.__name__}: heard {self.heard}")

    async def hear_the_end(self) -> list[Message]:
        """Everything up to the end."""
        while await self.hear() is not None:
            pass
        return self.heard

    async def heartbeat(self, **fields: Any) -> None:
        await self.say(Heartbeat(**({"agent_time_ms": wall_ms(), "health": Health.HEALTHY} | fields)))


@attrs.define(kw_only=True)
class TestAgent:
    """One agent's identity and what it has cut."""

    __test__ = False  # a helper, whatever its name looks like

    key: ec.EllipticCurvePrivateKey = attrs.field(factory=generate_key)
    chain: tuple[bytes, ...] = ()
    uid: str = ""
    agent_type: AgentType = AgentType.CLIENT
    synthetic: bool = False
    installation: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    epoch: int = attrs.field(factory=lambda: secrets.randbelow(2**62) + 1)
    next_sequence: int = 1
    previous: bytes = NO_BATCH
    nonces: tuple[bytes, ...] = ()
    welcome: Welcome | None = None
    trust_revision: int = 0
    clock_ms: Callable[[], int] = wall_ms

    def copy(self) -> "TestAgent":
        """A clone of the machine."""
        return attrs.evolve(self)

    async def dial(self, port: int, *, certificate: bool = True) -> Line:
        """TLS, and nothing said yet."""
        pems = (
            (chain_to_pem(self.chain), key_to_pem(self.key)) if self.chain and certificate else (None, None)
        )
        stream = await connect(
            "127.0.0.1", port, client_context(*pems), "127.0.0.1", trio.current_time() + LIMIT_S
        )
        return Line(stream, Connection(Role.AGENT))

    # -- enrollment --------------------------------------------------------------------------------------------

    async def try_enroll(self, port: int, token: Token) -> Enrolled | Rejected:
        """Enroll; the answer, whichever it is."""
        line = await self.dial(port, certificate=False)
        csr = make_csr(self.key, "backup-1")
        exporter = line.stream.exporter(EXPORTER_LABEL, EXPORTER_BYTES)
        await line.say(self.enroll_message(csr, token.id, sign_enrollment(token.seed, exporter, csr)))
        answer = await line.hear()
        await line.stream.aclose()
        assert isinstance(answer, Enrolled | Rejected)
        if isinstance(answer, Enrolled):
            self.uid, self.chain = answer.agent_uid, answer.certificate_chain
        return answer

    async def enroll(self, port: int, token: Token) -> "TestAgent":
        answer = await self.try_enroll(port, token)
        assert isinstance(answer, Enrolled), answer
        return self

    def enroll_message(self, csr: bytes, token_id: str = "", signature: bytes = b"") -> Enroll:
        return Enroll(
            token_id=token_id,
            csr=csr,
            signature=signature,
            installation_uid=self.installation,
            host_name="backup-1",
            agent_version="1.0",
            platform=platform.system(),
            agent_type=self.agent_type,
            agent_time_ms=self.clock_ms(),
            synthetic=self.synthetic,
        )

    # -- sessions ----------------------------------------------------------------------------------------------

    def hello(self, **fields: Any) -> Hello:
        defaults: dict[str, Any] = {
            "minor": MINOR,
            "capabilities": 0,
            "agent_uid": self.uid,
            "installation_uid": self.installation,
            "host_name": "backup-1",
            "agent_version": "1.0",
            "platform": platform.system(),
            "agent_type": self.agent_type,
            "nonces": self.nonces,
            "epoch": self.epoch,
            "next_sequence": self.next_sequence,
            "released_sequence": 1,
            "agent_time_ms": self.clock_ms(),
            "synthetic": self.synthetic,
            "trust_revision": self.trust_revision,
        }
        return Hello(**(defaults | fields))

    async def greet(self, port: int, **fields: Any) -> tuple[Line, Message | None]:
        """Dial and say Hello; the line and the first answer."""
        line = await self.dial(port)
        await line.say(self.hello(**fields))
        answer = await line.hear()
        if isinstance(answer, Welcome):
            self.welcome = answer
            self.nonces = (answer.nonce, *self.nonces[:1])
        return line, answer

    @contextlib.asynccontextmanager
    async def session(self, port: int, **fields: Any) -> AsyncIterator[Line]:
        """An open session; a heartbeat follows Welcome, as with the real agent."""
        line, answer = await self.greet(port, **fields)
        try:
            assert isinstance(answer, Welcome), answer
            await line.heartbeat(agent_time_ms=self.clock_ms())
            yield line
        finally:
            line.stream.close()

    async def refused(self, port: int, **fields: Any) -> Rejected:
        """Say Hello and hear a refusal, and then the end."""
        line, answer = await self.greet(port, **fields)
        assert isinstance(answer, Rejected), answer
        assert await line.hear() is None
        await line.stream.aclose()
        return answer

    # -- batches -----------------------------------------------------------------------------------------------

    def cut(self, *events: JobEvent) -> bytes:
        """A batch's payload, chained to the one before."""
        return self.cut_rows([event.to_row() for event in events or (job_event(self.next_sequence),)])

    def cut_rows(self, rows: list[tuple[Any, ...]]) -> bytes:
        batch = EventBatch(
            epoch=self.epoch,
            first_sequence=self.next_sequence,
            count=len(rows),
            previous=self.previous,
            rows=rows,
        )
        payload = encode(batch)
        self.next_sequence += len(rows)
        self.previous = batch_id(payload)
        return payload

    async def send(self, line: Line, payload: bytes) -> None:
        await line.say_payload(EventBatch.tag, payload)

    async def acknowledged(self, line: Line) -> Ack:
        """Everything cut so far is durable."""
        mark = self.next_sequence
        return await line.expect(
            Ack, lambda ack: any(m.epoch == self.epoch and m.next_sequence == mark for m in ack.durable)
        )


async def enrolled(edge: RunningEdge) -> TestAgent:
    """An agent of the company, enrolled a moment ago."""
    return await TestAgent().enroll(edge.remote_port, edge.provider.token())
