"""Evidence of a path, made by hand: a healthy one, and what boxes and mistakes turn it into.

Chains are minted: the provider's by its own authority, a box's by a CA with whatever name. Everything else is the record
that both ends would make.
"""

import functools
from collections.abc import Sequence
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from certs import Authority, chain_from_pem, spki_sha256, to_ms
from certs.inspection import (
    AgentSide,
    ClientHello,
    Evidence,
    Expected,
    GatewaySide,
    Join,
    LastIo,
    Negotiated,
    Syn,
)
from tests.certs.pki import DAY, NOW, SERVER, Made, authority, key_usage

AT_MS = to_ms(NOW)
DIALED = "gateway.example:6180"
GATEWAYS = (DIALED, "203.0.113.10:6180", "203.0.113.11:6180")

HELLO = ClientHello(
    ja4="t13d1516h1_8daaf6152771_02713d6af862",
    ja4_raw="t13d1516h1_002f_0005",
    versions=("TLSv1.3", "TLSv1.2"),
    alpn=("fieldgate/1",),
    server_name="gateway.example",
    size=517,
    random=b"r" * 32,
)
OTHER_HELLO = attrs.evolve(HELLO, random=b"o" * 32, ja4="t13d0912h0_f91f431d341e_78e6aca7449b")
AGREED = Negotiated(version="TLSv1.3", alpn="fieldgate/1", cipher="TLS_AES_256_GCM_SHA384")

Names = Sequence[tuple[x509.ObjectIdentifier, str]]


def served(made: Authority | None = None) -> tuple[bytes, ...]:
    """The chain that the provider's gateway sends."""
    chain_pem, _ = (made or authority()).gateway_chains()[0]
    return chain_from_pem(chain_pem)


def pins(made: Authority | None = None) -> frozenset[bytes]:
    made = made or authority()
    return frozenset((*made.pins_current(), *made.pins_next()))


def expected(**changes: Any) -> Expected:
    fields: dict[str, Any] = {
        "pins": pins(),
        "leaf_keys": frozenset({spki_sha256(served()[0])}),
        "gateways": GATEWAYS,
    }
    return Expected(**{**fields, **changes})


def agent(**changes: Any) -> AgentSide:
    """An enrolled agent on a healthy path."""
    fields: dict[str, Any] = {
        "at_ms": AT_MS,
        "dialed": DIALED,
        "platform": "Linux-6.1",
        "enrolled": True,
        "certificate_not_after_ms": to_ms(NOW + 20 * DAY),
        "resolved": ("203.0.113.10",),
        "local": "198.51.100.7:50123",
        "remote": "203.0.113.10:6180",
        "connect_ms": 20.0,
        "handshake_ms": 25.0,
        "tcp_error": "",
        "hello": HELLO,
        "negotiated": AGREED,
        "handshake_complete": True,
        "chain": served(),
        "verify_codes": ((1, 19),),
        "trusted_by_system": False,
        "certificate_requested": True,
        "client_random": HELLO.random,
        "exporter": b"e" * 32,
        "alerts": (),
        "received_bytes": 3000,
        "first_bytes": b"",
        "last_io": LastIo.COMPLETE,
    }
    return AgentSide(**{**fields, **changes})


def gateway(**changes: Any) -> GatewaySide:
    """The gateway's half of that connection."""
    fields: dict[str, Any] = {
        "at_ms": AT_MS,
        "join": Join.CARRYING,
        "listener": "203.0.113.10:6180",
        "source": "198.51.100.7:50123",
        "through_own_proxy": False,
        "served": served(),
        "hello": HELLO,
        "negotiated": AGREED,
        "handshake_complete": True,
        "client_certificate": True,
        "client_random": HELLO.random,
        "exporter": b"e" * 32,
        "alerts": (),
        "application_bytes": 40,
        "first_bytes": b"",
        "last_io": LastIo.COMPLETE,
        "syn": Syn(ttl=52, mss=1460, window=64240, options="2-4-8-1-3", rtt_ms=20.0),
    }
    return GatewaySide(**{**fields, **changes})


def beyond_a_box(**changes: Any) -> GatewaySide:
    """The gateway's half where a box ended the agent's TLS and opened its own."""
    fields: dict[str, Any] = {
        "hello": OTHER_HELLO,
        "client_random": OTHER_HELLO.random,
        "exporter": b"x" * 32,
        "client_certificate": False,
    }
    return gateway(**{**fields, **changes})


def both(**changes: Any) -> Evidence:
    """Both halves of a healthy path, but for *changes* of `Evidence`'s own fields."""
    fields: dict[str, Any] = {"agent": agent(), "gateway": gateway(), "expected": expected()}
    return Evidence(**{**fields, **changes})


def alone(**changes: Any) -> Evidence:
    """What an agent knows by itself of its attempt, but for *changes* of its half."""
    return Evidence(agent=agent(**changes), expected=expected())


@functools.cache
def box_ca(*names: tuple[str, str]) -> Made:
    """A box's CA; names are ("CN", "…"), ("O", "…"), ("email", "…"), ("OU", "…")."""
    return signed(names, None, ca=True)


@functools.cache
def forged(ca: Made | None = None, *, name: str = "gateway.example") -> tuple[bytes, ...]:
    """What a box shows in the gateway's place: leaf and CA."""
    ca = ca or box_ca(("CN", "Inspection CA"), ("O", "Meyer Logistik GmbH"))
    leaf = signed((("CN", name),), ca, names=[x509.DNSName(name)])
    return leaf.der, ca.der


_OIDS = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "email": NameOID.EMAIL_ADDRESS,
    "L": NameOID.LOCALITY_NAME,
}


def signed(
    names_: Sequence[tuple[str, str]],
    issuer: Made | None,
    *,
    ca: bool = False,
    names: Sequence[x509.GeneralName] = (),
) -> Made:
    """A certificate with a whole distinguished name, which `pki.make` has no room for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(_OIDS[short], value) for short, value in names_])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer is not None else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 365 * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(key_usage(ca=ca), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer.key if issuer else key).public_key()),
            critical=False,
        )
    )
    if ca:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([SERVER]), critical=False)
    return Made(builder.sign(issuer.key if issuer is not None else key, hashes.SHA256()), key)
