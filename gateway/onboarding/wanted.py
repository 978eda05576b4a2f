"""What a file wants: resellers, and companies with their locations, cloud tenants and tokens, each with the place where it says so.

A file is read whole, whatever is wrong in it: every mistake becomes a Refusal with its place, so that all are told at once. What a file
does not say stays as it is, and nothing is removed because a file does not name it.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from certs.inspection import PRODUCTS
from gateway.onboarding.enrolling import MOST_DAYS, MOST_USES
from gateway.onboarding.fields import FIELDS, problems_of
from gateway.store import COMPANY, RESELLER
from protocol import printable

__all__ = [
    "Refusal",
    "Wanted",
    "WantedFile",
    "WantedLocation",
    "WantedTenant",
    "WantedToken",
    "read_company",
    "read_document",
]

# A reseller is named in a file by its name, which `reseller_uid` then is.
SAID_FIELDS: Final = tuple(name for name in FIELDS if name not in ("name", "reseller_uid"))
NOBODY: Final = ""


@attrs.frozen
class Refusal:
    """Something in a file that can't be done."""

    where: str
    says: str


@attrs.frozen(kw_only=True)
class WantedLocation:
    """A place of a company's."""

    name: str
    firewall: str | None = None


@attrs.frozen(kw_only=True)
class WantedTenant:
    """A cloud tenant that is a company's; each of the two by name or uid."""

    site: str
    tenant: str


@attrs.frozen(kw_only=True)
class WantedToken:
    """That there is a token for the company, or one of its locations, which still lets agents in."""

    location: str | None = None
    days: int = 30
    uses: int = 25
    consent_by: str | None = None
    consent: str | None = None


@attrs.frozen(kw_only=True)
class Wanted:
    """A reseller or a company."""

    where: str
    kind: str
    name: str
    fields: Mapping[str, Any] = attrs.field(factory=dict)
    """Those of SAID_FIELDS that are said."""
    reseller: str | None = None
    """Its reseller's name; NOBODY: it has none; None: nothing is said."""
    locations: Sequence[WantedLocation] = ()
    tenants: Sequence[WantedTenant] = ()
    tokens: Sequence[WantedToken] = ()


@attrs.frozen(kw_only=True)
class WantedFile:
    """A file that was read: what it wants, and what of it can't be read."""

    wanted: Sequence[Wanted]
    refusals: Sequence[Refusal]


def read_document(document: Mapping[str, Any]) -> WantedFile:
    """Read what a TOML or JSON file holds: lists `reseller` and `company` of tables."""
    reader = _Reader()
    reader.unknown("the file", document, ("reseller", "company"))
    wanted = [
        one
        for kind in (RESELLER, COMPANY)
        for where, table in reader.tables("the file", document, kind)
        if (one := reader.organization(where, kind, table)) is not None
    ]
    return WantedFile(wanted=wanted, refusals=reader.refusals)


def read_company(where: str, table: Mapping[str, Any]) -> WantedFile:
    """Read one company, in the form that it has in a file, from *where* it says so."""
    reader = _Reader()
    one = reader.organization(where, COMPANY, table)
    return WantedFile(wanted=() if one is None else (one,), refusals=reader.refusals)


@attrs.define
class _Reader:
    """Reads tables, and keeps what is wrong with them."""

    refusals: list[Refusal] = attrs.field(factory=list)

    def refuse(self, where: str, says: str) -> None:
        self.refusals.append(Refusal(where, says))

    def unknown(self, where: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
        for name in table:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                there = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                self.refuse(where, f"{printable(name)!r} is not known here: {there}")

    def tables(
        self, where: str, parent: Mapping[str, Any], name: str
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The tables of a list, each with its place, as in "company 3"."""
        listed = parent.get(name, [])
        prefix = "" if where == "the file" else f"{where}, "
        if not isinstance(listed, list):
            self.refuse(where, f"{name} has to be a list of tables")
            return
        for number, table in enumerate(listed, 1):
            if isinstance(table, dict):
                yield f"{prefix}{name} {number}", table
            else:
                self.refuse(f"{prefix}{name} {number}", "has to be a table")

    def organization(self, where: str, kind: str, table: Mapping[str, Any]) -> Wanted | None:
        """A reseller or a company; None where it can't be read."""
        before = len(self.refusals)
        own = ("reseller", "location", "tenant", "token") if kind == COMPANY else ()
        self.unknown(where, table, ("name", *SAID_FIELDS, *own))
        # An empty text takes away what was known, as it does at the command line.
        said = {name: None if table[name] == "" else table[name] for name in SAID_FIELDS if name in table}
        for problem in problems_of({"name": table.get("name"), **said}):
            self.refuse(where, problem)
        reseller = table.get("reseller")
        if reseller is not None and not isinstance(reseller, str):
            self.refuse(where, "reseller has to be a reseller's name")
        locations = [self._location(*each) for each in self.tables(where, table, "location")]
        tenants = [self._tenant(*each) for each in self.tables(where, table, "tenant")]
        tokens = [self._token(*each) for each in self.tables(where, table, "token")]
        if len(self.refusals) > before:
            return None
        return Wanted(
            where=where, kind=kind, name=table["name"], fields=said, reseller=reseller, locations=locations,
            tenants=tenants, tokens=tokens,
        )  # fmt: skip

    def _location(self, where: str, table: Mapping[str, Any]) -> WantedLocation:
        self.unknown(where, table, ("name", "firewall"))
        self._texts(where, table, required=("name",))
        firewall = table.get("firewall")
        if firewall is not None and (not isinstance(firewall, str) or firewall not in PRODUCTS):
            self.refuse(where, f"firewall is none that we know: {', '.join(PRODUCTS)}")
        return WantedLocation(name=str(table.get("name")), firewall=firewall)

    def _tenant(self, where: str, table: Mapping[str, Any]) -> WantedTenant:
        self.unknown(where, table, ("site", "tenant"))
        self._texts(where, table, required=("site", "tenant"))
        return WantedTenant(site=str(table.get("site")), tenant=str(table.get("tenant")))

    def _token(self, where: str, table: Mapping[str, Any]) -> WantedToken:
        known = [field.name for field in attrs.fields(WantedToken)]
        self.unknown(where, table, known)
        texts = ("location", "consent_by", "consent")
        self._texts(where, table, optional=texts)
        for name, most in (("days", MOST_DAYS), ("uses", MOST_USES)):
            value = table.get(name, 1)
            if type(value) is not int or not 1 <= value <= most:
                self.refuse(where, f"{name} has to be a number from 1 to {most}")
        if ("consent_by" in table) != ("consent" in table):
            self.refuse(where, "a consent has both consent_by and consent")
        return WantedToken(**{name: table[name] for name in known if name in table})

    def _texts(
        self, where: str, table: Mapping[str, Any], required: Sequence[str] = (), optional: Sequence[str] = ()
    ) -> None:
        for name in (*required, *optional):
            if name not in table:
                if name in required:
                    self.refuse(where, f"{name} is missing")
            elif problem := FIELDS["name"].problem(table[name]):
                self.refuse(where, f"{name} {problem}")
