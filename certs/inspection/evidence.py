"""What was seen of one attempt to connect, from both ends: facts alone, no opinion.

`None` means *not observed*, in every field, and never "no": a platform that cannot tell whether a certificate was asked
for says None, and `lacking` names the primitive, so that a verdict can say what it would have needed. An empty tuple or
empty bytes is an observation ("nothing came").

Times are milliseconds; a time of day is UTC since the epoch, by the clock of the side that observed it. Addresses are
text as a socket gives them, `host:port` for an endpoint and brackets around an IPv6 host.
"""

import enum
from typing import Final

import attrs

__all__ = [
    "EXPORTER_BYTES",
    "EXPORTER_LABEL",
    "WITHOUT_PROXY",
    "AgentSide",
    "Alert",
    "ClientHello",
    "Evidence",
    "Expected",
    "GatewaySide",
    "Join",
    "LastIo",
    "Nearby",
    "NearbyKind",
    "Negotiated",
    "Probe",
    "ProxyUse",
    "SessionEnd",
    "Syn",
]

# Both ends of a connection derive `exporter` by these (RFC 5705), without a context.
EXPORTER_LABEL: Final = b"EXPORTER-fieldgate-path"
EXPORTER_BYTES: Final = 32


class LastIo(enum.Enum):
    """The last thing that happened on the connection."""

    REFUSED = "refused"
    """TCP: refused, or reset before it was established."""
    UNREACHABLE = "unreachable"
    """No route, or an ICMP message that prohibits it."""
    NOT_RESOLVED = "not resolved"
    CONNECT_TIMEOUT = "connect timeout"
    HANDSHAKE_TIMEOUT = "handshake timeout"
    ANSWER_TIMEOUT = "answer timeout"
    """TLS came up, something was said, and nothing came back."""
    RESET = "reset"
    EOF = "eof"
    """The TCP stream ended without TLS saying goodbye."""
    CLOSE_NOTIFY = "close notify"
    ALERT = "alert"
    """A fatal alert, in whichever direction: see `alerts`."""
    NOT_TLS = "not tls"
    COMPLETE = "complete"
    """The handshake completed, and we ended the attempt ourselves."""


@attrs.frozen(kw_only=True)
class Alert:
    """One TLS alert. `name` is OpenSSL's long string, as in "unknown CA"."""

    sent: bool
    """By the side that observed it; else it received it."""
    level: int
    description: int
    name: str = ""


@attrs.frozen(kw_only=True)
class ClientHello:
    """What a ClientHello says, as one side sent it or the other received it.

    `ja4` and `ja4_raw` are JA4 and JA4_r of FoxIO's definition (github.com/FoxIO-LLC/ja4, BSD-3 for JA4 itself).
    """

    ja4: str
    ja4_raw: str
    versions: tuple[str, ...]
    """Offered, like "TLSv1.3", newest first."""
    alpn: tuple[str, ...]
    server_name: str
    """Of SNI; empty if none was sent (an address never is)."""
    size: int
    """Bytes of the handshake message."""
    random: bytes | None = None


@attrs.frozen(kw_only=True)
class Negotiated:
    """What a completed handshake agreed on."""

    version: str
    alpn: str
    cipher: str


@attrs.frozen(kw_only=True)
class ProxyUse:
    """An HTTP proxy on the agent's way, or that there was none (`WITHOUT_PROXY`). `url` has no credentials in it."""

    url: str
    """Empty if there was none."""
    source: str
    """Where it was found: "config", "environment" or "system"; empty if there was none."""
    used: bool
    status: int | None = None
    """Of its answer to CONNECT."""
    reason: str = ""


WITHOUT_PROXY: Final = ProxyUse(url="", source="", used=False)
"""The attempt went to the gateway without a proxy. (None, in its place, is not to know; so it is in what agents of before
this was written have seen.)"""


@attrs.frozen(kw_only=True)
class Probe:
    """A control experiment and its outcome. `name` is one of `rules.PROBES`."""

    name: str
    passed: bool
    detail: str = ""


@attrs.frozen(kw_only=True)
class SessionEnd:
    """How an authenticated session ended that neither side had decided to end."""

    at_ms: int
    lasted_s: float
    idle_s: float
    close_notify: bool
    """Whether either side said goodbye in TLS."""


@attrs.frozen(kw_only=True)
class Syn:
    """The agent's SYN as it arrived (TCP_SAVED_SYN), and the round trip (TCP_INFO)."""

    ttl: int
    mss: int | None
    window: int
    options: str
    """Kinds in order, as in "2-4-8-1-3"."""
    rtt_ms: float | None = None


class NearbyKind(enum.Enum):
    """What the gateway itself was doing."""

    RESTART = "restart"
    DRAIN = "drain"
    ROTATION = "rotation"
    BAN = "ban"
    OVERLOAD = "overload"
    PROXY_HEADER = "proxy header"
    """It turned a connection away for a PROXY header that was missing, or was not expected."""


@attrs.frozen(kw_only=True)
class Nearby:
    """An event of the gateway's own, close in time. `seconds` is negative for one before the attempt."""

    kind: NearbyKind
    seconds: float
    detail: str = ""


class Join(enum.Enum):
    """How the gateway's half was found."""

    CARRYING = "carrying connection"
    """Both halves surely are of one connection attempt: the report came on it, or has its random bytes or keying material."""
    TIME_AND_ADDRESS = "time and address"


@attrs.frozen(kw_only=True)
class Expected:
    """What is right, as the one who judges knows it.

    All pins are SHA-256 of a SubjectPublicKeyInfo, 32 bytes.
    """

    pins: frozenset[bytes] = frozenset()
    """Of the provider's CAs: current, next, and those that a rotation retired lately."""
    names: frozenset[str] = frozenset()
    """Names that a public CA vouches for; `pins` are then that CA's."""
    leaf_keys: frozenset[bytes] = frozenset()
    """SPKI hashes of leaves that gateways serve or served lately: evidence, never trust."""
    gateways: tuple[str, ...] = ()
    """Addresses (`host:port`, also resolved ones) that the provider publishes."""
    own_proxies: tuple[str, ...] = ()
    """Networks of the provider's own balancers, in CIDR."""
    own_offload: frozenset[bytes] = frozenset()
    """SPKI hashes of leaves that the provider itself serves on a TLS-terminating box of its own."""


@attrs.frozen(kw_only=True)
class AgentSide:
    """What the agent, or the person with the probe, saw of one attempt."""

    at_ms: int
    dialed: str
    """`host:port`."""
    agent_version: str = ""
    platform: str = ""
    clock_offset_ms: int | None = None
    """Its clock minus a gateway's, when an authenticated session last told."""
    enrolled: bool = False
    """Whether it holds an agent certificate."""
    certificate_not_after_ms: int | None = None
    """Of its own certificate."""
    resolved: tuple[str, ...] | None = None
    """DNS answers: addresses."""
    proxy: ProxyUse | None = None
    """`WITHOUT_PROXY` if it went without one; None, as everywhere: not known."""
    local: str | None = None
    remote: str | None = None
    connect_ms: float | None = None
    handshake_ms: float | None = None
    first_byte_ms: float | None = None
    """From the end of the handshake, or of the hello, to the first byte that came."""
    tcp_error: str | None = None
    """Name of the errno, as in "ECONNREFUSED"; empty if TCP came up."""
    hello: ClientHello | None = None
    """What was sent on this very connection (by a dry run of the same context)."""
    negotiated: Negotiated | None = None
    handshake_complete: bool | None = None
    chain: tuple[bytes, ...] | None = None
    """DER, leaf first, as presented."""
    verify_codes: tuple[tuple[int, int], ...] | None = None
    """(depth, X509_V_ERR code)."""
    trusted_by_pins: bool | None = None
    """Whether the chain leads to a CA that the agent had pinned at that moment."""
    trusted_by_system: bool | None = None
    """Whether the operating system's root store accepts the chain for the name dialed."""
    certificate_requested: bool | None = None
    client_random: bytes | None = None
    exporter: bytes | None = None
    alerts: tuple[Alert, ...] | None = None
    received_bytes: int | None = None
    """TCP payload that came after our hello."""
    answered: bool | None = None
    """Whether any application byte came back after we spoke."""
    first_bytes: bytes | None = None
    """Up to 120 bytes that came where TLS was expected; b"" if what came was TLS, or nothing."""
    last_io: LastIo | None = None
    probes: tuple[Probe, ...] = ()
    sessions: tuple[SessionEnd, ...] = ()
    """The last authenticated sessions that were cut, oldest first."""
    authenticated: bool | None = None
    """Whether a gateway opened a session for our certificate over this connection."""
    carried: bool | None = None
    """Whether the report is said on the very connection that it describes. Only then do values that differ from the
    gateway's prove anything; what is said elsewhere, or said again, is another report."""
    refusal: int | None = None
    """FG code of a gateway's own refusal that came over a connection whose chain and name are right."""
    lacking: tuple[str, ...] = ()
    """Field names that this platform has no primitive for."""


@attrs.frozen(kw_only=True)
class GatewaySide:
    """What the gateway saw of that connection, or, at `Join.TIME_AND_ADDRESS`, of the likeliest one."""

    at_ms: int
    join: Join | None = None
    """None: the gateway speaks alone."""
    listener: str = ""
    """`host:port` that it accepted on."""
    source: str | None = None
    """The address that it saw, after a PROXY header."""
    through_own_proxy: bool | None = None
    """Whether a configured balancer of the provider's announced it."""
    served: tuple[bytes, ...] | None = None
    """The chain that it served, DER, leaf first."""
    hello: ClientHello | None = None
    negotiated: Negotiated | None = None
    handshake_complete: bool | None = None
    client_certificate: bool | None = None
    """Whether the client presented one."""
    client_random: bytes | None = None
    exporter: bytes | None = None
    alerts: tuple[Alert, ...] | None = None
    application_bytes: int | None = None
    """Decrypted bytes that came before any report."""
    first_bytes: bytes | None = None
    last_io: LastIo | None = None
    syn: Syn | None = None
    nearby: tuple[Nearby, ...] = ()
    connections: int = 1
    """Connections like this one that an aggregate stands for."""
    lacking: tuple[str, ...] = ()

    @property
    def is_seen(self) -> bool:
        """Whether it is of a connection, and not only of what else the gateway did at that time."""
        return self.last_io is not None or self.handshake_complete is not None


@attrs.frozen(kw_only=True)
class Evidence:
    """Everything that a judgement rests on. One side may be absent, and both may be poor."""

    agent: AgentSide | None = None
    gateway: GatewaySide | None = None
    expected: Expected = attrs.field(factory=Expected)
    tenant_product: str | None = None
    """The customer's firewall, as a person recorded it: a `vendors` slug."""
