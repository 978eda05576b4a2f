"""Who broke the protocol, and what to tell them.

`RemoteProtocolError` is the peer's fault: tell it the code, then hang up. `LocalProtocolError` is ours: a bug, or an
attempt to send what the rules forbid at this moment; nothing was written and the connection is unharmed. Feeding bytes
to this package raises the first and nothing else; any other exception is a bug here.
"""

from typing import Self

from protocol.codes import Code


class ProtocolError(Exception):
    """The two below have a code and a message; this is their common name."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class LocalProtocolError(ProtocolError):
    """We tried to send what the protocol does not allow. Nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol.

    Attributes:
        epoch: of the batch at fault, when `code` is BATCH_UNDECODABLE and its first bytes could still be read; else 0.
        first_sequence: of that batch; else 0. A Rejected or Goodbye carries both, so that the agent knows which batch
            to set aside.
    """

    def __init__(self, code: Code, message: str, *, epoch: int = 0, first_sequence: int = 0) -> None:
        super().__init__(code, message)
        self.epoch = epoch
        self.first_sequence = first_sequence

    def copy(self) -> Self:
        """The same error without a history: a traceback holds the decoder's frames, and with them all that was decoded."""
        return type(self)(self.code, self.message, epoch=self.epoch, first_sequence=self.first_sequence)
