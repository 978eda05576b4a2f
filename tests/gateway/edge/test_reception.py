"""What a stranger's first message leads to, before there is a session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from gateway.edge import admission
from gateway.edge.storelink import StoreLink
from protocol import Enrolled
from tests.helpers.agent import TestAgent
from tests.helpers.edges import make_provider, running_edge


async def test_an_enrollment_that_waits_for_the_store_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not the agent that stands still, though another one waits for the only place at the handshake."""
    provider = make_provider(tmp_path)
    monkeypatch.setattr(admission, "STALL_S", 0.3)
    real = StoreLink.call

    async def slow(link: StoreLink, work: Callable[[], Any]) -> Any:
        await trio.sleep(1)
        return await real(link, work)

    monkeypatch.setattr(StoreLink, "call", slow)
    answers: list[object] = []

    async def enroll(port: int) -> None:
        answers.append(await TestAgent().try_enroll(port, provider.token()))

    edge = running_edge(provider, "a", pre_auth_bytes=admission.HANDSHAKE_BYTES)
    async with edge as running, trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(enroll, running.remote_port)
    assert [type(answer) for answer in answers] == [Enrolled, Enrolled]
