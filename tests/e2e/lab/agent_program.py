"""`python -m tests.e2e.lab.agent_program`: the agents of the lab's sites, in one process, on one machine of theirs.

Requests come on standard input and answers go to standard output, JSON, one a line; requests run at the same time. Each is for a
site: what names resolve to there, and what address connections go out from, is of that request alone.
"""

import contextlib
import contextvars
import functools
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import trio

from agent.enrollment import Applicant, enroll
from agent.inspection.keep import Cut, Keep
from agent.inspection.teller import Teller, agent_teller, token_teller
from agent.probe.asker import pasted_asker
from agent.probe.examine import examine
from agent.proxies import Proxies
from agent.service import now_ms
from agent.state import StateFolder, enrollment_key
from certs import Token, from_ms
from protocol import AgentType
from tests.e2e.lab import strangers
from tests.e2e.lab.reporting import Outcome, attempt, open_session, refused_by, were_cut

Request = dict[str, Any]

_site: contextvars.ContextVar[Request] = contextvars.ContextVar("site")


class Resolver(trio.abc.HostnameResolver):
    """A site's DNS, and its hosts file."""

    async def getaddrinfo(
        self, host: bytes | None, port: bytes | str | int | None, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0  # noqa: A002  # trio's name
    ) -> Any:  # fmt: skip
        await trio.lowlevel.checkpoint()
        name = host.decode() if isinstance(host, bytes) else str(host)
        known = _site.get().get("resolve", {})
        numeric = socket.AI_NUMERICHOST if name not in known else flags
        return socket.getaddrinfo(known.get(name, name), port, family, type, proto, numeric)

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


class Sockets(trio.abc.SocketFactory):
    """Sockets that go out from the site's own address."""

    def socket(
        self, family: int = socket.AF_INET, type: int = socket.SOCK_STREAM, proto: int = 0  # noqa: A002  # trio's name
    ) -> Any:  # fmt: skip
        sock = socket.socket(family, type, proto)
        source = _site.get().get("source")
        if source is not None and family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
        return trio.socket.from_stdlib_socket(sock)


_BIND_ADDRESS_NO_PORT = 24  # linux/in.h: the port is chosen at connect, so that a source has as many as ever


def teller_of(request: Request) -> Teller:
    """Whose attempt it is: an enrolled agent's, or that of somebody with a token."""
    ahead_ms = 1000 * request.get("ahead_s", 0)
    folder = Path(request["folder"])
    common: dict[str, Any] = {
        "now": lambda: now_ms() + ahead_ms,
        "proxies": Proxies.settle(request.get("proxy", "none"), folder, {}),
    }
    if "token" in request:
        return token_teller(Token.parse(request["token"]), request["installation"], Keep(folder), **common)
    keeper = StateFolder.load(folder)
    return agent_teller(keeper, Keep(folder), clock_offset_ms=None, show=lambda _: None, **common)


async def do_enroll(request: Request) -> Any:
    """Enroll, and keep the state in `folder`."""
    folder = Path(request["folder"])
    applicant = Applicant(
        installation_uid=request["installation"], host_name="backup-1", agent_type=AgentType.CLIENT, synthetic=False,
        key_pem=enrollment_key(folder),
    )  # fmt: skip
    found = await enroll(Token.parse(request["token"]), applicant, now=now_ms)
    StateFolder.create(folder, found.identity, found.credential)
    return found.identity.agent_uid


async def do_attempt(request: Request) -> Any:
    """Try the path, report what was seen, and say what came of it."""
    teller = teller_of(request)
    return said(teller, await attempt(teller, request["dial"], persist_s=request.get("persist_s", 0.0)))


async def do_probe(request: Request) -> Any:
    """Look with the probe, tell nobody, and say what it makes of that."""
    ahead_ms = 1000 * request.get("ahead_s", 0)
    examined = await examine(
        request["dial"], pasted_asker(Token.parse(request["token"])),
        Proxies.settle(request.get("proxy", "none"), Path(request["folder"]), {}),
        now=lambda: from_ms(now_ms() + ahead_ms),
    )  # fmt: skip
    finding = examined.finding
    outcome = Outcome(
        verdict=finding.verdict.value, confidence=finding.confidence, blame=finding.blame, by_gateway=False, counter=0
    )  # fmt: skip
    return attrs.asdict(outcome) | {"signer": "a probe"}


async def do_refused(request: Request) -> Any:
    """Say Hello, and say what the agent makes of the refusal."""
    teller = teller_of(request)
    session = await open_session(
        StateFolder.load(Path(request["folder"])), request["dial"], now=lambda: from_ms(now_ms())
    )
    assert session.answer == "Rejected", session
    return said(teller, refused_by(teller, request["dial"], session.code))


async def do_cut(request: Request) -> Any:
    """Open sessions until they have been cut a few times, and say what the agent makes of that."""
    teller = teller_of(request)
    keeper = StateFolder.load(Path(request["folder"]))
    cuts = []
    for _ in range(CUTS):
        session = await open_session(keeper, request["dial"], now=lambda: from_ms(now_ms()), until_s=UNTIL_S)
        assert session.cut, session
        cuts.append(
            Cut(at_ms=now_ms(), lasted_s=session.lasted_s, idle_s=session.lasted_s, close_notify=False)
        )
    return said(teller, await were_cut(teller, cuts, request["dial"], request["good"]))


def said(teller: Teller, outcome: Outcome) -> Any:
    """For the test."""
    return attrs.asdict(outcome) | {"signer": teller.signer.uid}


async def do_session(request: Request) -> Any:
    """Open a session as an agent does, and say what the gateway answered."""
    teller = teller_of(request)
    keeper = StateFolder.load(Path(request["folder"]))
    found = await open_session(
        keeper, request["dial"], now=lambda: from_ms(teller.now()), proxies=teller.proxies
    )
    return attrs.asdict(found)


async def do_stranger(request: Request) -> Any:
    """Be somebody who is no agent."""
    await strangers.KINDS[request["kind"]](request["host"], request["port"])


DO: dict[str, Callable[[Request], Awaitable[Any]]] = {
    "attempt": do_attempt,
    "cut": do_cut,
    "enroll": do_enroll,
    "probe": do_probe,
    "refused": do_refused,
    "session": do_session,
    "stranger": do_stranger,
}


CUTS = 3
UNTIL_S = 10.0

# Attempts at once that compute; those that wait for a time-out hold up nobody.
AT_ONCE = 6


async def main() -> None:
    """Answer until standard input ends."""
    trio.socket.set_custom_hostname_resolver(Resolver())
    trio.socket.set_custom_socket_factory(Sockets())
    limit = trio.CapacityLimiter(AT_ONCE)

    async def serve(request: Request) -> None:
        _site.set(request)
        async with limit if not request.get("patient") else contextlib.nullcontext():
            try:
                answer = {"id": request["id"], "said": await DO[request["do"]](request)}
            except Exception as error:  # noqa: BLE001  # whatever it is, the test is told
                answer = {"id": request["id"], "error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    async with trio.open_nursery() as nursery:
        while line := await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
            nursery.start_soon(functools.partial(serve, json.loads(line)))


if __name__ == "__main__":
    trio.run(main)
