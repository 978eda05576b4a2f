"""What may be written down of a company: every refusal names its field, and all are told at once."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.onboarding import FIELDS, FieldRefused, checked, problems_of
from gateway.store import CompanyDetails
from protocol import Code


def test_every_detail_has_a_row() -> None:
    """And nothing else has but the name."""
    assert set(FIELDS) == {field.name for field in attrs.fields(CompanyDetails)} | {"name"}


@pytest.mark.parametrize(
    "values",
    [
        {"contact_mail": "ann@anker.example", "contact_name": "Ann Ölund", "contact_phone": "+46 40 12 34"},
        {"notes": "two lines\nand a\ttab", "tax_id": "SE556000-0000", "external_id": "K 17"},
        {"billing_anchor_day": 28, "uses_cloud": False, "status": "Disabled", "name": "Anker & Co"},
        {"contact_mail": None, "notes": None, "reseller_uid": None},
    ],
)
def test_what_fits_is_given_back(values: dict[str, object]) -> None:
    """As it was."""
    assert checked(values) == values


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", None, "can't be empty"),
        ("name", " ", "is empty"),
        ("name", "Anker ", "ends with a space"),
        ("name", "x" * 129, "129 characters, of at most 128"),
        ("contact_name", "Ann\nHolm", "can't be printed"),
        ("contact_name", 7, "has to be text"),
        ("contact_mail", "ann", "no mail address"),
        ("contact_mail", "ann@a@b", "no mail address"),
        ("notes", "a\x00b", "can't be printed"),
        ("notes", "x" * 4001, "4001 characters"),
        ("notes", 7, "has to be text"),
        ("billing_anchor_day", 29, "1 to 28"),
        ("billing_anchor_day", True, "1 to 28"),
        ("billing_anchor_day", "15", "1 to 28"),
        ("uses_cloud", 1, "true or false"),
        ("status", "active", "Active or Disabled"),
        ("statuz", "Active", "is no field: there are name"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(field: str, value: object, says: str) -> None:
    """With what would."""
    with pytest.raises(FieldRefused, match=says) as caught:
        checked({field: value})
    assert str(caught.value).startswith(field)
    assert caught.value.code is Code.FIELD_REFUSED


def test_everything_that_is_wrong_is_told_at_once() -> None:
    """Nobody mends a file line by line."""
    assert len(problems_of({"contact_mail": "x", "billing_anchor_day": 0, "notes": "fine"})) == 2


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "other"]), st.none() | st.booleans() | st.integers() | st.text()
    )
)
def test_any_values_are_taken_or_told(values: dict[str, object]) -> None:
    """One line that can be printed for each that is not; never anything else."""
    found = problems_of(values)
    assert len(found) <= len(values)
    assert all(line.isprintable() for line in found)
