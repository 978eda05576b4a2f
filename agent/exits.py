"""How a command ends: exit codes that scripts and service managers can rely on."""

from typing import Final

FAILED: Final = 1
UNUSABLE: Final = 2
REFUSED: Final = 3
NEGATIVE: Final = 4
PATH_INSPECTED: Final = 10
"""`probe`: a box opens the TLS."""
PATH_NETWORK: Final = 11
"""`probe`: a box blocks, diverts or alters the connection without opening it."""
PATH_PROVIDER: Final = 12
"""`probe`: the provider's fault; the customer's network is clean."""
PATH_AGENT: Final = 13
"""`probe`: this server's fault: its clock, its certificate."""
PATH_UNKNOWN: Final = 14
"""`probe`: what was seen does not tell."""
INTERRUPTED: Final = 130
"""128 + SIGINT: after Ctrl-C, where it could not stop in order."""
CLOSED_PIPE: Final = 141
"""128 + SIGPIPE: what a shell says of a program whose reader has gone away."""


class CommandError(Exception):
    """A command can't do what it was asked; the message is for a person."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
