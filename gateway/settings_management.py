"""What can be set of the management process: `[fieldgate.management]`."""

from typing import Final

import attrs

__all__ = ["Management"]

# Half an answer, or none, is of no use; more than this is another product.
MOST_REQUESTS_PER_S: Final = 10_000.0


@attrs.frozen(kw_only=True)
class Management:
    """The REST interface, and what works beside it."""

    # whether `serve` runs it; on a machine that is only an edge's it need not
    enabled: bool = True
    # "" is every address, IPv6 and IPv4
    host: str = ""
    port: int = 1280
    # requests a second of one key or person, averaged; four seconds' worth may come at once
    requests_per_s: float = 50.0
    # connections at a time, all clients together
    connections: int = 500
    # of one address (of IPv6, one /64): more are closed before TLS
    connections_per_address: int = 100

    def problem(self) -> str:
        """What is wrong with it; empty if nothing is."""
        if not 0 <= self.port <= 65535:
            return f"management.port = {self.port} is not between 0 and 65535"
        if not 0 < self.requests_per_s <= MOST_REQUESTS_PER_S:
            return f"management.requests_per_s = {self.requests_per_s:g} is not between 0 and {MOST_REQUESTS_PER_S:g}"
        if not 0 < self.connections <= 10_000:
            return f"management.connections = {self.connections} is not between 1 and 10000"
        if not 0 < self.connections_per_address <= 10_000:
            return f"management.connections_per_address = {self.connections_per_address} is not between 1 and 10000"
        return ""
