"""docs/runbooks.md has a section for each alert, and what it tells somebody to type at night works."""

import re
import shlex
from collections.abc import Iterator

import pytest

from gateway.cli import app
from protocol import Code
from tests.e2e.stage import Stage
from tests.packaging.conftest import ROOT, Scraped, read
from tests.packaging.test_monitoring import RULES

PAGE = (ROOT / "docs" / "runbooks.md").read_text("utf-8")
SECTIONS = dict(zip(*[iter(re.split(r"^### (.*)\n", PAGE, flags=re.MULTILINE)[1:])] * 2, strict=True))
PARTS = ("**It means**", "**How bad:**", "**Look:**", "**Do:**", "**Wake")
LINES = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if not line.startswith("#")
]
COMMANDS = sorted({line for line in LINES if line.startswith("fieldgate ")})
SOURCES = "".join(path.read_text("utf-8") for path in (ROOT / "gateway").rglob("*.py"))

# What asks for something that this gateway does not have: it says so.
ASKS_FOR_ONE = {"fieldgate inspection show 1": 3, "fieldgate inspection report 1 --form text": 3}
# An edge and a projector, each by itself, and everything that a check may find on a machine that only tests.
MAY_FIND_SOMETHING = "fieldgate doctor"


def test_every_alert_has_its_section() -> None:
    """In the order of the file, and nobody else has one."""
    assert list(SECTIONS) == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("alert", SECTIONS)
def test_a_section_says_what_somebody_must_know(alert: str) -> None:
    """What it means, how bad it is, where to look, what to do, whom to wake, in this order."""
    at = [SECTIONS[alert].find(part) for part in PARTS]
    assert -1 not in at
    assert at == sorted(at)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_typed_as_it_stands(command: str, running: Stage) -> None:
    """On a running gateway: it understands its options, and does not fail."""
    words = shlex.split(command)[1:]
    takes_data = words[0] != "explain"
    said = running.fieldgate(*words) if takes_data else running.run("gateway", *words)
    if command == MAY_FIND_SOMETHING:
        assert said.code in (0, 4), said.text
    else:
        assert said.code == ASKS_FOR_ONE.get(command, 0), said.text


def inline() -> Iterator[str]:
    """Commands in the middle of a sentence; what they are about is left out there."""
    for words in re.findall(r"`(fieldgate [^`]+)`", PAGE):
        yield " ".join(words.split())


@pytest.mark.parametrize("command", sorted(set(inline())))
def test_a_command_in_a_sentence_exists(command: str) -> None:
    """Its name, and each of its options."""
    words = shlex.split(command)[1:]
    names = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
    found = app
    for name in names:
        found = found[name]
    known = {option for argument in found.assemble_argument_collection() for option in argument.names}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_monitor_has_the_pages_and_the_metrics(running: Stage, scraped: Scraped) -> None:
    """What curl fetches is there, and what grep looks for in it is in it."""
    port = running.provider.monitor_port
    for line in LINES:
        if not line.startswith("curl"):
            continue
        url, _, pipe = line.partition(" | ")
        found = re.search(r"127\.0\.0\.1:(918[01])(/[^\s']*)", url)
        assert found is not None, line
        page = read(port + int(found[1]) - 9180, found[2])
        if found[2] == "/metrics":
            for pattern in re.findall(r"'(\^[^']+)'", pipe):
                name = pattern.removeprefix("^").partition("[")[0]
                has_no_value_yet = any(
                    each.startswith(name) for each in scraped.found.names - scraped.found.labels.keys()
                )
                assert re.search(pattern, page, re.MULTILINE) or has_no_value_yet, line


def test_the_log_has_the_words() -> None:
    """What is looked for in the log is what the gateway says: an event of it, or a code."""
    words = {
        word
        for line in LINES
        if line.startswith("journalctl -u fieldgate")
        for quoted, bare in re.findall(r"'([^']+)'|-e (\w+)", line.partition("grep")[2])
        if (word := quoted or bare)
    } - {"Traceback", "journal", "waiting for"}
    for word in words:
        assert word in {str(code) for code in Code} or f'"{word}' in SOURCES or f'{word}"' in SOURCES, word


def test_codes_and_links_lead_somewhere() -> None:
    """Every code can be looked up, every section that is pointed at is there."""
    assert set(re.findall(r"FG-\d{4}", PAGE)) <= {str(code) for code in Code}
    for page, anchor in re.findall(r"\]\(([\w-]*\.md)?#([\w-]+)\)", PAGE):
        text = (ROOT / "docs" / page).read_text("utf-8") if page else PAGE
        titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}, anchor
