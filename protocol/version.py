"""Which version of the protocol this is.

The major version is the ALPN name: a peer that does not offer ours speaks another protocol. The minor version is agreed in
Hello and Welcome: the smaller of both. A minor version only adds: trailing fields with a default, enum values, message types
from 128 on that may be skipped, and messages below that are sent only once the peer is known to know them. PathReport is one:
an agent that was told a report key knows it of its provider. A gateway from before refuses it, and the agent keeps the report.
"""

from typing import Final

ALPN: Final = "fieldgate/1"
MINOR: Final = 0


def negotiate(peers_minor: int) -> int:
    """The minor version of a session with a peer that speaks up to *peers_minor*."""
    return min(peers_minor, MINOR)
