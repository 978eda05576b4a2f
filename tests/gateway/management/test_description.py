"""The description of the interface: valid, whole, with examples that are true to it, and a page that needs nobody else."""

import base64
import contextlib
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from litestar.testing import TestClient

from gateway.config import Config
from gateway.management import Services, application
from gateway.management.description.completing import operations_of
from gateway.management.rest.authenticating import OPEN
from gateway.store import open_store

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def client(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Any]]:
    """Nothing of the description depends on what is in a store."""
    config = Config(data=tmp_path_factory.mktemp("description"))
    with contextlib.closing(open_store(f"sqlite:///{sqlite_template}")) as store:
        services = Services(store=store, config=lambda: config, now_ms=lambda: 1, ring=lambda: None)
        with TestClient(application(services), base_url="https://provider.example") as opened:
            yield opened


@pytest.fixture(scope="module")
def description(client: TestClient[Any]) -> dict[str, Any]:
    answer = client.get("/schema/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.oai.openapi+json")
    found: dict[str, Any] = answer.json()
    return found


def contents_of(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for parameter in operation.get("parameters", ()):
        for content in parameter.get("content", {}).values():
            yield parameter["name"], content
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield "the body", content
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            yield status, content


def examples_of(content: dict[str, Any]) -> list[Any]:
    many = [each["value"] for each in content.get("examples", {}).values()]
    return [content["example"], *many] if "example" in content else many


def test_it_is_openapi_3_1(description: dict[str, Any]) -> None:
    """By the schema of OpenAPI itself."""
    assert description["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(description).validate()


def test_every_operation_says_what_it_is(description: dict[str, Any]) -> None:
    """Who reads it knows the words; programs have a name that nothing else has."""
    ids = [operation["operationId"] for _, _, operation in operations_of(description)]
    assert len(ids) == len(set(ids)) > 20
    for path, method, operation in operations_of(description):
        where = f"{method} {path}"
        assert operation["summary"].endswith("."), where
        assert len(operation["tags"]) == 1, where
        assert ("x-permission" in operation) != (operation.get("security") == []), where
        assert any(status[0] in "23" for status in operation["responses"]), where


def test_every_parameter_is_described(description: dict[str, Any]) -> None:
    """Also those of paths, which handlers need not name."""
    silent = [
        f"{path}: {parameter['name']}"
        for path, _, operation in operations_of(description)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    assert silent == []


def test_every_property_is_described(description: dict[str, Any]) -> None:
    """An object of others is described there."""
    silent = [
        f"{model}.{name}"
        for model, schema in description["components"]["schemas"].items()
        for name, property_ in schema.get("properties", {}).items()
        if not property_.get("description") and "ref" not in str(property_)
    ]
    assert silent == []


def test_examples_are_true_to_their_schemas(description: dict[str, Any]) -> None:
    """Every body and every answer has one."""
    for path, method, operation in operations_of(description):
        for what, content in contents_of(operation):
            examples = examples_of(content)
            assert examples, f"{method} {path}: {what} has no example"
            # The parts refer to the components, which are then a part of the same document.
            schema = {"components": description["components"], **content.get("schema", {})}
            validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
            for example in examples:
                problems = [f"{each.json_path}: {each.message}" for each in validator.iter_errors(example)]
                assert problems == [], f"{method} {path}: {what}"


def test_every_route_is_in_it(client: TestClient[Any], description: dict[str, Any]) -> None:
    """Nothing is served in secret but what says that the process lives, and the description itself."""
    described = {(path, method.upper()) for path, method, _ in operations_of(description)}
    served = {
        (re.sub(r"{(\w+):\w+}", r"{\1}", route.path), method)
        for route in client.app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in handler.http_methods
        if method != "OPTIONS"
    }
    secret = {path for path, _ in served - described}
    assert secret == {"/livez", "/schema", "/schema/openapi.json", "/schema/{path}"}
    assert described <= served


class Loaded(HTMLParser):
    """What a browser would load or run of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "link", "iframe", "object", "form", "base") or "src" in given:
            self.found.append(tag)
        self.found += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "article":
            self.ids.append(str(given["id"]))
        if tag == "a":
            self.targets.append(str(given["href"]))


def test_the_page_needs_nobody_else(client: TestClient[Any], description: dict[str, Any]) -> None:
    """No script, nothing loaded, every operation on it, and each link leads to something that is there."""
    answer = client.get("/schema")
    page = Loaded()
    page.feed(answer.text)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in answer.headers["content-security-policy"]
    assert page.found == []
    assert page.ids == [
        operation["operationId"]
        for tag in sorted({operation["tags"][0] for _, _, operation in operations_of(description)})
        for _, _, operation in operations_of(description)
        if operation["tags"][0] == tag
    ]
    assert set(page.targets) == {"/schema/openapi.json", *(f"#{each}" for each in page.ids)}


def test_the_policy_knows_the_pages_style(client: TestClient[Any]) -> None:
    """Otherwise a browser would show it bare."""
    answer = client.get("/schema")
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_there_is_nothing_beside_it(client: TestClient[Any]) -> None:
    """The form of the refusal is that of all others."""
    for path in ("/schema/swagger", "/schema/openapi.yaml", "/schema/x.json"):
        refused = client.get(path)
        assert (refused.status_code, refused.json()["errors"][0]["fgCode"]) == (404, "FG-6004")


def test_the_page_is_open_to_everybody(client: TestClient[Any], description: dict[str, Any]) -> None:
    """As is what it says nothing of a permission; the rest needs a key."""
    assert client.get("/schema/").status_code == 200
    for route in client.app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if handler.opt.get("permission") == OPEN and isinstance(handler.operation_id, str):
                [operation] = [
                    each
                    for _, _, each in operations_of(description)
                    if each["operationId"] == handler.operation_id
                ]
                assert operation["security"] == []
