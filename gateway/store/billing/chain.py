"""The chain of an agent's usage reports: what can be proved of a report later, and what stays when it is erased.

    payload = canonical JSON of the report: whose, which, when it came, whether it is complete, its rows
    digest  = SHA-256(salt, payload)              salt: 32 random bytes of its own
    link    = SHA-256(label, link before, n, digest)

Whoever holds one link of a day holds all that came before it: no report can be altered, left out or put in without another link. A report
is erased by deleting payload and salt. Digest and link stay, so the chain still holds; and without the salt nobody can find out by trying
what the payload was, though it has few figures that could be guessed.

Reports are of one batch each, and a batch has its id. The same batch projected again changes nothing. Where another version of the
projector reads something else in it, that is a new link at the end, and the former says which one is valid now.
"""

import hashlib
import json
import zlib
from collections.abc import Sequence
from typing import Any, Final, Self

import attrs

from gateway.store.errors import StoreError
from protocol import Code, UsageMetric, UsageSubject

LABEL: Final = b"fieldgate usage 1\0"
NO_LINK: Final = bytes(32)
"""What stands before an agent's first link."""

# A payload is text of our own making, a few hundred bytes for each row that a report may have.
MAX_PAYLOAD: Final = 16 * 1024 * 1024


class PayloadError(StoreError):
    """What is stored as a report's payload is none."""

    code = Code.USAGE_DAMAGED


@attrs.frozen(kw_only=True)
class Reported:
    """One report, as it is linked and billed.

    Attributes:
        received_ms: by the gateway's clock.
        complete: whether all was measured.
        why: what was not.
        entered_by: who entered it by hand; empty: an agent reported it.
        entered_why: why it was entered.
        rows: (kind of subject, its uid, its name, metric, value, observed_ms) each, by subject and metric.
    """

    agent_uid: str
    epoch: int
    sequence: int
    received_ms: int
    complete: bool
    why: str
    rows: tuple[tuple[int, str, str, int, int, int], ...]
    entered_by: str = ""
    entered_why: str = ""

    @classmethod
    def of(
        cls,
        agent_uid: str,
        *,
        epoch: int,
        sequence: int,
        received_ms: int,
        complete: bool,
        why: str,
        rows: Sequence[Sequence[Any]],
    ) -> Self:
        """From cells of protocol.Usage; of two rows about one subject and metric, the first."""
        once: dict[tuple[int, str, int], tuple[Any, ...]] = {}
        for row in rows:
            once.setdefault((row[0], row[1], row[3]), tuple(row[:6]))
        return cls(
            agent_uid=agent_uid, epoch=epoch, sequence=sequence, received_ms=received_ms, complete=complete, why=why,
            rows=tuple(once[key] for key in sorted(once)),
        )  # fmt: skip

    @property
    def listed(self) -> int | None:
        """How many workloads it says to list; None if it says nothing of workloads."""
        heading = (UsageSubject.AGENT, self.agent_uid, UsageMetric.COUNT)
        return next((row[4] for row in self.rows if (row[0], row[1], row[3]) == heading), None)

    def payload(self) -> bytes:
        """What is hashed, and stored."""
        said = {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}
        if not self.entered_by:
            del said["entered_by"], said["entered_why"]
        return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")

    @classmethod
    def read(cls, payload: bytes) -> Self:
        """The inverse of `payload`.

        Raises:
            PayloadError: it is none.
        """
        try:
            said = json.loads(payload)
            return cls(**{**said, "rows": tuple((*row,) for row in said["rows"])})
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise PayloadError(f"it is no usage report: {error}") from None


def packed_payload(payload: bytes) -> bytes:
    """As it lies in the table."""
    return zlib.compress(payload, 6)


def unpacked_payload(stored: bytes) -> bytes:
    """The inverse.

    Raises:
        PayloadError: it is damaged.
    """
    unpacking = zlib.decompressobj()
    try:
        payload = unpacking.decompress(stored, MAX_PAYLOAD)
    except zlib.error as error:
        raise PayloadError(f"it is damaged: {error}") from None
    if not unpacking.eof or unpacking.unused_data:
        raise PayloadError("it is damaged: it does not end where it should")
    return payload


def digest_of(salt: bytes, payload: bytes) -> bytes:
    """What stays of a report for ever."""
    return hashlib.sha256(salt + payload).digest()


def link_of(before: bytes, n: int, digest: bytes) -> bytes:
    """Link *n* of a chain, behind the link *before*."""
    return hashlib.sha256(LABEL + before + n.to_bytes(8, "big") + digest).digest()
