"""What licensing speaks of, as values. Lists of workloads are JSON in the store, with the names that REST gives their fields."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import attrs

__all__ = [
    "LicenceContract",
    "LicenceDeed",
    "LicenceDeedKind",
    "LicenceDeedState",
    "LicenceKind",
    "LicenceProduct",
    "LicenceServer",
    "LicenceServerState",
    "LicenceState",
    "LicenceStatus",
    "LicenceTerms",
    "LicenceWanted",
    "LicenceWorkload",
    "LicensedCount",
    "StoredLicence",
]


class LicenceKind(StrEnum):
    """How a licence is paid for; the words of `certs.LicenceKind`."""

    RENTAL = "Rental"
    SUBSCRIPTION = "Subscription"
    PERPETUAL = "Perpetual"
    EVALUATION = "Evaluation"
    NOT_FOR_RESALE = "NotForResale"


class LicenceState(StrEnum):
    """Whether a licence counts."""

    ACTIVE = "active"
    REVOKED = "revoked"


class LicenceStatus(StrEnum):
    """What its use and its dates come to."""

    VALID = "Valid"
    WARNING = "Warning"
    ERROR = "Error"
    EXPIRED = "Expired"
    REVOKED = "Revoked"


class LicenceWanted(StrEnum):
    """What is to be true of a server and its licence."""

    INSTALLED = "installed"
    REMOVED = "removed"


class LicenceServerState(StrEnum):
    """How far that has come."""

    PENDING = "Pending"
    """The agent was not asked yet."""
    PUSHED = "Pushed"
    """It was asked, and has not answered."""
    INSTALLED = "Installed"
    REMOVED = "Removed"
    FAILED = "Failed"
    """It refused, or could not; the code says why."""


class LicenceDeedKind(StrEnum):
    """What an authority is asked to do."""

    GENERATE = "generate"
    CHANGE = "change"
    REVOKE = "revoke"


class LicenceDeedState(StrEnum):
    """Whether it was done."""

    PENDING = "pending"
    DONE = "done"
    REFUSED = "refused"


@attrs.frozen(kw_only=True)
class LicenceWorkload:
    """A kind of thing that a product protects, and the points that one of it takes."""

    uid: str
    name: str
    multiplier: int


@attrs.frozen(kw_only=True)
class LicensedCount:
    """So many of one kind of thing, in a licence."""

    uid: str
    name: str
    count: int
    multiplier: int


def _workloads(value: str | Sequence[LicenceWorkload]) -> tuple[LicenceWorkload, ...]:
    if not isinstance(value, str):
        return tuple(value)
    return tuple(
        LicenceWorkload(uid=each["workloadId"], name=each["name"], multiplier=each["multiplier"])
        for each in json.loads(value)
    )


def _counts(value: str | Sequence[LicensedCount]) -> tuple[LicensedCount, ...]:
    if not isinstance(value, str):
        return tuple(value)
    return tuple(
        LicensedCount(
            uid=each["workloadId"], name=each["name"], count=each["count"], multiplier=each["multiplier"]
        )
        for each in json.loads(value)
    )


def _body(value: str | dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(value)) if isinstance(value, str) else value


@attrs.frozen(kw_only=True)
class LicenceProduct:
    """Something that licences are made of."""

    uid: str
    name: str
    edition: str
    workloads: tuple[LicenceWorkload, ...] = attrs.field(converter=_workloads)
    authority: str


@attrs.frozen(kw_only=True)
class LicenceContract:
    """What the provider has agreed upon with whom licences are paid to."""

    uid: str
    name: str
    kind: LicenceKind = attrs.field(converter=LicenceKind)
    points: int | None
    """What its active licences may add up to; None for no limit."""
    begins_ms: int
    ends_ms: int | None
    reports_automatically: bool
    """Usage is submitted without a person's look at it."""
    authority: str


@attrs.frozen(kw_only=True)
class LicenceTerms:
    """One revision of a licence, as its authority has it."""

    uid: str
    revision: int
    replaces: str | None
    product_uid: str
    product: str
    edition: str
    kind: LicenceKind = attrs.field(converter=LicenceKind)
    contract_uid: str | None
    workloads: tuple[LicensedCount, ...] = attrs.field(converter=_counts)
    issued_ms: int
    expires_ms: int | None
    support_ms: int | None
    organization_uid: str | None

    @property
    def points(self) -> int:
        """All of its workloads, weighed."""
        return sum(each.count * each.multiplier for each in self.workloads)


@attrs.frozen(kw_only=True)
class StoredLicence:
    """A licence as it stands here."""

    terms: LicenceTerms
    shared: bool
    state: LicenceState = attrs.field(converter=LicenceState)
    authority: str
    revoked_ms: int | None
    revoked_why: str | None
    used_points: int | None
    """As it was measured last; None if never."""
    used_ms: int | None
    """As of when that is: when the oldest of the listings came that it was counted from."""
    over_since_ms: int | None
    """Since when more is used than licensed."""
    grace_ends_ms: int | None
    """Until when that is put up with; None if no more is used than licensed."""
    status: LicenceStatus | None = attrs.field(converter=attrs.converters.optional(LicenceStatus))
    """As it was judged last, by the settings of then; None if never."""
    status_why: str | None
    near_limit: bool | None
    """So much of it is used that somebody should look."""
    created_ms: int
    changed_ms: int

    @property
    def used_percent(self) -> int | None:
        """Of its points, rounded down; None if it was never measured, or has none."""
        points = self.terms.points
        return None if self.used_points is None or not points else 100 * self.used_points // points


@attrs.frozen(kw_only=True)
class LicenceServer:
    """A server, the licence that it is to have, and how far that has come."""

    agent_uid: str
    licence_uid: str
    revision: int
    wanted: LicenceWanted = attrs.field(converter=LicenceWanted)
    state: LicenceServerState = attrs.field(converter=LicenceServerState)
    command_uid: str | None
    code: int
    message: str | None
    installed_uid: str | None
    """What the agent has by its own word; None for nothing, or not known yet."""
    installed_revision: int | None
    installed_ms: int | None
    changed_ms: int
    changed_by: str


@attrs.frozen(kw_only=True)
class LicenceDeed:
    """Something that an authority is to do, once, however often it is asked; `uid` is the key that says that it is the same."""

    uid: str
    kind: LicenceDeedKind = attrs.field(converter=LicenceDeedKind)
    body: dict[str, Any] = attrs.field(converter=_body)
    state: LicenceDeedState = attrs.field(converter=LicenceDeedState)
    attempts: int
    next_ms: int
    """Not to be tried again before."""
    code: int
    message: str | None
    licence_uid: str | None
    """What came of it."""
    created_ms: int
    done_ms: int | None
    created_by: str


def workloads_json(workloads: Sequence[LicenceWorkload]) -> str:
    """As the store keeps a product's."""
    return json.dumps(
        [{"workloadId": each.uid, "name": each.name, "multiplier": each.multiplier} for each in workloads]
    )


def counts_json(workloads: Sequence[LicensedCount]) -> str:
    """As the store keeps a licence's."""
    return json.dumps([count_fields(each) for each in workloads])


def count_fields(workload: LicensedCount) -> dict[str, Any]:
    """A licensed workload for JSON."""
    return {
        "workloadId": workload.uid,
        "name": workload.name,
        "count": workload.count,
        "multiplier": workload.multiplier,
    }
