"""Who opened the TLS: evidence from both ends, one pure verdict, and the words that explain it."""

from certs.inspection.clienthello import ClientHelloError, IncompleteHelloError, parse_client_hello
from certs.inspection.evidence import (
    AgentSide,
    Alert,
    ClientHello,
    Evidence,
    Expected,
    GatewaySide,
    Join,
    LastIo,
    Nearby,
    NearbyKind,
    Negotiated,
    Probe,
    ProxyUse,
    SessionEnd,
    Syn,
)
from certs.inspection.finding import Family, Finding, Verdict

__all__ = [
    "AgentSide",
    "Alert",
    "ClientHello",
    "ClientHelloError",
    "Evidence",
    "Expected",
    "Family",
    "Finding",
    "GatewaySide",
    "IncompleteHelloError",
    "Join",
    "LastIo",
    "Nearby",
    "NearbyKind",
    "Negotiated",
    "Probe",
    "ProxyUse",
    "SessionEnd",
    "Syn",
    "Verdict",
    "parse_client_hello",
]
