"""The five kinds of certificate that we issue, and for how long.

    root            self-signed, 20 years; its key signs issuers and may leave the machine
    ├─ gateway issuer   5 years, EKU serverAuth, no CA below it
    │    └─ gateway     90 days, serverAuth, DNS names and addresses
    ├─ agent issuer     5 years, EKU clientAuth, no CA below it, no DNS name and no address
    │    └─ agent       30 days, clientAuth, SAN urn:fieldgate:agent:UID
    └─ signers          of licences, of usage: 5 years, Ed25519, each with an EKU of ours that no TLS endpoint knows

The agent issuer's key lies on the machine that faces the internet. Stolen, it must not be able to pose as a gateway:
its certificate carries EKU clientAuth, which verifiers apply to what it signs, and excludes every DNS name and every
address, for verifiers that do not read an issuer's EKU. A *cross* certificate is a new root's key signed by the root
before it.
"""

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from certs.chain import AGENT_URN
from certs.names import as_address, normal

AGENT_LIFETIME = timedelta(days=30)
GATEWAY_LIFETIME = timedelta(days=90)
ISSUER_LIFETIME = timedelta(days=5 * 365)
ROOT_LIFETIME = timedelta(days=20 * 365)

# An expired agent certificate may still ask for a new one this long: an agent that was off for a quarter, twice.
RENEWAL_GRACE = timedelta(days=180)

# Signing licences, and statements of usage. Nobody assigns numbers under 2.25: each is a random UUID (X.667).
LICENCE_USAGE = ObjectIdentifier("2.25.184083074944376551867705423418450922641")
STATEMENT_USAGE = ObjectIdentifier("2.25.184667281111597408162311831802494191972")

# Certificates begin an hour ago, so that a peer whose clock is a little behind can use one at once (as Let's Encrypt does).
BACKDATE = timedelta(hours=1)

# What marks our roots apart from anyone else's; a hint for error messages, never a reason to trust.
FIELDGATE_UNIT = "Fieldgate"

_DNS_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


def root(name: str, label: str, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """A self-signed root for the provider *name*."""
    subject = subject_of(name, label)
    window = (now - BACKDATE, now + ROOT_LIFETIME)
    return _sign(subject, key.public_key(), subject, key, window, _ca_extensions(None))


def cross(
    new: x509.Certificate, old: x509.Certificate, old_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """The *new* root's name and key, signed by the *old* root; valid while both are."""
    window = (new.not_valid_before_utc, min(new.not_valid_after_utc, old.not_valid_after_utc))
    return _sign(new.subject, new.public_key(), old.subject, old_key, window, _ca_extensions(None))


def gateway_issuer(
    name: str,
    label: str,
    key: ec.EllipticCurvePrivateKey,
    above: x509.Certificate,
    above_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """An issuer that can sign server certificates only."""
    extensions = [*_ca_extensions(0), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)]
    window = _window(now, ISSUER_LIFETIME, above)
    return _sign(subject_of(name, label), key.public_key(), above.subject, above_key, window, extensions)


def agent_issuer(
    name: str,
    label: str,
    key: ec.EllipticCurvePrivateKey,
    above: x509.Certificate,
    above_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """An issuer that can sign client certificates only, for nobody with a DNS name or an address."""
    everything = [
        x509.DNSName(""),
        x509.IPAddress(ipaddress.ip_network("0.0.0.0/0")),
        x509.IPAddress(ipaddress.ip_network("::/0")),
    ]
    extensions = [
        *_ca_extensions(0),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.NameConstraints(permitted_subtrees=None, excluded_subtrees=everything), True),
    ]
    window = _window(now, ISSUER_LIFETIME, above)
    return _sign(subject_of(name, label), key.public_key(), above.subject, above_key, window, extensions)


def signer(
    name: str,
    label: str,
    public_key: Ed25519PublicKey,
    above: x509.Certificate,
    above_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    *,
    usage: ObjectIdentifier,
) -> x509.Certificate:
    """A certificate for signing what *usage* names, and for nothing that TLS knows."""
    window = _window(now, ISSUER_LIFETIME, above)
    extensions = _leaf_extensions(usage)
    return _sign(subject_of(name, label), public_key, above.subject, above_key, window, extensions)


def gateway(
    names: Sequence[str],
    public_key: CertificatePublicKeyTypes,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """A gateway's certificate for *names* (DNS names and addresses).

    Raises:
        ValueError: no name, or one that is neither a DNS name nor an address.
    """
    if not names:
        raise ValueError("a gateway certificate needs at least one name or address that agents dial")
    general = [_general_name(name) for name in names]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _clip(names[0], 64))])
    extensions = [
        *_leaf_extensions(ExtendedKeyUsageOID.SERVER_AUTH),
        (x509.SubjectAlternativeName(general), False),
    ]
    return _sign(
        subject, public_key, issuer.subject, issuer_key, _window(now, GATEWAY_LIFETIME, issuer), extensions
    )


def agent(
    agent_uid: str,
    public_key: CertificatePublicKeyTypes,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    *,
    synthetic: bool,
) -> x509.Certificate:
    """An agent's certificate. A synthetic agent's subject says so (OU=synthetic), for whoever reads a log."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, agent_uid)]
    if synthetic:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "synthetic"))
    san = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(AGENT_URN + agent_uid)])
    extensions = [*_leaf_extensions(ExtendedKeyUsageOID.CLIENT_AUTH), (san, False)]
    window = _window(now, AGENT_LIFETIME, issuer)
    return _sign(x509.Name(attributes), public_key, issuer.subject, issuer_key, window, extensions)


def der(certificate: x509.Certificate) -> bytes:
    """The certificate's bytes."""
    return certificate.public_bytes(Encoding.DER)


def subject_of(name: str, label: str) -> x509.Name:
    """The subject of a CA of the provider *name*; *label* tells its CAs apart."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _clip(name, 64)),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, FIELDGATE_UNIT),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{_clip(name, 64 - len(label) - 1)} {label}"),
        ]
    )


def claims_to_be_ours(certificate: x509.Certificate) -> bool:
    """Whether it bears the mark of a Fieldgate CA. Anybody can write that mark: good for a message, not for trust."""
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return any(unit.value == FIELDGATE_UNIT for unit in units)


def renewal_due(not_before: datetime, not_after: datetime, at: datetime) -> bool:
    """Whether two thirds of a certificate's life are over: time to renew it."""
    return at >= not_before + (not_after - not_before) * 2 / 3


def _general_name(name: str) -> x509.GeneralName:
    address = as_address(name)
    if address is not None:
        return x509.IPAddress(address)
    wanted = normal(name)
    labels = wanted.removeprefix("*.").split(".")
    if len(wanted) > 253 or not all(_DNS_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{name!r} is neither a DNS name nor an address")
    return x509.DNSName(wanted)


def _clip(text: str, size: int) -> str:
    """*text* in at most *size* bytes of UTF-8: X.520 allows 64 in a name's attribute."""
    return text.encode()[:size].decode(errors="ignore")


def _window(now: datetime, lifetime: timedelta, issuer: x509.Certificate) -> tuple[datetime, datetime]:
    """From a little before *now*, for *lifetime*, and never outside the issuer's own life."""
    begin = max(now - BACKDATE, issuer.not_valid_before_utc)
    return begin, min(now + lifetime, issuer.not_valid_after_utc)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _ca_extensions(path_length: int | None) -> list[tuple[x509.ExtensionType, bool]]:
    return [
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (_key_usage(signs_certificates=True), True),
    ]


def _leaf_extensions(usage: ObjectIdentifier) -> list[tuple[x509.ExtensionType, bool]]:
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([usage]), False),
    ]


def _sign(
    subject: x509.Name,
    public_key: CertificatePublicKeyTypes,
    issuer: x509.Name,
    signing_key: ec.EllipticCurvePrivateKey,
    window: tuple[datetime, datetime],
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(window[0])
        .not_valid_after(window[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(signing_key, hashes.SHA256())
