"""Why a chain was refused: a walk from the leaf upwards that names the first thing wrong.

`certs.trust` decides; this only explains a refusal (and adds one, of weak keys), so nothing here can let anybody in. A chain that the
walk finds nothing wrong with was refused by the path verifier for a reason of its own, and its sentence is passed on.
"""

import enum
from collections.abc import Iterator, Sequence
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.chain import pin_of
from certs.keys import weakness_of
from certs.profiles import claims_to_be_ours


class Usage(enum.Enum):
    """What a certificate is presented as."""

    SERVER = "server"
    CLIENT = "client"


class ChainVerdict(enum.Enum):
    """What a chain is worth. Only OK is trusted."""

    OK = "ok"
    NO_CERTIFICATE = "no certificate"
    UNREADABLE = "unreadable"
    INCOMPLETE = "incomplete"
    UNKNOWN_ISSUER = "unknown issuer"
    PIN_MISMATCH = "pin mismatch"
    BAD_SIGNATURE = "bad signature"
    NOT_A_CA = "not a CA"
    WRONG_USAGE = "wrong usage"
    NAME_NOT_ALLOWED = "name not allowed"
    WEAK_KEY = "weak key"
    NEVER_VALID = "never valid"
    REFUSED = "refused"


_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_EKU = {Usage.SERVER: ExtendedKeyUsageOID.SERVER_AUTH, Usage.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH}

# The deepest path that the verifier builds; a walk needs no more.
_MAX_DEPTH = 10

# Certificates of one name that are tried: a root, and itself cross-signed twice. It bounds what an explanation may cost.
_MAX_CANDIDATES = 3


def explain(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    pins: frozenset[bytes],
    usage: Usage,
    refusal: str,
) -> tuple[ChainVerdict, str]:
    """The reason and a sentence for a chain that was refused.

    Args:
        leaf: the peer's own certificate.
        others: what came with it, and what was known beforehand.
        pins: of the trusted CAs.
        usage: what the peer is to us.
        refusal: the path verifier's sentence, empty if it was not asked because no pinned CA is among *others*.
    """
    path, broken = _walk(leaf, others, pins)
    top = path[-1]
    # Agents send their issuer and no root: there the issuer itself is what is pinned or not.
    ends_at_issuer = usage is Usage.CLIENT and len(path) > 1 and claims_to_be_ours(top)
    if broken is not None and not (broken[0] is ChainVerdict.INCOMPLETE and ends_at_issuer):
        return broken
    if pin_of(top) not in pins or len(path) == 1:
        if not claims_to_be_ours(top):
            return ChainVerdict.UNKNOWN_ISSUER, f"the chain ends in {_text(top)}, which is not trusted"
        if not _allows(leaf, usage):  # a gateway's own certificate, held out as an agent's
            return ChainVerdict.WRONG_USAGE, f"{_text(leaf)} is not for {usage.value} authentication"
        detail = f"the chain ends in {_text(top)}, a Fieldgate CA with another key than those trusted here"
        return ChainVerdict.PIN_MISMATCH, detail
    for verdict, detail in _faults(path, usage):
        return verdict, detail
    return ChainVerdict.REFUSED, refusal


def _walk(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], pins: frozenset[bytes]
) -> tuple[list[x509.Certificate], tuple[ChainVerdict, str] | None]:
    """From the leaf to a pinned CA or a self-issued certificate; or what broke on the way."""
    path = [leaf]
    while len(path) < _MAX_DEPTH:
        current = path[-1]
        if current.subject == current.issuer or (current is not leaf and pin_of(current) in pins):
            return path, None
        candidates = [c for c in others if c.subject == current.issuer and c not in path][:_MAX_CANDIDATES]
        if not candidates:
            detail = f"the certificate of {current.issuer.rfc4514_string()}, which issued {_text(current)}, was not sent"
            return path, (ChainVerdict.INCOMPLETE, detail)
        signers = [c for c in candidates if _signed_by(current, c)]
        if not signers and not _uses_sha2(current):  # such a signature cannot even be verified
            return path, (ChainVerdict.WEAK_KEY, f"the signature on {_text(current)} does not use SHA-2")
        if not signers:
            detail = f"{_text(current)} is not signed with the key of {_text(candidates[0])}"
            return path, (ChainVerdict.BAD_SIGNATURE, detail)
        path.append(next((c for c in signers if pin_of(c) in pins), signers[0]))
    return path, (ChainVerdict.REFUSED, f"no end after {_MAX_DEPTH} certificates")


def _faults(path: Sequence[x509.Certificate], usage: Usage) -> Iterator[tuple[ChainVerdict, str]]:
    """What is wrong with a path whose signatures are good, most telling first."""
    leaf, issuers = path[0], path[1:]
    for below, issuer in enumerate(issuers):
        limit = _path_limit(issuer)
        if limit is _NO_CA or not _may_sign_certificates(issuer):
            yield ChainVerdict.NOT_A_CA, f"{_text(issuer)} may not sign certificates"
        elif limit is not None and below > limit:
            yield (
                ChainVerdict.NOT_A_CA,
                f"{_text(issuer)} may not have a CA below it, and {_text(path[below])} is one",
            )
    if _path_limit(leaf) is not _NO_CA:
        yield ChainVerdict.WRONG_USAGE, f"{_text(leaf)} is a CA, and was presented as a {usage.value}"
    for certificate in path:
        if not _allows(certificate, usage):
            yield ChainVerdict.WRONG_USAGE, f"{_text(certificate)} is not for {usage.value} authentication"
    yield from weaknesses(path)
    for issuer in issuers:
        if _extension(issuer, x509.NameConstraints) is not None:
            yield ChainVerdict.NAME_NOT_ALLOWED, f"{_text(issuer)} may not certify the names of {_text(leaf)}"
    latest = max(path, key=lambda certificate: certificate.not_valid_before_utc)
    first = min(path, key=lambda certificate: certificate.not_valid_after_utc)
    if latest.not_valid_before_utc > first.not_valid_after_utc:
        yield (
            ChainVerdict.NEVER_VALID,
            f"{_text(latest)} was not valid yet when {_text(first)} had ended ({first.not_valid_after_utc:%Y-%m-%d %H:%M} UTC)",
        )


def weaknesses(path: Sequence[x509.Certificate]) -> Iterator[tuple[ChainVerdict, str]]:
    """Keys and signature algorithms that are too weak; the path verifier does not look at a leaf's key size."""
    for certificate in path:
        weakness = weakness_of(certificate.public_key())
        if weakness is not None:
            yield ChainVerdict.WEAK_KEY, f"the key of {_text(certificate)} is {weakness}"
    for certificate in path[:-1]:  # a pinned CA's own signature is never relied on
        if not _uses_sha2(certificate):
            yield ChainVerdict.WEAK_KEY, f"the signature on {_text(certificate)} does not use SHA-2"


class _NotACa(enum.Enum):
    NO_CA = enum.auto()


_NO_CA = _NotACa.NO_CA


def _path_limit(certificate: x509.Certificate) -> int | _NotACa | None:
    """How many CAs may stand below this one; None is any number."""
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        return _NO_CA
    return constraints.path_length


def _may_sign_certificates(certificate: x509.Certificate) -> bool:
    usage = _extension(certificate, x509.KeyUsage)
    return usage is not None and usage.key_cert_sign


def _allows(certificate: x509.Certificate, usage: Usage) -> bool:
    allowed = _extension(certificate, x509.ExtendedKeyUsage)
    if allowed is None:
        return True
    return _EKU[usage] in allowed or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in allowed


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _uses_sha2(certificate: x509.Certificate) -> bool:
    try:
        return isinstance(certificate.signature_hash_algorithm, SHA256 | SHA384 | SHA512)
    except UnsupportedAlgorithm:
        return False


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _text(certificate: x509.Certificate) -> str:
    """The subject for a sentence; a hostile one can be kilobytes long."""
    text = certificate.subject.rfc4514_string() or "a certificate without a subject"
    return text if len(text) <= 200 else text[:200] + "…"
