"""Server-sent events: what becomes true, to whom it concerns, from where a reader left off."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from gateway.access import Principal, Role
from gateway.management.routes import events
from gateway.store import LINE_KINDS, RESELLER, Place, Store
from tests.gateway.management.conftest import Rest
from tests.helpers.stores import enroll

PAGE = Path(__file__).parents[3] / "docs" / "integrating.md"


def principal(role: Role, organization_uid: str) -> Principal:
    return Principal(who="a test", subject_uid="u", role=role, organization_uid=organization_uid)


def read(store: Store, place: Place, who: Principal, count: int) -> list[dict[str, Any]]:
    """The first *count* events of a stream from *place* on."""

    async def some() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        stream: AsyncIterator[bytes] = events.stream(store, place, who, None)
        with anyio.fail_after(30):
            async for chunk in stream:
                blocks = [
                    block for block in chunk.decode().split("\n\n") if block and not block.startswith(":")
                ]
                found += [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
                if len(found) >= count:
                    break
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        return found

    return anyio.run(some)


@pytest.fixture
def place(rest: Rest) -> Place:
    return rest.store.following.start()


def test_the_provider_hears_of_everything(rest: Rest, place: Place) -> None:
    """Each event has the cursor to go on from, its kind and its body."""
    first, second = enroll(rest.store, key=1), enroll(rest.store, key=2)
    got = read(rest.store, place, principal(Role.OPERATOR, rest.world.provider.uid), 2)

    assert [event["event"] for event in got] == ["agent", "agent"]
    assert [json.loads(event["data"])["agent_uid"] for event in got] == [first.agent_uid, second.agent_uid]
    again = read(rest.store, Place.parse(got[0]["id"]), principal(Role.OPERATOR, rest.world.provider.uid), 1)
    assert again == got[1:]


def test_a_company_hears_of_its_own(rest: Rest, place: Place) -> None:
    """Another company's agents are nothing to it; its reseller's reader hears of both."""
    store = rest.store
    reseller = store.companies.add("Umbrella IT", kind=RESELLER, by="a test", now_ms=1)
    other = store.companies.add("Kestrel Dental", by="a test", now_ms=1)
    for uid in (other.uid, rest.world.company.uid):
        store.companies.change(uid, {"reseller_uid": reseller.uid}, by="a test", now_ms=2)
    own = enroll(store, key=1)
    store.tokens.add(
        "theirs", b"public", kind="client", organization_uid=other.uid, location_uid=None, expires_ms=10**13,
        max_uses=9, synthetic=False, now_ms=1,
    )  # fmt: skip
    foreign = enroll(store, "theirs", 2)
    lines, _ = store.following.read(place)

    def seen(role: Role, uid: str) -> list[str]:
        return [line.body["agent_uid"] for line in events.visible(store, lines, principal(role, uid))]

    assert seen(Role.COMPANY_OWNER, rest.world.company.uid) == [own.agent_uid]
    assert seen(Role.COMPANY_OWNER, other.uid) == [foreign.agent_uid]
    assert seen(Role.RESELLER, reseller.uid) == [own.agent_uid, foreign.agent_uid]


def test_without_a_cursor_it_begins_now(rest: Rest) -> None:
    """What was true before is for lists."""
    enroll(rest.store, key=1)
    newest = rest.store.following.newest()
    assert rest.store.following.read(newest) == ([], newest)
    later = enroll(rest.store, key=2)
    [line], _ = rest.store.following.read(newest)
    assert line.body["agent_uid"] == later.agent_uid


def test_a_cursor_of_nobodys_is_refused(rest: Rest) -> None:
    """400; the stream does not begin."""
    answer = rest.ask("GET", "/events", key=rest.key(Role.OPERATOR), params={"cursor": "yesterday"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, 400)


def test_a_kind_that_there_is_not_is_refused(rest: Rest) -> None:
    """A stream of it would be silent for good; the page lists all that there are."""
    answer = rest.ask("GET", "/events?kinds=agent,job_session", key=rest.key(Role.OPERATOR))
    assert (answer.status_code, answer.json()["errors"][0]["fgCode"]) == (400, "FG-6002")
    assert "job-session" in answer.json()["errors"][0]["message"]
    page = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \| .* \| (?:a state|an event|drop)", page, re.MULTILINE) == list(
        LINE_KINDS
    )
