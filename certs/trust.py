"""Whom to believe: one pure judgement of a presented chain, at an explicit time.

Three questions, answered separately, because what follows differs: *chain* (do signatures lead to a CA that we pinned,
through certificates that may do this?), *name* (is it the one that we dialed?), *time* (is it valid at this moment?). A
skewed clock with a good chain is told the time; an expired agent with a good chain may renew; a bad chain is nobody.

`cryptography.x509.verification` checks the three together, and refuses with one sentence. So it decides, and we ask it
cleverly: chain apart from name, by asking about a name that the leaf does have; chain apart from time, by asking at the
moments where the validity of one of the certificates begins or ends. Intervals have a common moment exactly when one of
their bounds is such a moment, so if any path is valid at any time, one of these finds it. Only when it refuses does
`certs.diagnosis` walk the chain and say precisely why.

A pin is the SHA-256 of a CA's SubjectPublicKeyInfo. Pinned with `names`, a public CA is trusted for those names only:
anybody can have a certificate from it for some other name.
"""

import enum
import functools
import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import attrs
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from certs.chain import CertificateError, names_of, parse_certificate, parse_chain, pin_of, readable
from certs.diagnosis import ChainVerdict, Usage, explain, weaknesses
from certs.names import MatchableNames, as_address
from certs.profiles import RENEWAL_GRACE

# Leaf, issuer, and a few cross-signed roots; public chains have four. The verifier itself goes eight deep.
MAX_CHAIN = 10


class NameVerdict(enum.Enum):
    """Whether the leaf answers to the wanted name."""

    OK = "ok"
    MISMATCH = "mismatch"
    NOT_CHECKED = "not checked"


class TimeVerdict(enum.Enum):
    """Whether all of the chain is valid at the given moment."""

    OK = "ok"
    NOT_YET_VALID = "not yet valid"
    EXPIRED = "expired"
    NOT_CHECKED = "not checked"


@attrs.frozen(kw_only=True)
class Anchors:
    """What is trusted: `pins` of CAs, and, if set, the only `names` that a leaf under them may answer for.

    `certificates` (DER), where there are any, are the only CA certificates that a path is built from, whatever the peer
    sends along: a gateway knows all of its agents' issuers, and need not spend a moment on a stranger's. Trust comes
    from the pins all the same.
    """

    pins: frozenset[bytes]
    names: frozenset[str] = frozenset()
    certificates: tuple[bytes, ...] = ()


@attrs.frozen(kw_only=True)
class TrustResult:
    """The judgement.

    `detail` explains the first verdict that is not OK, in a sentence for a log or a person. `not_before` and `not_after`
    bound the moment in which the whole path is valid (of the leaf alone where there is no path); None when unreadable.
    """

    chain: ChainVerdict
    name: NameVerdict
    time: TimeVerdict
    detail: str
    not_before: datetime | None
    not_after: datetime | None

    @property
    def ok(self) -> bool:
        """Trusted without reserve. A name that nobody asked about is no reserve."""
        return (
            self.chain is ChainVerdict.OK
            and self.name in (NameVerdict.OK, NameVerdict.NOT_CHECKED)
            and self.time is TimeVerdict.OK
        )

    def may_renew(self, at: datetime, *, grace: timedelta = RENEWAL_GRACE) -> bool:
        """Whether the holder may ask for a new certificate at *at*: the chain is good, and it expired within *grace*.

        Whether it was revoked is the caller's to know.
        """
        if self.chain is not ChainVerdict.OK or self.not_after is None:
            return False
        return self.time is TimeVerdict.OK or (
            self.time is TimeVerdict.EXPIRED and at <= self.not_after + grace
        )


def judge_chain(
    chain_der: Sequence[bytes],
    anchors: Anchors,
    *,
    name: str | None,
    usage: Usage,
    at: datetime,
) -> TrustResult:
    """Judge a chain as the peer presented it, leaf first.

    Args:
        chain_der: DER certificates; what follows the leaf may be in any order.
        anchors: whom we trust.
        name: the host that was dialed (a DNS name or an address), or None to leave the name unchecked; `anchors.names`,
            where set, takes its place.
        usage: what the peer is to us.
        at: the moment to judge for, UTC.

    Never raises on what a peer can send.
    """
    if not chain_der:
        return _unreadable(ChainVerdict.NO_CERTIFICATE, "no certificate was presented")
    if len(chain_der) > MAX_CHAIN:
        return _unreadable(
            ChainVerdict.UNREADABLE, f"chain of {len(chain_der)} certificates, limit is {MAX_CHAIN}"
        )
    try:
        leaf = parse_certificate(chain_der[0])
        known = _known(anchors)
        authorities = known or _Authorities.of(parse_chain(chain_der[1:]), anchors.pins)
        path, refusal = _find_path(leaf, authorities, usage, at)
        with readable():
            if path is None:
                others = [*(known.certificates if known else ()), *parse_chain(chain_der[1:])]
                chain, chain_detail = explain(leaf, others, anchors.pins, usage, refusal)
            else:
                chain, chain_detail = next(weaknesses(path), (ChainVerdict.OK, ""))
            name_verdict, name_detail = _judge_name(leaf, name, anchors.names)
    except CertificateError as exc:
        return _unreadable(ChainVerdict.UNREADABLE, str(exc))
    not_before = max(c.not_valid_before_utc for c in path or [leaf])
    not_after = min(c.not_valid_after_utc for c in path or [leaf])
    time, time_detail = _judge_time(not_before, not_after, at)
    return TrustResult(
        chain=chain,
        name=name_verdict,
        time=time,
        detail=chain_detail or name_detail or time_detail,
        not_before=not_before,
        not_after=not_after,
    )


@attrs.frozen
class _Authorities:
    """The CA certificates that a path is built from, and the store of those that are trusted, if any is.

    The store is worth keeping: it remembers the keys that it has decoded, an eighth of a judgement (measured). It knows no time.
    """

    certificates: Sequence[x509.Certificate]
    store: Store | None

    @classmethod
    def of(cls, certificates: Sequence[x509.Certificate], pins: frozenset[bytes]) -> "_Authorities":
        trusted = [c for c in certificates if pin_of(c) in pins]
        return cls(certificates, Store(trusted) if trusted else None)


@functools.lru_cache(maxsize=8)
def _known(anchors: Anchors) -> _Authorities | None:
    """Parsed, if the anchors name any. They hardly ever change, and an edge judges by the same ones at every connect."""
    if not anchors.certificates:
        return None
    return _Authorities.of(parse_chain(anchors.certificates), anchors.pins)


def _find_path(
    leaf: x509.Certificate,
    authorities: _Authorities,
    usage: Usage,
    at: datetime,
) -> tuple[list[x509.Certificate] | None, str]:
    """A path that is good at *at*, else one that is good at the nearest other time; or None and the refusal."""
    if authorities.store is None:
        return None, ""
    others = authorities.certificates
    first_refusal = ""
    for moment in itertools.chain((at,), _moments(leaf, others, at)):
        try:
            return _verify(leaf, others, authorities.store, usage, moment), ""
        except (VerificationError, ValueError) as exc:  # ValueError: a field that the verifier cannot parse
            first_refusal = first_refusal or str(exc)
    return None, first_refusal


def _moments(leaf: x509.Certificate, others: Sequence[x509.Certificate], at: datetime) -> Iterator[datetime]:
    """Where in the leaf's life the validity of a certificate begins or ends, the nearest to *at* first."""
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    bounds = {t for c in [leaf, *others] for t in (c.not_valid_before_utc, c.not_valid_after_utc)}
    yield from sorted((t for t in bounds if begin <= t <= end), key=lambda t: abs(t - at))


def _verify(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    store: Store,
    usage: Usage,
    moment: datetime,
) -> list[x509.Certificate]:
    builder = PolicyBuilder().store(store).time(moment)
    if usage is Usage.CLIENT:
        return builder.build_client_verifier().verify(leaf, list(others)).chain
    return builder.build_server_verifier(_a_name_of(names_of(leaf))).verify(leaf, list(others))


def _a_name_of(names: MatchableNames) -> x509.DNSName | x509.IPAddress:
    """A subject that the leaf surely matches, so that the name plays no part in the verifier's answer."""
    for dns in names.dns:
        return x509.DNSName(dns.replace("*.", "any.", 1))
    for text in names.addresses:
        address = as_address(text)
        if address is not None:
            return x509.IPAddress(address)
    raise ValueError("the certificate has no subjectAltName with a DNS name or an address")


def _judge_time(not_before: datetime, not_after: datetime, at: datetime) -> tuple[TimeVerdict, str]:
    if at < not_before:
        return (
            TimeVerdict.NOT_YET_VALID,
            f"valid from {not_before:%Y-%m-%d %H:%M:%S} UTC, and it is {at:%Y-%m-%d %H:%M:%S}",
        )
    if at > not_after:
        return (
            TimeVerdict.EXPIRED,
            f"valid until {not_after:%Y-%m-%d %H:%M:%S} UTC, and it is {at:%Y-%m-%d %H:%M:%S}",
        )
    return TimeVerdict.OK, ""


def _judge_name(leaf: x509.Certificate, dialed: str | None, only: frozenset[str]) -> tuple[NameVerdict, str]:
    wanted = sorted(only) if only else [dialed] if dialed is not None else []
    if not wanted:
        return NameVerdict.NOT_CHECKED, ""
    names = names_of(leaf)
    if any(names.cover(name) for name in wanted):
        return NameVerdict.OK, ""
    offered = ", ".join(names.all) or "no name"
    return NameVerdict.MISMATCH, f"the certificate is for {offered}, and not for {' or '.join(wanted)}"


def _unreadable(verdict: ChainVerdict, detail: str) -> TrustResult:
    return TrustResult(
        chain=verdict,
        name=NameVerdict.NOT_CHECKED,
        time=TimeVerdict.NOT_CHECKED,
        detail=detail,
        not_before=None,
        not_after=None,
    )
