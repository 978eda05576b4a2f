"""Companies and resellers: what is known of each, and what changes."""

from collections.abc import Iterator
from typing import Annotated, Any

import attrs
from cyclopts import App, Parameter

from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json, require_name
from gateway.cli.output import facts, rows, say, when
from gateway.onboarding import FIELDS, checked
from gateway.store import COMPANY, RESELLER, Company, CompanyDetails, OrganizationStatus

__all__ = ["company_app", "reseller_app"]

company_app = App(name="company")
reseller_app = App(name="reseller")

NONE = "none"
PAGE = 500

By = Annotated[
    str | None, Parameter(help="Who decided it, for the audit; default: the user who runs the command.")
]
Named = Annotated[
    str | None, Parameter(help=f"The reseller (name or uid) whose customer it is; {NONE}: nobody's.")
]
Flag = Annotated[bool, Parameter(negative="")]


@Parameter(name="*", help="What is known of it.")
@attrs.frozen(kw_only=True)
class Known:
    """What may be said of a company or a reseller; what is not said stays as it is, and an empty text takes it away."""

    contact_name: Annotated[str | None, Parameter(help="A person there.")] = None
    contact_mail: Annotated[str | None, Parameter(help="Where mail reaches that person.")] = None
    contact_phone: Annotated[str | None, Parameter(help="Where a call does.")] = None
    tax_id: Annotated[str | None, Parameter(help="Its tax number.")] = None
    external_id: Annotated[
        str | None, Parameter(help="Its number in your own books; no two have the same.")
    ] = None
    notes: Annotated[str | None, Parameter(help="Whatever else is worth knowing.")] = None
    billing_anchor_day: Annotated[
        int | None, Parameter(help="The day of a month on which its billing cycles begin, 1 to 28.")
    ] = None

    def said(self) -> dict[str, Any]:
        """The fields that were given."""
        given = {name: value for name, value in attrs.asdict(self).items() if value is not None}
        return {
            name: None if value == "" and FIELDS[name].optional else value for name, value in given.items()
        }


NOTHING = Known()


@company_app.command(name="add")
def company_add(
    name: str,
    /,
    known: Known = NOTHING,
    *,
    reseller: Named = None,
    no_cloud: Flag = False,
    by: By = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Add a company.

    Parameters
    ----------
    name
        Its name, which is unique.
    no_cloud
        It sends nothing to a site: a licence needs no cloud tenant that is mapped to it.
    """
    require_name(name)
    with open_provider(data) as provider:
        values = known.said() | _reseller(provider, reseller) | {"uses_cloud": not no_cloud}
        _add(provider, COMPANY, name, values, by=by, as_json=json_)


@company_app.command(name="change")
def company_change(
    company: str,
    /,
    known: Known = NOTHING,
    *,
    name: str | None = None,
    reseller: Named = None,
    cloud: Flag = False,
    no_cloud: Flag = False,
    enable: Flag = False,
    disable: Flag = False,
    by: By = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Change what is known of a company; its uid stays, whatever it is called.

    Parameters
    ----------
    company
        The company's name or uid.
    name
        What it is called from now on.
    cloud
        A licence needs a cloud tenant that is mapped to it.
    no_cloud
        It sends nothing to a site, so a licence needs none.
    enable
        Business goes on with it.
    disable
        It gets nothing new: no token, no tenant, no licence. What it has goes on.
    """
    with open_provider(data) as provider:
        values = known.said() | _reseller(provider, reseller) | _status(enable=enable, disable=disable)
        if cloud or no_cloud:
            values["uses_cloud"] = _one(cloud=cloud, no_cloud=no_cloud) == "cloud"
        _change(provider, provider.store.companies.find(company), name, values, by=by)


@company_app.command(name="list")
def company_list(*, reseller: str | None = None, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the companies.

    Parameters
    ----------
    reseller
        Only this reseller's (name or uid).
    """
    with open_provider(data) as provider:
        uid = None if reseller is None else provider.store.companies.find(reseller, kind=RESELLER).uid
        names = {each.uid: each.name for each in _all(provider, RESELLER)}
        listed = [
            attrs.asdict(each) | {"reseller": names.get(each.reseller_uid or "")}
            for each in _all(provider, COMPANY, uid)
        ]
    rows(
        listed,
        {
            "name": "COMPANY",
            "status": "STATUS",
            "reseller": "RESELLER",
            "contact_mail": "CONTACT",
            "external_id": "EXTERNAL ID",
            "uid": "UID",
            "created_ms": "SINCE",
        },
        as_json=json_,
        empty="no company yet: fieldgate company add NAME",
        show={"created_ms": when},
    )


@company_app.command(name="show")
def company_show(company: str, /, *, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show everything that is known of a company, and the cloud tenants that are its.

    Parameters
    ----------
    company
        The company's name or uid.
    """
    with open_provider(data) as provider:
        found = provider.store.companies.find(company)
        record: dict[str, Any] = attrs.asdict(found)
        reseller = (
            None if found.reseller_uid is None else provider.store.companies.get(found.reseller_uid).name
        )
        mapped = provider.store.mappings.of_company(found.uid)
    if json_:
        record |= {"reseller": reseller, "tenants": [attrs.asdict(each) for each in mapped]}
        rows([record], {}, as_json=True, empty="")
        return
    del record["created_ms"]
    facts(record | {"reseller": reseller, "since": when(found.created_ms)})
    for each in mapped:
        say(f"{'cloud tenant':20} {each.tenant_name} of {each.site_name}, since {when(each.mapped_ms)}")


@reseller_app.command(name="add")
def reseller_add(
    name: str, /, known: Known = NOTHING, *, by: By = None, data: Data = DEFAULT_DATA, json_: Json = False
) -> None:
    """Add a reseller, who has companies and no servers of its own.

    Parameters
    ----------
    name
        Its name, which is unique.
    """
    require_name(name)
    with open_provider(data) as provider:
        _add(provider, RESELLER, name, known.said(), by=by, as_json=json_)


@reseller_app.command(name="change")
def reseller_change(
    reseller: str,
    /,
    known: Known = NOTHING,
    *,
    name: str | None = None,
    enable: Flag = False,
    disable: Flag = False,
    by: By = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Change what is known of a reseller; its uid stays, whatever it is called.

    Parameters
    ----------
    reseller
        The reseller's name or uid.
    name
        What it is called from now on.
    enable
        Business goes on with it.
    disable
        It gets no new company. What it has goes on.
    """
    with open_provider(data) as provider:
        found = provider.store.companies.find(reseller, kind=RESELLER)
        values = known.said() | _status(enable=enable, disable=disable)
        _change(provider, found, name, values, by=by)


@reseller_app.command(name="list")
def reseller_list(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the resellers."""
    with open_provider(data) as provider:
        listed = [attrs.asdict(each) for each in _all(provider, RESELLER)]
    rows(
        listed,
        {
            "name": "RESELLER",
            "status": "STATUS",
            "contact_mail": "CONTACT",
            "external_id": "EXTERNAL ID",
            "uid": "UID",
            "created_ms": "SINCE",
        },
        as_json=json_,
        empty="no reseller yet: fieldgate reseller add NAME",
        show={"created_ms": when},
    )


def _add(
    provider: Provider, kind: str, name: str, values: dict[str, Any], *, by: str | None, as_json: bool
) -> None:
    made = provider.store.companies.add(
        name, CompanyDetails(**checked(values)), by=operator(by), now_ms=now_ms(), kind=kind
    )
    rows([attrs.asdict(made)], {"uid": "UID", "name": kind.upper()}, as_json=as_json, empty="")


def _change(
    provider: Provider,
    found: Company,
    name: str | None,
    values: dict[str, Any],
    *,
    by: str | None,
) -> None:
    if name is not None:
        require_name(name)
        values["name"] = name
    if not values:
        raise CommandError("nothing to change was named: --help lists what there is", exit_code=UNUSABLE)
    changed = provider.store.companies.change(found.uid, checked(values), by=operator(by), now_ms=now_ms())
    said = "changed" if changed != found else "nothing to change: it is so already"
    say(f"{changed.name}: {said}")


def _status(*, enable: bool, disable: bool) -> dict[str, Any]:
    if not enable and not disable:
        return {}
    wanted = _one(enable=enable, disable=disable)
    return {"status": OrganizationStatus.ACTIVE if wanted == "enable" else OrganizationStatus.DISABLED}


def _one(**flags: bool) -> str:
    chosen = [name for name, is_said in flags.items() if is_said]
    if len(chosen) > 1:
        said = " and ".join("--" + name.replace("_", "-") for name in chosen)
        raise CommandError(f"{said} contradict each other", exit_code=UNUSABLE)
    return chosen[0]


def _reseller(provider: Provider, named: str | None) -> dict[str, Any]:
    if named is None:
        return {}
    found = None if named == NONE else provider.store.companies.find(named, kind=RESELLER).uid
    return {"reseller_uid": found}


def _all(provider: Provider, kind: str, reseller_uid: str | None = None) -> Iterator[Company]:
    after = ""
    while page := provider.store.companies.list(
        kind=kind, reseller_uid=reseller_uid, after=after, limit=PAGE
    ):
        yield from page
        after = page[-1].name
