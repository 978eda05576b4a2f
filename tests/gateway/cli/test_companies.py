"""Companies, resellers and cloud tenants at the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.cli.common import now_ms
from tests.helpers.stores import enroll, opened
from tests.helpers.tenants import report_tenants

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, data: Path, *words: str, expect: int = 0) -> str:
    """What a command printed: on standard output, or on standard error where it failed."""
    capsys.readouterr()
    code = main([*words, "--data", str(data)])
    said = capsys.readouterr()
    assert code == expect, said.err
    return said.out if expect == 0 else said.err


def found(capsys: Capture, data: Path, *words: str) -> Any:
    """What a command says with --json."""
    return json.loads(run(capsys, data, *words, "--json"))


def add_site(data: Path, key: int = 1) -> None:
    """A site that has just reported the tenants t1 "Acme" and t2 "Contoso"."""
    with opened(data) as store:
        provider = store.organizations.provider()
        if store.tokens.get("site") is None:
            store.tokens.add(
                "site", b"public", kind="site", organization_uid=provider.uid, location_uid=None,
                expires_ms=now_ms() + 10_000_000, max_uses=9, synthetic=False, now_ms=now_ms(),
            )  # fmt: skip
        agent = enroll(store, "site", key, now_ms=now_ms())
        report_tenants(store, agent, {"t1": "Acme", "t2": "Contoso"}, received_ms=now_ms())


def test_a_company_is_added_changed_and_shown(data: Path, capsys: Capture) -> None:
    """An empty text takes away what was known; what is so already is said."""
    run(capsys, data, "reseller", "add", "Sund IT", "--contact-mail", "bo@sund.example")
    [made] = found(
        capsys,
        data,
        "company",
        "add",
        "Acme",
        "--reseller",
        "Sund IT",
        "--external-id",
        "K-17",
        "--no-cloud",
        "--by",
        "ann",
    )
    assert (made["external_id"], made["uses_cloud"]) == ("K-17", False)
    run(capsys, data, "company", "change", "Acme", "--name", "Acme AB", "--external-id", "", "--disable")
    assert "nothing to change" in run(capsys, data, "company", "change", "Acme AB", "--disable")
    [shown] = found(capsys, data, "company", "show", "Acme AB")
    assert (shown["uid"], shown["external_id"], shown["status"], shown["reseller"]) == (
        made["uid"],
        None,
        "Disabled",
        "Sund IT",
    )
    [listed] = found(capsys, data, "company", "list", "--reseller", "Sund IT")
    assert listed["name"] == "Acme AB"
    run(capsys, data, "company", "change", "Acme AB", "--reseller", "none", "--cloud", "--enable")
    [shown] = found(capsys, data, "company", "show", "Acme AB")
    assert (shown["uses_cloud"], shown["status"]) == (True, "Active")
    assert found(capsys, data, "company", "list", "--reseller", "Sund IT") == []
    with opened(data) as store:
        assert {entry.action for entry in store.audit.list()} == {
            "reseller added",
            "company added",
            "company changed",
        }


def test_a_company_is_shown_to_people(data: Path, capsys: Capture) -> None:
    """With its cloud tenants."""
    run(capsys, data, "company", "add", "Acme", "--contact-name", "Ann Ölund")
    add_site(data)
    run(capsys, data, "tenant", "map", "Acme", "Acme")
    said = run(capsys, data, "company", "show", "Acme")
    assert "Ann Ölund" in said
    assert "cloud tenant         Acme of backup0001, since" in said


def test_a_reseller_is_changed_and_listed(data: Path, capsys: Capture) -> None:
    """Apart from the companies."""
    run(capsys, data, "reseller", "add", "Sund IT")
    run(capsys, data, "reseller", "change", "Sund IT", "--name", "Öresund IT", "--billing-anchor-day", "15")
    [listed] = found(capsys, data, "reseller", "list")
    assert (listed["name"], listed["billing_anchor_day"]) == ("Öresund IT", 15)
    assert found(capsys, data, "company", "list") == []


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (("company", "add", "Acme", "--contact-mail", "ann"), 2, "contact_mail is no mail address"),
        (("company", "add", "Acme", "--billing-anchor-day", "31"), 2, "1 to 28"),
        (("company", "add", "Acme", "--reseller", "Nobody"), 3, "no reseller is called 'Nobody'"),
        (("company", "add", ""), 2, "is no name"),
        (("company", "change", "Contoso"), 2, "nothing to change was named"),
        (("company", "change", "Contoso", "--enable", "--disable"), 2, "--enable and --disable contradict"),
        (("company", "change", "Contoso", "--cloud", "--no-cloud"), 2, "--cloud and --no-cloud contradict"),
        (("company", "change", "Contoso", "--name", ""), 2, "is no name"),
        (("company", "change", "Nobody", "--notes", "x"), 3, "no company is called 'Nobody'"),
        (("reseller", "change", "Contoso", "--notes", "x"), 3, "is a company and no reseller"),
        (("tenant", "map", "Acme", "Contoso"), 3, "no site reports a tenant 'Acme'"),
        (("tenant", "unmap", "Acme"), 3, "no tenant 'Acme' is mapped"),
        (("tenant", "list", "--site", "cc9"), 3, "no site is called 'cc9'"),
    ],
)
def test_what_is_refused_says_why(
    data: Path, capsys: Capture, words: tuple[str, ...], exit_code: int, says: str
) -> None:
    """And changes nothing."""
    run(capsys, data, "company", "add", "Contoso")
    assert says in run(capsys, data, *words, expect=exit_code)
    assert [each["name"] for each in found(capsys, data, "company", "list")] == ["Contoso"]


def test_a_tenant_is_mapped_by_name_and_taken_back(data: Path, capsys: Capture) -> None:
    """What a site reports is listed with whose it is."""
    run(capsys, data, "company", "add", "Acme AB")
    add_site(data)
    assert "Acme of backup0001 is Acme AB's" in run(capsys, data, "tenant", "map", "Acme", "Acme AB")
    listed = found(capsys, data, "tenant", "list")
    assert [(each["tenant_name"], each["company_name"]) for each in listed] == [
        ("Acme", "Acme AB"),
        ("Contoso", None),
    ]
    assert [each["tenant_uid"] for each in found(capsys, data, "tenant", "list", "--unmapped")] == ["t2"]
    assert "it was Acme AB's" in run(capsys, data, "tenant", "unmap", "t1", "--site", "backup0001")
    assert len(found(capsys, data, "tenant", "list", "--unmapped", "--site", "backup0001")) == 2


def test_a_name_that_two_sites_know_needs_the_site(data: Path, capsys: Capture) -> None:
    """Nobody guesses whose storage is billed."""
    run(capsys, data, "company", "add", "Acme AB")
    add_site(data, 1)
    add_site(data, 2)
    said = run(capsys, data, "tenant", "map", "Acme", "Acme AB", expect=3)
    assert "2 tenants are called 'Acme'" in said
    run(capsys, data, "tenant", "map", "Acme", "Acme AB", "--site", "backup0002")


# -- consents ----------------------------------------------------------------------------------------------------------


CONSENT = ("--consent-by", "Ann Ölund", "--consent", "contract of May, section 3")


def test_a_consent_is_recorded_with_its_token_and_withdrawn(data: Path, capsys: Capture) -> None:
    """Its agents are listed, and end only when that is asked for."""
    run(capsys, data, "company", "add", "Acme")
    token = found(capsys, data, "token", "create", "--company", "Acme", *CONSENT)["id"]
    with opened(data) as store:
        agents = [enroll(store, token, key, now_ms=now_ms()).agent_uid for key in (1, 2)]
    [given] = found(capsys, data, "consent", "list", "Acme")
    assert (given["token_id"], given["given_by"], given["withdrawn_ms"]) == (token, "Ann Ölund", None)
    said = run(capsys, data, "consent", "withdraw", token, "--why", "sold")
    assert [line for line in said.splitlines() if line.startswith("still there")] == [
        f"still there: agent {uid}" for uid in agents
    ]
    assert found(capsys, data, "token", "list")[0]["state"] == "revoked"
    said = run(capsys, data, "consent", "withdraw", token, "--why", "again", "--revoke-agents")
    assert "2 agents were revoked" in said
    assert "still there" not in said
    [given] = found(capsys, data, "consent", "list", "Acme")
    assert given["withdrawn_why"] == "sold"
    assert {each["standing"] for each in found(capsys, data, "agent", "list")} == {"revoked"}


def test_a_consent_can_follow_its_token(data: Path, capsys: Capture) -> None:
    """Once."""
    run(capsys, data, "company", "add", "Acme")
    token = found(capsys, data, "token", "create", "--company", "Acme")["id"]
    assert found(capsys, data, "consent", "list", "Acme") == []
    run(capsys, data, "consent", "record", token, *CONSENT)
    assert "already" in run(capsys, data, "consent", "record", token, *CONSENT, expect=3)
    assert len(found(capsys, data, "consent", "list", "Acme")) == 1


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (
            ("token", "create", "--company", "Acme", "--consent-by", "Ann"),
            2,
            "both --consent-by and --consent",
        ),
        (("token", "create", "--company", "Acme", "--consent-by", "Ann", "--consent", " "), 2, "is no name"),
        (("consent", "withdraw", "t9", "--why", "sold"), 3, "no consent is recorded"),
        (("consent", "withdraw", "t9", "--why", " "), 2, "--why is empty"),
        (("token", "create", "--company", "Sund IT"), 3, "is a reseller"),
        (("token", "create", "--company", "Birke"), 3, "Birke is disabled"),
    ],
)
def test_what_cannot_be_agreed_to_makes_no_token(
    data: Path, capsys: Capture, words: tuple[str, ...], exit_code: int, says: str
) -> None:
    """Each refusal says why."""
    for name in ("Acme", "Birke"):
        run(capsys, data, "company", "add", name)
    run(capsys, data, "company", "change", "Birke", "--disable")
    run(capsys, data, "reseller", "add", "Sund IT")
    assert says in run(capsys, data, *words, expect=exit_code)
    assert found(capsys, data, "token", "list") == []
