"""What answers a question: for every fact that a rule may miss, the observation that makes it so."""

from collections.abc import Callable
from typing import Any

import attrs

from certs import spki_sha256, to_ms
from certs.inspection import (
    AgentSide,
    Alert,
    Evidence,
    GatewaySide,
    Join,
    LastIo,
    Nearby,
    NearbyKind,
    Probe,
    ProxyUse,
)
from certs.inspection import rules_path as path
from certs.inspection import rules_reach as reach
from certs.inspection import rules_truth as truth
from certs.inspection.facts import Seen
from certs.inspection.facts_read import random_of
from certs.inspection.rules_model import Fact
from tests.certs.inspection.cases import FORGED, PUBLIC_ROOT
from tests.certs.inspection.scenes import AT_MS, DIALED, HELLO, OTHER_HELLO, box_ca, forged, pins, served

Supply = Callable[[Evidence], Evidence]


def with_agent(evidence: Evidence, **changes: Any) -> Evidence:
    half = evidence.agent or AgentSide(at_ms=AT_MS, dialed=DIALED)
    return attrs.evolve(evidence, agent=attrs.evolve(half, **changes))


def with_gateway(evidence: Evidence, **changes: Any) -> Evidence:
    """The gateway's half has a clock; where there was no half, it agrees with what the judge assumed."""
    half = evidence.gateway
    if half is None:
        half = GatewaySide(at_ms=to_ms(Seen(evidence=evidence).at), join=Join.CARRYING)
    return attrs.evolve(evidence, gateway=attrs.evolve(half, **changes))


def _agent(**changes: Any) -> Supply:
    return lambda evidence: with_agent(evidence, **changes)


def _gateway(**changes: Any) -> Supply:
    return lambda evidence: with_gateway(evidence, **changes)


def _expected(**changes: Any) -> Supply:
    return lambda evidence: attrs.evolve(evidence, expected=attrs.evolve(evidence.expected, **changes))


def _both(*supplies: Supply) -> Supply:
    def supply(evidence: Evidence) -> Evidence:
        for one in supplies:
            evidence = one(evidence)
        return evidence

    return supply


def _probe(name: str, *, passed: bool) -> Supply:
    def supply(evidence: Evidence) -> Evidence:
        others = tuple(p for p in (evidence.agent.probes if evidence.agent else ()) if p.name != name)
        return with_agent(evidence, probes=(*others, Probe(name=name, passed=passed)))

    return supply


def _nearby(kind: NearbyKind, *, there: bool) -> Supply:
    def supply(evidence: Evidence) -> Evidence:
        others = tuple(n for n in (evidence.gateway.nearby if evidence.gateway else ()) if n.kind is not kind)
        return with_gateway(evidence, nearby=(*others, Nearby(kind=kind, seconds=3)) if there else others)

    return supply


def _leaf_served(evidence: Evidence) -> Evidence:
    chain = Seen(evidence=evidence).chain or served()
    return with_gateway(with_agent(evidence, chain=chain), served=chain, join=Join.CARRYING)


def _one_tls(evidence: Evidence) -> Evidence:
    """Equal keying material; equal randoms go with it."""
    evidence = with_agent(evidence, exporter=b"s" * 32, client_random=HELLO.random)
    return with_gateway(evidence, exporter=b"s" * 32, client_random=HELLO.random, join=Join.CARRYING)


def _two_tls(evidence: Evidence) -> Evidence:
    evidence = with_agent(evidence, exporter=b"s" * 32, client_random=HELLO.random)
    return with_gateway(evidence, exporter=b"t" * 32, client_random=OTHER_HELLO.random, join=Join.CARRYING)


def _clock_off(evidence: Evidence) -> Evidence:
    """A gateway's clock by which the certificate is valid."""
    judged = Seen(evidence=evidence).judged
    if judged is None or judged.not_before is None or judged.not_after is None:
        return evidence
    return with_gateway(evidence, at_ms=to_ms(judged.not_before + (judged.not_after - judged.not_before) / 2))


def _clock_right(evidence: Evidence) -> Evidence:
    at_ms = evidence.agent.at_ms if evidence.agent else AT_MS
    return with_gateway(evidence, at_ms=at_ms)


def _issuer_pinned(evidence: Evidence) -> Evidence:
    """Whatever CA stands in the chain is the provider's."""
    chain = Seen(evidence=evidence).chain or served()
    evidence = with_agent(evidence, chain=chain)
    return _expected(pins=pins() | {spki_sha256(der) for der in chain[1:]})(evidence)


def _issuer_foreign(evidence: Evidence) -> Evidence:
    chain = Seen(evidence=evidence).chain or FORGED
    return _expected(pins=frozenset({PUBLIC_ROOT.pin}))(with_agent(evidence, chain=chain))


def _altered(evidence: Evidence) -> Evidence:
    """The hello as it arrived, with everything taken out of it that a box may take."""
    arrived = attrs.evolve(HELLO, versions=("TLSv1.2",), alpn=())
    return with_gateway(evidence, hello=arrived, client_random=random_of(evidence.agent), join=Join.CARRYING)


def _ended(how: LastIo) -> Supply:
    """By the agent's word; by the gateway's where it speaks alone."""

    def supply(evidence: Evidence) -> Evidence:
        alone = evidence.agent is None and evidence.gateway is not None
        return with_gateway(evidence, last_io=how) if alone else with_agent(evidence, last_io=how)

    return supply


def _offloaded(evidence: Evidence) -> Evidence:
    chain = Seen(evidence=evidence).chain or served()
    return _expected(own_offload=frozenset({spki_sha256(chain[0])}))(with_agent(evidence, chain=chain))


def _proxied(status: int | None) -> Supply:
    return _agent(proxy=ProxyUse(url="http://proxy.example:3128", source="system", used=True, status=status))


def _key_announced(evidence: Evidence) -> Evidence:
    chain = Seen(evidence=evidence).chain or served()
    return _expected(leaf_keys=frozenset({spki_sha256(chain[0])}))(with_agent(evidence, chain=chain))


def _key_foreign(evidence: Evidence) -> Evidence:
    evidence = _expected(leaf_keys=frozenset())(_issuer_foreign(evidence))
    return with_gateway(evidence, served=None) if Seen(evidence=evidence).leaf_served else evidence


_FAR = AT_MS + 40 * 365 * 86_400_000

SUPPLIES: dict[Fact, dict[bool, Supply]] = {
    truth.ONE_TLS: {True: _one_tls, False: _two_tls},
    truth.HALVES_DIFFER: {True: _two_tls, False: _one_tls},
    truth.SAME_EXPORTER: {True: _one_tls, False: _two_tls},
    truth.CHAIN_OURS: {True: _issuer_pinned, False: _issuer_foreign},
    truth.KEY_OURS: {True: _key_announced, False: _key_foreign},
    truth.LEAF_SERVED: {True: _leaf_served, False: _both(_leaf_served, _gateway(served=FORGED[1:]))},
    truth.NAMES_COPIED: {True: _leaf_served, False: _both(_leaf_served, _gateway(served=FORGED[1:]))},
    truth.CLOCK_OFF: {True: _clock_off, False: _clock_right},
    truth.SYSTEM_TRUSTS: {answer: _agent(trusted_by_system=answer) for answer in (True, False)},
    truth.CERTIFICATE_REQUESTED: {answer: _agent(certificate_requested=answer) for answer in (True, False)},
    truth.OPENSSL_REFUSES: {True: _agent(verify_codes=((0, 20),)), False: _agent(verify_codes=())},
    truth.REACHED: {True: _gateway(join=Join.CARRYING), False: _gateway(join=Join.TIME_AND_ADDRESS)},
    truth.ENROLLED: {answer: _agent(enrolled=answer) for answer in (True, False)},
    truth.CERTIFICATE_OVER: {
        True: _agent(enrolled=True, certificate_not_after_ms=0),
        False: _agent(enrolled=True, certificate_not_after_ms=AT_MS * 10),
    },
    truth.EXPIRY_TOLD: {
        True: _agent(alerts=(Alert(sent=False, level=2, description=45),)),
        False: _both(_agent(alerts=()), _gateway(alerts=())),
    },
    path.BROKEN: {True: _ended(LastIo.RESET), False: _ended(LastIo.COMPLETE)},
    path.HANDSHAKEN: {True: _agent(handshake_complete=True), False: _agent(handshake_complete=False)},
    reach.TCP_FAILED: {
        True: _agent(tcp_error="ETIMEDOUT"),
        False: _agent(tcp_error="", last_io=LastIo.RESET),
    },
    path.NOTHING_CAME: {True: _agent(received_bytes=0), False: _agent(received_bytes=9)},
    path.GATEWAY_GOT_HELLO: {
        True: _gateway(hello=HELLO),
        False: _gateway(hello=None, handshake_complete=False, first_bytes=b""),
    },
    path.GATEWAY_ENDED: {
        True: _gateway(last_io=LastIo.CLOSE_NOTIFY),
        False: _gateway(last_io=LastIo.RESET, alerts=()),
    },
    path.GATEWAY_SILENT: {
        True: _gateway(handshake_complete=True, application_bytes=0),
        False: _gateway(application_bytes=7),
    },
    path.RESTART_NEAR: {answer: _nearby(NearbyKind.RESTART, there=answer) for answer in (True, False)},
    path.OVERLOAD_NEAR: {answer: _nearby(NearbyKind.OVERLOAD, there=answer) for answer in (True, False)},
    path.HELLOS_COMPARED: {True: _altered},
    path.HELLO_IS_BIG: {
        True: _agent(hello=attrs.evolve(HELLO, size=1700)),
        False: _agent(hello=attrs.evolve(HELLO, size=400)),
    },
    path.LARGE_FAILS: {
        True: _probe("large-hello", passed=False),
        False: _both(_probe("large-hello", passed=True), _probe("hello-1600", passed=True)),
    },
    reach.GATEWAY_UP: {answer: _probe("other-port", passed=answer) for answer in (True, False)},
    path.HTTP_PASSES: {answer: _probe("http", passed=answer) for answer in (True, False)},
    reach.DIALED_LISTED: {
        True: lambda evidence: _expected(gateways=(evidence.agent.dialed if evidence.agent else DIALED,))(
            evidence
        ),
        False: _expected(gateways=("192.0.2.1:1",)),
    },
    path.NOT_TLS: {True: _agent(first_bytes=b"SSH-2.0"), False: _agent(first_bytes=b"")},
    truth.CLOCK_CHECKED: {True: _clock_right},
    path.ANSWERED: {answer: _agent(answered=answer) for answer in (True, False)},
    truth.NAME_OK: {False: _agent(dialed="nobody.example:6180")},
    truth.VALID_NOW: {False: _both(_gateway(at_ms=_FAR), _agent(at_ms=_FAR))},
    truth.OWN_OFFLOAD: {True: _offloaded},
    reach.PROXY_ASKS: {True: _proxied(407)},
    reach.PROXY_DENIES: {True: _proxied(403)},
    reach.PROXY_FAILS: {True: _proxied(None)},
    reach.ISSUER_NAMED: {True: _agent(chain=forged(box_ca(("O", "Fortinet"), ("CN", "FortiGate CA"))))},
    path.STRANGER_WENT: {False: _gateway(hello=HELLO, application_bytes=3)},
}
