"""What follows an ending: whom the agent turns to next, and that nothing about its own disk stops it."""

import socket
from pathlib import Path
from typing import cast

from trio.testing import MockClock

from agent.state import StateFolder, enrollment_key
from protocol import Action, Code, Hello, Message, Rejected
from tests.agent.rig import Rig, make_keeper
from tests.helpers.gateway import NOW_MS, Gateway


def rejected(code: Code, action: Action = Action.RETRY) -> Rejected:
    return Rejected(code=code, message="no", gateway_time_ms=NOW_MS, action=action)


async def test_after_a_refusal_the_next_gateway_has_its_turn(clock: MockClock, tmp_path: Path) -> None:
    """The next after the one that refused, also where that was not the first that was dialed."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        dead = f"127.0.0.1:{unused.getsockname()[1]}"
    ours = Gateway.make()
    full = Gateway(ours.authority, welcome=lambda _: rejected(Code.TOO_MANY_CONNECTIONS))
    async with full.listening(), ours.listening():
        rig = Rig.make(ours, tmp_path, gateways=(dead, full.address, ours.address))
        async with rig.running():
            await ours.peer()
    assert len(rig.recorder.of("ended")) == 1
    assert len(full.peers) == 1


async def test_a_new_certificate_that_was_refused_is_left_even_if_its_file_stays(
    clock: MockClock, tmp_path: Path
) -> None:
    """The agent says so and goes on with the old one, instead of ending over a file that it can't remove."""
    async with Gateway.make().listening() as gateway:
        folder = tmp_path / "state"
        enrollment_key(folder)
        made, other = make_keeper(gateway), make_keeper(gateway)
        keeper = StateFolder.create(folder, made.identity, made.credential)
        rig = Rig.make(gateway, tmp_path)
        rig.facilities.keeper = keeper
        keeper.await_proof(other.credential)
        (folder / "credential-next.pem").unlink()
        (folder / "credential-next.pem").mkdir()  # unlink refuses, also for root

        def refuse_new(hello: Hello) -> Message:
            if keeper.pending is not None:
                return rejected(Code.CLIENT_CERT_WRONG_AGENT, Action.REENROLL)
            return gateway.greet(hello)

        gateway.welcome = refuse_new
        async with rig.running():
            await rig.recorder.until("welcomed")
    assert keeper.pending is None
    code, says = cast("tuple[Code, str]", rig.recorder.of("trouble")[0])
    assert code is Code.AGENT_STATE_UNUSABLE
    assert "cannot remove" in says
