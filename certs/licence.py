"""What a licence says: a product and its edition, how many workloads of which weight, for which company, until when.

A licence keeps its id for life. Extending or changing it gives a higher *revision* of the same id; another licence in its place names it
in `replaces`. So whoever holds one knows which of two is to count, however often and in whatever order they come.

Its fields in JSON are named as they are over REST (`licenseId`, `expirationDate`). `fields_of` gives the one form that each value has;
`licence_of` reads it back, and its caller compares, where more than that must not be there.
"""

import enum
import re
from datetime import UTC, datetime
from typing import Any, Final

import attrs

MAX_WORKLOADS: Final = 32
MAX_COUNT: Final = 1_000_000_000
MAX_MULTIPLIER: Final = 10_000
MAX_REVISION: Final = 1_000_000
MAX_TEXT: Final = 128

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class LicenceFault(enum.Enum):
    """What is wrong with a licence."""

    UNREADABLE = "unreadable"
    """It is no licence file, or not one that was left as it was written."""
    UNTRUSTED = "untrusted"
    """It was signed by nobody whom the provider's root has allowed to."""
    FORGED = "forged"
    """It is not what its signer signed."""
    EXPIRED = "expired"
    WRONG_COMPANY = "wrong company"
    WRONG_SERVER = "wrong server"


class LicenceError(ValueError):
    """A licence that does not count. Whatever bytes are given, nothing else is raised."""

    def __init__(self, fault: LicenceFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class LicenceKind(enum.StrEnum):
    """How a licence is paid for."""

    RENTAL = "Rental"
    SUBSCRIPTION = "Subscription"
    PERPETUAL = "Perpetual"
    EVALUATION = "Evaluation"
    NOT_FOR_RESALE = "NotForResale"


def _unreadable(message: str) -> LicenceError:
    return LicenceError(LicenceFault.UNREADABLE, message)


def _key(_: object, field: "attrs.Attribute[str]", value: object) -> None:
    if type(value) is not str or not _KEY.fullmatch(value):
        raise _unreadable(f"{field.name}: up to 64 letters, digits, dots, dashes and underscores needed")


def _optional_key(owner: object, field: "attrs.Attribute[str | None]", value: object) -> None:
    if value is not None:
        _key(owner, field, value)  # type: ignore[arg-type]  # of an attribute only the name is used


def _text(_: object, field: "attrs.Attribute[str]", value: object) -> None:
    if type(value) is not str or not 1 <= len(value) <= MAX_TEXT or value != value.strip():
        raise _unreadable(f"{field.name}: 1 to {MAX_TEXT} characters needed, no space at either end")
    if not value.isprintable():
        raise _unreadable(f"{field.name}: has a character that cannot be shown")


def _between(low: int, high: int) -> Any:
    def check(_: object, field: "attrs.Attribute[int]", value: object) -> None:
        if type(value) is not int or not low <= value <= high:
            raise _unreadable(f"{field.name}: an integer of {low} to {high} needed")

    return check


def _time(_: object, field: "attrs.Attribute[datetime]", value: object) -> None:
    if type(value) is not datetime or value.tzinfo is not UTC or value.microsecond % 1000:
        raise _unreadable(f"{field.name}: a UTC time in whole milliseconds needed")


def _optional_time(owner: object, field: "attrs.Attribute[datetime | None]", value: object) -> None:
    if value is not None:
        _time(owner, field, value)  # type: ignore[arg-type]  # of an attribute only the name is used


@attrs.frozen(kw_only=True)
class LicensedWorkload:
    """So many of one kind of thing, each of which takes `multiplier` points.

    Raises:
        LicenceError: a field is out of its bounds.
    """

    workload_id: str = attrs.field(validator=_key)
    name: str = attrs.field(validator=_text)
    count: int = attrs.field(validator=_between(0, MAX_COUNT))
    multiplier: int = attrs.field(validator=_between(1, MAX_MULTIPLIER))


@attrs.frozen(kw_only=True)
class Licence:
    """One revision of a licence.

    Raises:
        LicenceError: a field is out of its bounds, a workload comes twice, or it ends before it begins.
    """

    licence_id: str = attrs.field(validator=_key)
    revision: int = attrs.field(validator=_between(1, MAX_REVISION))
    replaces: str | None = attrs.field(validator=_optional_key, default=None)
    """The licence in whose place this one is."""
    product_id: str = attrs.field(validator=_key)
    product: str = attrs.field(validator=_text)
    edition: str = attrs.field(validator=_text)
    kind: LicenceKind = attrs.field(validator=attrs.validators.instance_of(LicenceKind))
    contract_id: str | None = attrs.field(validator=_optional_key, default=None)
    workloads: tuple[LicensedWorkload, ...]
    issued: datetime = attrs.field(validator=_time)
    expires: datetime | None = attrs.field(validator=_optional_time, default=None)
    """Its last moment; None for one that has no end."""
    support_until: datetime | None = attrs.field(validator=_optional_time, default=None)
    company_uid: str = attrs.field(validator=_key)
    company: str = attrs.field(validator=_text)
    installation_uid: str | None = attrs.field(validator=_optional_key, default=None)
    """The one installation of an agent that it is for; None if the company may use it on several servers."""

    def __attrs_post_init__(self) -> None:
        if not 1 <= len(self.workloads) <= MAX_WORKLOADS:
            raise _unreadable(f"workloads: 1 to {MAX_WORKLOADS} needed")
        if len({each.workload_id for each in self.workloads}) != len(self.workloads):
            raise _unreadable("workloads: one of them comes twice")
        if self.expires is not None and self.expires <= self.issued:
            raise _unreadable("expires: lies before the licence was issued")
        if self.replaces == self.licence_id:
            raise _unreadable("replaces: a licence does not replace itself")

    @property
    def points(self) -> int:
        """All of its workloads, weighed."""
        return sum(each.count * each.multiplier for each in self.workloads)

    def require(self, *, company_uid: str, installation_uid: str, at: datetime) -> None:
        """Make sure that it counts for this company, on this installation, at this moment.

        Raises:
            LicenceError: it does not.
        """
        if self.company_uid != company_uid:
            raise LicenceError(LicenceFault.WRONG_COMPANY, f"it is {self.company}'s")
        if self.installation_uid not in (None, installation_uid):
            raise LicenceError(LicenceFault.WRONG_SERVER, "it is for another server")
        if self.expires is not None and at > self.expires:
            raise LicenceError(LicenceFault.EXPIRED, f"it ended on {self.expires:%Y-%m-%d %H:%M:%S} UTC")


def fields_of(licence: Licence) -> dict[str, Any]:
    """The licence as JSON has it, in this order."""
    return {
        "licenseId": licence.licence_id,
        "revision": licence.revision,
        "replaces": licence.replaces,
        "productId": licence.product_id,
        "product": licence.product,
        "edition": licence.edition,
        "type": licence.kind.value,
        "contractId": licence.contract_id,
        "workloads": [
            {
                "workloadId": each.workload_id,
                "name": each.name,
                "count": each.count,
                "multiplier": each.multiplier,
            }
            for each in licence.workloads
        ],
        "points": licence.points,
        "issueDate": _said(licence.issued),
        "expirationDate": _said(licence.expires),
        "supportExpirationDate": _said(licence.support_until),
        "companyUid": licence.company_uid,
        "company": licence.company,
        "installationUid": licence.installation_uid,
    }


def licence_of(fields: object) -> Licence:
    """The inverse of `fields_of`.

    Raises:
        LicenceError: something is missing, or out of its bounds.
    """
    if not isinstance(fields, dict):
        raise _unreadable("a licence is a JSON object")
    try:
        return Licence(
            licence_id=fields["licenseId"],
            revision=fields["revision"],
            replaces=fields["replaces"],
            product_id=fields["productId"],
            product=fields["product"],
            edition=fields["edition"],
            kind=LicenceKind(fields["type"]),
            contract_id=fields["contractId"],
            workloads=tuple(_workload(each) for each in fields["workloads"]),
            issued=_read_time(fields["issueDate"]),
            expires=_read_optional_time(fields["expirationDate"]),
            support_until=_read_optional_time(fields["supportExpirationDate"]),
            company_uid=fields["companyUid"],
            company=fields["company"],
            installation_uid=fields["installationUid"],
        )
    except KeyError as error:
        raise _unreadable(f"{str(error.args[0])[:64]} is missing") from None
    except LicenceError:
        raise
    except (TypeError, ValueError) as error:
        raise _unreadable(str(error)[:200]) from None


def _workload(fields: Any) -> LicensedWorkload:
    return LicensedWorkload(
        workload_id=fields["workloadId"],
        name=fields["name"],
        count=fields["count"],
        multiplier=fields["multiplier"],
    )


def _said(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def _read_time(text: str) -> datetime:
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def _read_optional_time(text: str | None) -> datetime | None:
    return None if text is None else _read_time(text)
