"""Incidents, overrides, codes and reports by mail at the command line: an operator's day with a firewall."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certs import Authority, PathCode, Token, from_ms, key_to_pem, make_csr
from certs.inspection import (
    PATH_TAG,
    PRODUCTS,
    AgentSide,
    GatewaySide,
    Join,
    Nearby,
    NearbyKind,
    PathRecord,
    Signer,
    SignerKind,
    Verdict,
    agent_signer,
    armour,
    code_signer,
    judge,
    seal_report,
    token_signer,
    unarmour,
)
from gateway.cli import main, replay
from gateway.cli.common import now_ms
from gateway.cli.imports import JOURNAL
from gateway.journal import JournalWriter, Record
from gateway.projector import Clock, Metrics, Projector
from gateway.store import Admitted, AgentEntry, Applicant, StoredToken
from protocol import Code
from tests.certs.inspection.scenes import AT_MS, agent, beyond_a_box
from tests.helpers.paths import (
    FORGED,
    begin_session,
    opened_by,
    opened_one_sided,
    opened_two_sided,
    report_of,
    sighting_of,
)
from tests.helpers.stores import opened

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def data(data: Path) -> Path:
    """A provider with the company Acme in Berlin, and Contoso."""
    for words in (["company", "add", "Acme"], ["company", "add", "Contoso"]):
        assert main([*words, "--data", str(data)]) == 0
    assert main(["location", "add", "Berlin", "--company", "Acme", "--data", str(data)]) == 0
    return data


@pytest.fixture
def server(data: Path, capsys: Capture) -> AgentEntry:
    """A backup server of Acme's in Berlin."""
    token = found(capsys, data, "token", "create", "--company", "Acme", "--location", "Berlin")
    return enroll(data, token["id"], "backup01")


def run(capsys: Capture, data: Path, *words: str, expect: int = 0) -> str:
    """What a command printed: on standard output, or on standard error if it is to fail."""
    capsys.readouterr()
    code = main([*words, "--data", str(data)])
    said = capsys.readouterr()
    assert code == expect, said.err
    return said.out if expect == 0 else " ".join(said.err.split())


def found(capsys: Capture, data: Path, *words: str) -> Any:
    """What a command says with --json."""
    return json.loads(run(capsys, data, *words, "--json"))


def enroll(data: Path, token_id: str, host_name: str) -> AgentEntry:
    """An agent, as an edge would make it."""
    applicant = Applicant(
        token_id=token_id, token_key=host_name.encode().ljust(32), agent_kind="client", listener_kind="remote",
        installation_uid="i", host_name=host_name, agent_version="1", platform="p", synthetic=False,
    )  # fmt: skip
    with opened(data) as store:
        outcome = store.enrollment.enroll(applicant, now_ms=now_ms())
    assert isinstance(outcome, Admitted)
    return outcome.agent


def project(data: Path, *, later_s: float = 0) -> None:
    """What a projector does that runs for a moment, *later_s* from now."""
    clock = Clock(now_ms=lambda: now_ms() + int(later_s * 1000), monotonic=time.monotonic)
    with opened(data) as store:
        projector = Projector(
            store, data / "journals", bell=lambda: None, clock=clock, metrics=Metrics(clock.monotonic)
        )
        projector.start()
        while projector.step():
            pass


def happened(data: Path, *records: PathRecord) -> None:
    """Records come through an edge's journal into the store."""
    writer = JournalWriter(data / "journals" / "edge")
    for record in records:
        uid = UUID(record.signer_uid).bytes if record.signer_kind is SignerKind.AGENT else bytes(16)
        body = Record(agent_uid=uid, received_ms=record.at_ms, tag=PATH_TAG, payload=record.encode())
        writer.append(body.encode())
    writer.close()
    project(data)


# -- what there is -----------------------------------------------------------------------------------------------------


SCENE = ("company added", "token created")


def deeds(capsys: Capture, data: Path) -> list[dict[str, Any]]:
    """What the audit has, but for what made the scene."""
    return [entry for entry in found(capsys, data, "inspection", "audit") if entry["action"] not in SCENE]


def test_nothing_is_wrong_at_first(data: Path, capsys: Capture) -> None:
    """And that is said."""
    assert "no incident" in run(capsys, data, "inspection", "list")
    assert "no report" in run(capsys, data, "inspection", "list", "--reports")
    assert deeds(capsys, data) == []
    assert "nothing was seen" in run(capsys, data, "inspection", "list", "--sightings")
    assert found(capsys, data, "inspection", "list") == []


def test_an_incident_says_whose_it_is_and_who_has_to_act(
    data: Path, server: AgentEntry, capsys: Capture
) -> None:
    """In a line; with --json with everything else."""
    happened(data, report_of(server, opened_two_sided(), at_ms=now_ms(), finding=judge(opened_two_sided())))
    printed = run(capsys, data, "inspection", "list")
    for word in (
        "confirmed",
        "Acme",
        "Berlin",
        "inspected-untrusted",
        "the customer's firewall team",
        "given",
    ):
        assert word in printed
    [incident] = found(capsys, data, "inspection", "list")
    assert (incident["organization"], incident["location"]) == ("Acme", "Berlin")
    assert (incident["state"], incident["agents"], incident["reports"]) == ("confirmed", 1, 1)
    assert found(capsys, data, "inspection", "list", "--company", "Contoso") == []
    assert len(found(capsys, data, "inspection", "list", "--company", "Acme")) == 1


def test_what_is_over_is_listed_on_demand(data: Path, server: AgentEntry, capsys: Capture) -> None:
    """With how it ended."""
    happened(data, report_of(server, opened_one_sided(), at_ms=AT_MS))
    with opened(data) as store:
        begin_session(store, server, at_ms=AT_MS + 1)
    project(data)
    assert found(capsys, data, "inspection", "list") == []
    [incident] = found(capsys, data, "inspection", "list", "--closed")
    assert (incident["state"], incident["closed_why"]) == (
        "closed",
        "every agent concerned has had a session since",
    )


def test_single_reports_and_sightings_are_listed(data: Path, server: AgentEntry, capsys: Capture) -> None:
    """A sighting has nobody's name."""
    seen = attrs.evolve(beyond_a_box(), source="203.0.113.9:40000", connections=7)
    happened(data, report_of(server, opened_one_sided(), at_ms=AT_MS), sighting_of(seen, at_ms=AT_MS))
    [report] = found(capsys, data, "inspection", "list", "--reports", "--company", "Acme")
    assert (report["signer_uid"], report["halves"], report["incident_id"]) == (server.agent_uid, "agent", 1)
    assert found(capsys, data, "inspection", "list", "--reports", "--company", "Contoso") == []
    assert "the agent's end alone" in run(capsys, data, "inspection", "list", "--reports")
    [sighting] = found(capsys, data, "inspection", "list", "--sightings")
    assert (sighting["network"], sighting["connections"]) == ("203.0.113.0/24", 7)
    assert "not both" in run(capsys, data, "inspection", "list", "--reports", "--sightings", expect=2)


def test_an_incident_is_shown_with_who_suffers(data: Path, server: AgentEntry, capsys: Capture) -> None:
    """By the names that people know."""
    happened(data, report_of(server, opened_one_sided(), at_ms=AT_MS))
    printed = run(capsys, data, "inspection", "show", "1")
    assert "backup01" in printed
    assert "2026-03-01 12:00:00Z" in printed
    [shown] = found(capsys, data, "inspection", "show", "1")
    assert [member["host_name"] for member in shown["members"]] == ["backup01"]
    assert "no incident 7" in run(capsys, data, "inspection", "show", "7", expect=3)


def test_a_verdict_is_explained(data: Path, server: AgentEntry, capsys: Capture) -> None:
    """By the incident's surest report, or by any."""
    happened(
        data,
        report_of(server, opened_one_sided(), at_ms=AT_MS),
        report_of(server, opened_two_sided(), at_ms=AT_MS + 1),
    )
    finding = judge(opened_two_sided())
    printed = run(capsys, data, "inspection", "explain", "1")
    assert printed.startswith(finding.blame)
    assert "both ends of one connection (report 2 of" in printed
    assert finding.evidence[0] in printed
    assert "What would have made it surer" in run(capsys, data, "inspection", "explain", "--report", "1")
    [body] = found(capsys, data, "inspection", "explain", "1")
    assert (body["verdict"], body["family"]) == ("inspected-untrusted", "inspection")
    for words in ((), ("1", "--report", "1")):
        said = run(capsys, data, "inspection", "explain", *words, expect=2)
        assert "an incident by its number, or a report" in said
    assert "no path report 9" in run(capsys, data, "inspection", "explain", "--report", "9", expect=3)


@pytest.mark.parametrize(
    ("half", "says", "rests_on"),
    [
        (None, "the agent's end alone", "what the agent saw alone"),
        ("unseen", "the agent's end alone", "what the agent saw, and what the gateway knows of that time"),
        ("near", "both ends, joined by time and address", "both ends, joined by time and address"),
        ("carrying", "both ends of one connection", "both ends of the very same connection"),
    ],
)
def test_whose_word_it_is_is_said_alike(
    half: str | None, says: str, rests_on: str, data: Path, server: AgentEntry, capsys: Capture
) -> None:
    """By the list, the explanation and the ticket; a gateway that saw no connection knows no port of it, but of what brought the report."""
    source = "198.51.100.7:42532"
    known = {
        None: None,
        "unseen": GatewaySide(
            at_ms=AT_MS, join=Join.TIME_AND_ADDRESS, source=source, nearby=(Nearby(kind=NearbyKind.DRAIN, seconds=2),)
        ),
        "near": beyond_a_box(source=source, join=Join.TIME_AND_ADDRESS),
        "carrying": beyond_a_box(source=source),
    }  # fmt: skip
    evidence = attrs.evolve(opened_one_sided(), gateway=known[half])
    happened(data, report_of(server, evidence, at_ms=AT_MS, source=source))

    [listed] = found(capsys, data, "inspection", "list", "--reports")
    assert says in run(capsys, data, "inspection", "list", "--reports")
    assert f"sure, by {says} (report 1 of" in run(capsys, data, "inspection", "explain", "--report", "1")
    [explained] = found(capsys, data, "inspection", "explain", "--report", "1")
    assert explained["halves"] == listed["halves"]
    ticket = " ".join(run(capsys, data, "inspection", "report", "--report", "1").split())
    assert f"rests on {rests_on}." in ticket
    assert (f"Seen by the gateway from {source}" in ticket) is (half == "carrying")
    assert (f"Seen by the gateway presumably from {source}" in ticket) is (half == "near")
    assert (source in ticket) is (half in ("near", "carrying"))


def test_a_ticket_is_written_for_whoever_has_to_act(
    data: Path, server: AgentEntry, tmp_path: Path, capsys: Capture
) -> None:
    """As text, as one page, as JSON; of an incident or of one report; on the screen or into a file."""
    happened(data, report_of(server, opened_two_sided(), at_ms=AT_MS))
    for words in (("1",), ("--report", "1")):
        text = run(capsys, data, "inspection", "report", *words)
        for word in ("inspected-untrusted", "Acme", "Berlin", "backup01", "confirmed"):
            assert word.lower() in text.lower(), word
    page = tmp_path / "ticket.html"
    assert "written" in run(
        capsys, data, "inspection", "report", "1", "--form", "html", "--output", str(page)
    )
    html = page.read_text(encoding="utf-8")
    assert html.lower().startswith("<!doctype html>")
    assert "backup01" in html
    body = json.loads(run(capsys, data, "inspection", "report", "1", "--form", "json"))
    assert body["incident"]["company"] == "Acme"
    assert body["finding"]["verdict"] == "inspected-untrusted"
    said = run(capsys, data, "inspection", "report", "1", "--output", str(tmp_path / "no" / "x"), expect=1)
    assert "No such file" in said
    assert "by its number" in run(capsys, data, "inspection", "report", expect=2)


def test_a_box_cannot_steer_the_operators_terminal(data: Path, server: AgentEntry, capsys: Capture) -> None:
    """Its CA's name is in the sentences, and its certificate is its own work."""
    happened(data, report_of(server, opened_by("\x1b]0;pwned\x07[red]"), at_ms=AT_MS))
    for words in (("list",), ("show", "1"), ("explain", "1"), ("report", "1")):
        printed = run(capsys, data, "inspection", *words)
        assert "\x1b" not in printed
        assert "\x07" not in printed


def test_evidence_that_is_not_kept_any_more_is_said_to_be(
    data: Path, server: AgentEntry, capsys: Capture
) -> None:
    """The incident is still there."""
    happened(data, report_of(server, opened_one_sided(), at_ms=AT_MS))
    project(data, later_s=200 * 24 * 3600)
    assert "too old" in run(capsys, data, "inspection", "explain", "1", expect=3)
    assert "too old" in run(capsys, data, "inspection", "explain", "--report", "1", expect=3)
    assert "backup01" in run(capsys, data, "inspection", "show", "1")


# -- overrides ---------------------------------------------------------------------------------------------------------


def test_an_override_is_made_shown_ended_and_audited(data: Path, server: AgentEntry, capsys: Capture) -> None:
    """With who decided it, and why."""
    words = ("inspection", "override", "add", "--company", "Acme", "--location", "Berlin")
    run(capsys, data, *words, "--why", "they know", "--by", "Ada", "--verdict", "inspected-untrusted")
    happened(data, report_of(server, opened_one_sided(), at_ms=AT_MS))
    [override] = found(capsys, data, "inspection", "override", "list")
    assert (override["organization"], override["location"], override["who"], override["why"]) == (
        "Acme", "Berlin", "Ada", "they know",
    )  # fmt: skip
    assert override["expires_ms"] == pytest.approx(now_ms() + 7 * 24 * 3600 * 1000, abs=60_000)
    assert "silenced by override 1" in run(capsys, data, "inspection", "list")
    run(capsys, data, "inspection", "override", "end", "1", "--by", "Bob")
    assert found(capsys, data, "inspection", "override", "list") == []
    assert len(found(capsys, data, "inspection", "override", "list", "--ended")) == 1
    project(data)
    [incident] = found(capsys, data, "inspection", "list")
    assert incident["alarm"] == "given"
    assert "has ended already" in run(capsys, data, "inspection", "override", "end", "1", expect=3)
    assert "no override 5" in run(capsys, data, "inspection", "override", "end", "5", expect=3)
    assert [(entry["who"], entry["action"]) for entry in deeds(capsys, data)] == [
        ("Bob", "override ended"),
        ("Ada", "override added"),
    ]
    assert "they know" in run(capsys, data, "inspection", "audit")


@pytest.mark.parametrize(
    ("words", "says", "expect"),
    [
        (("--why", " ", "--company", "Acme"), "--why is empty", 2),
        (("--why", "x"), "for an organization or a network", 3),
        (("--why", "x", "--location", "Berlin"), "--location needs --company", 2),
        (("--why", "x", "--company", "Acme", "--location", "Rome"), "no location 'Rome'", 3),
        (("--why", "x", "--company", "Nobody"), "no organization", 3),
        (("--why", "x", "--company", "Acme", "--days", "91"), "between 1 and 90", 2),
        (("--why", "x", "--company", "Acme", "--days", "0"), "between 1 and 90", 2),
        (("--why", "x", "--network", "here"), "is no network", 2),
        (("--why", "x", "--company", "Acme", "--verdict", "evil"), "is no verdict", 2),
    ],
)
def test_an_override_that_would_not_end_or_means_nobody_is_refused(
    words: tuple[str, ...], says: str, expect: int, data: Path, capsys: Capture
) -> None:
    """Nothing is written."""
    assert says in run(capsys, data, "inspection", "override", "add", *words, expect=expect)
    assert found(capsys, data, "inspection", "override", "list", "--ended") == []


# -- reports by mail ---------------------------------------------------------------------------------------------------


def mail(
    data: Path, tmp_path: Path, signer: Signer, *, counter: int = 7, side: AgentSide | None = None
) -> Path:
    """A file with a mail that somebody sent."""
    authority = Authority.load(data / "ca")
    seen = side or agent(**FORGED)
    sealed, _ = seal_report(seen, signer, authority.report_keys()[0].public, counter)
    file = tmp_path / "mail.txt"
    quoted = "".join(f"> {line}\n" for line in armour(sealed).splitlines())
    file.write_text(f"Hello,\n\nit says:\n{quoted}\nThanks\n", encoding="utf-8")
    return file


@pytest.fixture
def by_agent(data: Path, server: AgentEntry) -> Signer:
    """A backup server that nothing lets out."""
    return signer_of(data, server)


def signer_of(data: Path, entry: AgentEntry) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    authority = Authority.load(data / "ca")
    chain = authority.issue_agent(make_csr(key, "host"), entry.agent_uid, from_ms(now_ms()))
    return agent_signer(entry.agent_uid, "i", key_to_pem(key), chain)


def test_a_report_by_mail_takes_the_way_of_all_others(
    data: Path, by_agent: Signer, server: AgentEntry, tmp_path: Path, capsys: Capture
) -> None:
    """Through a journal into the store; it waits a minute for a session, and is then an incident."""
    body = json.loads(
        run(capsys, data, "inspection", "import", str(mail(data, tmp_path, by_agent)), "--json")
    )
    assert (body["verdict"], body["signer_uid"]) == ("inspected-untrusted", server.agent_uid)
    project(data)
    [report] = found(capsys, data, "inspection", "list", "--reports")
    assert (report["delivered_by"], report["organization_uid"]) == ("file", server.organization_uid)
    project(data, later_s=61)
    [incident] = found(capsys, data, "inspection", "list")
    assert (incident["organization"], incident["location"]) == ("Acme", "Berlin")
    with opened(data) as store:
        assert [entry.action for entry in store.audit.list() if entry.action not in SCENE] == [
            "report imported"
        ]


def test_a_report_by_mail_counts_once(data: Path, by_agent: Signer, tmp_path: Path, capsys: Capture) -> None:
    """A second import is refused, also before the projector has looked, says which one it is, and is not audited; the next report is taken."""
    file = str(mail(data, tmp_path, by_agent))
    run(capsys, data, "inspection", "import", file)
    said = run(capsys, data, "inspection", "import", file, expect=3)
    assert "imported already, and waits for the projector" in said
    assert str(Code.REPORT_REPLAYED) in said
    project(data)
    assert len(found(capsys, data, "inspection", "list", "--reports")) == 1
    said = run(capsys, data, "inspection", "import", file, expect=3)
    assert "already, as report 1" in said
    assert str(Code.REPORT_REPLAYED) in said
    assert len(deeds(capsys, data)) == 1
    run(capsys, data, "inspection", "import", str(mail(data, tmp_path, by_agent, counter=8)))
    project(data)
    assert len(found(capsys, data, "inspection", "list", "--reports")) == 2


def test_a_report_by_mail_counts_once_after_one_that_waits(
    data: Path, by_agent: Signer, server: AgentEntry, tmp_path: Path, capsys: Capture
) -> None:
    """Several lie unread, with something among them that is no record of ours: only the same signer's same number is the same report."""
    token, _ = token_of(capsys, data)
    for signer in (by_agent, token_signer(token, "i"), token_signer(token, "j")):
        run(capsys, data, "inspection", "import", str(mail(data, tmp_path, signer)))
        writer = JournalWriter(data / "journals" / JOURNAL)
        writer.append([b"no record"])
        writer.close()
    said = run(capsys, data, "inspection", "import", str(tmp_path / "mail.txt"), expect=3)
    assert "waits for the projector" in said
    assert len(deeds(capsys, data)) == 3


def token_of(capsys: Capture, data: Path) -> tuple[Token, StoredToken]:
    made = found(capsys, data, "token", "create", "--company", "Acme")
    with opened(data) as store:
        stored = store.tokens.get(made["id"])
    assert stored is not None
    return Token.parse(made["token"]), stored


def test_who_holds_a_token_may_report(data: Path, tmp_path: Path, capsys: Capture) -> None:
    """Before the server is enrolled: this is when a firewall is in the way most."""
    token, stored = token_of(capsys, data)
    file = mail(data, tmp_path, token_signer(token, "i"))
    printed = run(capsys, data, "inspection", "import", str(file))
    assert "the customer's firewall team" in printed
    project(data)
    [report] = found(capsys, data, "inspection", "list", "--reports")
    assert (report["signer_kind"], report["organization_uid"]) == ("token", stored.organization_uid)


def test_a_code_is_good_for_one_report(data: Path, tmp_path: Path, capsys: Capture) -> None:
    """By whichever way it comes."""
    code = PathCode.parse(found(capsys, data, "inspection", "code", "--for", "Acme")["code"])
    run(capsys, data, "inspection", "import", str(mail(data, tmp_path, code_signer(code))))
    file = mail(data, tmp_path, code_signer(code), counter=8)
    assert str(Code.CODE_USED) in run(capsys, data, "inspection", "import", str(file), expect=3)


def test_a_report_of_an_unknown_sender_is_refused(
    data: Path, by_agent: Signer, server: AgentEntry, tmp_path: Path, capsys: Capture
) -> None:
    """Somebody else's key, a stranger's token, an agent that was revoked: nothing is written."""
    forged = attrs.evolve(by_agent, sign=signer_of(data, server).sign)
    stranger = token_signer(
        Token.create(seed=b"s" * 32, pins=[b"p" * 32], gateways=["gateway.example:6180"]), "i"
    )
    token, stored = token_of(capsys, data)
    run(capsys, data, "token", "revoke", stored.id)
    for signer in (forged, stranger, token_signer(token, "i")):
        file = str(mail(data, tmp_path, signer))
        assert str(Code.REPORT_SIGNER_UNKNOWN) in run(capsys, data, "inspection", "import", file, expect=3)
    run(capsys, data, "agent", "revoke", server.agent_uid, "--why", "gone")
    file = str(mail(data, tmp_path, by_agent))
    assert str(Code.REPORT_SIGNER_UNKNOWN) in run(capsys, data, "inspection", "import", file, expect=3)
    assert not (data / "journals" / JOURNAL).exists()


def damaged(text: str) -> str:
    sealed = bytearray(unarmour(text))
    sealed[-1] ^= 1
    return armour(bytes(sealed))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "Hello", "no report in it"),
        (lambda text: text[: len(text) // 2], "cut short"),
        (damaged, "the seal is broken"),
        (lambda text: "x" * 600_000, "limit is"),
    ],
    ids=["none", "cut short", "changed", "long"],
)
def test_what_is_no_report_is_refused(
    change: Any, says: str, data: Path, by_agent: Signer, tmp_path: Path, capsys: Capture
) -> None:
    """And it is said what is wrong with it."""
    file = mail(data, tmp_path, by_agent)
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
    said = run(capsys, data, "inspection", "import", str(file), expect=3)
    assert says in said
    assert str(Code.REPORT_UNREADABLE) in said


def test_a_file_that_cannot_be_a_mail_is_named(data: Path, tmp_path: Path, capsys: Capture) -> None:
    """One that is not there, and somebody's disk image."""
    big = tmp_path / "big"
    big.write_bytes(b"x" * 2**21)
    assert "no mail with a report in it" in run(capsys, data, "inspection", "import", str(big), expect=3)
    said = run(capsys, data, "inspection", "import", "/nowhere/mail.txt", expect=1)
    assert "/nowhere/mail.txt: No such file" in said


def test_two_imports_take_turns(data: Path, by_agent: Signer, tmp_path: Path, capsys: Capture) -> None:
    """The journal has a lock like any other."""
    writer = JournalWriter(data / "journals" / JOURNAL)
    file = str(mail(data, tmp_path, by_agent))
    said = run(capsys, data, "inspection", "import", file, expect=2)
    writer.close()
    assert str(Code.JOURNAL_LOCKED) in said
    run(capsys, data, "inspection", "import", file)


# -- replay ------------------------------------------------------------------------------------------------------------


def test_replay_says_what_a_changed_rule_would_have_said(
    data: Path, server: AgentEntry, capsys: Capture
) -> None:
    """By the rules of today nothing changes; by others it says what, and writes nothing."""
    happened(
        data,
        report_of(server, opened_one_sided(), at_ms=AT_MS),
        report_of(server, opened_two_sided(), at_ms=AT_MS + 1),
    )
    assert found(capsys, data, "inspection", "replay") == {"judged": 2, "changes": []}
    assert found(capsys, data, "inspection", "replay", "--days", "1") == {"judged": 0, "changes": []}

    def other(evidence: Any) -> Any:
        return attrs.evolve(judge(evidence), verdict=Verdict.UNEXPLAINED)

    with mock.patch.object(replay, "judge", other):
        replayed = found(capsys, data, "inspection", "replay", "--incident", "1")
        printed = run(capsys, data, "inspection", "replay")
    assert replayed["judged"] == 2
    assert [(each["was"]["verdict"], each["is"]["verdict"]) for each in replayed["changes"]] == [
        ("inspected-untrusted", "unexplained")
    ] * 2
    assert "2 judged again, 2 would change" in printed
    assert [report["verdict"] for report in found(capsys, data, "inspection", "list", "--reports")] == [
        "inspected-untrusted"
    ] * 2
    assert "no incident 9" in run(capsys, data, "inspection", "replay", "--incident", "9", expect=3)
    assert "between 1 and 36500" in run(capsys, data, "inspection", "replay", "--days", "0", expect=2)


# -- codes, endpoints, firewalls ---------------------------------------------------------------------------------------


def test_a_code_is_printed_once_and_kept_as_a_public_key(data: Path, capsys: Capture) -> None:
    """For minutes, for one company, with who made it."""
    printed = run(
        capsys, data, "inspection", "code", "--for", "Acme", "--location", "Berlin", "--why", "on the phone"
    )
    code = PathCode.parse(printed.partition("\n")[0])
    assert code.gateways == ("gateway.example:6180",)
    assert code.report_public == Authority.load(data / "ca").report_keys()[0].public
    assert "fieldgate-agent probe gateway.example:6180 --gateway-view CODE" in printed
    with opened(data) as store:
        stored = store.codes.get(code.id)
        assert stored is not None
        assert (stored.public_key, stored.why) == (code.public_key(), "on the phone")
        assert stored.expires_ms - stored.created_ms == 15 * 60_000
        assert stored.location_uid == store.organizations.list_locations()[0].uid
        [entry] = [each for each in store.audit.list() if each.action not in SCENE]
        assert (entry.action, entry.why) == ("code made", "on the phone")
        assert code.id in entry.about


@pytest.mark.parametrize(
    ("words", "says", "expect"),
    [
        (("--for", "Nobody"), "no organization", 3),
        (("--for", "Acme", "--location", "Rome"), "no location", 3),
        (("--for", "Acme", "--minutes", "61"), "between 1 and 60", 2),
        (("--for", "Acme", "--minutes", "0"), "between 1 and 60", 2),
    ],
)
def test_a_code_for_nobody_or_for_ever_is_refused(
    words: tuple[str, ...], says: str, expect: int, data: Path, capsys: Capture
) -> None:
    """It is for minutes."""
    assert says in run(capsys, data, "inspection", "code", *words, expect=expect)


@pytest.fixture
def edges(data: Path) -> Path:
    """Two edges, one of which advertises addresses; and a port for the provider's own, which is no tenant's business."""
    (data / "edges").mkdir()
    (data / "edges" / "south.toml").write_text(
        '[fieldgate]\n[[fieldgate.listeners]]\nport = 443\nadvertise = ["203.0.113.7:443", "[2001:db8::7]:443"]\n',
        encoding="utf-8",
    )
    return data


def test_endpoints_are_listed_for_firewalls(edges: Path, capsys: Capture) -> None:
    """A line each, as external lists have them."""
    assert run(capsys, edges, "endpoints") == "gateway.example\n203.0.113.7\n2001:db8::7\n"
    assert run(capsys, edges, "endpoints", "--only", "domain") == "gateway.example\n"
    resolved = [(socket.AF_INET, 1, 6, "", ("198.51.100.9", 0))]
    with mock.patch("socket.getaddrinfo", return_value=resolved):
        assert run(capsys, edges, "endpoints", "--only", "ip") == "198.51.100.9\n2001:db8::7\n203.0.113.7\n"
    body = found(capsys, edges, "endpoints")
    assert body["version"] == 1
    assert [(each["host"], each["port"], each["kind"]) for each in body["endpoints"]] == [
        ("gateway.example", 6180, "domain"),
        ("203.0.113.7", 443, "ip"),
        ("2001:db8::7", 443, "ip"),
    ]


def test_a_name_that_cannot_be_resolved_makes_no_shorter_list(edges: Path, capsys: Capture) -> None:
    """A firewall that reads it would let the others alone, and open this one."""
    with mock.patch("socket.getaddrinfo", side_effect=socket.gaierror(-2, "Name or service not known")):
        said = run(capsys, edges, "endpoints", "--only", "ip", expect=1)
    assert "gateway.example can't be resolved here" in said


def test_a_locations_firewall_is_recorded(data: Path, capsys: Capture) -> None:
    """At onboarding or later, by a slug of the table."""
    slug = next(iter(PRODUCTS))
    run(capsys, data, "location", "add", "Bern", "--company", "Acme", "--firewall", slug)
    run(capsys, data, "location", "set", "Berlin", "--company", "Acme", "--firewall", slug)
    assert [place["firewall"] for place in found(capsys, data, "location", "list")] == [slug, slug]
    run(capsys, data, "location", "set", "Berlin", "--company", "Acme", "--firewall", "none")
    assert [place["firewall"] for place in found(capsys, data, "location", "list")] == [None, slug]
    said = run(capsys, data, "location", "add", "Rom", "--company", "Acme", "--firewall", "wall", expect=2)
    assert "'wall' is no product that we know" in said
    assert slug in said


def lazies() -> Iterator[tuple[str, str, str]]:
    """The commands of the group that are imported when they are run: name, place, and what the list says."""
    from gateway.cli.inspection import LAZY

    yield from LAZY


@pytest.mark.parametrize(("name", "place", "says"), list(lazies()), ids=lambda value: value.split(":")[0])
def test_the_list_of_the_group_says_what_each_says_of_itself(name: str, place: str, says: str) -> None:
    """As for the first level."""
    import importlib

    module, _, attribute = place.partition(":")
    thing = getattr(importlib.import_module(f"gateway.cli.{module}"), attribute)
    told = thing.help if hasattr(thing, "help") else (thing.__doc__ or "").partition("\n\n")[0]
    assert says == " ".join(told.split()), name
