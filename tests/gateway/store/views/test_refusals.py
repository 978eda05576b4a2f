"""What a list does not offer is refused with the names of what it does; what lies outside a scope does not exist."""

from typing import Any

import pytest

from gateway.store import (
    VIEWS,
    Any_,
    Asked,
    Collation,
    Compare,
    Condition,
    NotFound,
    Operation,
    Order,
    QueryRefused,
    Scope,
    Store,
)
from gateway.store.views.asking import MOST_VALUES
from tests.gateway.store.views.estate import NOW, make_estate

EVERYTHING = Scope.everything()
AGENTS, JOBS = VIEWS["managementAgents"], VIEWS["jobs"]
EQUALS, IN = Operation.EQUALS, Operation.IN


@pytest.mark.parametrize(
    ("view", "where", "says"),
    [
        (AGENTS, Compare("password", EQUALS, "x"), "'password'; by instanceUid, organizationUid,"),
        (AGENTS, Compare("hostname", EQUALS, "x"), "can't be filtered by 'hostname'"),
        (AGENTS, Compare("agents.uid) --", EQUALS, "x"), "can't be filtered by"),
        (JOBS, Compare("schedule", EQUALS, "x"), "jobs can't be filtered by 'schedule'"),
        (
            JOBS,
            Compare("name", Operation.CONTAINS, "x"),
            "not compared by contains; by equals, in, startsWith",
        ),
        (JOBS, Compare("locationUid", EQUALS, None), "too many to find those that have none"),
        (JOBS, Compare("repositoryUid", IN, [None]), "too many to find those that have none"),
        (JOBS, Compare("type", EQUALS, "x", Collation.IGNORECASE), "as it is written only"),
        (AGENTS, Compare("type", Operation.LESS_THAN, "Client"), "by equals, notEquals, in"),
        (AGENTS, Compare("type", EQUALS, "client"), "expected one of Client, CloudConnect, got 'client'"),
        (AGENTS, Compare("type", EQUALS, ["Client"]), "expected one of Client, CloudConnect"),
        (AGENTS, Compare("isSynthetic", EQUALS, 1), "isSynthetic: expected true or false, got 1"),
        (AGENTS, Compare("clockOffset", EQUALS, "5"), "expected an integer of 64 bits, got '5'"),
        (AGENTS, Compare("clockOffset", EQUALS, True), "expected an integer"),
        (AGENTS, Compare("clockOffset", EQUALS, 5.0), "expected an integer"),
        (AGENTS, Compare("clockOffset", EQUALS, 2**63), "expected an integer of 64 bits"),
        (AGENTS, Compare("enrolledTime", EQUALS, 5), "expected a time as in"),
        (AGENTS, Compare("enrolledTime", EQUALS, "yesterday"), "got 'yesterday'"),
        (AGENTS, Compare("instanceUid", EQUALS, "' OR 1=1 --"), "expected a uuid"),
        (AGENTS, Compare("hostName", EQUALS, 5), "expected a text, got 5"),
        (AGENTS, Compare("hostName", EQUALS, {"$ne": ""}), "expected a text"),
        (AGENTS, Compare("hostName", EQUALS, "\ud800"), "expected a text"),
        (AGENTS, Compare("hostName", Operation.CONTAINS, None), "null is not compared by contains"),
        (AGENTS, Compare("clockOffset", Operation.LESS_THAN, None), "null is not compared by lessThan"),
        (AGENTS, Compare("hostName", IN, "x"), "takes a list"),
        (AGENTS, Compare("hostName", IN, [["x"]]), "expected a text"),
        (AGENTS, Compare("hostName", IN, ["x"] * (MOST_VALUES + 1)), "up to 1000 values"),
        (
            JOBS,
            Any_((Compare("status", EQUALS, "Failed"), Compare("name", EQUALS, "x"))),
            "one or the other of several properties",
        ),
    ],
)
def test_filters(store: Store, view: Any, where: Condition, says: str) -> None:
    """Unknown properties, operations that are not offered, values of another kind."""
    with pytest.raises(QueryRefused) as caught:
        store.views.page(view, Asked(where=where), EVERYTHING, now_ms=NOW)
    assert says in str(caught.value)
    assert str(caught.value.code) == "FG-6003"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked(sort=(Order("schedule"),)), "can't be sorted by 'schedule'; by name, status,"),
        (Asked(sort=(Order("name"), Order("lastRun"))), "sorted by more than one"),
        (Asked(select=("name", "password")), "jobs have no 'password'; they have instanceUid, name"),
        (Asked(limit=-1), "0 or more"),
        (Asked(offset=-1), "0 or more"),
    ],
)
def test_the_rest(store: Store, asked: Asked, says: str) -> None:
    """Sorts, selects, places."""
    with pytest.raises(QueryRefused) as caught:
        store.views.page(JOBS, asked, EVERYTHING, now_ms=NOW)
    assert says in str(caught.value)


# The property that says whose a row is, where it has another name.
OWNERS = {"resellers": "instanceUid", "companies": "instanceUid", "sites/tenants": "assignedForCompany"}


@pytest.mark.parametrize(
    "name", [name for name, view in VIEWS.items() if OWNERS.get(name, "organizationUid") in view.by_name]
)
def test_a_scope_shows_its_own(store: Store, name: str) -> None:
    """An organization sees its rows, a reseller its companies', and what they don't see can't be got either."""
    estate = make_estate(store)
    view = VIEWS[name]
    key = view.key
    owner = OWNERS.get(name, "organizationUid")

    def rows(scope: Scope, where: Condition | None = None) -> list[dict[str, Any]]:
        return store.views.page(view, Asked(where=where, limit=1000), scope, now_ms=NOW).rows

    every = rows(EVERYTHING)
    first, second = estate.companies
    # A tenant or an agent of nobody's is the provider's; a deed that concerns no organization is for those who see everything.
    unowned = None if name == "audit" else estate.provider_uid
    for uid in (estate.provider_uid, first, second):
        of_uid = [row for row in every if (row[owner] or unowned) == uid]
        assert rows(Scope.organization(uid)) == of_uid
        if view.by_name[owner].filter is False:
            continue
        # Asking for others' finds nothing more.
        of_companies = rows(Scope.organization(uid), Compare(owner, IN, [first, second]))
        assert of_companies == ([] if uid == estate.provider_uid else of_uid)
        for row in every:
            if key is None:
                continue
            if row in of_uid:
                assert store.views.get(view, row[key], Scope.organization(uid), now_ms=NOW) == row
            else:
                with pytest.raises(NotFound):
                    store.views.get(view, row[key], Scope.organization(uid), now_ms=NOW)
    own = (first, estate.reseller_uid)
    assert rows(Scope.reseller(estate.reseller_uid)) == [row for row in every if row[owner] in own]
    assert rows(Scope.reseller(second)) == [row for row in every if row[owner] == second]
    assert rows(Scope.organization("nobody")) == []


@pytest.mark.parametrize(
    "key", ["", "x", "' OR 1=1 --", "\0", "\ud800", "00000000-0000-0000-0000-000000000000"]
)
def test_a_key_of_nothing(store: Store, key: str) -> None:
    """What is no key finds nothing, as a key that nothing has."""
    with pytest.raises(NotFound, match="none of the jobs"):
        store.views.get(JOBS, key, EVERYTHING, now_ms=NOW)
