"""Abilities that a peer may have or lack within one minor version, and the messages that need them.

Hello carries what the agent can, Welcome what both can: the session's. A message of an ability that was not agreed is refused as
in a state that does not admit it, by whoever is about to send it and by whoever hears it. That is how a gateway keeps an ability
for some agents alone: it agrees to no more than it is ready to hear from that one.

Command, CommandProgress and CommandResult are older than COMMANDS: an agent without it answers every Command with UNSUPPORTED. A
gateway therefore sends none to it.
"""

from enum import IntFlag
from typing import Final

from protocol.answers import CancelCommand
from protocol.batches import UsageReport
from protocol.bulk import BulkChunk, BulkCredit, BulkOpen
from protocol.codec import Message
from protocol.verification import VerifyRequest, VerifyRows


class Capability(IntFlag):
    """The bits of `capabilities`; those that are not named here mean nothing yet, and are not agreed to."""

    BULK = 1
    VERIFY = 2
    USAGE = 4
    COMMANDS = 8
    METERING = 16


MEANINGS: Final[dict[Capability, str]] = {
    Capability.BULK: "files travel beside the records",
    Capability.VERIFY: "a simulated agent may read back what is stored of it",
    Capability.USAGE: "usage is reported",
    Capability.COMMANDS: "the agent executes commands, and the outcomes from REFUSED on are known",
    Capability.METERING: "usage tells of single workloads and of tiers: the metrics from NEWEST_POINT_MS on",
}

NEEDS: Final[dict[type[Message], Capability]] = {
    BulkChunk: Capability.BULK,
    BulkCredit: Capability.BULK,
    BulkOpen: Capability.BULK,
    CancelCommand: Capability.COMMANDS,
    UsageReport: Capability.USAGE,
    VerifyRequest: Capability.VERIFY,
    VerifyRows: Capability.VERIFY,
}


KNOWN: Final = (
    Capability.BULK | Capability.VERIFY | Capability.USAGE | Capability.COMMANDS | Capability.METERING
)


def agreed(said: int, ours: Capability = KNOWN) -> Capability:
    """What is in both, of a mask that was *said* and may have bits which we do not know."""
    return Capability(said & ours.value)
