"""Certificates as facts: what one says, read once, errors of one type.

DER in, values out. A certificate from the wire is hostile until proven otherwise: every reader here raises
`CertificateError` and nothing else, however broken the bytes are.
"""

import contextlib
import functools
import hashlib
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from certs.keys import pin_of_key, spki_of_key
from certs.names import MatchableNames

AGENT_URN = "urn:fieldgate:agent:"

# RSA-4096 certificates of public CAs are about 2 KiB; ours are 0.6 KiB.
MAX_CERTIFICATE_BYTES = 16 * 1024

# A verification with RSA-4096 takes 0.1 ms; with 16,384 bits, or with an exponent as long as the modulus, several ms, which
# a stranger could make us do dozens of times for one handshake. No public CA goes beyond 4,096 bits and 65,537.
MAX_RSA_BITS = 8192
MAX_RSA_EXPONENT = 2**32


_X509_ERRORS = (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)


class CertificateError(ValueError):
    """These bytes are no certificate that can be read. Any other exception from this package's readers is a bug."""


@attrs.frozen(kw_only=True)
class CertificateFacts:
    """What a certificate says about itself; nothing here is verified.

    `serial` is lower-case hexadecimal, `names` are the DNS names and IP addresses of its subjectAltName, `agent_uid`
    is set when it names one of our agents.
    """

    subject: str
    issuer: str
    serial: str
    spki_sha256: bytes
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]
    agent_uid: str | None


def from_ms(time_ms: int) -> datetime:
    """Milliseconds since the epoch as the UTC datetime that this package speaks."""
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def to_ms(at: datetime) -> int:
    """The inverse of `from_ms`."""
    return round(at.timestamp() * 1000)


@contextlib.contextmanager
def readable() -> Iterator[None]:
    """Turns whatever `cryptography` raises on a malformed certificate into `CertificateError`.

    It decodes names and extensions on first use only, and costs a hundred microseconds to do so; an edge that judges
    thousands of certificates never looks at most of them. So they are guarded where they are read.
    """
    try:
        yield
    except CertificateError:
        raise
    except (ValueError, TypeError, UnsupportedAlgorithm, *_X509_ERRORS) as exc:
        raise CertificateError(f"unreadable certificate: {exc}") from exc


# One connect asks three times: for the judgement, for the agent, for the serial.
@functools.lru_cache(maxsize=64)
def parse_certificate(der: bytes) -> x509.Certificate:
    """Parse one certificate: structure, key and validity; see `readable` for the rest.

    Raises:
        CertificateError: unreadable, over `MAX_CERTIFICATE_BYTES`, or with a key that it would cost too much to use.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise CertificateError(f"certificate of {len(der)} bytes, limit is {MAX_CERTIFICATE_BYTES}")
    with readable():
        certificate = x509.load_der_x509_certificate(der)
        certificate.not_valid_before_utc, certificate.not_valid_after_utc  # noqa: B018  # read for their errors
        key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and (
        key.key_size > MAX_RSA_BITS or key.public_numbers().e > MAX_RSA_EXPONENT
    ):
        raise CertificateError(f"an RSA key of {key.key_size} bits that would take too long to verify with")
    return certificate


def parse_chain(chain_der: Sequence[bytes]) -> list[x509.Certificate]:
    """Parse each; the error says which one is broken.

    Raises:
        CertificateError: one is unreadable.
    """
    parsed = []
    for position, der in enumerate(chain_der):
        try:
            parsed.append(parse_certificate(der))
        except CertificateError as exc:
            raise CertificateError(f"certificate {position} of the chain: {exc}") from exc
    return parsed


def chain_from_pem(pem: bytes) -> tuple[bytes, ...]:
    """Every certificate in *pem*, as DER, in the file's order.

    Raises:
        CertificateError: no certificate in it, or one that is unreadable.
    """
    try:
        chain = [c.public_bytes(Encoding.DER) for c in x509.load_pem_x509_certificates(pem)]
    except ValueError as exc:
        raise CertificateError(f"no readable PEM certificate: {exc}") from exc
    parse_chain(chain)
    return tuple(chain)


def chain_to_pem(chain_der: Sequence[bytes]) -> bytes:
    """The chain as one PEM file, in the given order.

    Raises:
        CertificateError: one is unreadable.
    """
    return b"".join(c.public_bytes(Encoding.PEM) for c in parse_chain(chain_der))


def names_of(certificate: x509.Certificate) -> MatchableNames:
    """The DNS names and addresses in the certificate's subjectAltName; its common name never counts (RFC 9525).

    Raises:
        CertificateError: its extensions are unreadable.
    """
    san = _subject_alt_name(certificate)
    if san is None:
        return MatchableNames()
    dns = tuple(name.lower() for name in san.get_values_for_type(x509.DNSName))
    addresses = tuple(str(address) for address in san.get_values_for_type(x509.IPAddress))
    return MatchableNames(dns=dns, addresses=addresses)


def agent_uid_in(certificate: x509.Certificate) -> str | None:
    """The agent that the certificate names (unverified), or None.

    Raises:
        CertificateError: its extensions are unreadable.
    """
    san = _subject_alt_name(certificate)
    if san is None:
        return None
    uids = [
        u[len(AGENT_URN) :]
        for u in san.get_values_for_type(x509.UniformResourceIdentifier)
        if u.startswith(AGENT_URN)
    ]
    if len(uids) != 1:
        return None
    try:
        return uids[0] if str(uuid.UUID(uids[0])) == uids[0] else None
    except ValueError:
        return None


def read_certificate(der: bytes) -> CertificateFacts:
    """What *der* says about itself.

    Raises:
        CertificateError: unreadable.
    """
    certificate = parse_certificate(der)
    with readable():
        return CertificateFacts(
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            serial=f"{certificate.serial_number:x}",
            spki_sha256=pin_of(certificate),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            names=names_of(certificate).all,
            agent_uid=agent_uid_in(certificate),
        )


def agent_uid_of(der: bytes) -> str | None:
    """The agent that this certificate names, or None; unverified, so ask `judge_chain` first.

    Raises:
        CertificateError: unreadable.
    """
    return agent_uid_in(parse_certificate(der))


def serial_of(der: bytes) -> str:
    """The serial number in lower-case hexadecimal, as revocation lists hold it.

    Raises:
        CertificateError: unreadable.
    """
    return f"{parse_certificate(der).serial_number:x}"


def spki_sha256(der: bytes) -> bytes:
    """The pin of the certificate's key: SHA-256 of its SubjectPublicKeyInfo, 32 bytes.

    Raises:
        CertificateError: unreadable.
    """
    return pin_of(parse_certificate(der))


def public_key_of(der: bytes) -> bytes:
    """The certificate's key as a DER SubjectPublicKeyInfo.

    Raises:
        CertificateError: unreadable.
    """
    certificate = parse_certificate(der)
    with readable():
        return spki_of_key(certificate.public_key())


def certificate_sha256(der: bytes) -> bytes:
    """The fingerprint of the certificate itself, 32 bytes."""
    return hashlib.sha256(der).digest()


def pin_of(certificate: x509.Certificate) -> bytes:
    """The pin of an already parsed certificate."""
    return pin_of_key(certificate.public_key())


def _subject_alt_name(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    with readable():
        try:
            return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return None
