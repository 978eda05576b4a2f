"""What this edge is ready to do with an agent beyond the first version's words; said in Welcome."""

from typing import Final

from protocol import Capability

__all__ = ["OFFERED"]

OFFERED: Final = Capability.USAGE | Capability.COMMANDS
