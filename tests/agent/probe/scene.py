"""Somebody who probes, in the tests' own world."""

from datetime import datetime
from typing import Any

from agent.probe.asker import Asker
from agent.probe.examine import Examined, examine
from agent.proxies import DIRECT, Proxies
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
