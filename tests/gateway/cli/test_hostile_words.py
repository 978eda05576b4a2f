"""What agents and people say is printed as text: it draws nothing, steers nothing, and breaks no table."""

from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.common import now_ms
from gateway.cli.errors import CommandError, guarded
from gateway.store import Admitted, Applicant
from tests.helpers.stores import opened

Capture = pytest.CaptureFixture[str]

MARKUP = "[bold]x[/bold] [/oops] :skull:"
STEERING = "x\x1b[31mRED\x1b]0;pwned\x07\r\nFG-2001: all is well \u202e"
WRITTEN_OUT = r"x\x1b[31mRED\x1b]0;pwned\x07\r\nFG-2001: all is well \u202e"


@pytest.fixture
def hostile(data: Path) -> str:
    """The uid of an agent that calls itself what it should not, of a company with brackets in its name."""
    with opened(data) as store:
        company = store.organizations.add_company(MARKUP, now_ms=now_ms())
        store.organizations.add_location(company.uid, MARKUP, now_ms=now_ms())
        store.tokens.add(
            "token", b"p" * 32, kind="client", organization_uid=company.uid, location_uid=None,
            expires_ms=10**18, max_uses=5, synthetic=False, now_ms=now_ms(),
        )  # fmt: skip
        uids = []
        for name in (MARKUP, STEERING):
            outcome = store.enrollment.enroll(
                Applicant(
                    token_id="token", token_key=name.encode()[:8].ljust(32), agent_kind="client", listener_kind="remote",
                    installation_uid=name, host_name=name, agent_version=STEERING, platform=STEERING, synthetic=False,
                ),
                now_ms=now_ms(),
            )  # fmt: skip
            assert isinstance(outcome, Admitted)
            uids.append(outcome.agent.agent_uid)
    return uids[1]


def printed(capsys: Capture, data: Path, *words: str) -> str:
    """What a command shows people; every character of it can be read, or is the end of a line."""
    capsys.readouterr()
    assert main([*words, "--data", str(data)]) == 0
    shown = capsys.readouterr().out
    assert shown.replace("\n", "").isprintable()
    return shown


def test_a_list_shows_brackets_and_writes_out_what_steers_a_terminal(
    data: Path, hostile: str, capsys: Capture
) -> None:
    """An agent that is called so keeps nobody from seeing the others."""
    listed = printed(capsys, data, "agent", "list")

    assert "[/oops]" in listed
    assert r"\x1b[31mRED" in listed
    assert len(listed.split(hostile)) == 2


def test_details_are_one_line_a_fact(data: Path, hostile: str, capsys: Capture) -> None:
    """A name with a line break in it adds no line."""
    shown = dict(
        line.split(maxsplit=1) for line in printed(capsys, data, "agent", "show", hostile).splitlines()
    )

    assert shown["host_name"] == WRITTEN_OUT
    assert "FG-2001:" not in shown


@pytest.mark.parametrize("words", ["company list", "location list", "token list", "status", "ca show"])
def test_every_list_survives_a_name(words: str, data: Path, hostile: str, capsys: Capture) -> None:
    """Also a token that lasts until a year that no calendar has."""
    shown = printed(capsys, data, *words.split())

    assert (MARKUP in " ".join(shown.split())) == (words.split()[0] in ("company", "location", "token"))


def test_an_error_quotes_it_as_text(data: Path, capsys: Capture) -> None:
    """Each line of ours is a line, and what it quotes steers nothing."""
    assert main(["company", "add", "x\x1b[31m", "--data", str(data)]) == 2
    assert r"x\x1b[31m" in capsys.readouterr().err

    def tell() -> None:
        raise CommandError("ended by itself:\n\x1b[2Jcleared [/oops]")

    assert guarded(tell) == 3
    assert capsys.readouterr().err == "error: ended by itself:\n\\x1b[2Jcleared [/oops]\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("token create --days 3000000", "--days must be 1 to 3650"),
        ("token create --uses 99999999999999999999", "--uses 1 to 1000000"),
        ("company add " + 5000 * "x", "a name of 5000 characters: give one of at most 128"),
        ("init --organization " + 300 * "x", "a name of 300 characters"),
        ("init --organization a\x07", "is no name"),
        ("events tail --past -3", "--past must be 0 or more"),
    ],
)
def test_what_no_list_could_show_is_refused(words: str, says: str, data: Path, capsys: Capture) -> None:
    """Before it is stored."""
    assert main([*words.split(" "), "--data", str(data)]) == 2

    assert says in capsys.readouterr().err
    assert "no token yet" in printed(capsys, data, "token", "list")
    assert "no company yet" in printed(capsys, data, "company", "list")
