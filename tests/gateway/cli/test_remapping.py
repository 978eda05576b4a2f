"""`remap`: shown first, done with --yes."""

from pathlib import Path

import pytest

from gateway.cli.common import now_ms
from tests.gateway.cli.test_companies import add_site, found, run
from tests.helpers.stores import enroll, opened

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def agents(data: Path, capsys: Capture) -> list[str]:
    """Two agents and a tenant of Acme's that are Birke's."""
    for name in ("Acme", "Birke"):
        run(capsys, data, "company", "add", name)
    add_site(data)
    run(capsys, data, "tenant", "map", "t1", "Acme")
    token = found(capsys, data, "token", "create", "--company", "Acme")["id"]
    with opened(data) as store:
        return [enroll(store, token, key, now_ms=now_ms()).agent_uid for key in (1, 2)]


def of(capsys: Capture, data: Path, company: str) -> tuple[set[str], int]:
    shown = found(capsys, data, "company", "show", company)[0]
    return {each["uid"] for each in found(capsys, data, "agent", "list", "--company", company)}, len(
        shown["tenants"]
    )


def test_everything_is_shown_and_then_moved(data: Path, capsys: Capture, agents: list[str]) -> None:
    """Nothing happens before --yes."""
    words = ("remap", "Acme", "Birke", "--everything", "--why", "typing error")
    said = run(capsys, data, *words)
    assert "2 agents and 1 tenants would be moved from Acme to Birke" in said
    assert of(capsys, data, "Acme") == (set(agents), 1)
    assert "2 agents and 1 tenants moved from Acme to Birke" in run(capsys, data, *words, "--yes")
    assert of(capsys, data, "Acme") == (set(), 0)
    assert of(capsys, data, "Birke") == (set(agents), 1)


def test_some_are_moved_by_name(data: Path, capsys: Capture, agents: list[str]) -> None:
    """The others stay."""
    run(
        capsys,
        data,
        "remap",
        "Acme",
        "Birke",
        "--agent",
        agents[0],
        "--tenant",
        "Acme",
        "--why",
        "x",
        "--yes",
    )
    assert of(capsys, data, "Acme") == ({agents[1]}, 0)


def test_a_tenant_counts_since_a_day(data: Path, capsys: Capture, agents: list[str]) -> None:
    """As far back as it was mapped."""
    words = ("remap", "Acme", "Birke", "--tenant", "Acme", "--since", "2020-01-01", "--why", "x")
    assert "storage since 2020-01-01" in run(capsys, data, *words)
    run(capsys, data, *words, "--yes")
    assert "the log of 2 changes" in run(capsys, data, "usage", "audit")


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (("Acme", "Birke", "--why", "x"), 2, "or say --everything"),
        (("Acme", "Birke", "--why", " ", "--everything"), 2, "--why is empty"),
        (("Acme", "Birke", "--why", "x", "--agent", "nobody"), 3, "Acme has no agent 'nobody'"),
        (("Acme", "Birke", "--why", "x", "--tenant", "Contoso"), 3, "Acme has no tenant 'Contoso'"),
        (("Acme", "Birke", "--why", "x", "--everything", "--since", "soon"), 2, "--since 'soon' is no day"),
        (("Acme", "Nobody", "--why", "x", "--everything"), 3, "no company is called 'Nobody'"),
    ],
)
def test_what_is_refused_moves_nothing(
    data: Path, capsys: Capture, agents: list[str], words: tuple[str, ...], exit_code: int, says: str
) -> None:
    """With --yes or without."""
    assert says in run(capsys, data, "remap", *words, "--yes", expect=exit_code)
    assert of(capsys, data, "Acme") == (set(agents), 1)
