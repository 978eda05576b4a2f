"""Evidence that nobody thought of: halves of cases, crossed, and fields with whatever values."""

from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import strategies as st

from certs import spki_sha256
from certs.inspection import (
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
from certs.inspection.rules import PROBES
from tests.certs.inspection.cases import (
    ACME,
    FORGED,
    PUBLIC_ISSUER,
    PUBLIC_LEAF,
    PUBLIC_OTHER,
    RENEWED,
    ROTATED,
    ROTATING,
    YEAR_MS,
    chain_of,
)
from tests.certs.inspection.scenes import AT_MS, GATEWAYS, expected, served
from tests.certs.inspection.test_verdicts import CASES

CHAINS = (
    (),
    served(),
    served()[:1],
    served(RENEWED),
    served(ROTATING),
    served(ROTATED),
    FORGED,
    FORGED[:1],
    chain_of(PUBLIC_LEAF, PUBLIC_ISSUER),
    chain_of(PUBLIC_OTHER, PUBLIC_ISSUER),
    (b"garbage",),
    (*served(), b"garbage"),
    served() * 6,
)
BLOBS = (b"", b"e" * 32, b"x" * 32)
TIMES = (0, AT_MS, AT_MS - YEAR_MS, AT_MS + YEAR_MS, 2**63, -(2**63))
ENDPOINTS = (
    "",
    "gateway.example:6180",
    "198.51.100.7:1",
    "10.9.0.2:2",
    "[2001:db8::1]:6180",
    "::1",
    "\ud800",
    ":",
    "x" * 300,
)
WORDS = (
    "",
    "TLSv1.3",
    "TLSv1.2",
    "fieldgate/1",
    "h2",
    "{issuer}",
    "{0.__class__}",
    "\x1b[2J\u202e",
    "é" * 500,
)
NUMBERS = (0.0, -1.0, 0.4, 20.0, 120.5, 1e300, float("inf"), float("nan"))
FIRST = (
    b"",
    b"\x15\x03\x03",
    b"HTTP/1.1 302 Found\r\nLocation: x",
    b"HTTP/1.1 407 x",
    b"HTTP/",
    b"HTTP/1.1 \xb2",
    b"\xff\xfe",
    b"SSH-2.0\n",
)


def maybe(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from((None, *values))


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=3).map(tuple)


words = st.sampled_from(WORDS)
numbers = st.sampled_from(NUMBERS)
alerts = st.none() | some(
    st.builds(
        Alert, sent=st.booleans(), level=st.just(2), description=st.sampled_from((40, 44, 45, 48, 116, 999))
    )
)
hellos = st.none() | st.builds(
    ClientHello,
    ja4=words,
    ja4_raw=words,
    versions=some(words),
    alpn=some(words),
    server_name=words,
    size=st.sampled_from((-1, 0, 517, 1750)),
    random=maybe(*BLOBS),
)
negotiated = st.none() | st.builds(Negotiated, version=words, alpn=words, cipher=words)
last_io = maybe(*LastIo)
flags = maybe(True, False)

agents = st.builds(
    AgentSide,
    at_ms=st.sampled_from(TIMES),
    dialed=st.sampled_from(ENDPOINTS),
    platform=st.sampled_from(("", "Linux-6.1", "Windows-11")),
    clock_offset_ms=maybe(0, YEAR_MS, -YEAR_MS, 2**62),
    enrolled=st.booleans(),
    certificate_not_after_ms=maybe(*TIMES),
    resolved=st.none() | some(st.sampled_from(ENDPOINTS)),
    proxy=st.none()
    | st.builds(
        ProxyUse,
        url=words,
        source=st.just("config"),
        used=st.booleans(),
        status=maybe(200, 403, 407, -7),
        reason=words,
    ),
    local=maybe(*ENDPOINTS),
    connect_ms=st.none() | numbers,
    tcp_error=maybe("", "ECONNREFUSED", "EWEIRD"),
    hello=hellos,
    negotiated=negotiated,
    handshake_complete=flags,
    chain=maybe(*CHAINS),
    verify_codes=st.none() | some(st.tuples(st.just(0), st.sampled_from((0, 9, 10, 19, 62, 9999)))),
    trusted_by_pins=flags,
    trusted_by_system=flags,
    certificate_requested=flags,
    client_random=maybe(*BLOBS),
    exporter=maybe(*BLOBS),
    alerts=alerts,
    received_bytes=maybe(0, 9, -1),
    answered=flags,
    first_bytes=maybe(*FIRST),
    last_io=last_io,
    probes=some(st.builds(Probe, name=st.sampled_from((*PROBES, "?")), passed=st.booleans())),
    sessions=st.lists(
        st.builds(
            SessionEnd, at_ms=st.just(AT_MS), lasted_s=numbers, idle_s=numbers, close_notify=st.booleans()
        ),
        max_size=5,
    ).map(tuple),
    authenticated=flags,
    refusal=maybe(3007, 3001, -1),
    lacking=some(st.sampled_from(("exporter", "client_random", "nonsense"))),
)
gateways = st.builds(
    GatewaySide,
    at_ms=st.sampled_from(TIMES),
    join=maybe(*Join),
    source=maybe(*ENDPOINTS),
    through_own_proxy=flags,
    served=maybe(*CHAINS),
    hello=hellos,
    negotiated=negotiated,
    handshake_complete=flags,
    client_certificate=flags,
    client_random=maybe(*BLOBS),
    exporter=maybe(*BLOBS),
    alerts=alerts,
    application_bytes=maybe(0, 9),
    first_bytes=maybe(*FIRST),
    last_io=last_io,
    syn=st.none()
    | st.builds(
        Syn,
        ttl=st.sampled_from((52, 250)),
        mss=st.just(1460),
        window=st.just(1),
        options=st.just("2"),
        rtt_ms=st.none() | numbers,
    ),
    nearby=some(st.builds(Nearby, kind=st.sampled_from(NearbyKind), seconds=numbers)),
)
expectations = st.sampled_from((Expected(), expected(), ACME)) | st.builds(
    Expected,
    pins=st.sampled_from((frozenset[bytes](), expected().pins, ACME.pins)),
    names=st.sampled_from((frozenset[str](), ACME.names, frozenset({"\ud800", ""}))),
    leaf_keys=st.sampled_from((frozenset[bytes](), expected().leaf_keys)),
    gateways=st.sampled_from(((), GATEWAYS, ENDPOINTS)),
    own_proxies=st.sampled_from(((), ("10.9.0.0/24",), ("nonsense", "::/0"))),
    own_offload=st.sampled_from((frozenset[bytes](), frozenset({spki_sha256(served()[0])}))),
)
anything = st.builds(
    Evidence,
    agent=st.none() | agents,
    gateway=st.none() | gateways,
    expected=expectations,
    tenant_product=maybe("sophos", "nonsense"),
)


def _mixed(case_half: Any, other: Any, names: list[str]) -> Any:
    """*case_half* with some fields of *other*."""
    if case_half is None or other is None:
        return case_half
    return attrs.evolve(case_half, **{name: getattr(other, name) for name in names})


def _fields(kind: type) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([f.name for f in attrs.fields(kind)]), max_size=4, unique=True)


@st.composite
def near_a_case(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Evidence:
    """A case, a few of its fields changed: where rules have their edges."""
    evidence: Evidence = draw(st.sampled_from(CASES)).evidence
    return attrs.evolve(
        evidence,
        agent=_mixed(evidence.agent, draw(agents), draw(_fields(AgentSide))),
        gateway=draw(
            st.sampled_from((None, _mixed(evidence.gateway, draw(gateways), draw(_fields(GatewaySide)))))
        ),
    )


evidences = near_a_case() | anything
