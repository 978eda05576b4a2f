"""Cases: what was seen, and the verdict that it deserves. `CASES` holds one for every rule at least."""

from typing import Any

import attrs
from cryptography import x509

from certs import spki_sha256, to_ms
from certs.inspection import (
    AgentSide,
    Alert,
    Evidence,
    Expected,
    GatewaySide,
    Join,
    LastIo,
    Nearby,
    NearbyKind,
    SessionEnd,
    Syn,
    Verdict,
)
from tests.certs.inspection.scenes import (
    AT_MS,
    GATEWAYS,
    HELLO,
    OTHER_HELLO,
    agent,
    alone,
    beyond_a_box,
    both,
    expected,
    forged,
    gateway,
    pins,
    served,
)
from tests.certs.pki import DAY, NOW, Made, authority, make, server

YEAR_MS = 365 * 86_400_000


@attrs.frozen(kw_only=True)
class Case:
    """`least` and `most` bound the confidence; an innocent case must never be called interception."""

    name: str
    evidence: Evidence
    verdict: Verdict
    least: float
    most: float = 1.0
    innocent: bool = False
    at_ms: int | None = None


def nearby(kind: NearbyKind, seconds: float = -5) -> tuple[Nearby, ...]:
    return (Nearby(kind=kind, seconds=seconds),)


def cut(**changes: Any) -> AgentSide:
    """The agent's half where no handshake came about."""
    fields: dict[str, Any] = {
        "chain": None,
        "verify_codes": None,
        "trusted_by_system": None,
        "certificate_requested": None,
        "exporter": None,
        "negotiated": None,
        "handshake_complete": False,
        "received_bytes": 0,
        "last_io": LastIo.RESET,
    }
    return agent(**{**fields, **changes})


def cut_at_gateway(**changes: Any) -> GatewaySide:
    """The gateway's half of it: TCP came, and no hello."""
    fields: dict[str, Any] = {
        "join": Join.TIME_AND_ADDRESS,
        "hello": None,
        "negotiated": None,
        "handshake_complete": False,
        "client_certificate": None,
        "client_random": None,
        "exporter": None,
        "application_bytes": 0,
        "last_io": LastIo.RESET,
    }
    return gateway(**{**fields, **changes})


def sessions(*, lasted_s: float = 3600.0, idle_s: float = 20.0, count: int = 4) -> tuple[SessionEnd, ...]:
    return tuple(
        SessionEnd(
            at_ms=AT_MS - n * 3_600_000,
            lasted_s=lasted_s + 0.1 * n,
            idle_s=idle_s * (1 + n),
            close_notify=False,
        )
        for n in range(count)
    )


def stranger(**changes: Any) -> Evidence:
    """A connection that nobody reported."""
    fields: dict[str, Any] = {
        "join": None,
        "hello": attrs.evolve(OTHER_HELLO, alpn=("h2", "http/1.1")),
        "client_certificate": False,
        "application_bytes": 0,
        "last_io": LastIo.EOF,
    }
    return Evidence(gateway=gateway(**{**fields, **changes}), expected=expected())


def alert(description: int, *, sent: bool) -> tuple[Alert, ...]:
    return (Alert(sent=sent, level=2, description=description),)


# The provider's certificates as they are when something is wrong with them.
OLD = authority()
RENEWED = OLD.rotate_gateway(NOW)
ROTATING = OLD.rotate_ca(NOW)
ROTATED = ROTATING.finish_ca(NOW)
ELSEWHERE = OLD.rotate_gateway(NOW, names=["other.example"])
AFTER = NOW + 120 * DAY
BEFORE = NOW - 30 * DAY
FORGED = forged()
LISTED = attrs.evolve(expected(), leaf_keys=frozenset({spki_sha256(served()[0])}))

# A public CA's.
PUBLIC_ROOT = make("Public Root", ca=True)
PUBLIC_ISSUER = make("Public Issuer R3", PUBLIC_ROOT, ca=True, path_length=0)


def public_leaf(dns: str, **changes: Any) -> Made:
    return server(dns, PUBLIC_ISSUER, names=[x509.DNSName(dns)], **changes)


PUBLIC_LEAF = public_leaf("gateway.example")
PUBLIC_NEXT = public_leaf("gateway.example")
PUBLIC_OTHER = public_leaf("shop.example")
ACME = Expected(
    pins=frozenset({PUBLIC_ISSUER.pin}),
    names=frozenset({"gateway.example"}),
    leaf_keys=frozenset({PUBLIC_LEAF.pin}),
    gateways=GATEWAYS,
)


def chain_of(*made: Made) -> tuple[bytes, ...]:
    return tuple(m.der for m in made)


def seen_and_served(chain: tuple[bytes, ...], known: Expected, **changes: Any) -> Evidence:
    """Both halves agree on *chain*."""
    return Evidence(agent=agent(chain=chain, **changes), gateway=gateway(served=chain), expected=known)


def judged_late(evidence: Evidence) -> Evidence:
    """The same, both clocks at a moment when the gateway's certificate is over."""
    late = to_ms(AFTER)
    return attrs.evolve(
        evidence,
        agent=evidence.agent
        and attrs.evolve(evidence.agent, at_ms=late, certificate_not_after_ms=late + YEAR_MS),
        gateway=evidence.gateway and attrs.evolve(evidence.gateway, at_ms=late),
    )


ACQUITTALS = (
    Case(name="healthy, both halves", evidence=both(), verdict=Verdict.DIRECT, least=1.0, innocent=True),
    Case(
        name="healthy, one half", evidence=alone(), verdict=Verdict.DIRECT, least=0.8, most=0.8, innocent=True
    ),
    Case(
        name="healthy, no pins at hand",
        evidence=Evidence(agent=agent(enrolled=False)),
        verdict=Verdict.DIRECT,
        least=0.4,
        most=0.6,
        innocent=True,
    ),
    Case(
        name="a session that opened",
        evidence=alone(authenticated=True),
        verdict=Verdict.DIRECT,
        least=1.0,
        innocent=True,
    ),
    Case(
        name="own balancer with PROXY protocol",
        evidence=both(gateway=gateway(through_own_proxy=True)),
        verdict=Verdict.PROXIED_INTACT,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="own balancer without PROXY protocol",
        evidence=both(
            gateway=gateway(source="10.9.0.2:40000", through_own_proxy=None),
            expected=expected(own_proxies=("10.9.0.0/24",)),
        ),
        verdict=Verdict.PROXIED_INTACT,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="address translation",
        evidence=both(agent=agent(local="10.1.2.3:50000")),
        verdict=Verdict.PROXIED_INTACT,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="spliced by a proxy",
        evidence=both(
            agent=agent(connect_ms=0.4),
            gateway=gateway(syn=Syn(ttl=250, mss=1460, window=65535, options="2-4-8-1-3", rtt_ms=31.0)),
        ),
        verdict=Verdict.PROXIED_INTACT,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="gateway certificate renewed by our CA",
        evidence=Evidence(agent=agent(chain=served(RENEWED)), expected=LISTED),
        verdict=Verdict.GATEWAY_CERT_ROTATED,
        least=0.9,
        innocent=True,
    ),
    Case(
        name="gateway certificate renewed, both halves",
        evidence=seen_and_served(served(RENEWED), LISTED),
        verdict=Verdict.GATEWAY_CERT_ROTATED,
        least=0.99,
        innocent=True,
    ),
    Case(
        name="CA rotated and cross-signed, agent knows the old one",
        evidence=Evidence(agent=agent(chain=served(ROTATING)), expected=LISTED),
        verdict=Verdict.GATEWAY_CERT_ROTATED,
        least=0.9,
        innocent=True,
    ),
    Case(
        name="CA rotated and cross-signed, agent knows the new one",
        evidence=Evidence(
            agent=agent(chain=served(ROTATING)),
            expected=attrs.evolve(LISTED, pins=frozenset(ROTATING.pins_next())),
        ),
        verdict=Verdict.GATEWAY_CERT_ROTATED,
        least=0.9,
        innocent=True,
    ),
    Case(
        name="agent slept through the CA's rotation, judged by itself",
        evidence=Evidence(
            agent=agent(chain=(*served(ROTATED)[:2], ROTATED.root_certificates()[-1])), expected=LISTED
        ),
        verdict=Verdict.GATEWAY_CERT_ROTATED,
        least=0.5,
        most=0.7,
        innocent=True,
    ),
    Case(
        name="agent slept through the CA's rotation, both halves",
        evidence=Evidence(
            agent=agent(chain=served(ROTATED), trusted_by_pins=False),
            gateway=gateway(served=served(ROTATED)),
            expected=expected(pins=pins(ROTATED), leaf_keys=frozenset({spki_sha256(served(ROTATED)[0])})),
        ),
        verdict=Verdict.GATEWAY_CERT_ROTATED,
        least=0.99,
        innocent=True,
    ),
    Case(
        name="public certificate renewed while the agent was off",
        evidence=Evidence(agent=agent(chain=chain_of(PUBLIC_NEXT, PUBLIC_ISSUER)), expected=ACME),
        verdict=Verdict.GATEWAY_CERT_ROTATED,
        least=0.9,
        innocent=True,
    ),
    Case(
        name="public certificate renewed, both halves, trusted by the system too",
        evidence=seen_and_served(chain_of(PUBLIC_NEXT, PUBLIC_ISSUER), ACME, trusted_by_system=True),
        verdict=Verdict.GATEWAY_CERT_ROTATED,
        least=0.99,
        innocent=True,
    ),
    Case(
        name="another server's public certificate",
        evidence=Evidence(agent=agent(chain=chain_of(PUBLIC_OTHER, PUBLIC_ISSUER)), expected=ACME),
        verdict=Verdict.WRONG_SERVICE,
        least=0.7,
        innocent=True,
    ),
    Case(
        name="clock a year behind, both halves",
        evidence=both(agent=agent(at_ms=AT_MS - YEAR_MS)),
        verdict=Verdict.CLOCK_SKEW,
        least=0.99,
        innocent=True,
    ),
    Case(
        name="clock a year ahead, both halves",
        evidence=both(agent=agent(at_ms=AT_MS + YEAR_MS)),
        verdict=Verdict.CLOCK_SKEW,
        least=0.99,
        innocent=True,
    ),
    Case(
        name="clock a year ahead, with the offset that a session told",
        evidence=alone(at_ms=AT_MS + YEAR_MS, clock_offset_ms=YEAR_MS),
        verdict=Verdict.CLOCK_SKEW,
        least=0.9,
        innocent=True,
    ),
    Case(
        name="clock a year behind, and no other clock",
        evidence=alone(at_ms=AT_MS - YEAR_MS, verify_codes=((0, 9), (1, 19))),
        verdict=Verdict.CLOCK_SKEW,
        least=0.7,
        most=0.85,
        innocent=True,
    ),
    Case(
        name="clock a year ahead, and no other clock",
        evidence=alone(at_ms=AT_MS + YEAR_MS, verify_codes=((0, 10), (1, 19))),
        verdict=Verdict.CLOCK_SKEW,
        least=0.6,
        most=0.7,
        innocent=True,
    ),
    Case(
        name="clock told to the judge",
        evidence=alone(at_ms=AT_MS + YEAR_MS),
        verdict=Verdict.CLOCK_SKEW,
        least=0.95,
        innocent=True,
        at_ms=AT_MS,
    ),
    Case(
        name="wrong name, one half",
        evidence=alone(chain=served(ELSEWHERE)),
        verdict=Verdict.WRONG_SAN,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="wrong name, both halves",
        evidence=seen_and_served(served(ELSEWHERE), expected()),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.99,
        innocent=True,
    ),
    Case(
        name="expired, one half, told the time by the judge",
        evidence=judged_late(alone()),
        verdict=Verdict.CERT_EXPIRED,
        least=0.95,
        innocent=True,
        at_ms=to_ms(AFTER),
    ),
    Case(
        name="expired, both halves",
        evidence=judged_late(both()),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.99,
        innocent=True,
    ),
    Case(
        name="not yet valid by both clocks",
        evidence=both(agent=agent(at_ms=to_ms(BEFORE)), gateway=gateway(at_ms=to_ms(BEFORE))),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.99,
        innocent=True,
    ),
    Case(
        name="issuer not sent, both halves",
        evidence=seen_and_served(served()[:1], expected()),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.97,
        innocent=True,
    ),
    Case(
        name="issuer not sent, the key is known",
        evidence=alone(chain=served()[:1]),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.7,
        most=0.9,
        innocent=True,
    ),
    Case(
        name="issuer not sent, one half, the key is new",
        evidence=Evidence(agent=agent(chain=served(RENEWED)[:1]), expected=LISTED),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.5,
        most=0.7,
        innocent=True,
    ),
    Case(
        name="own TLS offload on the list",
        evidence=both(
            agent=agent(certificate_requested=False),
            gateway=beyond_a_box(),
            expected=expected(own_offload=frozenset({spki_sha256(served()[0])})),
        ),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="revoked agent",
        evidence=alone(refusal=3007),
        verdict=Verdict.AGENT_REFUSED,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="revoked agent, by alert",
        evidence=both(agent=agent(alerts=alert(44, sent=False))),
        verdict=Verdict.AGENT_REFUSED,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="expired agent certificate",
        evidence=both(agent=agent(certificate_not_after_ms=AT_MS - 1, alerts=alert(45, sent=False))),
        verdict=Verdict.AGENT_CERT_EXPIRED,
        least=0.98,
        innocent=True,
    ),
    Case(
        name="expired agent certificate, by its own clock alone",
        evidence=alone(certificate_not_after_ms=AT_MS - 1),
        verdict=Verdict.AGENT_CERT_EXPIRED,
        least=0.7,
        most=0.8,
        innocent=True,
    ),
    Case(
        name="not enrolled, and a certificate is demanded",
        evidence=alone(enrolled=False, certificate_not_after_ms=None, alerts=alert(116, sent=False)),
        verdict=Verdict.AGENT_CERT_ABSENT,
        least=0.9,
        innocent=True,
    ),
    Case(
        name="enrolled, and sends no certificate",
        evidence=both(gateway=gateway(client_certificate=False)),
        verdict=Verdict.AGENT_CERT_ABSENT,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="gateway restart",
        evidence=both(agent=cut(), gateway=cut_at_gateway(nearby=nearby(NearbyKind.RESTART))),
        verdict=Verdict.GATEWAY_RESTART,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="gateway drain, nobody reported it",
        evidence=stranger(nearby=nearby(NearbyKind.DRAIN, 30)),
        verdict=Verdict.GATEWAY_RESTART,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="banned by the gateway",
        evidence=both(agent=cut(), gateway=cut_at_gateway(nearby=nearby(NearbyKind.BAN))),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="gateway overloaded",
        evidence=both(
            agent=agent(answered=False, last_io=LastIo.ANSWER_TIMEOUT),
            gateway=gateway(nearby=nearby(NearbyKind.OVERLOAD)),
        ),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.8,
        innocent=True,
    ),
    Case(
        name="port scanner",
        evidence=stranger(hello=None, negotiated=None, handshake_complete=False, last_io=LastIo.RESET),
        verdict=Verdict.NOT_AN_AGENT,
        least=0.9,
        innocent=True,
    ),
    Case(
        name="scanner that speaks HTTP",
        evidence=stranger(
            hello=None,
            negotiated=None,
            handshake_complete=False,
            first_bytes=b"GET / HTTP/1.0\r\n\r\n",
            last_io=LastIo.NOT_TLS,
        ),
        verdict=Verdict.NOT_AN_AGENT,
        least=0.9,
        innocent=True,
    ),
    Case(
        name="TLS health check of the own balancer",
        evidence=stranger(through_own_proxy=True),
        verdict=Verdict.NOT_AN_AGENT,
        least=0.9,
        innocent=True,
    ),
    Case(
        name="agent that goes because it does not know the new CA",
        evidence=stranger(hello=HELLO, client_certificate=True),
        verdict=Verdict.DIRECT,
        least=0.8,
        most=0.8,
        innocent=True,
    ),
    Case(
        name="TLS health check of a stranger",
        evidence=stranger(),
        verdict=Verdict.HELLO_FOREIGN,
        least=0.5,
        most=0.5,
        innocent=True,
    ),
    Case(
        name="nothing at all",
        evidence=Evidence(),
        verdict=Verdict.UNEXPLAINED,
        least=0.1,
        most=0.1,
        innocent=True,
    ),
)
