"""What can be wrong with a certificate that a gateway is to serve: a table, and the checks that fill it.

Each check looks at one thing, so that several faults are told at once. What the table cannot name, the judgement that
the agents themselves will make (`certs.trust`) has the last word on.
"""

import enum
import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import attrs
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.chain import names_of, parse_chain, pin_of
from certs.diagnosis import ChainVerdict, Usage
from certs.keys import weakness_of
from certs.trust import Anchors, judge_chain

# ACME clients renew 30 days before the end of 90; one that has a week left has failed several times.
EXPIRY_WARNING = timedelta(days=7)


class ProblemKind(enum.Enum):
    """One fault each; the value is its name in JSON."""

    UNREADABLE = "unreadable"
    KEY_UNREADABLE = "key-unreadable"
    KEY_ENCRYPTED = "key-encrypted"
    KEY_MISMATCH = "key-mismatch"
    WRONG_ORDER = "wrong-order"
    IS_A_CA = "is-a-ca"
    NO_NAMES = "no-names"
    WRONG_NAME = "wrong-name"
    WRONG_USAGE = "wrong-usage"
    WEAK_KEY = "weak-key"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRES_SOON = "expires-soon"
    INCOMPLETE = "incomplete"
    UNTRUSTED = "untrusted"


ACTIONS = {
    ProblemKind.UNREADABLE: "give a PEM file that the gateway's user can read",
    ProblemKind.KEY_UNREADABLE: "give the private key as PEM, as your CA's client wrote it (privkey.pem)",
    ProblemKind.KEY_ENCRYPTED: "store it without a password: openssl pkey -in KEY -out NEWKEY, and chmod 600 NEWKEY",
    ProblemKind.KEY_MISMATCH: "give the key that this certificate was requested with",
    ProblemKind.WRONG_ORDER: "put the gateway's own certificate first, then each issuer after the one it issued",
    ProblemKind.IS_A_CA: "give the gateway's own certificate, not its CA's",
    ProblemKind.NO_NAMES: "request one with the gateway's DNS name as subjectAltName; a common name does not count",
    ProblemKind.WRONG_NAME: "request one for the name that agents dial, or set `names` to what it is for",
    ProblemKind.WRONG_USAGE: "request one with extended key usage serverAuth",
    ProblemKind.WEAK_KEY: "request one with an ECDSA P-256 key, or RSA of 2048 bits or more",
    ProblemKind.EXPIRED: "renew it",
    ProblemKind.NOT_YET_VALID: "check this machine's clock",
    ProblemKind.EXPIRES_SOON: "find out why it was not renewed",
    ProblemKind.INCOMPLETE: "append the missing certificate (ACME clients write it to fullchain.pem)",
    ProblemKind.UNTRUSTED: "add the root that issued it to the issuers' file, and announce it to the agents first",
}

_WARNINGS = frozenset({ProblemKind.EXPIRES_SOON})

# What the agents' judgement is called here, for what no check of its own has found.
_FROM_VERDICT = {
    ChainVerdict.INCOMPLETE: ProblemKind.INCOMPLETE,
    ChainVerdict.WEAK_KEY: ProblemKind.WEAK_KEY,
    ChainVerdict.WRONG_USAGE: ProblemKind.WRONG_USAGE,
}


@attrs.frozen(kw_only=True)
class Problem:
    """One fault: what is the case, and what to do. A certificate with a `fatal` one is not served."""

    kind: ProblemKind
    message: str
    action: str
    fatal: bool


def problem_of(kind: ProblemKind, message: str) -> Problem:
    """The problem of this kind, with its action from the table."""
    return Problem(kind=kind, message=message, action=ACTIONS[kind], fatal=kind not in _WARNINGS)


def find_problems(
    chain_der: Sequence[bytes],
    served_der: Sequence[bytes],
    key_pin: bytes | None,
    anchors: Anchors,
    at: datetime,
) -> list[Problem]:
    """All faults of a readable chain.

    Args:
        chain_der: as it is in the file.
        served_der: as agents will see it.
        key_pin: of the private key that came with it; None if that could not be read.
        anchors: what the agents trust.
        at: the moment to check for, UTC.
    """
    chain = parse_chain(chain_der)
    misplaced = list(_order(chain, key_pin))
    if misplaced:
        return misplaced  # everything else would be said about the wrong certificate
    found = [*_leaf(chain[0], key_pin), *_names(chain[0], anchors.names), *_times(chain, at)]
    judged = judge_chain(served_der, anchors, name=None, usage=Usage.SERVER, at=at)
    explained = {problem.kind for problem in found} & {
        ProblemKind.NO_NAMES,
        ProblemKind.WRONG_USAGE,
        ProblemKind.WEAK_KEY,
    }
    if judged.chain is not ChainVerdict.OK and not explained:
        found.append(problem_of(_FROM_VERDICT.get(judged.chain, ProblemKind.UNTRUSTED), judged.detail))
    return found


def _order(chain: Sequence[x509.Certificate], key_pin: bytes | None) -> Iterator[Problem]:
    leaf = chain[0]
    if _is_ca(leaf):
        own = next((n for n, c in enumerate(chain) if n and (pin_of(c) == key_pin or not _is_ca(c))), None)
        if own is not None:
            message = (
                f"the file begins with a CA, {_text(leaf)}; the gateway's own certificate is number {own + 1}"
            )
            yield problem_of(ProblemKind.WRONG_ORDER, message)
        else:
            yield problem_of(ProblemKind.IS_A_CA, f"{_text(leaf)} is a CA")
        return
    for below, above in itertools.pairwise(chain):
        if below.issuer != above.subject:
            if any(below.issuer == c.subject for c in chain):
                yield problem_of(
                    ProblemKind.WRONG_ORDER,
                    f"{_text(above)} stands where the issuer of {_text(below)} should",
                )
            return


def _leaf(leaf: x509.Certificate, key_pin: bytes | None) -> Iterator[Problem]:
    if key_pin is not None and pin_of(leaf) != key_pin:
        yield problem_of(ProblemKind.KEY_MISMATCH, f"the private key is not that of {_text(leaf)}")
    weakness = weakness_of(leaf.public_key())
    if weakness is not None:
        yield problem_of(ProblemKind.WEAK_KEY, f"the key of {_text(leaf)} is {weakness}")
    try:
        usages = list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        usages = [ExtendedKeyUsageOID.SERVER_AUTH]  # without it every use is allowed (RFC 5280 4.2.1.12)
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usages):
        yield problem_of(ProblemKind.WRONG_USAGE, f"{_text(leaf)} is not for server authentication")


def _names(leaf: x509.Certificate, wanted: frozenset[str]) -> Iterator[Problem]:
    names = names_of(leaf)
    if not names.all:
        yield problem_of(ProblemKind.NO_NAMES, f"{_text(leaf)} has no subjectAltName")
    elif not any(names.cover(name) for name in wanted):
        message = f"the certificate is for {', '.join(names.all)}, and agents dial {', '.join(sorted(wanted)) or 'nothing'}"
        yield problem_of(ProblemKind.WRONG_NAME, message)


def _times(chain: Sequence[x509.Certificate], at: datetime) -> Iterator[Problem]:
    for certificate in chain:
        end = certificate.not_valid_after_utc
        if at > end:
            yield problem_of(ProblemKind.EXPIRED, f"{_text(certificate)} expired on {end:%Y-%m-%d %H:%M} UTC")
        elif at < certificate.not_valid_before_utc:
            begin = certificate.not_valid_before_utc
            yield problem_of(
                ProblemKind.NOT_YET_VALID, f"{_text(certificate)} is valid from {begin:%Y-%m-%d %H:%M} UTC"
            )
        elif at + EXPIRY_WARNING > end:
            yield problem_of(
                ProblemKind.EXPIRES_SOON, f"{_text(certificate)} expires on {end:%Y-%m-%d %H:%M} UTC"
            )


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _text(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "the certificate"
