"""What a sink is, for whoever writes one: docs/integrating.md has an example and the promise that goes with it."""

# ruff: noqa: N818  # the kinds are named after the state that they report, and SinkError is their family name

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import attrs

from protocol import Code


class SinkError(Exception):
    """Delivering can't go on; *code* says which way, the text says what to do."""

    code: Code


class SinkUnusable(SinkError):
    """The sink can't be used as it was named: its target, its files, what it needs."""

    code = Code.SINK_UNUSABLE


class SinkRefused(SinkError):
    """The receiver does not take these lines, and trying again is no use: delivering stops before them."""

    def __init__(self, message: str, code: Code = Code.SINK_REFUSED) -> None:
        super().__init__(message)
        self.code = code


class SinkUnavailable(SinkError):
    """Not now: the same lines are tried again, after *retry_after_s* at the earliest."""

    code = Code.SINK_UNAVAILABLE

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@attrs.frozen(kw_only=True)
class Options:
    """What the command line says beside the target."""

    ca: Path | None = None
    """Authorities to trust instead of the system's, PEM."""
    token_file: Path | None = None
    """Holds the secret that the receiver knows us by."""


@attrs.frozen
class Batch:
    """Lines in the order of the feed, one at least. Tried again it is the same."""

    lines: Sequence[Mapping[str, Any]]

    @cached_property
    def encoded(self) -> list[bytes]:
        """Each line as JSON in ASCII, without a line break."""
        return [json.dumps(line, separators=(",", ":")).encode() for line in self.lines]

    @cached_property
    def key(self) -> str:
        """A name for exactly these lines: 64 hexadecimal digits."""
        return hashlib.sha256(b"\n".join(self.encoded)).hexdigest()


class Sink(ABC):
    """One receiver. Used by one thread; `close` ends it.

    Attributes:
        max_lines: a batch has no more lines,
        max_bytes: and no more bytes of JSON, unless it is one line alone, which may be as large as an estate is.
        target: what the place is kept for, where the words of the command line may mean something else tomorrow (a path, in another
            folder); empty: for those words.
    """

    target: str = ""

    max_lines: ClassVar[int] = 500
    max_bytes: ClassVar[int] = 1024 * 1024

    @abstractmethod
    def deliver(self, batch: Batch) -> None:
        """Give the receiver *batch*; return when it is durable there, and not before.

        Raises:
            SinkUnavailable: it was not taken now. Part of it may have been: it comes again, whole.
            SinkRefused: it will never be taken.
            SinkUnusable: something on this machine is not as it has to be.
        """

    def close(self) -> None:  # noqa: B027  # most have nothing to let go of
        """Let go of what is held; every batch that `deliver` returned for is safe already."""
