"""Locations: the places of a company, and what stands between each and the gateway."""

import contextlib
from collections.abc import Mapping
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.cli.common import Provider, now_ms, open_provider
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json, require_name
from gateway.cli.output import rows, say
from gateway.store import Location, NotFound, Organization

__all__ = ["location_app", "location_of", "names_of"]

NOT_KNOWN = "none"

location_app = App(name="location")

Firewall = Annotated[str | None, Parameter(name="--firewall")]


@location_app.command(name="add")
def location_add(
    name: str, /, *, company: str, firewall: Firewall = None, data: Data = DEFAULT_DATA, json_: Json = False
) -> None:
    """Add a location to a company.

    Parameters
    ----------
    name
        Its name, unique within the company.
    company
        The company's name or uid.
    firewall
        The product that inspects traffic there, such as fortinet: names it where a certificate does not, and decides nothing.
    """
    require_name(name)
    product = _product(firewall)
    with open_provider(data) as provider:
        organization = provider.store.organizations.find(company)
        location = provider.store.organizations.add_location(
            organization.uid, name, now_ms=now_ms(), firewall=product
        )
    rows([attrs.asdict(location)], {"uid": "UID", "name": "LOCATION"}, as_json=json_, empty="")


@location_app.command(name="set")
def location_set(location: str, /, *, company: str, firewall: str, data: Data = DEFAULT_DATA) -> None:
    """Record which product inspects traffic at a location. Reports that come from now on are read with it.

    Parameters
    ----------
    location
        One of the company's locations (name or uid).
    company
        The company's name or uid.
    firewall
        The product, such as fortinet; none if it is not known any more.
    """
    product = _product(firewall)
    with open_provider(data) as provider:
        organization = provider.store.organizations.find(company)
        place = location_of(provider, organization, location)
        provider.store.organizations.set_firewall(place.uid, product)
    say(f"{place.name}: {'no product is recorded' if product is None else product}")


@location_app.command(name="list")
def location_list(*, company: str | None = None, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List locations, of one company or of all.

    Parameters
    ----------
    company
        The company's name or uid.
    """
    with open_provider(data) as provider:
        uid = None if company is None else provider.store.organizations.find(company).uid
        locations = provider.store.organizations.list_locations(uid)
        names, _ = names_of(provider)
    rows(
        [attrs.asdict(place) | {"organization": names.get(place.organization_uid)} for place in locations],
        {"organization": "COMPANY", "name": "LOCATION", "firewall": "FIREWALL", "uid": "UID"},
        as_json=json_,
        empty="no location yet: fieldgate location add NAME --company COMPANY",
    )


def location_of(provider: Provider, owner: Organization, named: str) -> Location:
    """The location of *owner*'s with that name or uid.

    Raises:
        CommandError: there is none.
    """
    for place in provider.store.organizations.list_locations(owner.uid):
        if named in (place.uid, place.name):
            return place
    raise CommandError(
        f"{owner.name} has no location {named!r}: fieldgate location list --company {owner.name!r}"
    )


def names_of(provider: Provider) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The names of organizations and of locations, by uid."""
    organizations = {each.uid: each.name for each in provider.store.organizations.list_companies()}
    with contextlib.suppress(NotFound):
        own = provider.store.organizations.provider()
        organizations[own.uid] = own.name
    return organizations, {each.uid: each.name for each in provider.store.organizations.list_locations()}


def _product(firewall: str | None) -> str | None:
    if firewall is None or firewall == NOT_KNOWN:
        return None
    from certs.inspection import PRODUCTS  # most locations are added without

    if firewall not in PRODUCTS:
        known = ", ".join(PRODUCTS)
        raise CommandError(f"--firewall {firewall!r} is no product that we know: {known}", exit_code=UNUSABLE)
    return firewall
