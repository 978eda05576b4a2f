"""Somebody who probes, in the tests' own world."""

import contextlib
import queue
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import trio

from agent.probe.asker import Asker
from agent.probe.examine import Examined, examine
from agent.proxies import DIRECT, Proxies
from tests.agent.inspection.peers import Serve, listening
from tests.certs.pki import NOW, authority
from tests.transport.pki import chain
from transport import TLSStream

CERTIFICATE, KEY = chain("agent")

ASKER = Asker(
    label="backup-1",
    anchors=authority().trust_bundle().anchors(),
    chain_pem=CERTIFICATE,
    key_pem=KEY,
)


def now() -> datetime:
    return NOW


async def answering(stream: TLSStream) -> None:
    """A gateway that knows HTTP."""
    if await stream.receive_some():
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def look(address: str, asker: Asker = ASKER, proxies: Proxies = DIRECT, **more: Any) -> Examined:
    return await examine(address, asker, proxies, now=now, **more)


@contextlib.contextmanager
def served(serve: Serve) -> Iterator[str]:
    """A listener in a thread of its own, for commands that run a loop of their own; its address."""
    told: queue.SimpleQueue[tuple[str, trio.lowlevel.TrioToken, trio.Event]] = queue.SimpleQueue()

    async def listen() -> None:
        async with listening(serve) as address:
            over = trio.Event()
            told.put((address, trio.lowlevel.current_trio_token(), over))
            await over.wait()

    thread = threading.Thread(target=trio.run, args=(listen,))
    thread.start()
    address, token, over = told.get(timeout=30)
    try:
        yield address
    finally:
        token.run_sync_soon(over.set)
        thread.join(timeout=30)
