"""Cases where somebody in between is at fault: who opened the TLS, and who broke the connection without opening it."""

import attrs

from certs.inspection import (
    Alert,
    Evidence,
    Join,
    LastIo,
    Negotiated,
    Probe,
    ProxyUse,
    Verdict,
)
from tests.certs.inspection.cases import (
    ACME,
    FORGED,
    PUBLIC_ISSUER,
    PUBLIC_OTHER,
    Case,
    chain_of,
    cut,
    cut_at_gateway,
    sessions,
)
from tests.certs.inspection.scenes import (
    AGREED,
    HELLO,
    agent,
    alone,
    beyond_a_box,
    both,
    box_ca,
    expected,
    forged,
    gateway,
    signed,
)

CORPORATE = {"chain": FORGED, "certificate_requested": False}
TLS12 = Negotiated(version="TLSv1.2", alpn="fieldgate/1", cipher="ECDHE-ECDSA-AES128-GCM-SHA256")


def nameless() -> tuple[bytes, ...]:
    """A forgery without a subjectAltName, as some boxes mint it for an address."""
    ca = box_ca(("CN", "Meyer Inspection CA"))
    return signed((("CN", "gateway.example"),), ca).der, ca.der


GUILTY = (
    Case(
        name="untrusted CA, both halves",
        evidence=both(agent=agent(**CORPORATE), gateway=beyond_a_box()),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=1.0,
    ),
    Case(
        name="untrusted CA, one half",
        evidence=alone(**CORPORATE),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=0.95,
        most=0.95,
    ),
    Case(
        name="untrusted CA, the name in the common name alone",
        evidence=alone(chain=nameless(), certificate_requested=False),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=0.95,
    ),
    Case(
        name="untrusted CA, an address as if it were a DNS name",
        evidence=alone(
            dialed="203.0.113.10:6180", chain=forged(name="203.0.113.10"), certificate_requested=False
        ),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=0.95,
    ),
    Case(
        name="untrusted CA, the site's DNS leads there",
        evidence=alone(resolved=("192.0.2.66",), **CORPORATE),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=0.8,
        most=0.9,
    ),
    Case(
        name="untrusted CA, the leaf alone is sent",
        evidence=alone(chain=FORGED[:1], certificate_requested=False),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=0.95,
    ),
    Case(
        name="untrusted CA, agent not enrolled, no pins",
        evidence=Evidence(agent=agent(enrolled=False, **CORPORATE)),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=0.4,
        most=0.49,
    ),
    Case(
        name="same JA4, the hello copied with its random",
        evidence=both(agent=agent(**CORPORATE), gateway=gateway(exporter=None, client_certificate=False)),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=1.0,
    ),
    Case(
        name="a box that claims to be a Fieldgate CA, both halves",
        evidence=both(
            agent=agent(
                chain=forged(box_ca(("O", "Nordwind Backup GmbH"), ("OU", "Fieldgate"), ("CN", "Root 1")))
            ),
            gateway=beyond_a_box(),
        ),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=0.9,
    ),
    Case(
        name="trusted CA, both halves",
        evidence=both(agent=agent(trusted_by_system=True, **CORPORATE), gateway=beyond_a_box()),
        verdict=Verdict.INSPECTED_TRUSTED_ROOT,
        least=1.0,
    ),
    Case(
        name="trusted CA, one half",
        evidence=alone(trusted_by_system=True, **CORPORATE),
        verdict=Verdict.INSPECTED_TRUSTED_ROOT,
        least=0.9,
        most=0.95,
    ),
    Case(
        name="trusted CA, no pins",
        evidence=Evidence(agent=agent(enrolled=False, trusted_by_system=True, **CORPORATE)),
        verdict=Verdict.INSPECTED_TRUSTED_ROOT,
        least=0.4,
        most=0.49,
    ),
    Case(
        name="trusted CA, the provider uses a public CA, one half",
        evidence=Evidence(agent=agent(trusted_by_system=True, **CORPORATE), expected=ACME),
        verdict=Verdict.INSPECTED_TRUSTED_ROOT,
        least=0.6,
        most=0.75,
    ),
    Case(
        name="inbound inspection with our key, client certificate asked for",
        evidence=both(gateway=beyond_a_box()),
        verdict=Verdict.INSPECTED_WITH_OUR_KEY,
        least=0.97,
    ),
    Case(
        name="inbound inspection with our key, none asked for",
        evidence=both(agent=agent(certificate_requested=False), gateway=beyond_a_box()),
        verdict=Verdict.INSPECTED_WITH_OUR_KEY,
        least=0.99,
    ),
    Case(
        name="two TLS connections, trusted, no pins",
        evidence=Evidence(agent=agent(trusted_by_system=True), gateway=beyond_a_box(served=None)),
        verdict=Verdict.INSPECTED_TRUSTED_ROOT,
        least=0.8,
        most=0.9,
    ),
    Case(
        name="two TLS connections, and the agent could not note the chain",
        evidence=both(agent=agent(chain=None, trusted_by_system=None), gateway=beyond_a_box()),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=0.8,
        most=0.9,
    ),
    Case(
        name="a box with another server's public certificate",
        evidence=Evidence(
            agent=agent(chain=chain_of(PUBLIC_OTHER, PUBLIC_ISSUER)), gateway=beyond_a_box(), expected=ACME
        ),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=0.8,
        most=0.9,
    ),
    Case(
        name="client certificate stripped, one half",
        evidence=alone(certificate_requested=False),
        verdict=Verdict.CLIENT_CERT_STRIPPED,
        least=0.9,
    ),
    Case(
        name="client certificate stripped, by the gateway's own word to whoever showed none",
        evidence=alone(refusal=3001),
        verdict=Verdict.CLIENT_CERT_STRIPPED,
        least=0.7,
        most=0.8,
    ),
    Case(
        name="client certificate stripped, found by time and address",
        evidence=both(gateway=beyond_a_box(join=Join.TIME_AND_ADDRESS)),
        verdict=Verdict.CLIENT_CERT_STRIPPED,
        least=0.7,
        most=0.8,
    ),
)


def probes(**outcomes: bool) -> tuple[Probe, ...]:
    return tuple(Probe(name=name.replace("_", "-"), passed=passed) for name, passed in outcomes.items())


def answered_with(first_bytes: bytes, **changes: object) -> Evidence:
    """Something that is not TLS came."""
    return Evidence(
        agent=cut(first_bytes=first_bytes, last_io=LastIo.NOT_TLS, **changes), expected=expected()
    )


def proxied(status: int, reason: str) -> Evidence:
    proxy = ProxyUse(
        url="http://proxy.example:3128", source="config", used=True, status=status, reason=reason
    )
    return Evidence(agent=cut(proxy=proxy, last_io=LastIo.EOF, hello=None), expected=expected())


BIG_HELLO = attrs.evolve(HELLO, size=1750)
UNANSWERED = agent(answered=False, last_io=LastIo.ANSWER_TIMEOUT, probes=probes(http=True))

BLOCKED = (
    Case(
        name="proxy wants a login",
        evidence=proxied(407, "Proxy Authentication Required"),
        verdict=Verdict.PROXY_AUTH,
        least=1.0,
    ),
    Case(
        name="transparent proxy wants a login",
        evidence=answered_with(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
        verdict=Verdict.PROXY_AUTH,
        least=1.0,
    ),
    Case(name="proxy denies", evidence=proxied(403, "Forbidden"), verdict=Verdict.PROXY_DENIED, least=1.0),
    Case(
        name="captive portal",
        evidence=answered_with(b"HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/\r\n\r\n"),
        verdict=Verdict.CAPTIVE_PORTAL,
        least=0.95,
    ),
    Case(
        name="block page",
        evidence=answered_with(b"HTTP/1.1 403 Forbidden\r\n\r\nblocked by policy"),
        verdict=Verdict.HTTP_ANSWER,
        least=0.95,
    ),
    Case(
        name="wrong port",
        evidence=answered_with(b"HTTP/1.1 400 Bad Request\r\n\r\n", dialed="gateway.example:80"),
        verdict=Verdict.HTTP_ANSWER,
        least=0.7,
        most=0.8,
    ),
    Case(
        name="another service",
        evidence=answered_with(b"SSH-2.0-OpenSSH_9.6\r\n"),
        verdict=Verdict.WRONG_SERVICE,
        least=0.95,
    ),
    Case(
        name="a block page under its own name",
        evidence=alone(chain=forged(name="block.firewall.example"), certificate_requested=False),
        verdict=Verdict.WRONG_SERVICE,
        least=0.5,
        most=0.75,
    ),
    Case(
        name="version lowered, both halves",
        evidence=both(
            agent=cut(last_io=LastIo.ALERT, received_bytes=7),
            gateway=gateway(
                hello=attrs.evolve(HELLO, versions=("TLSv1.2",)), exporter=None, handshake_complete=False
            ),
        ),
        verdict=Verdict.DOWNGRADED,
        least=0.95,
    ),
    Case(
        name="version lowered, one half",
        evidence=alone(negotiated=TLS12, exporter=None),
        verdict=Verdict.DOWNGRADED,
        least=0.8,
    ),
    Case(
        name="ALPN taken out, both halves",
        evidence=both(
            agent=cut(last_io=LastIo.ALERT, received_bytes=7),
            gateway=gateway(hello=attrs.evolve(HELLO, alpn=()), exporter=None, handshake_complete=False),
        ),
        verdict=Verdict.ALPN_CHANGED,
        least=0.95,
    ),
    Case(
        name="ALPN taken out, one half",
        evidence=alone(negotiated=attrs.evolve(AGREED, alpn="")),
        verdict=Verdict.ALPN_CHANGED,
        least=0.8,
    ),
    Case(
        name="large hello lost",
        evidence=Evidence(
            agent=cut(
                hello=BIG_HELLO,
                last_io=LastIo.HANDSHAKE_TIMEOUT,
                probes=probes(
                    small_hello=True, large_hello=False, hello_1200=True, hello_1400=True, hello_1600=False
                ),
            ),
            expected=expected(),
        ),
        verdict=Verdict.HELLO_TOO_LARGE,
        least=0.9,
    ),
    Case(
        name="payload dropped, both halves",
        evidence=both(agent=UNANSWERED, gateway=gateway(application_bytes=0)),
        verdict=Verdict.PAYLOAD_DROPPED,
        least=0.9,
    ),
    Case(
        name="payload dropped, one half",
        evidence=Evidence(agent=attrs.evolve(UNANSWERED, probes=()), expected=expected()),
        verdict=Verdict.PAYLOAD_DROPPED,
        least=0.6,
        most=0.7,
    ),
    Case(
        name="sinkhole",
        evidence=Evidence(
            agent=cut(resolved=("192.0.2.66",), last_io=LastIo.REFUSED, tcp_error="ECONNREFUSED"),
            expected=expected(),
        ),
        verdict=Verdict.DNS_MISMATCH,
        least=0.6,
    ),
    Case(
        name="name does not resolve",
        evidence=Evidence(
            agent=cut(resolved=(), last_io=LastIo.NOT_RESOLVED, tcp_error=None), expected=expected()
        ),
        verdict=Verdict.DNS_MISMATCH,
        least=0.8,
    ),
    Case(
        name="reset after the hello, both halves",
        evidence=both(agent=cut(), gateway=cut_at_gateway()),
        verdict=Verdict.BLOCKED_BY_RESET,
        least=0.95,
    ),
    Case(
        name="reset after the hello, another port shows the gateway",
        evidence=Evidence(agent=cut(probes=probes(other_port=True)), expected=expected()),
        verdict=Verdict.BLOCKED_BY_RESET,
        least=0.5,
        most=0.6,
    ),
    Case(
        name="an alert in the certificate's place, both halves",
        evidence=both(
            agent=cut(
                last_io=LastIo.ALERT, alerts=(Alert(sent=False, level=2, description=40),), received_bytes=7
            ),
            gateway=cut_at_gateway(),
        ),
        verdict=Verdict.BLOCKED_BY_RESET,
        least=0.9,
    ),
    Case(
        name="an alert in the certificate's place, another port shows the gateway",
        evidence=Evidence(
            agent=cut(
                last_io=LastIo.ALERT,
                alerts=(Alert(sent=False, level=2, description=112),),
                received_bytes=7,
                probes=probes(other_port=True),
            ),
            expected=expected(),
        ),
        verdict=Verdict.BLOCKED_BY_RESET,
        least=0.4,
        most=0.6,
    ),
    Case(
        name="cut after the handshake, before anything was said",
        evidence=alone(last_io=LastIo.RESET),
        verdict=Verdict.PAYLOAD_DROPPED,
        least=0.5,
        most=0.6,
    ),
    Case(
        name="TCP blocked, another port answers",
        evidence=Evidence(
            agent=cut(last_io=LastIo.CONNECT_TIMEOUT, tcp_error="ETIMEDOUT", probes=probes(other_port=True)),
            expected=expected(),
        ),
        verdict=Verdict.TCP_BLOCKED,
        least=0.8,
    ),
    Case(
        name="black hole after TCP, another port shows the gateway",
        evidence=Evidence(
            agent=cut(last_io=LastIo.HANDSHAKE_TIMEOUT, probes=probes(small_hello=False, other_port=True)),
            expected=expected(),
        ),
        verdict=Verdict.TCP_BLOCKED,
        least=0.5,
        most=0.7,
    ),
    Case(
        name="sessions cut at a fixed age",
        evidence=both(agent=agent(sessions=sessions())),
        verdict=Verdict.SESSION_CUT,
        least=0.85,
    ),
    Case(
        name="sessions cut at a fixed idle time",
        evidence=alone(
            sessions=tuple(
                attrs.evolve(s, idle_s=300.0, lasted_s=400.0 * n) for n, s in enumerate(sessions(), 2)
            )
        ),
        verdict=Verdict.SESSION_CUT,
        least=0.8,
    ),
)
