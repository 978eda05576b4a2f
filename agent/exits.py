"""How a command ends: exit codes that scripts and service managers can rely on."""

from typing import Final

FAILED: Final = 1
UNUSABLE: Final = 2
REFUSED: Final = 3
NEGATIVE: Final = 4
INTERRUPTED: Final = 130
"""128 + SIGINT: after Ctrl-C, where it could not stop in order."""
CLOSED_PIPE: Final = 141
"""128 + SIGPIPE: what a shell says of a program whose reader has gone away."""


class CommandError(Exception):
    """A command can't do what it was asked; the message is for a person."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
