"""The description as one page for people: no script, nothing loaded from anywhere."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

from gateway.management.description.completing import operations_of
from gateway.management.description.fields import Field, fields_of, kind_of
from gateway.management.description.style import STYLE
from gateway.management.description.typing_it import curl_of

__all__ = ["page_of"]

Named = tuple[str, str, dict[str, Any]]
"""Path, method, operation."""

FIELDS: Final = ("property", "kind", "what")


def page_of(description: Mapping[str, Any]) -> str:
    """An HTML document."""
    by_tag: defaultdict[str, list[Named]] = defaultdict(list)
    for path, method, operation in operations_of(description):
        by_tag[operation["tags"][0]].append((path, method, operation))
    return "".join(_document(description, dict(sorted(by_tag.items()))))


def _document(description: Mapping[str, Any], by_tag: Mapping[str, list[Named]]) -> Iterator[str]:
    title = f"{description['info']['title']} REST {description['info']['version']}"
    yield f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<meta name="color-scheme" content="light dark">\n<style>{STYLE}</style></head>\n<body>\n'
    yield from _navigation(title, by_tag)
    yield f"<main>\n<h1>{escape(title)}</h1>\n{_text(description['info']['description'])}"
    yield "<p>Send a key (<code>fieldgate apikey create</code>) or an access token as <code>Authorization: Bearer …</code>. "
    yield 'The same for programs: <a href="/schema/openapi.json">openapi.json</a>.</p>\n'
    schemas = description["components"]["schemas"]
    for tag, operations in by_tag.items():
        yield f"<h2>{escape(tag)}</h2>\n"
        for path, method, operation in operations:
            yield from _operation(path, method, operation, schemas)
    yield "</main>\n</body></html>\n"


def _navigation(title: str, by_tag: Mapping[str, list[Named]]) -> Iterator[str]:
    yield f'<nav aria-label="Operations"><p>{escape(title)}</p>\n'
    for tag, operations in by_tag.items():
        yield f"<details open><summary>{escape(tag)}</summary><ul>\n"
        for path, method, operation in operations:
            shown = escape(path.removeprefix("/api/v3"))
            yield f'<li><a href="#{escape(operation["operationId"])}"><b class="{method}">{method.upper()}</b> {shown}</a></li>\n'
        yield "</ul></details>\n"
    yield "</nav>\n"


def _operation(
    path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Iterator[str]:
    old = ' <span class="old">older path</span>' if operation.get("deprecated") else ""
    yield f'<article id="{escape(operation["operationId"])}">\n<h3><span class="method {method}">{method.upper()}</span>'
    yield f"<code>{escape(path)}</code>{old}</h3>\n{_text(operation['summary'])}"
    if (more := operation.get("description")) and more != operation["summary"]:
        yield _text(more.removeprefix(operation["summary"]).strip())
    yield f'<p class="who">{_who(operation)}</p>\n'
    yield f'<pre class="line">{escape(curl_of(path, method, operation))}</pre>\n'
    if parameters := operation.get("parameters"):
        rows = (_parameter(each, schemas) for each in parameters)
        yield _folded("Parameters", _table(("parameter", "kind", "what"), rows))
    if body := operation.get("requestBody"):
        for kind, content in body["content"].items():
            yield _folded(f"Body: {kind}", "".join(_content(content, schemas)))
    yield _folded("Answers", "".join(_answers(operation, schemas)))
    yield "</article>\n"


def _who(operation: Mapping[str, Any]) -> str:
    name = f"<code>{escape(operation['operationId'])}</code>"
    if "x-permission" not in operation:
        return f"{name}, for everybody."
    roles = ", ".join(operation["x-roles"])
    return f"{name} needs <code>{escape(operation['x-permission'])}</code>, which has: {escape(roles)}."


def _parameter(parameter: Mapping[str, Any], schemas: Mapping[str, Any]) -> Field:
    if "content" in parameter:
        [content] = parameter["content"].values()
        example = json.dumps(content["example"], ensure_ascii=False)
        says = f"{parameter.get('description', '')} Such as `{example}`"
        return Field(parameter["name"], "JSON", says, required=False)
    kind = f"{kind_of(parameter['schema'], schemas)}, in the {parameter['in']}"
    needed = bool(parameter.get("required"))
    return Field(parameter["name"], kind, parameter.get("description", ""), required=needed)


def _answers(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    refusals = []
    for status, response in operation["responses"].items():
        if status >= "400":
            refusals.append(Field(status, "", response["description"], required=False))
            continue
        yield f"<h4>{escape(status)}</h4>{_text(response['description'])}"
        for content in response.get("content", {}).values():
            yield from _content(content, schemas)
    yield "<h4>Refusals</h4>" + _table(("status", "", "when"), refusals)


def _content(content: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    if fields := list(fields_of(content.get("schema", {}), schemas)):
        yield _table(FIELDS, fields)
    if "example" in content:
        example = content["example"]
        text = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
        yield f"<pre>{escape(text)}</pre>\n"


def _folded(title: str, markup: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{markup}</details>\n"


def _table(titles: Iterable[str], fields: Iterable[Field]) -> str:
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in titles)
    rows = "".join(
        f"<tr><td><code>{escape(each.name)}</code>{_NEEDED if each.required else ''}</td>"
        f"<td>{escape(each.kind)}</td><td>{_inline(each.says)}</td></tr>\n"
        for each in fields
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>\n"


_NEEDED: Final = ' <span class="need">required</span>'


def _text(text: str) -> str:
    """Paragraphs, with `code`."""
    return "".join(f"<p>{_inline(each)}</p>\n" for each in text.split("\n\n") if each.strip())


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
