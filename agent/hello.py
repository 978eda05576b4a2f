"""What an agent says of itself: in Hello, and in Enroll."""

import platform
from typing import Final

from agent.identity import Keeper
from agent.outbox import Outbox
from agent.version import agent_version
from protocol import MINOR, Capability, Hello

AGENT_VERSION: Final = agent_version()
PLATFORM: Final = f"{platform.system()} {platform.release()} {platform.machine()}".strip()[:64]
CAPABILITIES: Final = Capability.BULK | Capability.COMMANDS | Capability.METERING | Capability.USAGE
"""What this agent can. A gateway that can it too may then say the messages that need it."""


def hello(keeper: Keeper, outbox: Outbox, *, now_ms: int) -> Hello:
    """The first message of a session."""
    identity = keeper.identity
    return Hello(
        minor=MINOR, capabilities=CAPABILITIES, agent_uid=identity.agent_uid, installation_uid=identity.installation_uid,
        host_name=identity.host_name, agent_version=AGENT_VERSION, platform=PLATFORM, agent_type=identity.agent_type,
        nonces=keeper.nonces, epoch=outbox.epoch, next_sequence=outbox.next_sequence,
        released_sequence=outbox.released_sequence, agent_time_ms=now_ms, synthetic=identity.synthetic,
        gateway_list_revision=identity.gateway_list_revision, trust_revision=identity.trust_revision,
    )  # fmt: skip
