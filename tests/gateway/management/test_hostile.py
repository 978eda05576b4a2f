"""Requests that nobody means well: each is refused in the form of all refusals, and none is the server's failure."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest

from gateway.access import Role
from tests.gateway.management.conftest import Rest
from tests.gateway.management.test_server import Running, running
from tests.helpers.stores import enroll

AGENTS: Final = "/infrastructure/managementAgents"
UID: Final = "6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11"

INJECTIONS: Final = (
    "' OR '1'='1", "'; DROP TABLE agents; --", '" OR ""="', "1) UNION SELECT secret FROM api_keys --", "%", "_", "\\", "a\\'b",
    "$(id)", "{{7*7}}", "${jndi:ldap://x}", "../../etc/passwd", "\u202egnp", "\x00", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
)  # fmt: skip


@pytest.fixture
def operator(rest: Rest) -> str:
    enroll(rest.store)
    return rest.key(Role.OPERATOR)


def refused(answer: Any, *statuses: int) -> str:
    """The stable code of a refusal that is one of those."""
    assert answer.status_code in statuses, f"{answer.status_code} {answer.text[:300]}"
    [error] = answer.json()["errors"]
    assert error["code"] == answer.status_code
    assert re.fullmatch(r"FG-\d{4}", error["fgCode"])
    assert "Traceback" not in error["message"]
    assert len(error["message"]) <= 1000
    return str(error["fgCode"])


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_a_filter_says_is_a_value_and_nothing_else(rest: Rest, operator: str, text: str) -> None:
    """It finds what is called so, which is nothing; as the name of a property it is none."""
    for operation in ("equals", "contains", "startsWith", "lessThan"):
        asked = {"property": "hostName", "operation": operation, "value": text}
        answer = rest.ask("GET", AGENTS, key=operator, params={"filter": json.dumps(asked)})
        found = [row["hostName"] for row in answer.json()["data"]]
        assert answer.status_code == 200, answer.text
        assert operation == "lessThan" or found == []
    named = {"property": text, "value": 1}
    for params in ({"filter": [named]}, {"sort": [{"property": text}]}, {"select": [text]}):
        [(name, value)] = params.items()
        answer = rest.ask("GET", AGENTS, key=operator, params={name: json.dumps(value)})
        assert refused(answer, 400) == "FG-6003"
    for name in ("filter", "sort", "select", "limit", "offset"):
        assert refused(rest.ask("GET", AGENTS, key=operator, params={name: text}), 400) == "FG-6002"


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_a_path_says_is_a_uid_or_nothing(rest: Rest, operator: str, text: str) -> None:
    """404, like any other that is not there; the table is still there, too."""
    refused(rest.ask("GET", f"{AGENTS}/{quote(text, safe='')}", key=operator), 404)
    assert rest.ask("GET", AGENTS, key=operator).json()["meta"]["pagingInfo"]["total"] == 1


PATHS: Final = (
    "/a%2Fb", "/%2e%2e/%2e%2e/livez", "/%00", "/%ff%fe", "/%ed%a0%80", "/%", "/%zz", "/" + "x" * 8000, "/;x=1", "/" + "a/" * 500,
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:20])
def test_odd_paths_lead_nowhere(rest: Rest, operator: str, path: str) -> None:
    refused(rest.ask("GET", AGENTS + path, key=operator), 404)


BODIES: Final = {
    "depth": b'{"kind":"collect-now","payload":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    "lists": b"[" * 400_000,
    "width": b"{" + b",".join(b'"k%d":1' % n for n in range(60_000)) + b"}",
    "a number past all bounds": b'{"kind":"collect-now","ttlSeconds":1e400}',
    "digits": b'{"kind":"collect-now","ttlSeconds":' + b"9" * 100_000 + b"}",
    "nan": b'{"kind":"collect-now","ttlSeconds":NaN}',
    "infinity": b'{"kind":"collect-now","ttlSeconds":-Infinity}',
    "half a surrogate": b'{"kind":"\\ud800"}',
    "no utf-8": b'{"kind":"\xff\xfe"}',
    "utf-16": '{"kind":"collect-now"}'.encode("utf-16"),
    "nothing": b"",
    "null": b"null",
    "nul": b"\x00",
    "two values": b'{"kind":"collect-now"}{"kind":"collect-now"}',
    "a comment": b'{"kind":"collect-now"/**/}',
    "another type": b'{"kind":{"$ne":null}}',
    "of another": b'{"kind":"collect-now","__proto__":{"admin":true}}',
}


@pytest.mark.parametrize("what", BODIES)
def test_bodies_that_are_meant_to_hurt(rest: Rest, operator: str, what: str) -> None:
    """400, and nothing is queued."""
    answer = rest.ask(
        "POST", f"{AGENTS}/{UID}/commands", key=operator, content=BODIES[what], headers={"Content-Type": "application/json"}
    )  # fmt: skip
    refused(answer, 400)
    assert rest.store.commands.list() == []


def test_of_a_key_that_stands_twice_the_last_counts(rest: Rest, operator: str) -> None:
    """As the documentation says."""
    answer = rest.ask(
        "POST", f"{AGENTS}/{UID}/commands", key=operator, content=b'{"kind":"collect-now","kind":"dance"}',
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert "'dance'" in answer.json()["errors"][0]["message"]


TYPES: Final = (
    "", "text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/msgpack", "application/json; charset=utf-16", "application/json; charset=utf-7", "application/jsonx", "x" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind[:40])
def test_a_body_says_that_it_is_json(rest: Rest, operator: str, kind: str) -> None:
    """Or it is not read at all."""
    headers = {"Content-Type": kind}
    answer = rest.ask(
        "POST", f"{AGENTS}/{UID}/commands", key=operator, content=b'{"kind":"collect-now"}', headers=headers
    )
    refused(answer, 415)


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=UTF-8", "application/json-patch+json"]
)
def test_these_are_json(rest: Rest, operator: str, kind: str) -> None:
    answer = rest.ask(
        "POST", f"{AGENTS}/{UID}/commands", key=operator, content=b'{"kind":"renew-certificate"}', headers={"Content-Type": kind}
    )  # fmt: skip
    assert refused(answer, 404) == "FG-1016"


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PROPFIND", "TRACE", "CONNECT", "get", "X" * 500])
def test_a_method_that_a_path_does_not_know(rest: Rest, operator: str, method: str) -> None:
    """405, and which it knows."""
    answer = rest.client.build_request(
        "GET", f"/api/v3{AGENTS}", headers={"Authorization": f"Bearer {operator}"}
    )
    answer.method = method
    got = rest.client.send(answer)
    assert got.status_code == 405
    assert set(got.headers["allow"].split(", ")) == {"GET", "OPTIONS"}


def test_options_are_told_to_who_is_known(rest: Rest, operator: str) -> None:
    """And no other origin is let in by it."""
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    answer = rest.ask("OPTIONS", AGENTS, key=operator, headers=headers)
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (204, {"GET", "OPTIONS"})
    assert not any(name.startswith("access-control") for name in answer.headers)
    refused(rest.ask("OPTIONS", AGENTS, headers=headers), 401)


def test_a_method_in_a_header_is_no_method(rest: Rest, operator: str) -> None:
    """GET stays GET."""
    for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        answer = rest.ask("GET", f"{AGENTS}/{UID}/commands", key=operator, headers={name: "POST"})
        refused(answer, 405)


def test_a_slash_at_the_end_changes_nothing(rest: Rest, operator: str) -> None:
    """It is the same path."""
    plain = rest.ask("GET", AGENTS, key=operator)
    assert rest.ask("GET", f"{AGENTS}/", key=operator).json() == plain.json()


def test_a_secret_is_never_said_again(rest: Rest) -> None:
    """Whatever is wrong with it."""
    secret = "fgk1_" + "s3cret" * 8
    for answer in (
        rest.ask("GET", AGENTS, key=secret),
        rest.ask("GET", f"{AGENTS}/{UID}?key={secret}", key=secret),
        rest.ask("POST", "/token", data={"grant_type": "password", "username": "ann", "password": secret}),
        rest.ask("POST", "/token", data={"grant_type": "refresh_token", "refresh_token": secret}),
    ):
        assert 400 <= answer.status_code < 500
        assert "s3cret" not in answer.text
        assert "s3cret" not in str(answer.headers)


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    """A server whose application is never reached."""

    async def never(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            raise AssertionError(f"reached by {scope['method']} {scope['path']}")
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    with running(never) as found:
        yield found


SMUGGLED: Final = {
    "two lengths": b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a length and chunks": b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a length below nothing": b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "a length with a sign": b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
    "an encoding nobody knows": b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a line that goes on": b"GET /a HTTP/1.1\r\n Host: x\r\n\r\n",
    "no host": b"GET /a HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a NUL in a header": b"GET /a HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
    "no version": b"GET /a\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.7\r\n\r\n",
    "blanks in the target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "one header without end": b"GET /a HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("what", SMUGGLED)
def test_what_is_no_request_reaches_nobody(served: Running, what: str) -> None:
    """400 in the form of all refusals, and the connection ends: nothing behind it is taken for a second request."""
    answer = served.say(SMUGGLED[what])
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 "), answer[:200]
    assert b"connection: close" in head.lower()
    assert b"server:" not in head.lower()
    [error] = json.loads(body)["errors"]
    assert (error["code"], error["fgCode"], error["type"]) == (400, "FG-6001", "logical")
