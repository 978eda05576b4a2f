"""What this edge shows, whom it believes, and what it tells agents to believe: the authority's folder, in memory.

Read at the start, and again when the folder changes (the change feed says so), when a certificate of one's own was replaced on
disk by its ACME client, and when the gateway's certificate has lived two thirds of its life: then the edge makes a new one.
A reload that fails keeps what was loaded: a half-written file must not end a gateway that works.

The judgement of a client's chain is remembered by the leaf's hash. An agent proves that it holds the key in every handshake; that its
certificate was signed by our issuer does not change from one to the next, and costs a quarter of a handshake to find out.
What does change, dates and revocations, is looked at every time.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import attrs
import structlog

from certs import (
    Anchors,
    Authority,
    AuthorityError,
    CertificateError,
    ChainVerdict,
    OwnCertificate,
    OwnCertificateError,
    TimeVerdict,
    TrustBundle,
    TrustResult,
    Usage,
    agent_uid_of,
    certificate_sha256,
    chain_from_pem,
    judge_chain,
    own_issuer_pins,
    serial_of,
)
from gateway.config import Config
from gateway.edge.identify import Identity
from protocol import Code, TrustUpdate
from transport import Context, server_context

__all__ = ["Credentials", "fresh_credentials", "load_credentials", "reload_credentials"]

log = structlog.get_logger()

# About 1 kB each: as many as an edge has agents.
REMEMBERED = 20_000


@attrs.define(eq=False, kw_only=True)
class Credentials:
    """One reading of the folder. A reload makes a new one.

    Attributes:
        context: for the connections accepted from now on.
        served: the chains that the context serves, DER, leaf first.
        bundle: what agents are told to trust, and `trust_update` the message that does.
    """

    authority: Authority
    own: OwnCertificate | None
    context: Context
    served: tuple[tuple[bytes, ...], ...]
    bundle: TrustBundle
    trust_update: TrustUpdate
    anchors: Anchors
    _judged: OrderedDict[bytes, Identity] = attrs.field(factory=OrderedDict, init=False)

    def identity(self, chain_der: Sequence[bytes], at: datetime) -> Identity | None:
        """Who the presented certificate says its holder is, and whether to believe it; None if there is none."""
        if not chain_der:
            return None
        digest = certificate_sha256(chain_der[0])
        known = self._judged.get(digest)
        if known is not None and _is_valid(known.trust, at):
            self._judged.move_to_end(digest)
            return known
        trust = judge_chain(chain_der, self.anchors, name=None, usage=Usage.CLIENT, at=at)
        try:
            agent_uid, serial = agent_uid_of(chain_der[0]), int(serial_of(chain_der[0]), 16)
        except CertificateError:
            return Identity(agent_uid=None, serial=0, trust=trust)
        identity = Identity(agent_uid=agent_uid, serial=serial, trust=trust)
        if trust.chain is ChainVerdict.OK and trust.time is TimeVerdict.OK:
            self._judged[digest] = identity
            if len(self._judged) > REMEMBERED:
                self._judged.popitem(last=False)
        return identity


def _is_valid(trust: TrustResult, at: datetime) -> bool:
    return (
        trust.not_before is not None
        and trust.not_after is not None
        and trust.not_before <= at <= trust.not_after
    )


def load_credentials(config: Config, at: datetime) -> Credentials:
    """Read the authority's folder, and the provider's own certificate if it has one.

    Makes a new gateway certificate where one is due.

    Raises:
        AuthorityError: the folder can't be used, or has no certificate for the gateway's names and no key to make one.
        OwnCertificateError: the certificate of one's own can't be served; says everything that is wrong with it.
    """
    folder = config.data / "ca"
    authority = Authority.load(folder)
    if not authority.report_keys():
        authority = _with_report_key(authority, folder, at)
    if config.certificate:
        own = OwnCertificate.load(
            Path(config.certificate),
            Path(config.certificate_key),
            names=config.names,
            at=at,
            issuers=Path(config.certificate_issuers) if config.certificate_issuers else None,
        )
        for problem in own.warnings:
            log.warning("own certificate", problem=problem.message)
        return _credentials(config, authority, own)
    if authority.gateway_due(at, config.names):
        authority = _renewed(config, authority, folder, at)
    return _credentials(config, authority, None)


def _with_report_key(authority: Authority, folder: Path, at: datetime) -> Authority:
    """For a folder from before path reports. Without the right to write there, agents send none, and all else works."""
    try:
        made = authority.rotate_report(at).save(folder)
    except (AuthorityError, OSError) as error:
        loaded = Authority.load(folder)
        if not loaded.report_keys():
            log.warning("no report key could be made", error=str(error))
        return loaded
    log.info("report key made")
    return made


def _renewed(config: Config, authority: Authority, folder: Path, at: datetime) -> Authority:
    try:
        renewed = authority.rotate_gateway(at, names=config.names).save(folder)
    except AuthorityError as error:
        if not authority.gateway_chains():
            raise
        log.warning("gateway certificate not renewed", error=str(error))
        return authority
    log.info("gateway certificate renewed", names=list(config.names))
    return renewed


def _credentials(config: Config, authority: Authority, own: OwnCertificate | None) -> Credentials:
    chains = own.chains() if own is not None else authority.gateway_chains()
    announced = Path(config.certificate_issuers) if config.certificate_issuers else None
    pins = own.issuer_pins if own is not None else own_issuer_pins(chain=None, issuers=announced)
    bundle = authority.trust_bundle(pins, config.names)
    return Credentials(
        authority=authority,
        own=own,
        context=server_context(chains),
        served=tuple(chain_from_pem(chain_pem) for chain_pem, _ in chains),
        bundle=bundle,
        trust_update=TrustUpdate(
            revision=bundle.revision,
            pins_current=bundle.pins_current,
            pins_next=bundle.pins_next,
            names=bundle.names,
            report_keys=bundle.report_keys,
        ),
        anchors=authority.client_anchors(),
    )


def reload_credentials(current: Credentials, config: Config, at: datetime) -> Credentials:
    """What the folder holds now, or *current* when that can't be used or is the same."""
    try:
        return fresh_credentials(current, config, at)
    except (AuthorityError, OwnCertificateError, OSError, ValueError) as error:
        log.error("credentials not reloaded", code=str(Code.OWN_CERTIFICATE_REJECTED), error=str(error))
        return current


def fresh_credentials(current: Credentials, config: Config, at: datetime) -> Credentials:
    """What the folder holds now; *current* when that is the same.

    Raises:
        AuthorityError, OwnCertificateError, OSError, ValueError: it can't be used.
    """
    loaded = load_credentials(config, at)
    is_same = (
        loaded.authority.state.version == current.authority.state.version
        and loaded.own == current.own
        and loaded.bundle == current.bundle
    )
    return current if is_same else loaded
