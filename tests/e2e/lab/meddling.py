"""What a box does that opens the TLS and finds a path report in it: changes it, repeats it, holds it back, or says another."""

import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from certs import ReportPublic, chain_from_pem, generate_key, key_to_pem
from certs.inspection import AgentSide, LastIo, agent_signer, seal_report
from protocol import Connection, PathReport, Role
from transport import BrokenStreamError, TLSStream

__all__ = ["HELD_S", "MEDDLERS", "meddle"]

Plan = dict[str, Any]
Upstream = Callable[[], Awaitable[TLSStream]]
Meddler = Callable[[TLSStream, TLSStream, bytes, Upstream, Plan], Awaitable[bytes]]

# A report comes in a record or two, at once.
PAUSE_S = 0.2
ANSWER_S = 5.0
TIMES = 3
HELD_S = 25.0
"""Longer than an agent takes to give up, look closer and go another way."""


async def meddle(near: TLSStream, far: TLSStream, upstream: Upstream, plan: Plan) -> None:
    """Hear what the agent says first, do what the plan says, and pass the answer on; all that was read goes to `record`."""
    said = await _hear(near, first_s=ANSWER_S)
    answer = b""
    if said:
        answer = await MEDDLERS[plan["meddle"]](near, far, said, upstream, plan)
    async with await trio.open_file(plan["record"], "ab") as record:
        await record.write(said + answer)


async def _hear(stream: TLSStream, first_s: float = PAUSE_S) -> bytes:
    """What comes, up to a pause."""
    heard = b""
    with contextlib.suppress(BrokenStreamError):
        while True:
            with trio.move_on_after(PAUSE_S if heard else first_s) as patience:
                if not (more := await stream.receive_some()):
                    break
                heard += more
            if patience.cancelled_caught:
                break
    return heard


async def _exchange(far: TLSStream, said: bytes) -> bytes:
    await far.send_all(said)
    return await _hear(far, first_s=ANSWER_S)


async def _rewrites(near: TLSStream, far: TLSStream, said: bytes, upstream: Upstream, plan: Plan) -> bytes:
    """One bit, in the middle."""
    middle = len(said) // 2
    answer = await _exchange(far, said[:middle] + bytes([said[middle] ^ 1]) + said[middle + 1 :])
    await near.send_all(answer)
    return answer


async def _replays(near: TLSStream, far: TLSStream, said: bytes, upstream: Upstream, plan: Plan) -> bytes:
    """Before its turn and after, on connections of the box's own."""
    answers = []
    for _ in range(TIMES):
        async with await upstream() as another:
            answers.append(await _exchange(another, said))
    await near.send_all(answers[0])
    return b"".join(answers)


async def _delays(near: TLSStream, far: TLSStream, said: bytes, upstream: Upstream, plan: Plan) -> bytes:
    """Until the agent has given up long ago, and told it elsewhere: then it comes after its successor.

    On another connection: the gateway waits for nobody's first word so long.
    """
    await trio.sleep(HELD_S)
    async with await upstream() as another:
        return await _exchange(another, said)


async def _forges(near: TLSStream, far: TLSStream, said: bytes, upstream: Upstream, plan: Plan) -> bytes:
    """That all is well, in the name of the agent: with all that a box may know of it, and that is not its key."""
    folder = trio.Path(plan["victim"])
    identity = json.loads(await (folder / "identity.json").read_text())
    pem = await (folder / "credential.pem").read_bytes()
    chain = tuple(chain_from_pem(pem[pem.index(b"-----BEGIN CERTIFICATE-----") :]))
    signer = agent_signer(
        identity["agent_uid"], identity["installation_uid"], key_to_pem(generate_key()), chain
    )
    side = AgentSide(
        at_ms=plan["at_ms"], dialed=plan["dialed"], enrolled=True, authenticated=True, last_io=LastIo.COMPLETE
    )
    public = ReportPublic(bytes.fromhex(identity["report_keys"][0]))
    sealed, _ = seal_report(side, signer, public, plan["at_ms"])
    answer = await _exchange(far, Connection(Role.AGENT).send(PathReport(sealed=sealed)))
    await near.send_all(answer)
    return answer


MEDDLERS: dict[str, Meddler] = {
    "rewrites": _rewrites,
    "replays": _replays,
    "delays": _delays,
    "forges": _forges,
}
