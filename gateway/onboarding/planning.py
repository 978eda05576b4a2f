"""What a file would change: held against the store, thing by thing, before anything is written.

A company is known by its external id where the file says one that is known, and by its name otherwise; so a file can give a company
another name. Who is there already is changed in what the file says and left as it is in the rest. A company that comes to another
reseller is *moved*. A cloud tenant that is another company's is never taken away by a file.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import attrs

from gateway.onboarding.pieces import Pieces
from gateway.onboarding.wanted import NOBODY, Wanted, WantedFile, WantedToken
from gateway.store import COMPANY, RESELLER, Company, CompanyIntake, OrganizationStatus, Store
from protocol import printable

__all__ = ["Plan", "PlannedCompany", "Step", "Verdict", "make_plan"]

PAGE: Final = 1000


class Verdict(StrEnum):
    """What would become of something that a file names."""

    CREATED = "created"
    CHANGED = "changed"
    MOVED = "moved"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@attrs.frozen(kw_only=True)
class Step:
    """What would become of one thing."""

    where: str
    verdict: Verdict
    what: str
    """Which thing, for people: company Acme."""
    says: str = ""
    """What changes, or why it is refused."""


@attrs.frozen(kw_only=True)
class PlannedCompany:
    """What would be written of one company or reseller, in one transaction."""

    intake: CompanyIntake
    reseller: str | None
    """Whose it comes to be, by name: the file may add the reseller, too. NOBODY: nobody's; None: as it is."""
    tokens: Sequence[WantedToken]
    """Those to make once it is written."""


@attrs.frozen(kw_only=True)
class Plan:
    """What a file would change."""

    steps: Sequence[Step]
    companies: Sequence[PlannedCompany]
    """Those that change at all, in an order in which they can be written."""

    @property
    def refused(self) -> Sequence[Step]:
        """What can't be done."""
        return [step for step in self.steps if step.verdict is Verdict.REFUSED]


def make_plan(store: Store, file: WantedFile, *, now_ms: int) -> Plan:
    """Hold a file against the store. Writes nothing.

    Raises:
        StoreError: the store can't be read.
    """
    refused = [
        Step(where=each.where, verdict=Verdict.REFUSED, what="", says=each.says) for each in file.refusals
    ]
    planner = _Planner(store, Pieces(store, now_ms))
    for wanted in sorted(file.wanted, key=lambda each: each.kind != RESELLER):
        planner.take(wanted)
    return Plan(steps=[*refused, *planner.steps], companies=planner.companies)


class _No(Exception):  # noqa: N818  # a word for why not
    """Why something can't be planned."""


@attrs.define
class _Planner:
    """What is there, by name and by external id, and what the file has said so far."""

    store: Store
    pieces: Pieces
    steps: list[Step] = attrs.field(factory=list)
    companies: list[PlannedCompany] = attrs.field(factory=list)
    _named: dict[str, Company] = attrs.field(factory=dict)
    _numbered: dict[str, Company] = attrs.field(factory=dict)
    _provider: str = ""
    _said: dict[tuple[str, str], str] = attrs.field(factory=dict)
    """Where the file has said a name or an external id."""
    _new_resellers: set[str] = attrs.field(factory=set)

    def __attrs_post_init__(self) -> None:
        self._provider = self.store.organizations.provider().name
        for kind in (RESELLER, COMPANY):
            for each in _all(self.store, kind):
                self._named[each.name] = each
                if each.external_id is not None:
                    self._numbered[each.external_id] = each

    def take(self, wanted: Wanted) -> None:
        """Plan one company or reseller, with all that is its."""
        what = f"{wanted.kind} {wanted.name}"
        first = len(self.steps)
        try:
            self._once(wanted)
            found = self._find(wanted)
            verdict, says = self._difference(wanted, found)
        except _No as no:
            self._step(wanted.where, Verdict.REFUSED, what, str(no))
            return
        self._step(wanted.where, verdict, what, says)
        status = wanted.fields.get("status", OrganizationStatus.ACTIVE if found is None else found.status)
        took = self.pieces.take(wanted, found, is_active=status == OrganizationStatus.ACTIVE)
        for piece in took.pieces:
            self._step(wanted.where, Verdict(piece.verdict), f"{piece.what} of {wanted.name}", piece.says)
        if found is None and wanted.kind == RESELLER:
            self._new_resellers.add(wanted.name)
        if all(step.verdict is Verdict.UNCHANGED for step in self.steps[first:]):
            return
        intake = CompanyIntake(
            uid=None if found is None else found.uid, kind=wanted.kind, name=wanted.name, fields=wanted.fields,
            locations={each.name: each.firewall for each in wanted.locations}, tenants=took.tenants,
        )  # fmt: skip
        self.companies.append(PlannedCompany(intake=intake, reseller=wanted.reseller, tokens=took.tokens))

    def _step(self, where: str, verdict: Verdict, what: str, says: str) -> None:
        self.steps.append(Step(where=where, verdict=verdict, what=what, says=says))

    def _once(self, wanted: Wanted) -> None:
        """Two that differ in nothing but capitals are one and a slip."""
        keys = [("name", unicodedata.normalize("NFKC", wanted.name).casefold())]
        if (number := wanted.fields.get("external_id")) is not None:
            keys.append(("external id", number))
        for key in keys:
            if key in self._said:
                raise _No(f"{key[0]} is said in {self._said[key]} already")
        self._said |= dict.fromkeys(keys, wanted.where)

    def _find(self, wanted: Wanted) -> Company | None:
        number = wanted.fields.get("external_id")
        by_name, by_number = self._named.get(wanted.name), self._numbered.get(number or "")
        if wanted.name == self._provider:
            raise _No("that is the provider's own name")
        if by_number is not None and by_name is not None and by_name.uid != by_number.uid:
            raise _No(f"the external id {number!r} is {by_number.name}'s, and {wanted.name} is another")
        found = by_number or by_name
        if found is not None and found.kind != wanted.kind:
            raise _No(f"{found.name} is a {found.kind} and no {wanted.kind}")
        if found is not None and number is not None and found.external_id not in (None, number):
            raise _No(
                f"{found.name} has the external id {found.external_id!r}: this is another company, or "
                "`fieldgate company change --external-id` comes first"
            )
        return found

    def _difference(self, wanted: Wanted, found: Company | None) -> tuple[Verdict, str]:
        reseller = self._reseller(wanted, found)
        if found is None:
            return Verdict.CREATED, "" if not reseller else f"of {reseller}"
        before = attrs.asdict(found)
        after: Mapping[str, Any] = {"name": wanted.name, **wanted.fields}
        changes = [
            f"{name}: {_shown(before[name])} → {_shown(value)}"
            for name, value in after.items()
            if before[name] != value
        ]
        if reseller is None:
            return (Verdict.CHANGED if changes else Verdict.UNCHANGED), "; ".join(changes)
        whose = self._reseller_of(found)
        return Verdict.MOVED, "; ".join((f"reseller: {_shown(whose)} → {_shown(reseller or None)}", *changes))

    def _reseller(self, wanted: Wanted, found: Company | None) -> str | None:
        """Whose it comes to be; None where that does not change."""
        if wanted.reseller is None:
            return None
        if found is not None and (self._reseller_of(found) or NOBODY) == wanted.reseller:
            return None
        if wanted.reseller in self._new_resellers or wanted.reseller == NOBODY:
            return wanted.reseller
        reseller = self._named.get(wanted.reseller)
        if reseller is None or reseller.kind != RESELLER:
            raise _No(f"no reseller is called {printable(wanted.reseller)!r}, and the file adds none before")
        if reseller.status is OrganizationStatus.DISABLED:
            raise _No(f"its reseller {reseller.name} is disabled and gets nothing new")
        return wanted.reseller

    def _reseller_of(self, company: Company) -> str | None:
        uid = company.reseller_uid
        return None if uid is None else next(each.name for each in self._named.values() if each.uid == uid)


def _all(store: Store, kind: str) -> Iterator[Company]:
    after = ""
    while page := store.companies.list(kind=kind, after=after, limit=PAGE):
        yield from page
        after = page[-1].name


def _shown(value: Any) -> str:
    return "–" if value is None else printable(str(value))
