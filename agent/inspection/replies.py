"""What comes back for a report, as values: bytes in, one `Reply` out. No socket, no clock.

The gateway's answer is proven by what is inside it, so the frame, the HTTP response and whatever a proxy made of it are only
wrapping: read strictly, bounded, and believed in nothing but that they may hold an answer.
"""

import io
from http.client import HTTPException, HTTPResponse
from typing import Any, Final, Protocol, cast

import attrs

from certs import ReportPublic
from certs.inspection import Answer, SealError, SignedAnswer, unseal_answer
from protocol import (
    NEED_DATA,
    PEER_CLOSED,
    Code,
    Connection,
    Goodbye,
    PathReport,
    PathVerdict,
    Rejected,
    RemoteProtocolError,
    Role,
    decode,
    encode,
)

__all__ = ["Exchange", "FrameExchange", "HttpExchange", "Reply"]

# A verdict has 60 KiB at most; the rest is for the header, and for what proxies add to it.
_MAX_RESPONSE: Final = 96 * 1024

_BY_STATUS: Final = {400: Code.REPORT_UNREADABLE, 503: Code.REPORT_BUDGET}


@attrs.frozen(kw_only=True)
class Reply:
    """What became of saying a report once.

    Attributes:
        answer: what the gateway says, proven to be its own word.
        signed: the same with its proof, for keeping.
        refused: an FG code that somebody on the path said in the clear.
        retry_after_s: what came with it.
        detail: one line for logs.
    """

    answer: Answer | None = None
    signed: SignedAnswer | None = None
    refused: int = 0
    retry_after_s: float = 0.0
    detail: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the gateway has the report: now, or since an earlier time whose answer was lost."""
        return self.answer is not None and self.answer.code in (0, Code.REPORT_REPLAYED)

    @property
    def is_replayed(self) -> bool:
        """Whether the gateway had it already."""
        return self.answer is not None and self.answer.code == Code.REPORT_REPLAYED

    @property
    def worth(self) -> int:
        """Which of several replies tells the most."""
        if self.answer is None:
            return 1 if self.refused else 0
        return 2 if self.is_replayed else 3


class Exchange(Protocol):
    """One report said, one answer heard."""

    @property
    def words(self) -> bytes:
        """What to say."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more has to come."""

    def hear(self, data: bytes) -> None:
        """Take what came; b"" is the end."""

    def broke(self, why: str) -> None:
        """Nothing more will come."""

    def reply(self, answer_key: bytes, public: ReportPublic, digest: bytes) -> Reply:
        """What it amounts to."""


@attrs.define(eq=False)
class _Heard:
    """What an exchange came to."""

    sealed: bytes | None = None
    refused: int = 0
    retry_after_s: float = 0.0
    detail: str = "no answer"
    is_over: bool = False

    def broke(self, why: str) -> None:
        """Nothing more will come."""
        if not self.is_over:
            self.is_over, self.detail = True, why

    def reply(self, answer_key: bytes, public: ReportPublic, digest: bytes) -> Reply:
        """What it amounts to."""
        if not self.sealed:
            return Reply(refused=self.refused, retry_after_s=self.retry_after_s, detail=self.detail)
        try:
            signed = unseal_answer(self.sealed, answer_key, digest)
            return Reply(answer=signed.verify(public), signed=signed)
        except SealError as error:
            return Reply(detail=f"an answer that is not the gateway's: {error}")


class FrameExchange(_Heard):
    """The protocol's own: PathReport, then PathVerdict or Rejected."""

    def __init__(self, sealed: bytes) -> None:
        super().__init__()
        self._connection = Connection(Role.AGENT)
        self.words = self._connection.send(PathReport(sealed=sealed))

    def hear(self, data: bytes) -> None:
        """Take what came; b"" is the end."""
        self._connection.receive_data(data)
        try:
            event = self._connection.next_event()
        except RemoteProtocolError as error:
            self.broke(f"not the protocol: {error.message}")
            return
        match event:
            case PathVerdict():
                self.sealed = event.sealed
            case Rejected():
                self.refused, self.retry_after_s = event.code, event.retry_after_ms / 1000
                self.detail = f"FG-{event.code}: {event.message}"
            case Goodbye():
                self.refused, self.detail = event.code, f"FG-{event.code}: {event.message}"
            case _ if event is PEER_CLOSED:
                self.detail = "closed without an answer"
            case _ if event is NEED_DATA:
                return
            case _:
                self.detail = f"answered with {type(event).__name__}"
        self.is_over = True


class HttpExchange(_Heard):
    """`POST /fieldgate/path-report`: the payload of PathReport there, that of PathVerdict back."""

    def __init__(self, sealed: bytes, host: str) -> None:
        super().__init__()
        body = encode(PathReport(sealed=sealed))
        name = f"[{host}]" if ":" in host else host
        self.words = (
            f"POST /fieldgate/path-report HTTP/1.1\r\nHost: {name}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode("ascii", "replace") + body
        self._begun = b""

    def hear(self, data: bytes) -> None:
        """Take what came; b"" is the end."""
        self._begun += data
        if data and len(self._begun) <= _MAX_RESPONSE and not _is_whole(self._begun):
            return
        self.is_over = True
        response = HTTPResponse(cast("Any", _Socket(self._begun)))
        try:
            response.begin()
            body = response.read()
        except (HTTPException, OSError, ValueError) as error:
            self.detail = f"not HTTP: {error or type(error).__name__}"
            return
        self.detail = f"HTTP {response.status} {response.reason}".rstrip()
        try:
            verdict = decode(PathVerdict.tag, body)
        except RemoteProtocolError:
            return  # somebody else's page
        self.sealed = verdict.sealed if isinstance(verdict, PathVerdict) else None
        if not self.sealed:
            self.refused = _BY_STATUS.get(response.status, 0)
            after = response.getheader("Retry-After", "")
            self.retry_after_s = float(after) if after.isascii() and after.isdigit() else 0.0


def _is_whole(response: bytes) -> bool:
    """Whether its end has come, as far as the response itself tells; if not, the connection's end does."""
    head, separator, body = response.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length" and value.strip().isdigit():
            return len(body) >= int(value.strip()[:9])
        if name == b"transfer-encoding" and b"chunked" in value:
            return body.endswith(b"\r\n0\r\n\r\n")
    return False


class _Socket:
    """What `HTTPResponse` wants to read from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        """All of it."""
        return io.BytesIO(self._data)
