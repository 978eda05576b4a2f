"""Stored documents as what they say."""

from certs.inspection import (
    DocumentError,
    Evidence,
    Finding,
    document_from_json,
    evidence_from_document,
    finding_from_document,
)

__all__ = ["read_evidence", "read_finding"]


def read_evidence(document: bytes) -> Evidence | None:
    """The evidence of a stored report or sighting; None where a newer version wrote what this one can't read."""
    try:
        return evidence_from_document(document_from_json(document))
    except DocumentError:
        return None


def read_finding(document: bytes) -> Finding | None:
    """The finding of a stored report; None where a newer version wrote what this one can't read."""
    try:
        return finding_from_document(document_from_json(document))
    except DocumentError:
        return None
