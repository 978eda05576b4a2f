"""Locations, by the name that people call them or by uid."""

from gateway.cli.common import Provider
from gateway.cli.errors import CommandError
from gateway.store import Location, Organization

__all__ = ["location_of"]


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
