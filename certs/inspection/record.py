"""What a gateway writes into its journal about a path: a report that it took, or what it saw without one."""

import enum
from typing import Final

import attrs

from certs.inspection.document import document_from_json, document_to_json, from_document, to_document
from certs.inspection.evidence import Evidence
from certs.inspection.finding import Finding
from certs.inspection.signer import SignerKind

__all__ = ["PATH_TAG", "Delivery", "PathRecord", "RecordKind"]

PATH_TAG: Final = 200
"""The journal's tag for these records, beside the tags of the messages that it holds. The protocol leaves it free."""


class RecordKind(enum.StrEnum):
    """Where it came from."""

    REPORT = "report"
    """Somebody told us, and proved who that was."""
    SIGHTING = "sighting"
    """The gateway speaks alone: `evidence.agent` is None, and so is the signer."""


class Delivery(enum.StrEnum):
    """How a report came."""

    CONNECTION = "connection"
    """Over the very connection that it is about."""
    OTHER_ADDRESS = "other-address"
    PORT_443 = "443"
    HTTP = "http"
    PROXY = "proxy"
    FILE = "file"
    """A person brought it."""
    LATER = "later"
    """Over a path that was good again."""


@attrs.frozen(kw_only=True)
class PathRecord:
    """One journaled observation, with the finding of the moment; a rule that changes later judges `evidence` anew.

    (signer_kind, signer_uid, installation_uid, counter) names a report; the same one may be journaled by two gateways, and
    counts once. A sighting has none of them.
    """

    kind: RecordKind = attrs.field(converter=RecordKind)
    signer_kind: SignerKind | None = attrs.field(
        converter=attrs.converters.optional(SignerKind), default=None
    )
    signer_uid: str = ""
    installation_uid: str = ""
    counter: int = 0
    at_ms: int
    """By the gateway's clock, when it came."""
    organization_uid: str = ""
    """Whose it is, as far as the signer tells; empty for a sighting."""
    location_uid: str = ""
    delivered_by: Delivery = attrs.field(converter=Delivery, default=Delivery.CONNECTION)
    source: str = ""
    """`host:port` that a report came from, as the gateway saw it, after a PROXY header; empty for a file and a sighting."""
    evidence: Evidence
    finding: Finding

    def encode(self) -> bytes:
        """For the journal: a document.

        Raises:
            DocumentError: a field is beyond its bounds.
        """
        return document_to_json(to_document(self))

    @classmethod
    def decode(cls, data: bytes) -> "PathRecord":
        """The inverse of `encode`.

        Raises:
            DocumentError: no such record, or one of another version. Any other exception is a bug here.
        """
        return from_document(cls, document_from_json(data))
