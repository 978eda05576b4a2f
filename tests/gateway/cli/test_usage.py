"""The commands as people find them: help everywhere, misuse with an exit code of its own, and no advice that leads nowhere."""

import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from cyclopts import App

from agent.cli import app as agent_app
from gateway.cli import app, main
from gateway.cli.provider import make_provider
from protocol import CODES, Code

ROOT = Path(__file__).parents[3]
PROGRAMS = {"fieldgate": app, "fieldgate-agent": agent_app}


def commands(of: App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group of commands, as it is typed."""
    for name in of:
        if not name.startswith("-"):
            yield (*path, name)
            yield from commands(of[name], (*path, name))


COMMANDS = [" ".join(path) for path in commands(app)]
HUGE = "9" * 20  # more than any database counts to
LISTS = [
    "company list",
    "location list",
    "site list",
    "token list",
    "agent list",
    "gap list",
    "gap list --every",
    "events tail --no-follow",
    "events export",
    "usage list",
    "status",
    "explain",
    "ca show",
    "ca export",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A provider with one company, one location, one token."""
    folder = tmp_path_factory.mktemp("usage") / "data"
    make_provider(folder, "Nordwind", ("gateway.example",))
    assert main(["company", "add", "Acme", "--data", str(folder)]) == 0
    assert main(["location", "add", "Berlin", "--company", "Acme", "--data", str(folder)]) == 0
    assert main(["token", "create", "--company", "Acme", "--data", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` says what it does, and describes every option it takes."""
    assert main([*command.split(), "--help"]) == 0

    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: fieldgate {command}".rstrip())
    sub = app
    for word in command.split():
        sub = sub[word]
    if sub.default_command is not None:
        assert (sub.default_command.__doc__ or "").partition("\n")[0][:30] in shown.replace("\n", " ")
        for argument in sub.assemble_argument_collection(parse_docstring=True):
            hidden = argument.parameter.show is False
            assert set(argument.negatives) <= {"--no-follow", "--off"}, command
            assert hidden or argument.parameter.help, f"{command}: {argument.name} is not described"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("frobnicate", 'Unknown command "frobnicate"'),
        ("servee", 'Did you mean "serve"?'),
        ("company lst", 'Did you mean "list"?'),
        ("init --organisation X", "Did you mean --organization?"),
        ("company add", "NAME requires an argument"),
        ("location add Berlin", "--company requires an argument"),
        ("agent show", "AGENT requires an argument"),
        ("agent revoke x", "--why requires an argument"),
        ("agent list --standing good", '"verified", "unverified", "rejected", "revoked"'),
        ("token create --days many", "Invalid value for --days"),
        ("token create --days 0", "--days must be 1 to 3650, --uses 1 to 1000000"),
        ("token create --site --company Acme", "leave --company out"),
        ("gap declare-lost x", "Invalid value for GAP_ID"),
        ("serve now", "now"),
        ("ca rotate", "name one of --gateway"),
        ('company add ""', "'' is no name"),
        ('location add "a\tb" --company Acme', "is no name"),
        ("agent revoke x --why ' '", "--why is empty"),
        (f"gap declare-lost {HUGE}", "Must be <= 9223372036854775807"),
        (f"inspection show {HUGE}", "Must be <= 9223372036854775807"),
        (f"inspection explain {HUGE}", "Must be <= 9223372036854775807"),
        (f"inspection report --report {HUGE}", "Must be <= 9223372036854775807"),
        (f"inspection replay --incident {HUGE}", "Must be <= 9223372036854775807"),
        (f"inspection replay --days {HUGE}", "--days must be between 1 and 36500"),
        (f"inspection override end {HUGE}", "Must be <= 9223372036854775807"),
        ("demo --port 0", "--port 0 --co-located-port"),
        ("init --name *.example.net --data x", "neither a DNS name nor an address"),
        ("init --name 256.1.1.1 --data x", "neither a DNS name nor an address"),
        ("init --name 0.0.0.0 --data x", "no agent can dial 0.0.0.0"),
        ("init --name fe80::1%eth0 --data x", "no agent can dial fe80::1%eth0"),
    ],
)
def test_misuse_ends_with_2_and_says_what_was_meant(
    words: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error; nothing of it looks like a result."""
    assert main(shlex.split(words)) == 2

    said = capsys.readouterr()
    assert says in " ".join(said.err.replace("│", " ").split())
    assert said.out == ""


@pytest.mark.parametrize("network", ["0.0.0.0/0", "10.0.0.0/7", "::/0"])
def test_an_override_is_not_for_everybody(
    network: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["inspection", "override", "add", "--network", network, "--why", "a test", "--data", str(data)]

    assert main(words) == 2
    assert "half the world" in capsys.readouterr().err


def test_a_mailed_report_can_come_by_standard_input(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lone - is no option."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Dear provider,")))

    assert main(["inspection", "import", "-", "--data", str(data)]) == 3
    assert "no report in it" in capsys.readouterr().err


@pytest.mark.parametrize("program", ["gateway", "agent"])
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_an_output_that_somebody_closed_is_not_missed(program: str, closed: str) -> None:
    """Nor does a file that is opened take its place."""
    script = f"exec {shlex.quote(sys.executable)} -m {program} --version {closed}"
    ended = subprocess.run(["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert bool(ended.stdout) == (">&-" not in closed.split())


@pytest.mark.parametrize("words", LISTS)
def test_every_list_is_json_for_scripts(words: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints JSON and nothing else; `events` one object a line."""
    options = [] if words.startswith("explain") else ["--data", str(data)]
    wants_flag = not words.startswith("events export")

    assert main([*words.split(), *options, *(["--json"] if wants_flag else [])]) == 0

    shown = capsys.readouterr().out
    if words.startswith("events"):
        assert [json.loads(line) for line in shown.splitlines()] == []
    else:
        assert isinstance(json.loads(shown), list | dict)


@pytest.mark.parametrize("words", LISTS)
def test_every_list_is_a_table_for_people(words: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty one says what would fill it."""
    assert main([*words.split(), *([] if words == "explain" else ["--data", str(data)])]) == 0

    shown = capsys.readouterr().out
    assert shown or words.startswith("events")
    assert "{" not in shown


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        ("company add Acme", "there is an organization 'Acme' already", "FG-1017"),
        ("location add Berlin --company Acme", "there is a location 'Berlin' already", "FG-1017"),
        ("location add Berlin --company Nobody", "no organization is called 'Nobody'", "FG-1016"),
        ("token create --company Acme --location Oslo", "Acme has no location 'Oslo'", ""),
        ("token revoke x", "there is no token 'x'", "FG-1016"),
        ("token reset x", "there is no token 'x'", "FG-1016"),
        ("agent show x", "no agent has the uid 'x'", "FG-1016"),
        ("agent accept x", "no agent has the uid 'x'", "FG-1016"),
        ("agent reject x", "no agent has the uid 'x'", "FG-1016"),
        ("agent revoke x --why y", "no agent has the uid 'x'", "FG-1016"),
        ("events export --agent x", "no agent has the uid 'x'", "FG-1016"),
        ("gap declare-lost 7", "there is no gap 7", "FG-1016"),
    ],
)
def test_what_does_not_exist_ends_with_3(
    words: str, says: str, code: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names it."""
    assert main([*shlex.split(words), "--data", str(data)]) == 3

    said = capsys.readouterr()
    assert says in said.err
    assert code in said.err
    assert said.out == ""


@pytest.mark.parametrize("code", Code, ids=str)
def test_every_code_can_be_explained(code: Code, capsys: pytest.CaptureFixture[str]) -> None:
    """In words and as JSON."""
    assert main(["explain", str(code)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{code}  {CODES[code].title}\n")
    assert f"What to do: {CODES[code].action}" in shown

    assert main(["explain", str(code.value), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"code": str(code)} | attrs.asdict(CODES[code])]


def test_a_code_that_does_not_exist_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    """With the way to all that do."""
    assert main(["explain", "FG-9"]) == 3
    assert "there is no code 'FG-9': `fieldgate explain` lists them all" in capsys.readouterr().err


# -- what is said elsewhere about the commands -------------------------------------------------------------------------

IN_TEXT = re.compile(r"`(fieldgate(?:-agent)? [^`\n]+)`")
IN_BLOCK = re.compile(r"^ *(?:\S*/)?(fieldgate(?:-agent)? [a-z].*)$", re.MULTILINE)


def advice() -> Iterator[tuple[str, str]]:
    """Every command line that a document, an explanation or a message names, and where."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"```.*?```|(?:^    .*\n)+", text, re.DOTALL | re.MULTILINE):
            for line in IN_BLOCK.findall(block):
                yield page.name, line.partition("#")[0]
        for line in IN_TEXT.findall(text):
            yield page.name, line
    for package in ("agent", "certs", "gateway", "protocol"):
        for module in sorted((ROOT / package).rglob("*.py")):
            for line in IN_TEXT.findall(module.read_text(encoding="utf-8")):
                yield f"{package}/{module.name}", re.sub(r"\{[^}]*\}", "X", line)


@pytest.mark.parametrize(("where", "line"), sorted(set(advice())))
def test_every_command_that_is_named_exists(where: str, line: str) -> None:
    """Its command words and its options; what stands for a value is not looked at."""
    program, *words = line.replace("…", "").split()
    sub = PROGRAMS[program]
    while words and words[0] in list(sub):
        sub = sub[words.pop(0)]
    if sub.default_command is None:
        assert not words or words[0].startswith("--") or "|" in words[0] or words[0].isupper(), (
            f"{where}: {line}"
        )
        return
    known = {name for argument in sub.assemble_argument_collection() for name in argument.names}
    known |= {name for argument in sub.assemble_argument_collection() for name in argument.negatives} | {
        "--help"
    }
    used = {word.partition("=")[0].rstrip(".,;:)") for word in words if word.startswith("--")}
    assert used <= known, f"{where}: {line}"


def test_every_code_that_a_page_names_exists() -> None:
    """A number in a table leads to an explanation."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    named = {
        number
        for page in pages
        for number in re.findall(r"FG-(\d+)(?![\dx])", page.read_text(encoding="utf-8"))
    }

    assert named - {str(code.value) for code in Code} <= {"0"}  # FG-0 in a metric: no trouble at all
