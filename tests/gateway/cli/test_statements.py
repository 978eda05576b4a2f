"""Months at the command line: closed, written, verified; and the chain that they rest on."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from certs import chain_to_pem
from certs.authority import Authority
from gateway.billing import Period
from gateway.bookkeeping import zone_of
from gateway.cli import main
from gateway.cli.common import now_ms
from gateway.config import load_config
from gateway.store import AgentEntry, Store
from gateway.store.billing.schema import usage_reports
from protocol import UsageSubject
from tests.helpers.stores import enroll, opened
from tests.helpers.usage import DAY_MS, HOUR_MS, listing, take

VM = UsageSubject.VM


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    with opened(data) as store:
        yield store


@pytest.fixture
def last(data: Path) -> Period:
    """The month before this one."""
    return Period.containing(now_ms(), zone_of(load_config(data))).before()


@pytest.fixture
def agent(store: Store, last: Period) -> AgentEntry:
    """A company's agent that has listed two machines in each of the last two months."""
    company = store.organizations.add_company("Bäckerei Ölund", now_ms=1)
    store.tokens.add(
        "client", b"public", kind="client", organization_uid=company.uid, location_uid=None,
        expires_ms=1 << 50, max_uses=9, synthetic=False, now_ms=1,
    )  # fmt: skip
    made = enroll(store, now_ms=last.before().from_ms)
    with store.projection() as p:
        for n, period in enumerate((last.before(), last), 1):
            rows = listing(made.agent_uid, {(VM, "a"): HOUR_MS, (VM, "b"): HOUR_MS}, 10 * DAY_MS)
            take(p, made, n, period.from_ms + DAY_MS, rows)
    return made


def run(data: Path, *words: str) -> int:
    return main(["usage", *words, "--data", str(data)])


def said(data: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert run(data, *words, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_months_are_closed_written_and_verified(
    data: Path, agent: AgentEntry, last: Period, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nothing but the root certificate, as a customer has it."""
    made = said(data, capsys, "close")
    assert [each["month"] for each in made] == [last.before().month, last.month]
    assert made[0]["state"] == "final"
    assert [each["month"] for each in said(data, capsys, "statements")] == [last.month, last.before().month]

    file, root = tmp_path / "usage.json", tmp_path / "root.pem"
    assert run(data, "report", "--month", last.before().month or "", "--output", str(file)) == 0
    root.write_bytes(chain_to_pem([Authority.load(data / "ca").state.roots[0].holding.certificate]))
    capsys.readouterr()
    assert main(["usage", "verify", str(file), "--root", str(root)]) == 0
    assert "valid" in capsys.readouterr().out
    [verdict] = said(data, capsys, "verify", str(file))
    assert (verdict["valid"], verdict["standing"], verdict["companies"]) == (True, "final", 1)

    file.write_bytes(file.read_bytes().replace(b'"usedCount":2', b'"usedCount":1'))
    assert run(data, "verify", str(file)) == 4
    assert "NOT valid: the signature is not over this statement" in capsys.readouterr().out
    assert run(data, "verify", str(file), "--json") == 4
    assert json.loads(capsys.readouterr().out)[0]["valid"] is False


def test_every_form_of_every_period(
    data: Path, agent: AgentEntry, last: Period, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A month that nobody closed, any interval; JSON to a pipe, CSV and PDF into files."""
    first = datetime.fromtimestamp(last.from_ms / 1000, UTC).date()
    interval = ["--from", str(first), "--until", str(first.replace(day=15))]
    for period in ([], interval):
        for form, begins in (("csv", b"\xef\xbb\xbfSection"), ("pdf", b"%PDF-"), ("json", b'{"chain":')):
            file = tmp_path / f"usage.{form}"
            assert run(data, "report", *period, "--format", form, "--output", str(file)) == 0
            assert file.read_bytes().startswith(begins)
    capsys.readouterr()
    assert run(data, "report", *interval) == 0
    document = json.loads(capsys.readouterr().out)
    [line] = document["statement"]["companies"][0]["workloads"]
    assert (line["rentalCount"], document["statement"]["standing"]) == (2, "interim")


def test_a_month_in_review_can_be_made_final(
    data: Path, agent: AgentEntry, last: Period, capsys: pytest.CaptureFixture[str]
) -> None:
    """As of its first day after it is in review; by hand it is final then."""
    day = str(datetime.fromtimestamp(last.to_ms / 1000, UTC).date())
    assert [each["state"] for each in said(data, capsys, "close", "--as-of", day)] == ["final", "review"]
    assert said(data, capsys, "close", "--as-of", day) == []
    assert run(data, "report") == 0
    assert json.loads(capsys.readouterr().out)["statement"]["standing"] == "in review"
    month = last.month or ""
    [made] = said(data, capsys, "close", "--as-of", day, "--month", month, "--now")
    assert (made["state"], made["number"]) == ("final", 0)
    assert said(data, capsys, "close", "--month", month) == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["close", "--as-of", "2999-01-01"], 2, "lies in the future"),
        (["close", "--as-of", "yesterday"], 2, "is no day"),
        (["close", "--now"], 2, "name it with --month"),
        (["close", "--month", "2999-01"], 3, "is not over"),
        (["report", "--month", "October"], 2, "is no month"),
        (["report", "--from", "2026-10-15"], 2, "both --from and --until"),
        (
            ["report", "--from", "2026-10-15", "--until", "2026-10-16", "--month", "2026-10"],
            2,
            "about months that were closed",
        ),
        (["report", "--month", "2099-10"], 2, "2099-10 has not begun"),
        (["report", "--from", "2099-10-15", "--until", "2099-10-16"], 2, "2099-10-15 has not begun"),
        (["close", "--month", "1999-01"], 3, "until the end of 1999-01"),
        (["report", "--from", "2026-10-15", "--until", "2026-10-15"], 2, "ends before"),
        (["report", "--month", "2026-01", "--number", "1"], 3, "has no statement 1"),
        (["verify", "/nowhere/usage.json"], 3, "can't read"),
    ],
)
def test_what_cannot_be_done_is_said(
    data: Path, words: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a line."""
    assert run(data, *words) == code
    assert says in capsys.readouterr().err


def test_a_damaged_report_is_found_and_named(
    data: Path, store: Store, agent: AgentEntry, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the audit; who wants a statement of it is told to ask the audit."""
    assert run(data, "audit") == 0
    assert "2 reports of 1 agents, 0 of them erased" in capsys.readouterr().out
    with store._db.write() as connection:
        connection.execute(sa.update(usage_reports).where(usage_reports.c.n == 2).values(payload=b"x"))
    assert run(data, "audit") == 4
    assert f"BROKEN: backup0000 ({agent.agent_uid}), link 2 of" in capsys.readouterr().out
    assert run(data, "audit", "--agent", agent.agent_uid, "--json") == 4
    [walked] = json.loads(capsys.readouterr().out)
    assert walked["broken"]["n"] == 2
    assert run(data, "report") == 2
    assert "fieldgate usage audit" in capsys.readouterr().err


def test_what_is_used_now(
    data: Path, store: Store, agent: AgentEntry, capsys: pytest.CaptureFixture[str]
) -> None:
    """By company and type; what is old says so."""
    [row] = said(data, capsys, "licences")
    assert (row["company"], row["type"], row["rental"], row["new"], row["used"]) == (
        "Bäckerei Ölund",
        "VMs",
        2,
        0,
        2,
    )
    assert row["note"] == "old"
    assert said(data, capsys, "licences", "mailboxes") == []
    assert said(data, capsys, "licences", "--company", "Bäckerei Ölund") == [row]
    assert said(data, capsys, "cloud") == []
