"""Files for apply: TOML and JSON say the same, and what can't be read is told with its place."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.onboarding import (
    MOST_BYTES,
    FileUnreadable,
    Wanted,
    WantedFile,
    WantedLocation,
    WantedTenant,
    WantedToken,
    read_bounded,
    read_plan,
)

TOML = """
[[reseller]]
name = "Sund IT"
contact_mail = "bo@sund.example"

[[company]]
name = "Anker"
reseller = "Sund IT"
external_id = "K-17"
notes = ""
uses_cloud = true
location = [{ name = "Malmö", firewall = "fortinet" }]
tenant = [{ site = "cc-1", tenant = "Anker" }]
token = [{ location = "Malmö", days = 7, uses = 2, consent_by = "Ann", consent = "contract of May" }, {}]
"""


def read(document: object) -> WantedFile:
    return read_plan(json.dumps(document).encode(), is_json=True)


def refused(document: object) -> list[str]:
    return [f"{each.where}: {each.says}" for each in read(document).refusals]


def test_a_file_says_whom_there_is_to_be() -> None:
    """An empty text takes away what was known."""
    file = read_plan(TOML.encode(), is_json=False)
    assert file.refusals == []
    reseller, company = file.wanted
    assert reseller == Wanted(where="reseller 1", kind="reseller", name="Sund IT", fields={"contact_mail": "bo@sund.example"}, locations=[], tenants=[], tokens=[])  # fmt: skip
    assert company == Wanted(
        where="company 1", kind="company", name="Anker", reseller="Sund IT",
        fields={"external_id": "K-17", "notes": None, "uses_cloud": True},
        locations=[WantedLocation(name="Malmö", firewall="fortinet")], tenants=[WantedTenant(site="cc-1", tenant="Anker")],
        tokens=[WantedToken(location="Malmö", days=7, uses=2, consent_by="Ann", consent="contract of May"), WantedToken()],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "is_json", "says"),
    [
        (b"[[company]\n", False, "no TOML"),
        (b"{", True, "no JSON"),
        (b"[]", True, "has to be an object"),
        (b"[" * 100_000, True, "nested too deeply"),
        (b"a = " + b"[" * 100_000, False, "nested too deeply"),
        ("[[company]]\nname = 'Ö'\n".encode("latin-1"), False, "line 2 is no UTF-8"),
        (b'{"company": [{"name": "a\0"}]}', True, "line 1 holds a NUL"),
        (b'{"company": 1' + b"0" * 5000 + b"}", True, "no JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_as_a_whole(data: bytes, is_json: bool, says: str) -> None:
    """In words."""
    with pytest.raises(FileUnreadable, match=says):
        read_plan(data, is_json=is_json)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"companies": []}, "the file: 'companies' is not known here: did you mean company?"),
        ({"company": {}}, "the file: company has to be a list of tables"),
        ({"company": ["Anker"]}, "company 1: has to be a table"),
        ({"company": [{}]}, "company 1: name can't be empty"),
        ({"company": [{"name": 7}]}, "company 1: name has to be text"),
        ({"company": [{"name": "A", "colour": "red"}]}, "company 1: 'colour' is not known here: there are"),
        ({"company": [{"name": "A", "contact_name": ["x"]}]}, "company 1: contact_name has to be text"),
        ({"company": [{"name": "A", "reseller": 7}]}, "company 1: reseller has to be a reseller's name"),
        ({"reseller": [{"name": "A", "reseller": "B"}]}, "reseller 1: 'reseller' is not known here"),
        ({"reseller": [{"name": "A", "location": []}]}, "reseller 1: 'location' is not known here"),
        ({"company": [{"name": "A", "location": [{}]}]}, "company 1, location 1: name is missing"),
        ({"company": [{"name": "A", "location": [{"name": "M", "firewall": "wall"}]}]}, "company 1, location 1: firewall is none that we know"),
        ({"company": [{"name": "A", "location": [{"name": "M", "firewall": []}]}]}, "company 1, location 1: firewall is none that we know"),
        ({"company": [{"name": "A", "tenant": [{"site": "s"}]}]}, "company 1, tenant 1: tenant is missing"),
        ({"company": [{"name": "A", "tenant": 7}]}, "company 1: tenant has to be a list of tables"),
        ({"company": [{"name": "A", "token": [{"days": 0}]}]}, "company 1, token 1: days has to be a number from 1"),
        ({"company": [{"name": "A", "token": [{"uses": True}]}]}, "company 1, token 1: uses has to be a number from 1"),
        ({"company": [{"name": "A", "token": [{"consent": "x"}]}]}, "company 1, token 1: a consent has both"),
        ({"company": [{"name": "A", "token": [{"location": 7}]}]}, "company 1, token 1: location has to be text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(document: object, says: str) -> None:
    """And is not wanted."""
    [said] = refused(document)
    assert said.startswith(says)
    assert read(document).wanted == []


def test_a_file_is_read_up_to_a_bound(tmp_path: Path) -> None:
    """However large it is."""
    path = tmp_path / "big"
    path.write_bytes(b"#" * MOST_BYTES)
    assert len(read_bounded(path)) == MOST_BYTES
    with path.open("ab") as file:
        file.truncate(50 * MOST_BYTES)
    with pytest.raises(FileUnreadable, match="big has more than 16 MiB"):
        read_bounded(path)


names = st.sampled_from(
    ["name", "company", "reseller", "location", "tenant", "token", "site", "days", "notes", "x"]
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(names, values, max_size=4))
def test_any_document_is_read_or_told(document: dict[str, Any]) -> None:
    """By refusals that can be printed, and by nothing else."""
    file = read_plan(json.dumps(document).encode(), is_json=True)
    assert all(each.says.isprintable() for each in file.refusals)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, is_json: bool) -> None:
    """In no other way than by FileUnreadable."""
    with contextlib.suppress(FileUnreadable):
        read_plan(data, is_json=is_json)
