"""Whose word a path report is, and whether it is that: the proof is in the report, the standing in the directory or the store.

An agent is known by its certificate, also by one that has expired within the grace: who can't renew is who has something to
report. A token's holder has not enrolled yet, and its public key lies in the store; so does that of a code, which is good for
one report within minutes, and is used up here.
"""

from typing import TYPE_CHECKING

import attrs

from certs import ChainVerdict, from_ms
from certs.inspection import AT_ONCE_MS, OpenedReport, SignerKind
from gateway.store import Reporter as StoredReporter
from gateway.store import Standing, Store, StoreError
from protocol import Code

if TYPE_CHECKING:
    from gateway.edge.services import Services

__all__ = ["NOBODY", "Reporter", "product_of", "reporter_of", "told_offset_ms"]

NOBODY = bytes(16)
"""What a record has in the place of an agent's uid when no agent reports."""


@attrs.frozen(kw_only=True)
class Reporter:
    """Who reported, proven. `agent_uid` and `key` (its 16 bytes) are an agent's; else empty and `NOBODY`."""

    organization_uid: str
    location_uid: str
    agent_uid: str = ""
    key: bytes = NOBODY
    synthetic: bool = False


async def reporter_of(services: "Services", opened: OpenedReport) -> Reporter | Code:
    """Who signed it, or why that counts for nothing.

    Raises:
        StoreError: the store can't be asked now.
    """
    match opened.kind:
        case SignerKind.AGENT:
            return _agent(services, opened)
        case SignerKind.TOKEN:
            return await services.link.call(lambda: _token(services.link.store, opened))
        case SignerKind.CODE:
            now_ms = services.now()
            return await services.link.call(lambda: _code(services.link.store, opened, now_ms))


def _agent(services: "Services", opened: OpenedReport) -> Reporter | Code:
    at = from_ms(services.now())
    identity = services.credentials.identity(opened.chain_der, at)
    if identity is None or identity.trust.chain is not ChainVerdict.OK or not identity.trust.may_renew(at):
        return Code.REPORT_SIGNER_UNKNOWN
    if identity.serial in services.directory.revoked or not opened.is_by_its_certificate():
        return Code.REPORT_SIGNER_UNKNOWN
    agent = services.directory.find(opened.uid)
    if agent is None or agent.entry.standing in (Standing.REVOKED, Standing.REJECTED):
        return Code.REPORT_SIGNER_UNKNOWN
    entry = agent.entry
    return Reporter(
        organization_uid=entry.organization_uid,
        location_uid=entry.location_uid or "",
        agent_uid=entry.agent_uid,
        key=agent.key,
        synthetic=entry.synthetic,
    )


def _token(store: Store, opened: OpenedReport) -> Reporter | Code:
    token = store.tokens.get(opened.uid)
    if token is None or token.revoked_ms is not None or not opened.is_by(token.public_key):
        return Code.REPORT_SIGNER_UNKNOWN
    return Reporter(
        organization_uid=token.organization_uid,
        location_uid=token.location_uid or "",
        synthetic=token.synthetic,
    )


def _code(store: Store, opened: OpenedReport, now_ms: int) -> Reporter | Code:
    code = store.codes.get(opened.uid)
    if code is None or not opened.is_by(code.public_key):
        return Code.REPORT_SIGNER_UNKNOWN
    if not store.codes.use(code.id, now_ms=now_ms):
        return Code.CODE_USED
    return Reporter(organization_uid=code.organization_uid, location_uid=code.location_uid)


def product_of(store: Store, reporter: Reporter) -> str | None:
    """The firewall that a person recorded for the reporter's location.

    Raises:
        StoreError: the store can't be asked now.
    """
    if not reporter.location_uid:
        return None
    known = store.organizations.list_locations(reporter.organization_uid)
    return next((each.firewall for each in known if each.uid == reporter.location_uid), None)


async def told_offset_ms(services: "Services", opened: OpenedReport) -> int | None:
    """What a session that is open, or was a moment ago, says of the reporter's clock; None if none does, or if the report itself does."""
    side, now_ms = opened.side, services.now()
    if side.clock_offset_ms is not None and side.at_ms - side.clock_offset_ms <= now_ms:
        return None
    if opened.kind is SignerKind.AGENT:
        agent = services.directory.find(opened.uid)
        if agent is not None and agent.session is not None:
            return agent.session.offset_ms
    reporter = StoredReporter(
        kind=opened.kind.value, uid=opened.uid, installation_uid=opened.installation_uid
    )
    try:
        return await services.link.call(
            lambda: services.link.store.paths.told_offset_ms(reporter, since_ms=now_ms - AT_ONCE_MS)
        )
    except StoreError:
        return None  # the projector asks again
