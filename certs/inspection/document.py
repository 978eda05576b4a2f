"""Evidence and findings as JSON, and back: for the wire, the journal, the store, and people.

A document is an object with `"version": 1` and the fields of its class by name: bytes are base64, an enum is its value, a
set is a sorted list, None is null and means what it means in the class (not observed). Readers of version 1 ignore keys that
they don't know, and take the class's default for keys that are missing and have one; whatever else changes has another
version. What is read may come from anybody: it is bounded before and while it is parsed, and every fault is a `DocumentError`.
"""

import functools
import json
from typing import Any, Final, NoReturn, TypeVar

import attrs

from certs.inspection.evidence import AgentSide, Evidence, GatewaySide
from certs.inspection.finding import Finding
from certs.inspection.shapes import Bound, DocumentError, ObjectShape, Shape, shape_of

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "DocumentError",
    "agent_side_from_document",
    "document_from_json",
    "document_schema",
    "document_to_json",
    "evidence_from_document",
    "finding_from_document",
    "gateway_side_from_document",
    "to_document",
]

VERSION: Final = 1

# TLS stacks take certificate chains of up to 100 KiB in all; both chains of an Evidence, and a third of all in base64.
MAX_CERTIFICATE_BYTES: Final = 100 * 1024
MAX_CHAIN: Final = 16
MAX_DOCUMENT_BYTES: Final = 512 * 1024

# The last millisecond of the year 9999, as in the protocol.
_TIME: Final = Bound(low=0, high=253_402_300_799_999)
_CHAIN: Final = Bound(items=MAX_CHAIN, blob=MAX_CERTIFICATE_BYTES)
_COUNT: Final = Bound(low=0)
_SENTENCES: Final = Bound(items=64, text=2000)

_BOUNDS: Final = {
    "Alert.level": Bound(low=0, high=255),
    "Alert.description": Bound(low=0, high=255),
    "ClientHello.ja4_raw": Bound(text=2000),
    "ClientHello.size": _COUNT,
    "ProxyUse.url": Bound(text=1000),
    "ProxyUse.status": Bound(low=0, high=999),
    "Probe.detail": Bound(text=1000),
    "SessionEnd.at_ms": _TIME,
    "SessionEnd.lasted_s": _COUNT,
    "SessionEnd.idle_s": _COUNT,
    "Syn.ttl": Bound(low=0, high=255),
    "Syn.mss": Bound(low=0, high=65_535),
    "Syn.window": Bound(low=0, high=65_535),
    "Syn.rtt_ms": _COUNT,
    "Nearby.detail": Bound(text=1000),
    "Expected.pins": Bound(items=64),
    "Expected.names": Bound(items=64),
    "Expected.leaf_keys": Bound(items=1024),
    "Expected.gateways": Bound(items=256),
    "Expected.own_proxies": Bound(items=256),
    "Expected.own_offload": Bound(items=256),
    "AgentSide.at_ms": _TIME,
    "AgentSide.certificate_not_after_ms": _TIME,
    "AgentSide.resolved": Bound(items=64),
    "AgentSide.connect_ms": _COUNT,
    "AgentSide.handshake_ms": _COUNT,
    "AgentSide.first_byte_ms": _COUNT,
    "AgentSide.chain": _CHAIN,
    "AgentSide.verify_codes": Bound(items=64, low=0, high=2**31 - 1),
    "AgentSide.received_bytes": _COUNT,
    "AgentSide.first_bytes": Bound(blob=120),
    "AgentSide.refusal": Bound(low=0, high=9999),
    "AgentSide.lacking": Bound(items=64),
    "GatewaySide.at_ms": _TIME,
    "GatewaySide.served": _CHAIN,
    "GatewaySide.application_bytes": _COUNT,
    "GatewaySide.first_bytes": Bound(blob=120),
    "GatewaySide.connections": _COUNT,
    "GatewaySide.lacking": Bound(items=64),
    "Finding.confidence": Bound(low=0, high=1),
    "Finding.blame": Bound(text=1000),
    "Finding.reason": Bound(text=2000),
    "Finding.evidence": _SENTENCES,
    "Finding.contradicting": _SENTENCES,
    "Finding.missing": _SENTENCES,
    "Finding.advice": _SENTENCES,
    "Finding.vendor_why": Bound(text=1000),
    "ReportBody.chain": Bound(items=5, blob=16 * 1024),
    "ReportBody.counter": Bound(low=1),
    "Answer.code": Bound(low=0, high=9999),
    "Answer.gateway_time_ms": _TIME,
    "Step.text": Bound(text=2000),
    "Step.lines": Bound(items=256, text=1000),
    "Step.source": Bound(text=1000),
    "Playbook.call": Bound(text=1000),
    "CertificateView.subject": Bound(text=16 * 1024),
    "CertificateView.issuer": Bound(text=16 * 1024),
    "CertificateView.problem": Bound(text=1000),
    "CertificateView.not_before_ms": _TIME,
    "CertificateView.not_after_ms": _TIME,
    "IncidentSummary.reports": _COUNT,
    "IncidentSummary.agents": _COUNT,
    "IncidentSummary.first_ms": _TIME,
    "IncidentSummary.last_ms": _TIME,
    "ReportMeta.made_ms": _TIME,
    "ReportMeta.exit_code": Bound(low=0, high=255),
    "PathRecord.counter": _COUNT,
    "PathRecord.at_ms": _TIME,
}

_T = TypeVar("_T", bound=attrs.AttrsInstance)


@functools.cache
def shape_for(cls: type[Any]) -> Shape:
    """The shape of one of the classes that have documents, or are part of one."""
    return shape_of(cls, _BOUNDS, Bound())


def to_document(value: attrs.AttrsInstance) -> dict[str, Any]:
    """An Evidence, AgentSide, GatewaySide or Finding as an object that `json` can write.

    Texts and lists are cut at the bounds of the schema.

    Raises:
        DocumentError: a field holds what its class does not declare, a number beyond its range or a blob beyond its size.
    """
    fields: dict[str, Any] = shape_for(type(value)).dump(value)
    return {"version": VERSION, **fields}


def evidence_from_document(document: object) -> Evidence:
    """The inverse of `to_document`.

    Raises:
        DocumentError: of another version, or not within the schema. Any other exception is a bug here.
    """
    return from_document(Evidence, document)


def agent_side_from_document(document: object) -> AgentSide:
    """The inverse of `to_document`.

    Raises:
        DocumentError: of another version, or not within the schema. Any other exception is a bug here.
    """
    return from_document(AgentSide, document)


def gateway_side_from_document(document: object) -> GatewaySide:
    """The inverse of `to_document`.

    Raises:
        DocumentError: of another version, or not within the schema. Any other exception is a bug here.
    """
    return from_document(GatewaySide, document)


def finding_from_document(document: object) -> Finding:
    """The inverse of `to_document`.

    Raises:
        DocumentError: of another version, or not within the schema. Any other exception is a bug here.
    """
    return from_document(Finding, document)


def from_document(cls: type[_T], document: object) -> _T:
    """An instance of any class that has documents.

    Raises:
        DocumentError: of another version, or not within the schema.
    """
    if type(document) is not dict:
        raise DocumentError("no object")
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        raise DocumentError(f"a document of another version than {VERSION}")
    try:
        loaded: _T = shape_for(cls).load({key: entry for key, entry in document.items() if key != "version"})
    except DocumentError as error:
        raise DocumentError(f"{cls.__name__}{error}") from None
    return loaded


def document_to_json(document: dict[str, Any]) -> bytes:
    """A document as UTF-8 without white space.

    Raises:
        DocumentError: more than `MAX_DOCUMENT_BYTES`.
    """
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    if len(text) > MAX_DOCUMENT_BYTES:
        raise DocumentError(f"document of {len(text)} bytes, limit is {MAX_DOCUMENT_BYTES}")
    return text


def document_from_json(data: bytes) -> dict[str, Any]:
    """An object from a stranger's JSON.

    Raises:
        DocumentError: too long, no UTF-8, no JSON, no object, a key twice, or a number that JSON does not have. Any other
            exception is a bug here.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise DocumentError(f"document of {len(data)} bytes, limit is {MAX_DOCUMENT_BYTES}")
    try:
        document = json.loads(
            data.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_each_once
        )
    except DocumentError:
        raise
    except (ValueError, RecursionError) as error:  # ValueError: no UTF-8, no JSON, an integer of 5,000 digits
        raise DocumentError(f"not JSON: {type(error).__name__}") from None
    if type(document) is not dict:
        raise DocumentError("no object")
    return document


def document_schema(cls: type[attrs.AttrsInstance] = Evidence) -> dict[str, Any]:
    """The JSON schema (2020-12) of the documents of Evidence, or of AgentSide, GatewaySide or Finding."""
    definitions: dict[str, Any] = {}
    _define(shape_for(cls), definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Fieldgate {cls.__name__}, version {VERSION}",
        "allOf": [
            {"type": "object", "properties": {"version": {"const": VERSION}}, "required": ["version"]},
            shape_for(cls).schema(),
        ],
        "$defs": dict(sorted(definitions.items())),
    }


def _define(shape: Any, definitions: dict[str, Any]) -> None:
    """Collect the definitions of every class that *shape* leads to."""
    if isinstance(shape, ObjectShape):
        definitions[shape.cls.__name__] = shape.definition()
        for inner in shape.fields.values():
            _define(inner, definitions)
    elif hasattr(shape, "shape"):
        _define(shape.shape, definitions)


def _refuse_constant(name: str) -> NoReturn:
    raise DocumentError(f"{name} is no number of JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DocumentError("a key twice in one object")
    return found
