"""Cases in which nobody may be accused: a gateway that is down, another server, a wrong address, a proxy, a clock.

Each looks like a box in the path from the agent's side.
"""

from datetime import timedelta

import attrs

from certs import read_certificate, to_ms
from certs.inspection import Evidence, Expected, Join, LastIo, NearbyKind, ProxyUse, Verdict
from tests.certs.inspection.cases import (
    ACME,
    AFTER,
    FORGED,
    PUBLIC_ISSUER,
    PUBLIC_LEAF,
    YEAR_MS,
    Case,
    alert,
    chain_of,
    cut,
    cut_at_gateway,
    nearby,
    seen_and_served,
)
from tests.certs.inspection.cases_guilty import CORPORATE, TLS12, probes, proxied
from tests.certs.inspection.scenes import (
    AGREED,
    agent,
    alone,
    both,
    box_ca,
    expected,
    forged,
    gateway,
    served,
)
from tests.certs.pki import DAY, NOW, make, server

# What whoever typed an address had in mind: a port and a name that the provider does not list.
ELSEWHERE = "www.example:443"
WEB = {
    "dialed": ELSEWHERE,
    "chain": forged(name="www.example"),
    "certificate_requested": False,
    "negotiated": attrs.evolve(AGREED, alpn=""),
}
NAS = forged(box_ca(("CN", "nas.local Root")), name="nas.local")

END = read_certificate(served()[0]).not_after

# A root that is pinned, and an issuer that had ended before the leaf began.
NO_LONGER = make("Old Root", ca=True, begin=NOW - 900 * DAY, end=NOW + 900 * DAY)
ENDED = make("Old Issuer", NO_LONGER, ca=True, path_length=0, begin=NOW - 800 * DAY, end=NOW - 400 * DAY)
ORPHAN = server("gateway.example", ENDED, begin=NOW - DAY, end=NOW + DAY)
NEVER = Expected(pins=frozenset({NO_LONGER.pin}), gateways=expected().gateways)

SILENT_PROXY = ProxyUse(
    url="http://proxy.example:3128",
    source="config",
    used=True,
    reason="the proxy did not answer before the deadline",
)
BEHIND_A_PROXY = {"proxy": attrs.evolve(SILENT_PROXY, reason=""), "hello": None, "handshake_complete": None}


def unreached(last_io: LastIo, tcp_error: str = "", **more: object) -> Evidence:
    """Nothing came, and no other port shows the gateway."""
    fields = {"probes": probes(other_port=False), "last_io": last_io, "tcp_error": tcp_error, **more}
    return Evidence(agent=cut(**fields), expected=expected())


DOWN = (
    Case(
        name="gateway stopped: TCP is refused",
        evidence=unreached(LastIo.REFUSED, "ECONNREFUSED"),
        verdict=Verdict.NOT_REACHED,
        least=0.3,
        most=0.49,
        innocent=True,
    ),
    Case(
        name="gateway stopped, nothing else known",
        evidence=Evidence(
            agent=cut(last_io=LastIo.UNREACHABLE, tcp_error="EHOSTUNREACH"), expected=expected()
        ),
        verdict=Verdict.NOT_REACHED,
        least=0.3,
        most=0.49,
        innocent=True,
    ),
    Case(
        name="gateway hangs: TCP comes up, and nothing comes back",
        evidence=unreached(LastIo.HANDSHAKE_TIMEOUT),
        verdict=Verdict.NOT_REACHED,
        least=0.3,
        most=0.49,
        innocent=True,
    ),
    Case(
        name="gateway hung, and saw the hello later",
        evidence=both(
            agent=cut(last_io=LastIo.HANDSHAKE_TIMEOUT),
            gateway=gateway(
                join=Join.TIME_AND_ADDRESS, handshake_complete=False, exporter=None, last_io=LastIo.EOF
            ),
        ),
        verdict=Verdict.NOT_REACHED,
        least=0.5,
        most=0.5,
        innocent=True,
    ),
    Case(
        name="balancer without a gateway behind it: cut after the hello",
        evidence=unreached(LastIo.EOF),
        verdict=Verdict.NOT_REACHED,
        least=0.3,
        most=0.49,
        innocent=True,
    ),
    Case(
        name="balancer without a gateway behind it: an alert",
        evidence=unreached(LastIo.ALERT, alerts=alert(80, sent=False), received_bytes=7),
        verdict=Verdict.NOT_REACHED,
        least=0.3,
        most=0.49,
        innocent=True,
    ),
    Case(
        name="proxy that cannot reach the gateway",
        evidence=proxied(503, "Service Unavailable"),
        verdict=Verdict.NOT_REACHED,
        least=0.3,
        most=0.49,
        innocent=True,
    ),
)

PROXIES = (
    Case(
        name="proxy that is down",
        evidence=Evidence(
            agent=cut(**BEHIND_A_PROXY, last_io=LastIo.REFUSED, tcp_error="ECONNREFUSED"), expected=expected()
        ),
        verdict=Verdict.PROXY_DOWN,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="proxy whose name does not resolve",
        evidence=Evidence(
            agent=cut(**BEHIND_A_PROXY, last_io=LastIo.NOT_RESOLVED, tcp_error="EAI_NONAME"),
            expected=expected(),
        ),
        verdict=Verdict.PROXY_DOWN,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="proxy that hangs up",
        evidence=Evidence(agent=cut(**BEHIND_A_PROXY, last_io=LastIo.EOF), expected=expected()),
        verdict=Verdict.PROXY_DOWN,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="proxy that is none",
        evidence=Evidence(
            agent=cut(**BEHIND_A_PROXY, last_io=LastIo.NOT_TLS, first_bytes=b"SSH-2.0-OpenSSH_9.6\r\n"),
            expected=expected(),
        ),
        verdict=Verdict.PROXY_DOWN,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="proxy that says nothing, and may be waiting for the gateway",
        evidence=Evidence(
            agent=cut(**BEHIND_A_PROXY | {"proxy": SILENT_PROXY}, last_io=LastIo.ANSWER_TIMEOUT),
            expected=expected(),
        ),
        verdict=Verdict.PROXY_DOWN,
        least=0.6,
        most=0.7,
        innocent=True,
    ),
)

ADDRESSES = (
    Case(
        name="the provider's web server, by a port that is not listed",
        evidence=alone(**WEB, trusted_by_system=True),
        verdict=Verdict.WRONG_ADDRESS,
        least=0.6,
        most=0.7,
        innocent=True,
    ),
    Case(
        name="a server with a certificate of its own, by an address that is not listed",
        evidence=alone(**WEB),
        verdict=Verdict.WRONG_ADDRESS,
        least=0.6,
        most=0.7,
        innocent=True,
    ),
    Case(
        name="the provider's web server with the same public CA, by a port that is not listed",
        evidence=Evidence(
            agent=agent(
                dialed="gateway.example:443",
                chain=chain_of(PUBLIC_LEAF, PUBLIC_ISSUER),
                certificate_requested=False,
                trusted_by_system=True,
            ),
            expected=ACME,
        ),
        verdict=Verdict.WRONG_ADDRESS,
        least=0.6,
        most=0.7,
        innocent=True,
    ),
    Case(
        name="nobody answers at an address that is not listed",
        evidence=unreached(LastIo.REFUSED, "ECONNREFUSED", dialed=ELSEWHERE),
        verdict=Verdict.WRONG_ADDRESS,
        least=0.6,
        most=0.7,
        innocent=True,
    ),
    Case(
        name="a name that does not resolve, and is not listed",
        evidence=unreached(LastIo.NOT_RESOLVED, "EAI_NONAME", dialed="gatway.example:6180", resolved=()),
        verdict=Verdict.WRONG_ADDRESS,
        least=0.6,
        most=0.7,
        innocent=True,
    ),
    Case(
        name="the gateway by an address that is not listed, one half",
        evidence=alone(dialed="192.0.2.9:6180"),
        verdict=Verdict.WRONG_ADDRESS,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="the gateway by an address that is not listed, both halves",
        evidence=both(agent=agent(dialed="192.0.2.9:6180")),
        verdict=Verdict.WRONG_ADDRESS,
        least=0.99,
        innocent=True,
    ),
    Case(
        name="another server under its own name, no pins",
        evidence=Evidence(
            agent=agent(
                enrolled=False,
                chain=NAS,
                certificate_requested=False,
                negotiated=attrs.evolve(AGREED, alpn=""),
            )
        ),
        verdict=Verdict.WRONG_SERVICE,
        least=0.5,
        most=0.6,
        innocent=True,
    ),
    Case(
        name="another server under its own name, no pins, TLS 1.2",
        evidence=Evidence(
            agent=agent(
                enrolled=False, chain=NAS, certificate_requested=False, negotiated=TLS12, exporter=None
            )
        ),
        verdict=Verdict.WRONG_SERVICE,
        least=0.5,
        most=0.6,
        innocent=True,
    ),
)

OTHERS = (
    Case(
        name="clock 400 days ahead, and no other clock",
        evidence=alone(at_ms=to_ms(NOW + timedelta(days=400)), verify_codes=((0, 10), (1, 19))),
        verdict=Verdict.CLOCK_SKEW,
        least=0.6,
        most=0.7,
        innocent=True,
    ),
    Case(
        name="a month over by the agent's clock, and by the gateway's too",
        evidence=both(
            agent=agent(
                at_ms=to_ms(AFTER + timedelta(days=60)), certificate_not_after_ms=to_ms(AFTER) + YEAR_MS
            ),
            gateway=gateway(at_ms=to_ms(AFTER + timedelta(days=60))),
        ),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.99,
        innocent=True,
    ),
    Case(
        name="just expired by the agent's clock, and no other clock",
        evidence=alone(at_ms=to_ms(END + timedelta(days=2))),
        verdict=Verdict.CERT_EXPIRED,
        least=0.6,
        most=0.7,
        innocent=True,
    ),
    Case(
        name="a listener wants a PROXY header, and none came",
        evidence=both(
            agent=cut(),
            gateway=attrs.evolve(
                cut_at_gateway(nearby=nearby(NearbyKind.PROXY_HEADER)), last_io=None, first_bytes=None
            ),
        ),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="a PROXY header came, and the listener wants none",
        evidence=both(
            agent=cut(),
            gateway=cut_at_gateway(
                nearby=nearby(NearbyKind.PROXY_HEADER),
                first_bytes=b"\r\n\r\n\x00\r\nQUIT\n",
                last_io=LastIo.NOT_TLS,
            ),
        ),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.95,
        innocent=True,
    ),
    Case(
        name="an issuer that had ended before its leaf began, one half",
        evidence=Evidence(agent=agent(chain=chain_of(ORPHAN, ENDED, NO_LONGER)), expected=NEVER),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.85,
        innocent=True,
    ),
    Case(
        name="an issuer that had ended before its leaf began, both halves",
        evidence=seen_and_served(chain_of(ORPHAN, ENDED, NO_LONGER), NEVER),
        verdict=Verdict.PROVIDER_FAULT,
        least=0.95,
        innocent=True,
    ),
)

DOUBTFUL = (
    Case(
        name="a firewall's issuer, at an address that is not listed",
        evidence=alone(
            **WEB | {"chain": forged(box_ca(("O", "Fortinet"), ("CN", "FortiGate CA")), name="www.example")}
        ),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=0.6,
        most=0.7,
    ),
    Case(
        name="a firewall's issuer, no pins",
        evidence=Evidence(
            agent=agent(
                enrolled=False,
                **CORPORATE | {"chain": forged(box_ca(("O", "Fortinet"), ("CN", "FortiGate CA")))},
            )
        ),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=0.5,
        most=0.65,
    ),
    Case(
        name="a box at an address that is not listed, both halves",
        evidence=both(
            agent=agent(dialed="192.0.2.9:6180", chain=FORGED, certificate_requested=False),
            gateway=gateway(exporter=b"x" * 32, client_random=b"o" * 32, client_certificate=False),
        ),
        verdict=Verdict.INSPECTED_UNTRUSTED,
        least=1.0,
    ),
    Case(
        name="a web server without pins, and whose roots nobody knows",
        evidence=Evidence(
            agent=agent(enrolled=False, chain=FORGED, certificate_requested=False, trusted_by_system=None)
        ),
        verdict=Verdict.CLIENT_CERT_STRIPPED,
        least=0.35,
        most=0.49,
    ),
    Case(
        name="ALPN not agreed on by the gateway's key, one half",
        evidence=alone(negotiated=attrs.evolve(AGREED, alpn=""), trusted_by_system=None),
        verdict=Verdict.ALPN_CHANGED,
        least=0.8,
    ),
)

REACH = DOWN + PROXIES + ADDRESSES + OTHERS + DOUBTFUL
