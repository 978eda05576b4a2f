"""A report that a person brought, from a server that nothing lets out: verified, judged, and journaled like any other.

An edge has its journal to itself, so a report that comes by hand goes into one of its own, `journals/imported.reports`, which the
projector reads beside the others. It has the same lock as an edge's: two imports at once take turns. A report is good for once, whether
the store has it already or only this journal, behind what the projector has read.
"""

import contextlib
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import attrs
from cyclopts import Parameter

from certs import (
    Anchors,
    Authority,
    CertificateError,
    ChainVerdict,
    Usage,
    chain_from_pem,
    from_ms,
    judge_chain,
    serial_of,
    spki_sha256,
)
from certs.inspection import (
    PATH_TAG,
    Delivery,
    Evidence,
    Expected,
    Finding,
    OpenedReport,
    PathRecord,
    RecordKind,
    SealError,
    SignerKind,
    judge,
    open_report,
    unarmour,
)
from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import FAILED, CommandError
from gateway.cli.inspection import to_act_on
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import json_line, say
from gateway.config import CO_LOCATED
from gateway.journal import Cursor, JournalReader, JournalWriter, Record, RecordFlags
from gateway.minting import announced_trust
from gateway.store import AuditEntry, NotFound, Reporter, Standing
from protocol import Code

__all__ = ["inspection_import"]

# No edge can be called so: a name has no dot.
JOURNAL = "imported.reports"
NOBODY = bytes(16)

# A mail with a report in it has a twentieth of that.
MAX_BYTES = 1024 * 1024


@attrs.frozen(kw_only=True)
class Sender:
    """Who signed a report, proven."""

    organization_uid: str
    location_uid: str
    key: bytes = NOBODY
    synthetic: bool = False


def inspection_import(
    file: Annotated[Path, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Take in a report that somebody sent by mail: the text from the BEGIN line to the END line, whatever stands around it.

    Parameters
    ----------
    file
        The file that it was saved to; - reads standard input.
    """
    text = _read(file)
    now = now_ms()
    with open_provider(data) as provider:
        authority = Authority.load(provider.folder.ca)
        try:
            opened = open_report(unarmour(text), authority.report_keys())
        except SealError as error:
            raise CommandError(str(error), code=Code.REPORT_UNREADABLE) from None
        sender = _sender(provider, authority, opened, now)
        with contextlib.closing(JournalWriter(provider.folder.journals / JOURNAL)) as writer:
            _refuse_known(provider, opened, _projected(provider, writer))
            if opened.kind is SignerKind.CODE and not provider.store.codes.use(opened.uid, now_ms=now):
                raise CommandError("the code was used before, or has expired", code=Code.CODE_USED)
            finding = _take(provider, authority, writer, opened, sender, now)
            about = f"report {opened.counter} of {opened.kind.value} {opened.uid}"
            entry = AuditEntry(at_ms=now, who=operator(), action="report imported", about=about)
            provider.store.audit.note(entry)
    if json_:
        json_line(
            {
                "verdict": finding.verdict.value, "confidence": finding.confidence, "blame": finding.blame,
                "signer_kind": opened.kind.value, "signer_uid": opened.uid, "counter": opened.counter,
            }
        )  # fmt: skip
        return
    say(
        f"{finding.blame}",
        f"{finding.verdict.value}, {finding.confidence:.0%} sure. To act: {to_act_on(finding)}.",
        "The projector takes it in within seconds: fieldgate inspection list --reports",
    )


def _read(file: Path) -> str:
    try:
        if str(file) == "-":
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with file.open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror or error}", exit_code=FAILED) from None
    if len(raw) > MAX_BYTES:
        raise CommandError(f"{file} has more than {MAX_BYTES} bytes: it is no mail with a report in it")
    return raw.decode("utf-8", errors="replace")


def _refuse_known(provider: Provider, opened: OpenedReport, projected: Cursor | None) -> None:
    """Nobody else imports meanwhile. What the projector reads while we look is in one of the two places, for it is looked for here first.

    Args:
        projected: how far the projector had read our journal.

    Raises:
        CommandError: the report was taken before.
    """
    if _is_unread(provider.folder.journals / JOURNAL, projected, opened):
        raise CommandError(
            "this report was imported already, and waits for the projector", code=Code.REPORT_REPLAYED
        )
    reporter = Reporter(kind=opened.kind.value, uid=opened.uid, installation_uid=opened.installation_uid)
    known = provider.store.paths.find(reporter, opened.counter)
    if known is not None:
        raise CommandError(
            f"this report is here already, as report {known.report_id}", code=Code.REPORT_REPLAYED
        )


def _is_unread(folder: Path, projected: Cursor | None, opened: OpenedReport) -> bool:
    """Whether a report lies in our journal, behind what was projected of that."""
    reader, cursor = JournalReader(folder), projected
    number = (opened.kind, opened.uid, opened.installation_uid, opened.counter)
    while (chunk := reader.read(cursor, MAX_BYTES)).records:
        for body in chunk.records:
            try:
                record = PathRecord.decode(Record.decode(body).payload)
            except ValueError:  # a DocumentError is one
                continue  # of another version's, or damaged: the projector says so
            if number == (record.signer_kind, record.signer_uid, record.installation_uid, record.counter):
                return True
        cursor = chunk.cursor
    return False


def _projected(provider: Provider, writer: JournalWriter) -> Cursor | None:
    at = provider.store.cursors().get(writer.journal_uid)
    return None if at is None else Cursor(segment=at.segment, incarnation=at.incarnation, offset=at.offset)


def _take(
    provider: Provider,
    authority: Authority,
    writer: JournalWriter,
    opened: OpenedReport,
    sender: Sender,
    now: int,
) -> Finding:
    evidence = Evidence(
        agent=opened.side,
        expected=_expected(provider, authority),
        tenant_product=_product(provider, sender),
    )
    finding = judge(evidence)
    record = PathRecord(
        kind=RecordKind.REPORT,
        signer_kind=opened.kind,
        signer_uid=opened.uid,
        installation_uid=opened.installation_uid,
        counter=opened.counter,
        at_ms=now,
        organization_uid=sender.organization_uid,
        location_uid=sender.location_uid,
        delivered_by=Delivery.FILE,
        evidence=evidence,
        finding=finding,
    )
    flags = RecordFlags.SYNTHETIC if sender.synthetic else RecordFlags.NONE
    body = Record(agent_uid=sender.key, received_ms=now, tag=PATH_TAG, payload=record.encode(), flags=flags)
    writer.append(body.encode())
    writer.sync()
    keep_ms = int(provider.config.limits.journal_keep_s * 1000)
    writer.prune(_projected(provider, writer), older_than_ms=keep_ms, now_ms=now)
    return finding


def _sender(provider: Provider, authority: Authority, opened: OpenedReport, now: int) -> Sender:
    """Who signed it.

    Raises:
        CommandError: nobody whom we know, or somebody whose word does not count.
    """
    sender = {
        SignerKind.AGENT: _agent,
        SignerKind.TOKEN: _token,
        SignerKind.CODE: _code,
    }[opened.kind](provider, authority.client_anchors(), opened, now)
    if sender is None:
        raise CommandError(
            f"{opened.kind.value} {opened.uid} did not sign this, is not known here, or is revoked",
            code=Code.REPORT_SIGNER_UNKNOWN,
        )
    return sender


def _agent(provider: Provider, anchors: Anchors, opened: OpenedReport, now: int) -> Sender | None:
    # Also one whose certificate has expired: who can't renew is who has something to report.
    at = from_ms(now)
    trust = judge_chain(opened.chain_der, anchors, name=None, usage=Usage.CLIENT, at=at)
    if trust.chain is not ChainVerdict.OK or not trust.may_renew(at) or not opened.is_by_its_certificate():
        return None
    try:
        agent = provider.store.agents.get(opened.uid, now_ms=now)
        revoked = int(serial_of(opened.chain_der[0]), 16) in provider.store.directory().revoked
    except (NotFound, CertificateError):
        return None
    if revoked or agent.standing in (Standing.REVOKED, Standing.REJECTED):
        return None
    return Sender(
        organization_uid=agent.organization_uid,
        location_uid=agent.location_uid or "",
        key=UUID(agent.uid).bytes,
        synthetic=agent.synthetic,
    )


def _token(provider: Provider, _: Anchors, opened: OpenedReport, __: int) -> Sender | None:
    token = provider.store.tokens.get(opened.uid)
    if token is None or token.revoked_ms is not None or not opened.is_by(token.public_key):
        return None
    return Sender(
        organization_uid=token.organization_uid,
        location_uid=token.location_uid or "",
        synthetic=token.synthetic,
    )


def _code(provider: Provider, _: Anchors, opened: OpenedReport, __: int) -> Sender | None:
    code = provider.store.codes.get(opened.uid)
    if code is None or not opened.is_by(code.public_key):
        return None
    return Sender(organization_uid=code.organization_uid, location_uid=code.location_uid)


def _product(provider: Provider, sender: Sender) -> str | None:
    places = provider.store.organizations.list_locations(sender.organization_uid)
    return next((place.firewall for place in places if place.uid == sender.location_uid), None)


def _expected(provider: Provider, authority: Authority) -> Expected:
    """What is right, as the authority's folder and the settings have it now."""
    config = provider.config
    bundle = announced_trust(config, authority)
    if config.certificate:
        chains = [Path(config.certificate).read_bytes()]
    else:
        chains = [chain for chain, _ in authority.gateway_chains()]
    told = [address for edge in provider.store.sessions.list_edges() for address in edge.addresses]
    return Expected(
        pins=frozenset(
            (*bundle.pins_current, *bundle.pins_next, *(root.holding.pin for root in authority.state.roots))
        ),
        names=frozenset(bundle.names),
        leaf_keys=frozenset(spki_sha256(chain_from_pem(chain)[0]) for chain in chains),
        gateways=tuple(dict.fromkeys((*config.addresses(), *config.addresses(CO_LOCATED), *told))),
        own_proxies=config.balancers,
        own_offload=frozenset(bytes.fromhex(each) for each in config.own_offload),
    )
