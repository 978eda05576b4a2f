"""Orders, changes and licences as JSON: what a deed keeps, and what is said to a remote authority and by it (docs/pulse-api.md)."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from gateway.licensing.authority import LicenceChange, LicenceOrder
from gateway.store import LicenceKind, LicenceTerms, LicensedCount

__all__ = [
    "Form",
    "FormError",
    "change_fields",
    "change_of",
    "order_fields",
    "order_of",
    "said",
    "terms_of",
    "time_of",
]

MAX_TEXT: Final = 128
MAX_UID: Final = 64
MAX_WORKLOADS: Final = 32
MAX_NUMBER: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class FormError(ValueError):
    """JSON that does not say what it should; the message names the field."""


def order_fields(order: LicenceOrder) -> dict[str, Any]:
    """An order for JSON."""
    return {
        "productId": order.product_uid,
        "type": order.kind.value,
        "contractId": order.contract_uid,
        "workloads": _counts_fields(order.counts),
        "expirationDate": said(order.expires_ms),
        "supportExpirationDate": said(order.support_ms),
        "assignedCompanyUid": order.organization_uid,
        "replaces": order.replaces,
        "shared": order.shared,
    }


def order_of(fields: dict[str, Any]) -> LicenceOrder:
    """The inverse, of what we wrote ourselves."""
    return LicenceOrder(
        product_uid=fields["productId"],
        kind=LicenceKind(fields["type"]),
        contract_uid=fields["contractId"],
        counts=_counts_of(fields["workloads"]),
        expires_ms=_optional_time(fields["expirationDate"]),
        support_ms=_optional_time(fields["supportExpirationDate"]),
        organization_uid=fields["assignedCompanyUid"],
        replaces=fields["replaces"],
        shared=fields["shared"],
    )


def change_fields(change: LicenceChange) -> dict[str, Any]:
    """A change for JSON: what stays as it is, is not there."""
    fields = {
        "workloads": None if change.counts is None else _counts_fields(change.counts),
        "expirationDate": said(change.expires_ms),
        "supportExpirationDate": said(change.support_ms),
        "assignedCompanyUid": change.organization_uid,
    }
    return {name: value for name, value in fields.items() if value is not None}


def change_of(fields: dict[str, Any]) -> LicenceChange:
    """The inverse, of what we wrote ourselves."""
    counts = fields.get("workloads")
    return LicenceChange(
        counts=None if counts is None else _counts_of(counts),
        expires_ms=_optional_time(fields.get("expirationDate")),
        support_ms=_optional_time(fields.get("supportExpirationDate")),
        organization_uid=fields.get("assignedCompanyUid"),
    )


def terms_of(fields: object) -> LicenceTerms:
    """A licence, as somebody else says it.

    Raises:
        FormError: something is missing or out of its bounds. Fields that are not known are passed over.
    """
    form = Form.of(fields, "a licence")
    return LicenceTerms(
        uid=form.uid("licenseId"),
        revision=form.number("revision", 1),
        replaces=form.optional_uid("replaces"),
        product_uid=form.uid("productId"),
        product=form.text("product"),
        edition=form.text("edition"),
        kind=form.kind("type"),
        contract_uid=form.optional_uid("contractId"),
        workloads=tuple(_workload_of(each) for each in form.list("workloads", MAX_WORKLOADS)),
        issued_ms=form.time("issueDate"),
        expires_ms=form.optional_time("expirationDate"),
        support_ms=form.optional_time("supportExpirationDate"),
        organization_uid=form.optional_uid("assignedCompanyUid"),
    )


def _workload_of(fields: object) -> LicensedCount:
    form = Form.of(fields, "a workload")
    return LicensedCount(
        uid=form.uid("workloadId"),
        name=form.text("name"),
        count=form.number("count", 0),
        multiplier=form.number("multiplier", 1, 10_000),
    )


@attrs.frozen
class Form:
    """A JSON object that somebody else wrote, read field by field. Every reader raises FormError."""

    _what: str
    _fields: dict[str, Any]

    @classmethod
    def of(cls, value: object, what: str) -> "Form":
        """*value* as a form; *what* it is, for the error."""
        if not isinstance(value, dict):
            raise FormError(f"{what} is no JSON object")
        return cls(what, value)

    def text(self, name: str, limit: int = MAX_TEXT) -> str:
        """Text that can be shown, of 1 to *limit* characters."""
        value = self._get(name)
        if type(value) is not str or not 1 <= len(value) <= limit or not value.isprintable():
            raise self._wrong(name, f"1 to {limit} characters that can be shown")
        return value

    def uid(self, name: str) -> str:
        """An id, of 1 to 64 characters."""
        return self.text(name, MAX_UID)

    def optional_uid(self, name: str) -> str | None:
        """The same, or null."""
        return None if self._fields.get(name) is None else self.uid(name)

    def number(self, name: str, low: int, high: int = MAX_NUMBER) -> int:
        """An integer between two bounds."""
        value = self._get(name)
        if type(value) is not int or not low <= value <= high:
            raise self._wrong(name, f"an integer of {low} to {high}")
        return value

    def optional_number(self, name: str, low: int, high: int = MAX_NUMBER) -> int | None:
        """The same, or null."""
        return None if self._fields.get(name) is None else self.number(name, low, high)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._get(name)
        if type(value) is not bool:
            raise self._wrong(name, "true or false")
        return value

    def kind(self, name: str) -> LicenceKind:
        """One of the words of LicenceKind."""
        value = self._get(name)
        if type(value) is not str or value not in tuple(LicenceKind):
            raise self._wrong(name, " or ".join(LicenceKind))
        return LicenceKind(value)

    def time(self, name: str) -> int:
        """A time of RFC 3339, as milliseconds since the epoch."""
        value = self._get(name)
        try:
            return time_of(str(value))
        except ValueError:
            raise self._wrong(name, "a time such as 2026-11-24T20:00:00.000Z") from None

    def optional_time(self, name: str) -> int | None:
        """The same, or null."""
        return None if self._fields.get(name) is None else self.time(name)

    def list(self, name: str, limit: int) -> list[Any]:
        """A list of at most *limit*."""
        value = self._get(name)
        if type(value) is not list or len(value) > limit:
            raise self._wrong(name, f"a list of at most {limit}")
        return value

    def _get(self, name: str) -> object:
        if name not in self._fields:
            raise FormError(f"{self._what} has no {name}")
        return self._fields[name]

    def _wrong(self, name: str, wanted: str) -> FormError:
        return FormError(f"{name} of {self._what}: {wanted} needed")


def said(time_ms: int | None) -> str | None:
    """Milliseconds since the epoch as RFC 3339, UTC."""
    if time_ms is None:
        return None
    at = _EPOCH + timedelta(milliseconds=time_ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def time_of(text: str) -> int:
    """The inverse; any offset, and any fraction of a second.

    Raises:
        ValueError: no time of RFC 3339, or one without an offset.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or "T" not in text:
        raise ValueError("a time without an offset")
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _optional_time(text: str | None) -> int | None:
    return None if text is None else time_of(text)


def _counts_fields(counts: tuple[tuple[str, int], ...]) -> list[dict[str, Any]]:
    return [{"workloadId": uid, "count": count} for uid, count in counts]


def _counts_of(fields: list[dict[str, Any]]) -> tuple[tuple[str, int], ...]:
    return tuple((each["workloadId"], each["count"]) for each in fields)
