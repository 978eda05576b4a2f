"""How an authority changes: made, leaf renewed, issuers replaced, root replaced. Pure: state in, state out.

A root is replaced in two steps, with no moment at which an agent that knows either root would refuse the gateway:

    rotate_ca   a new root, cross-signed by the old one; new issuers and a new gateway leaf under the new root.
                Served: leaf, issuer, new root signed by old, old root. One chain satisfies an agent that pins the old root
                and one that pins the new. Pins sent: current = old, next = new.
    finish_ca   once the agents have heard: current = new, next = none. The cross-signed chain is served for `LINGER`
                longer, so that an agent that was off for all of it still gets in, and hears.

Agent certificates need nothing: the gateway goes on accepting the old agent issuer's until the last has expired beyond
its grace.
"""

from collections.abc import Sequence
from datetime import datetime

import attrs
from cryptography.hazmat.primitives.asymmetric import ec

from certs import profiles
from certs.chain import names_of
from certs.keys import generate_key
from certs.report_keys import MAX_REPORT_KEYS, ReportKey
from certs.state import AuthorityError, AuthorityState, Holding, ReportHolding, RetiredIssuer, Root

# The longest time after which an agent may come back by itself: certificate life plus renewal grace.
LINGER = profiles.AGENT_LIFETIME + profiles.RENEWAL_GRACE


def create(name: str, now: datetime) -> AuthorityState:
    """A new authority: root, gateway issuer, agent issuer and report key.

    Raises:
        AuthorityError: the provider's name is empty.
    """
    if not name.strip():
        raise AuthorityError("an authority needs the provider's name")
    root = _new_root(name, 1, now)
    return AuthorityState(
        name=name,
        version=1,
        saved_version=0,
        roots=(Root(holding=root),),
        gateway_issuer=_new_issuer("gateway-issuer", name, 1, root, now),
        agent_issuer=_new_issuer("agent-issuer", name, 1, root, now),
        report_keys=(ReportHolding(label="report-1", key=ReportKey.generate()),),
    )


def rotate_gateway(state: AuthorityState, now: datetime, names: Sequence[str] | None) -> AuthorityState:
    """A new key and certificate for the gateway, for *names* or the names that it had.

    Raises:
        AuthorityError: no names, or a name that is neither a DNS name nor an address.
        KeyOfflineError: the gateway issuer's key is elsewhere.
    """
    if names is None:
        names = names_of(state.gateway.x509).all if state.gateway is not None else ()
    version = state.version + 1
    key = generate_key()
    certificate = gateway_certificate(state.gateway_issuer, names, key.public_key(), now)
    leaf = Holding(label=f"gateway-{version}", certificate=certificate, key=key)
    return _swept(attrs.evolve(state, version=version, gateway=leaf), now)


def gateway_certificate(
    issuer: Holding, names: Sequence[str], public_key: ec.EllipticCurvePublicKey, now: datetime
) -> bytes:
    """A gateway's certificate, DER, for a key that may lie elsewhere.

    Raises:
        AuthorityError: no names, or a name that is neither a DNS name nor an address.
        KeyOfflineError: the gateway issuer's key is elsewhere.
    """
    signing_key = issuer.signing_key()
    try:
        return profiles.der(profiles.gateway(names, public_key, issuer.x509, signing_key, now))
    except ValueError as exc:
        raise AuthorityError(str(exc)) from exc


def rotate_issuers(state: AuthorityState, now: datetime) -> AuthorityState:
    """New issuers under the same root, and a new gateway certificate. Pins do not change.

    Raises:
        KeyOfflineError: the root's key is elsewhere.
    """
    return _with_new_issuers(state, state.version + 1, now)


def rotate_ca(state: AuthorityState, now: datetime) -> AuthorityState:
    """The first step to a new root.

    Raises:
        AuthorityError: a rotation is under way already.
        KeyOfflineError: the old root's key is elsewhere.
    """
    if len(unretired(state)) > 1:
        raise AuthorityError("a rotation of the root is under way: finish it first")
    version = state.version + 1
    old = state.roots[-1].holding
    old_key = old.signing_key()
    new = _new_root(state.name, version, now)
    crossed = profiles.der(profiles.cross(new.x509, old.x509, old_key))
    roots = (*state.roots, Root(holding=new, cross=crossed))
    rolling = attrs.evolve(state, roots=roots)
    return _with_new_issuers(rolling, version, now)


def finish_ca(state: AuthorityState, now: datetime) -> AuthorityState:
    """The second step: the old root is no longer pinned.

    Raises:
        AuthorityError: no rotation is under way.
    """
    if len(unretired(state)) < 2:
        raise AuthorityError("no rotation of the root is under way")
    old, new = state.roots[-2:]
    retired = attrs.evolve(old, retired=now, holding=attrs.evolve(old.holding, key=None))
    finished = attrs.evolve(
        state,
        version=state.version + 1,
        roots=(*state.roots[:-2], retired, new),
    )
    return _swept(finished, now)


def rotate_report(state: AuthorityState, now: datetime) -> AuthorityState:
    """A new report key; the last few go on opening what agents seal that have not heard of it."""
    version = state.version + 1
    new = ReportHolding(label=f"report-{version}", key=ReportKey.generate())
    old = tuple(
        attrs.evolve(report, retired=report.retired or now)
        for report in state.report_keys[: MAX_REPORT_KEYS - 1]
    )
    return _swept(attrs.evolve(state, version=version, report_keys=(new, *old)), now)


def forget_agent_issuers(state: AuthorityState, now: datetime) -> AuthorityState:
    """Retired agent issuers are trusted no more: what a thief signed with such a key is worthless from now on, and so
    are the certificates of agents that have not renewed since.

    Raises:
        AuthorityError: there is none.
    """
    if not state.retired_agent_issuers:
        raise AuthorityError("no retired agent issuer is trusted any more")
    return _swept(attrs.evolve(state, version=state.version + 1, retired_agent_issuers=()), now)


def unretired(state: AuthorityState) -> tuple[Root, ...]:
    """The roots that agents are told to pin: one, or two while a rotation is under way."""
    return tuple(root for root in state.roots if root.retired is None)


def _with_new_issuers(state: AuthorityState, version: int, now: datetime) -> AuthorityState:
    root = state.roots[-1].holding
    retired = RetiredIssuer(holding=attrs.evolve(state.agent_issuer, key=None), retired=now)
    renewed = attrs.evolve(
        state,
        version=version,
        gateway_issuer=_new_issuer("gateway-issuer", state.name, version, root, now),
        agent_issuer=_new_issuer("agent-issuer", state.name, version, root, now),
        retired_agent_issuers=(*state.retired_agent_issuers, retired),
    )
    return rotate_gateway(renewed, now, None) if state.gateway is not None else _swept(renewed, now)


def _swept(state: AuthorityState, now: datetime) -> AuthorityState:
    """Without the roots, agent issuers and report keys that nobody can need any more."""
    roots = tuple(r for r in state.roots if r.retired is None or now <= r.retired + LINGER)
    issuers = tuple(i for i in state.retired_agent_issuers if now <= i.retired + LINGER)
    reports = tuple(r for r in state.report_keys if r.retired is None or now <= r.retired + LINGER)
    return attrs.evolve(state, roots=roots, retired_agent_issuers=issuers, report_keys=reports)


def _new_root(name: str, number: int, now: datetime) -> Holding:
    key = generate_key()
    label = f"root-{number}"
    return Holding(label=label, certificate=profiles.der(profiles.root(name, label, key, now)), key=key)


def _new_issuer(kind: str, name: str, number: int, root: Holding, now: datetime) -> Holding:
    key = generate_key()
    label = f"{kind}-{number}"
    issue = {"gateway-issuer": profiles.gateway_issuer, "agent-issuer": profiles.agent_issuer}[kind]
    certificate = issue(name, label, key, root.x509, root.signing_key(), now)
    return Holding(label=label, certificate=profiles.der(certificate), key=key)
