"""Everything that the description of the REST interface allows, and what it does not, asked of a real server over TLS.

    python -m tests.e2e.fuzzing_rest --seconds 600        # make fuzz-rest

The estate is a small one in a folder that is gone afterwards. Each operation is asked first as its examples have it, about what there is;
then by cases that schemathesis makes of the schemas, some in order and some not, about what there is and what there is not. Whatever comes
back must be what the description says: its status, its type, its headers, its body; and never a 5xx, but for 504, by which the gateway says
that an agent is not there to answer. What is not in order must not be answered with 2xx. Each operation is asked without a key and with one that is
none, too, and each path by the methods that it does not know.
"""

import argparse
import contextlib
import re
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import attrs
import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from requests import ConnectionError as RequestsConnectionError
from requests import ReadTimeout, Session
from schemathesis import checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.parameters import ParameterLocation

from certs import Authority
from gateway.access import Role
from gateway.management.description.examples import OF_FORMAT
from gateway.management.rest.bodies import bounded
from gateway.management.routes import restore
from gateway.management.server import Certificates, Server
from gateway.management.working import working
from tests.gateway.management.estate import Asked, Scene, operations, scene_in, uid_for

ENDLESS: Final = "StreamEvents"
"""A stream does not end by itself; its own tests read it."""
NOT_THERE: Final = 504
MOST_HEAD: Final = 16 * 1024
"""Half of what the server takes."""
WITHIN_S: Final = 20.0
LEAST: Final = 0.8
"""Of the operations, so many must have been answered with 2xx."""
HELD_AGAINST: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
NEGATIVE: Final = "negative_data_rejection"
"""Held against what was answered with 2xx alone: any refusal refuses."""
METHODS: Final = ("GET", "PUT", "POST", "DELETE", "PATCH")


@schemathesis.serializer("text/csv")
def as_it_is(_: Any, value: Any) -> Any:
    """A text; what is none is sent as one."""
    return str(value).encode(errors="replace")


@attrs.define
class Findings:
    """What came of it."""

    problems: dict[str, str] = attrs.field(factory=dict)
    """The first of each kind: what was asked, and what was wrong."""
    statuses: dict[str, Counter[int]] = attrs.field(factory=dict)
    requests: int = 0

    @property
    def reached(self) -> list[str]:
        """The operations that were answered with 2xx."""
        return [name for name, found in self.statuses.items() if any(status < 300 for status in found)]

    @property
    def missed(self) -> list[str]:
        """The others, with what they were answered."""
        reached = set(self.reached)
        return [f"{name}: {dict(found)}" for name, found in self.statuses.items() if name not in reached]

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.requests} requests, {len(self.reached)} of {len(self.statuses)} operations answered with 2xx"
        yield from (f"not reached: {each}" for each in self.missed)
        yield from (f"PROBLEM {where}: {what}" for where, what in self.problems.items())


@contextlib.contextmanager
def serving(scene: Scene, folder: Path) -> Iterator[tuple[str, Path]]:
    """A server of the scene's application, at an address, with a file of what its certificate leads to."""
    now = datetime.now(UTC)
    authority = Authority.create("Example Provider", now).rotate_gateway(now, names=["127.0.0.1"])
    trusted = folder / "trusted.pem"
    trusted.write_text("".join(map(ssl.DER_cert_to_PEM_cert, authority.root_certificates())))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(
            bounded(scene.app), certificates=Certificates(lambda: authority.gateway_chains()), connections=50, connections_per_address=50,
            beat=lambda: None
        )  # fmt: skip
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}", trusted
        finally:
            server.should_exit = True
            thread.join()


class Fuzzer:
    """One run."""

    def __init__(self, scene: Scene, address: str, trusted: Path) -> None:
        self.findings = Findings()
        checks.load_all_checks()
        self._checks = checks.CHECKS.get_by_names(list(HELD_AGAINST))
        self._negative = checks.CHECKS.get_by_names([NEGATIVE])
        self._scene = scene
        self._address = address
        self.session = Session()
        self._trusted = str(trusted)
        self.session.verify = self._trusted
        self.session.trust_env = False
        key = scene.key(Role.ADMINISTRATOR, scene.estate.provider_uid)
        self._headers = {"Authorization": f"Bearer {key}"}
        scene.description = self.session.get(f"{address}/schema/openapi.json", timeout=60).json()
        schema = schemathesis.openapi.from_dict(scene.description)
        found: list[Any] = [each.ok() for each in schema.get_all_operations()]  # type: ignore[union-attr]  # it is valid
        self._operations = [each for each in found if self._name(each) != ENDLESS]
        self._operations.sort(key=_turn)
        self._asked = {(each.method, _plain(each.path)): each for each in operations(scene.app)}

    @staticmethod
    def _name(operation: Any) -> str:
        return str(operation.definition.raw["operationId"])

    def as_described(self) -> None:
        """Each once, by its example, about what there is."""
        for operation in self._operations:
            asked = self._asked[operation.method.upper(), operation.path]
            body = self._scene.body(asked, self._scene.company_uid, real=True)
            more = {} if body is None else {"body": body[1], "media_type": body[0]}
            uids = self._uids(asked) or dict.fromkeys(asked.parameters, OF_FORMAT["uuid"])
            case = operation.Case(path_parameters=uids, query=self._scene.query(asked), **more)
            self._refuses_strangers(operation, case)
            self._ask(operation, case)

    def by_other_methods(self) -> None:
        """Each path by the methods that it does not know: 405, and which it does."""
        known: dict[str, set[str]] = {}
        for operation in self._operations:
            known.setdefault(operation.path, set()).add(operation.method.upper())
        for path, methods in known.items():
            filled = re.sub(r"{\w+}", OF_FORMAT["uuid"], path)
            for method in METHODS:
                if method in methods:
                    continue
                answer = self.session.request(
                    method, f"{self._address}{filled}", headers=self._headers, timeout=WITHIN_S
                )
                self.findings.requests += 1
                allowed = set(answer.headers.get("Allow", "").split(", ")) - {"OPTIONS"}
                if answer.status_code != 405 or not methods <= allowed:
                    told = f"{answer.status_code}, Allow: {sorted(allowed)}, known: {sorted(methods)}"
                    self.findings.problems.setdefault(f"{method} {path}", told)

    def _refuses_strangers(self, operation: Any, case: Any) -> None:
        if operation.definition.raw.get("security") == []:
            return
        for headers in ({}, {"Authorization": "Bearer fgk1_nobodys"}, {"Authorization": "Basic YTpi"}):
            answer = case.call(
                base_url=self._address, session=self.session, headers=headers, timeout=WITHIN_S, verify=self._trusted
            )  # fmt: skip
            self.findings.requests += 1
            if answer.status_code != 401:
                self.findings.problems.setdefault(
                    f"{self._name(operation)} by a stranger", f"{answer.status_code} with {headers}"
                )

    def by_schema(self, mode: schemathesis.GenerationMode, examples: int, *, seed: int) -> None:
        """Each some times, by cases made of its schemas."""
        for operation in self._operations:
            with contextlib.suppress(
                hypothesis.errors.Unsatisfiable
            ):  # nothing is out of order where nothing is asked for
                self._some(operation, operation.as_strategy(generation_mode=mode), examples, seed)

    def _some(self, operation: Any, cases: Any, examples: int, seed: int) -> None:
        uids = self._uids(self._asked[operation.method.upper(), operation.path])

        @hypothesis.seed(seed)
        @settings(
            max_examples=examples, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
        )  # fmt: skip
        @hypothesis.given(cases, hypothesis.strategies.booleans())
        def ask(case: Any, there: bool) -> None:
            if there and uids and operation.method.lower() != "delete":
                case.path_parameters = dict(uids)
            self._ask(operation, case)

        ask()

    def _uids(self, asked: Asked) -> dict[str, str]:
        def rows(path: str) -> list[dict[str, Any]]:
            # Not every list is in pages, and a parameter that a list does not have is refused.
            described = self._scene.description["paths"][f"/api/v3{path}"]["get"].get("parameters", ())
            paged = {"limit": "500"} if any(each["name"] == "limit" for each in described) else {}
            answer = self.session.get(
                f"{self._address}/api/v3{path}", params=paged, headers=self._headers, timeout=60
            )
            found: list[dict[str, Any]] = answer.json()["data"]
            return found

        try:
            return {name: uid_for(rows, self._scene, asked, name) for name in asked.parameters}
        except AssertionError:
            return {}  # it was all ended by what was asked before

    def _ask(self, operation: Any, case: Any) -> None:
        name = self._name(operation)
        try:
            response = case.call(
                base_url=self._address,
                session=self.session,
                headers=self._headers,
                timeout=WITHIN_S,
                verify=self._trusted,
            )
        except ReadTimeout:
            self.findings.problems.setdefault(f"{name} slow", case.as_curl_command())
            return
        except RequestsConnectionError as error:
            # What has more than the server takes for a head is refused while we still send: the answer may be lost with the connection.
            self.findings.requests += 1
            if len(case.as_curl_command()) < MOST_HEAD:
                self.findings.problems.setdefault(f"{name} broke off", f"{error!r:.300}")
            return
        self.findings.requests += 1
        self.findings.statuses.setdefault(name, Counter())[response.status_code] += 1
        if response.status_code == NOT_THERE and str(NOT_THERE) in operation.definition.raw["responses"]:
            return
        try:
            held = [
                *self._checks,
                *(
                    self._negative
                    if response.status_code < 300 and _is_wrong(case, response.request.url)
                    else []
                ),
            ]
            case.validate_response(response, checks=held, headers=self._headers)
        except (Failure, FailureGroup) as error:
            failures = error.exceptions if isinstance(error, FailureGroup) else [error]
            for each in failures:
                told = f"{each.title}: {each.message[:600]} | {response.content[:200]!r} | {case.as_curl_command()[:400]}"
                self.findings.problems.setdefault(f"{name} {response.status_code} {each.title}", told)


def _is_wrong(case: Any, sent: str) -> bool:
    """Whether the body or the query is out of order as it was *sent*: the way and the key are ours, whatever was made for them.

    A spreadsheet is a text on the wire, whatever it was made as; and a parameter of nothing does not come to be sent.
    """
    parts = {} if case.meta is None else case.meta.components
    wrong = {part for part, made in parts.items() if made.mode.is_negative}
    if case.media_type == "text/csv":
        wrong.discard(ParameterLocation.BODY)
    if not {*case.query} <= {*parse_qs(urlsplit(sent).query, keep_blank_values=True)}:
        wrong.discard(ParameterLocation.QUERY)
    return bool(wrong & {ParameterLocation.BODY, ParameterLocation.QUERY})


def _turn(operation: Any) -> tuple[int, str, str]:
    """What ends something comes last; an agent that was accepted waits no more."""
    late = 2 if operation.method.lower() == "delete" else 1 if operation.path.endswith("/accept") else 0
    return late, operation.path, operation.method


def _plain(path: str) -> str:
    return re.sub(r":\w+}", "}", path)


def fuzz(*, examples: int, seconds: float, seed: int) -> Findings:
    """Ask everything: by examples, then by *examples* cases each, in order and not, and again with other cases until *seconds* are over."""
    ends = time.monotonic() + seconds
    with (
        tempfile.TemporaryDirectory(prefix="fieldgate-fuzz-") as name,
        scene_in(Path(name)) as scene,
        mock.patch.object(restore, "WAIT_S", 0.05),  # no agent is there to answer
        working(scene.services),
        serving(scene, Path(name)) as (address, trusted),
        contextlib.ExitStack() as closing,
    ):
        fuzzer = Fuzzer(scene, address, trusted)
        closing.enter_context(fuzzer.session)
        fuzzer.by_other_methods()
        fuzzer.as_described()
        while True:
            for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
                fuzzer.by_schema(mode, examples, seed=seed)
            seed += 1
            if time.monotonic() > ends:
                return fuzzer.findings


def main() -> int:
    """The exit code: 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--examples", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    findings = fuzz(examples=given.examples, seconds=given.seconds, seed=given.seed)
    sys.stdout.write("".join(f"{line}\n" for line in findings.lines()))
    few = len(findings.reached) < LEAST * len(findings.statuses)
    return 1 if findings.problems or few else 0


if __name__ == "__main__":
    sys.exit(main())
