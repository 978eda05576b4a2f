"""Lists over REST: pages, filters, sorts, selections, and whose rows there are."""

import json
from typing import Any

import pytest

from gateway.access import Role
from gateway.management.routes.infrastructure import LISTS
from tests.gateway.management.conftest import Rest
from tests.helpers.stores import enroll

AGENTS = "/infrastructure/managementAgents"


@pytest.fixture
def listed(rest: Rest) -> Rest:
    """Three agents of the company."""
    for number in range(3):
        enroll(rest.store, key=number)
    return rest


def data_of(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    rows: list[dict[str, Any]] = response.json()["data"]
    return rows


def test_a_page_says_where_it_is(listed: Rest) -> None:
    """The console's envelope."""
    key = listed.key(Role.OPERATOR)
    answer = listed.ask("GET", AGENTS, key=key, params={"limit": 2, "offset": 1}).json()

    assert answer["meta"] == {"pagingInfo": {"total": 3, "count": 2, "offset": 1, "totalIsExact": True}}
    assert [row["hostName"] for row in answer["data"]] == ["backup0001", "backup0002"]


def test_filter_sort_and_select(listed: Rest) -> None:
    """As the console's scripts write them."""
    key = listed.key(Role.OPERATOR)
    asked = {
        "filter": json.dumps(
            [{"property": "hostName", "operation": "in", "value": ["backup0000", "backup0002"]}]
        ),
        "sort": json.dumps([{"property": "hostName", "direction": "descending"}]),
        "select": json.dumps(["hostName"]),
    }
    assert data_of(listed.ask("GET", AGENTS, key=key, params=asked)) == [
        {"hostName": "backup0002"},
        {"hostName": "backup0000"},
    ]


def test_an_unknown_property_is_named(listed: Rest) -> None:
    """With what may be asked for instead."""
    refused = listed.ask(
        "GET", AGENTS, key=listed.key(Role.OPERATOR), params={"sort": json.dumps([{"property": "hostname"}])}
    )
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["code"], error["fgCode"]) == (400, 400, "FG-6003")
    assert "hostName" in error["message"]


def test_one_row_and_none(listed: Rest) -> None:
    """By its uid; what there is not is a 404 of the same form."""
    key = listed.key(Role.OPERATOR)
    [row, *_] = data_of(listed.ask("GET", AGENTS, key=key))
    assert listed.ask("GET", f"{AGENTS}/{row['instanceUid']}", key=key).json()["data"] == row
    absent = listed.ask("GET", f"{AGENTS}/6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11", key=key)
    assert (absent.status_code, absent.json()["errors"][0]["type"]) == (404, "logical")


def test_a_company_sees_its_own(listed: Rest) -> None:
    """Another company's agents do not exist for it, by list or by uid."""
    other = listed.store.organizations.add_company("Kestrel Dental", now_ms=1)
    [row, *_] = data_of(listed.ask("GET", AGENTS, key=listed.key(Role.OPERATOR)))
    own = listed.key(Role.COMPANY_OWNER, listed.world.company.uid)
    foreign = listed.key(Role.COMPANY_OWNER, other.uid)

    assert len(data_of(listed.ask("GET", AGENTS, key=own))) == 3
    assert data_of(listed.ask("GET", AGENTS, key=foreign)) == []
    assert listed.ask("GET", f"{AGENTS}/{row['instanceUid']}", key=own).status_code == 200
    assert listed.ask("GET", f"{AGENTS}/{row['instanceUid']}", key=foreign).status_code == 404


def test_a_role_without_the_permission_is_told_so(listed: Rest) -> None:
    """403, and the permission's name."""
    restorer = listed.key(Role.RESTORE_USER, listed.world.company.uid)
    refused = listed.ask("GET", AGENTS, key=restorer)
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["type"], error["fgCode"]) == (403, "security", "FG-6057")
    assert "infrastructure-read" in error["message"]


@pytest.mark.parametrize(
    "header", [None, "Basic eDp5", "Bearer", "Bearer fgk1_nonsense", "Bearer " + "x" * 5000]
)
def test_nobody_gets_nothing(listed: Rest, header: str | None) -> None:
    """401, with how to do it, whatever was sent."""
    refused = listed.ask("GET", AGENTS, headers={"Authorization": header} if header else {})
    assert (refused.status_code, refused.json()["errors"][0]["type"]) == (401, "security")
    assert refused.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"limit": "many"}, "limit"),
    ],
)
def test_a_parameter_out_of_bounds_is_named(listed: Rest, params: dict[str, str], says: str) -> None:
    """400, FG-6002."""
    refused = listed.ask("GET", AGENTS, key=listed.key(Role.OPERATOR), params=params)
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["fgCode"]) == (400, "FG-6002")
    assert says in error["message"]


def test_a_client_of_another_interface_is_refused(listed: Rest) -> None:
    """By its version header; one of ours, and one that says nothing, are served."""
    key = listed.key(Role.OPERATOR)
    for version, status in (("3.6.1", 200), ("3.0", 200), ("2.9", 400), ("4.0", 400), ("three", 400)):
        answer = listed.ask("GET", AGENTS, key=key, headers={"x-client-version": version})
        assert answer.status_code == status, version


def test_other_paths_and_methods_are_refused_in_the_same_form(listed: Rest) -> None:
    """404 and 405 carry a code, too."""
    key = listed.key(Role.OPERATOR)
    assert listed.ask("GET", "/nothing", key=key).json()["errors"][0]["fgCode"] == "FG-6004"
    refused = listed.ask("DELETE", AGENTS, key=key)
    assert (refused.status_code, refused.json()["errors"][0]["fgCode"]) == (405, "FG-6005")
    assert "GET" in refused.headers["allow"]


def test_who_am_i(listed: Rest) -> None:
    """The first thing that somebody asks with a new key."""
    about = listed.ask("GET", "/about", key=listed.key(Role.READ_ONLY)).json()["data"]
    assert (about["provider"], about["role"], about["who"]) == (
        "Nordlicht IT",
        "read-only",
        "key key of read-only",
    )


def test_every_view_is_served(listed: Rest) -> None:
    """A list that the store offers has a path, and answers it."""
    paths = {route.path_format for route in listed.app.routes}
    key = listed.key(Role.ADMINISTRATOR)
    lists = [f"/api/v3{each[0]}" for each in LISTS]
    assert paths >= set(lists)
    for path in lists:
        answer = listed.ask("GET", path.removeprefix("/api/v3"), key=key)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", ["/api/v3/about", "/api/v3/nothing", "/nothing", "/livez", "/schema"])
def test_answers_are_kept_and_guessed_by_nobody(listed: Rest, path: str) -> None:
    """Whatever the answer is; pages of other origins get no leave to read it, and no banner says what serves it."""
    for headers in (
        {},
        {"Authorization": f"Bearer {listed.key(Role.OPERATOR)}", "Origin": "https://evil.example"},
    ):
        answer = listed.client.get(path, headers=headers)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert not {"server", "x-powered-by"} & answer.headers.keys()
        assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/organizations/companies?fliter=[]", "fliter: not known here, where there are limit, offset, filter"),
        ("/organizations/companies?fliter=[]", "did you mean filter?"),
        ("/organizations/companies?limit=1&limit=2", "limit: given more than once"),
        ("/organizations/companies/usage?filter=[]", "filter: not known here, where there are limit, offset"),
        ("/about?x=1", "x: nothing can be asked for here by a parameter"),
    ],
)  # fmt: skip
def test_a_parameter_that_nobody_reads_is_refused(rest: Rest, path: str, says: str) -> None:
    """It would change what is asked for, and the answer would be everybody's rows."""
    answer = rest.ask("GET", path, key=rest.key(Role.OPERATOR))
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["fgCode"]) == (400, "FG-6002")
    assert says in error["message"]
