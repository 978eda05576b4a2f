"""What a judgement says: a verdict from a closed list, how sure it is, and what that rests on."""

import enum
from typing import Final

import attrs

__all__ = ["GUESS", "SURE", "Family", "Finding", "Verdict"]

SURE: Final = 0.75
"""Below it a culprit is called a probable one, and no product is named on the word of a record."""
GUESS: Final = 0.5
"""Below it a verdict is a guess: it names no product, and sends nobody anywhere but to the other half of the evidence."""


class Family(enum.Enum):
    """Who has to act."""

    CLEAN = "clean"
    """Nobody: the path is direct, or was not decrypted."""
    AGENT = "agent"
    """The server that the agent runs on: its clock, its certificate, the address that it was given."""
    PROVIDER = "provider"
    """The service provider. The customer's network is clean."""
    INSPECTION = "inspection"
    """Whoever runs the box that opens the TLS."""
    NETWORK = "network"
    """Whoever runs the box that blocks, diverts or alters the connection without opening it."""
    UNKNOWN = "unknown"


class Verdict(enum.Enum):
    """What became of the path."""

    DIRECT = "direct"
    PROXIED_INTACT = "proxied-intact"

    CLOCK_SKEW = "clock-skew"
    AGENT_CERT_EXPIRED = "agent-cert-expired"
    AGENT_CERT_ABSENT = "agent-cert-absent"
    AGENT_REFUSED = "agent-refused"
    WRONG_ADDRESS = "wrong-address"
    """What was dialed is no address that the provider publishes."""

    GATEWAY_CERT_ROTATED = "gateway-cert-rotated"
    WRONG_SAN = "wrong-san"
    CERT_EXPIRED = "cert-expired"
    PROVIDER_FAULT = "provider-fault"
    GATEWAY_RESTART = "gateway-restart"

    INSPECTED_UNTRUSTED = "inspected-untrusted"
    INSPECTED_TRUSTED_ROOT = "inspected-trusted-root"
    INSPECTED_WITH_OUR_KEY = "inspected-with-our-key"
    CLIENT_CERT_STRIPPED = "client-cert-stripped"

    DOWNGRADED = "downgraded"
    ALPN_CHANGED = "alpn-changed"
    PAYLOAD_DROPPED = "payload-dropped"
    BLOCKED_BY_RESET = "blocked-by-reset"
    TCP_BLOCKED = "tcp-blocked"
    HTTP_ANSWER = "http-answer"
    CAPTIVE_PORTAL = "captive-portal"
    PROXY_AUTH = "proxy-auth"
    PROXY_DENIED = "proxy-denied"
    PROXY_DOWN = "proxy-down"
    """The proxy itself cannot be reached, says nothing, or is none."""
    WRONG_SERVICE = "wrong-service"
    HELLO_TOO_LARGE = "hello-too-large"
    DNS_MISMATCH = "dns-mismatch"
    SESSION_CUT = "session-cut"

    NOT_REACHED = "not-reached"
    """Nothing came that tells who is there: the gateway is down, or a box keeps the agent away, and one side cannot tell which."""
    HELLO_FOREIGN = "hello-foreign"
    NOT_AN_AGENT = "not-an-agent"
    """A port scanner, a health check: nobody's agent, nobody's alarm."""
    UNEXPLAINED = "unexplained"


@attrs.frozen(kw_only=True)
class Finding:
    """One judgement. Every text is a sentence for a network engineer; `judge` writes them from tables.

    Attributes:
        confidence: between 0 and 1; the verdict's own, after what is missing was taken off.
        blame: one line that says who broke it, with the product where one is known.
        reason: why this verdict, in a sentence or two.
        evidence: what speaks for it, strongest first.
        contradicting: what speaks against it.
        missing: what would have made it surer, and has not been observed.
        advice: what to do next, in order, for this verdict and product.
        vendor: a `vendors` slug, empty if none is known.
        vendor_why: which rule named it, how strong it is, and its source.
        interceptor: a stable key of the box; empty if none. Hex of the SPKI hash of the CA that signed the forgery, "dn:" and
            hex of the hash of its name where it was not sent along; hex of the leaf's where the box holds our own key.
    """

    verdict: Verdict
    confidence: float
    blame: str
    reason: str
    evidence: tuple[str, ...] = ()
    contradicting: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    vendor: str = ""
    vendor_why: str = ""
    interceptor: str = ""

    @property
    def family(self) -> Family:
        """Who has to act."""
        return FAMILIES[self.verdict]

    @property
    def is_guess(self) -> bool:
        """Whether it calls for somebody to act, and is not sure enough for that."""
        return self.confidence < GUESS and self.family not in (Family.CLEAN, Family.UNKNOWN)


_BY_FAMILY = {
    Family.CLEAN: {Verdict.DIRECT, Verdict.PROXIED_INTACT, Verdict.NOT_AN_AGENT},
    Family.AGENT: {
        Verdict.CLOCK_SKEW,
        Verdict.AGENT_CERT_EXPIRED,
        Verdict.AGENT_CERT_ABSENT,
        Verdict.AGENT_REFUSED,
        Verdict.WRONG_ADDRESS,
    },
    Family.PROVIDER: {
        Verdict.GATEWAY_CERT_ROTATED,
        Verdict.WRONG_SAN,
        Verdict.CERT_EXPIRED,
        Verdict.PROVIDER_FAULT,
        Verdict.GATEWAY_RESTART,
    },
    Family.INSPECTION: {
        Verdict.INSPECTED_UNTRUSTED,
        Verdict.INSPECTED_TRUSTED_ROOT,
        Verdict.INSPECTED_WITH_OUR_KEY,
        Verdict.CLIENT_CERT_STRIPPED,
    },
    Family.UNKNOWN: {Verdict.NOT_REACHED, Verdict.HELLO_FOREIGN, Verdict.UNEXPLAINED},
}
FAMILIES = dict.fromkeys(Verdict, Family.NETWORK) | {
    verdict: family for family, verdicts in _BY_FAMILY.items() for verdict in verdicts
}
"""Every verdict's family; what none of the other families claims is the network's."""
