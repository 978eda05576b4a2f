"""Licences: made, given to a company, brought to its servers, changed, ended."""

from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.cli.command import agent_named
from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.licence_catalogue import By, moment
from gateway.cli.licence_files import licence_download, licence_verify
from gateway.cli.licence_output import record_of, show_licence, show_server, tell
from gateway.cli.licence_submissions import licence_export, licence_submissions, licence_submit
from gateway.cli.licence_use import licence_use
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import ago, rows, say, when
from gateway.licensing import LicenceChange, LicenceOffice, LicenceOrder, open_office
from gateway.store import LicenceKind, LicenceState

__all__ = ["licence_app"]

licence_app = App(name="licence")
licence_app.command(licence_download, name="download")
licence_app.command(licence_verify, name="verify")
licence_app.command(licence_use, name="use")
licence_app.command(licence_submissions, name="submissions")
licence_app.command(licence_submit, name="submit")
licence_app.command(licence_export, name="export")

Flag = Annotated[bool, Parameter(negative="")]
Count = Annotated[
    list[str],
    Parameter(help="How many of a workload of the product, as ID=COUNT. Once for each.", negative=""),
]
Until = Annotated[
    str | None,
    Parameter(help="Its last day, as 2026-12-31 (UTC), or its last moment; default: it has no end."),
]
Uid = Annotated[str, Parameter(help="The licence's id.")]


@licence_app.command(name="generate")
def licence_generate(
    *,
    product: str,
    workload: Count,
    kind: LicenceKind = LicenceKind.RENTAL,
    contract: str | None = None,
    company: str | None = None,
    expires: Until = None,
    support: str | None = None,
    replaces: str | None = None,
    shared: Flag = False,
    by: By = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Have the licensing authority make a licence.

    Parameters
    ----------
    product
        The product's id, as `fieldgate product list` has it.
    kind
        How it is paid for.
    contract
        The contract that it counts towards.
    company
        Whose it is (name or uid); it can be assigned later.
    support
        The last day of its support.
    replaces
        The licence in whose place it is: a server that gets the new one never installs the old one again.
    shared
        It may be on several servers of the company. One for each is what keeps limits and usage apart.
    """
    with open_provider(data) as provider:
        order = LicenceOrder(
            product_uid=product, kind=kind, contract_uid=contract, counts=_counts(workload), replaces=replaces,
            shared=shared, organization_uid=_company(provider, company),
            expires_ms=None if expires is None else moment("--expires", expires),
            support_ms=None if support is None else moment("--support", support),
        )  # fmt: skip
        outcome = _office(provider).generate(order, by=operator(by), now_ms=now_ms())
    tell(outcome, as_json=json_)


@licence_app.command(name="assign")
def licence_assign(
    licence: Uid,
    /,
    *,
    company: str | None = None,
    shared: Flag = False,
    by: By = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Give a licence to a company, or let it be on several of the company's servers.

    Parameters
    ----------
    company
        The company (name or uid). A licence that has one keeps it.
    shared
        It may be on several servers.
    """
    if company is None and not shared:
        raise CommandError("name a --company, or say --shared", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        office, who = _office(provider), operator(by)
        outcome = None
        if company is not None:
            change = LicenceChange(organization_uid=_company(provider, company))
            outcome = office.change(licence, change, by=who, now_ms=now_ms())
        if shared:
            provider.store.licences.share(licence, by=who, now_ms=now_ms())
        office.pusher.work(now_ms())
        found = provider.store.licences.get(licence)
    if outcome is not None and outcome.licence is None:
        tell(outcome, as_json=json_)
    else:
        show_licence(found, as_json=json_)


@licence_app.command(name="extend")
def licence_extend(
    licence: Uid,
    /,
    *,
    expires: str | None = None,
    support: str | None = None,
    workload: Annotated[
        list[str] | None, Parameter(help="Its workloads from now on, as ID=COUNT.", negative="")
    ] = None,
    by: By = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Change a licence's end, its support's or what it is for; the server that has it gets the new revision.

    Parameters
    ----------
    expires
        Its last day.
    support
        The last day of its support.
    """
    change = LicenceChange(
        expires_ms=None if expires is None else moment("--expires", expires),
        support_ms=None if support is None else moment("--support", support),
        counts=None if workload is None else _counts(workload),
    )
    if change == LicenceChange():
        raise CommandError("name what is to change: --expires, --support or --workload", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        office = _office(provider)
        outcome = office.change(licence, change, by=operator(by), now_ms=now_ms())
        office.pusher.work(now_ms())
    tell(outcome, as_json=json_)


@licence_app.command(name="revoke")
def licence_revoke(
    licence: Uid, /, *, why: str, by: By = None, data: Data = DEFAULT_DATA, json_: Json = False
) -> None:
    """End a licence: it is taken off its servers, and none of them ever installs it again.

    Parameters
    ----------
    why
        For the audit.
    """
    with open_provider(data) as provider:
        office = _office(provider)
        outcome = office.revoke(licence, why=why, by=operator(by), now_ms=now_ms())
        office.pusher.work(now_ms())
    tell(outcome, as_json=json_)


@licence_app.command(name="push")
def licence_push(
    licence: Uid, /, *, agent: str, by: By = None, data: Data = DEFAULT_DATA, json_: Json = False
) -> None:
    """Install a licence on a server, in the place of any other: at once if its agent is connected, else when it returns.

    Parameters
    ----------
    agent
        The server's agent (uid, or host name where only one agent has that).
    """
    with open_provider(data) as provider:
        asked = agent_named(provider, agent)
        server = _office(provider).install(licence, asked.uid, by=operator(by), now_ms=now_ms())
    show_server(server, as_json=json_)


@licence_app.command(name="remove")
def licence_remove(*, agent: str, by: By = None, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Take the licence off a server. It may be installed there or elsewhere again.

    Parameters
    ----------
    agent
        The server's agent (uid, or host name where only one agent has that).
    """
    with open_provider(data) as provider:
        asked = agent_named(provider, agent)
        server = _office(provider).remove(asked.uid, by=operator(by), now_ms=now_ms())
    show_server(server, as_json=json_)


@licence_app.command(name="list")
def licence_list(
    *,
    company: str | None = None,
    state: LicenceState | None = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """List licences, the newest first.

    Parameters
    ----------
    company
        Only this company's (name or uid).
    state
        Only those: active, revoked.
    """
    with open_provider(data) as provider:
        uid = _company(provider, company)
        found = provider.store.licences.list(organization_uid=uid, state=state)
    rows(
        map(record_of, found),
        {
            "uid": "LICENCE", "product": "PRODUCT", "kind": "KIND", "points": "POINTS", "used_percent": "USED %",
            "status": "STATUS", "expires_ms": "UNTIL", "state": "STATE", "organization_uid": "COMPANY",
        },
        as_json=json_,
        empty="no licence yet: fieldgate licence generate --product ID --workload vm=10",
        show={"expires_ms": when},
    )  # fmt: skip


@licence_app.command(name="show")
def licence_show(licence: Uid, /, *, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show a licence, and the servers that have it or are to have it."""
    with open_provider(data) as provider:
        _office(provider).pusher.settle(now_ms())
        found = provider.store.licences.get(licence)
        servers = provider.store.licence_servers.of_licence(licence)
    show_licence(found, as_json=json_, servers=servers)


@licence_app.command(name="server")
def licence_server(agent: str, /, *, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show which licence a server has or is to have, and how far that has come.

    Parameters
    ----------
    agent
        The server's agent (uid, or host name where only one agent has that).
    """
    with open_provider(data) as provider:
        asked = agent_named(provider, agent)
        _office(provider).pusher.settle(now_ms())
        server = provider.store.licence_servers.get(asked.uid)
    show_server(server, as_json=json_)


@licence_app.command(name="sync")
def licence_sync(*, by: By = None, data: Data = DEFAULT_DATA) -> None:
    """Take over the products and contracts of a remote licensing authority now; the management process does so once an hour."""
    with open_provider(data) as provider:
        _office(provider).sync(by=operator(by), now_ms=now_ms())
        catalogue = provider.store.licence_catalogue
        say(f"{len(catalogue.products())} products, {len(catalogue.contracts())} contracts")


@licence_app.command(name="deeds")
def licence_deeds(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List what the licensing authority was asked for, the newest first, and what it has not answered yet."""
    with open_provider(data) as provider:
        found = provider.store.licences.deeds()
    rows(
        (attrs.asdict(each) | {"kind": each.kind.value, "state": each.state.value} for each in found),
        {
            "created_ms": "ASKED", "kind": "DEED", "state": "STATE", "attempts": "TRIES", "message": "SAYS",
            "licence_uid": "LICENCE", "uid": "KEY",
        },
        as_json=json_,
        empty="the licensing authority was asked for nothing yet",
        show={"created_ms": ago(now_ms())},
    )  # fmt: skip


def _office(provider: Provider) -> LicenceOffice:
    return open_office(provider.store, provider.config, ring=provider.ring)


def _company(provider: Provider, named: str | None) -> str | None:
    return None if named is None else provider.store.organizations.find(named).uid


def _counts(given: list[str]) -> list[tuple[str, int]]:
    counts = []
    for text in given:
        uid, _, count = text.partition("=")
        if not uid or not count.isascii() or not count.isdigit() or len(count) > 9:
            raise CommandError(f"--workload {text!r}: say ID=COUNT, as vm=20", exit_code=UNUSABLE)
        counts.append((uid, int(count)))
    return counts
