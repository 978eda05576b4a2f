"""After a company has left, every table of the store is looked through for its name, its people and its machines."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.access import Role, create_key
from gateway.cli.common import now_ms
from gateway.store import KEPT, KEPT_OF_COMPANY
from gateway.store.onboarding.departures import ERASED
from gateway.store.onboarding.erasing import ERASED_OF_COMPANY
from gateway.store.schema import metadata
from protocol import UsageSubject
from tests.gateway.cli.test_companies import found, run
from tests.helpers.rows import SECRET, fill, row_of
from tests.helpers.stores import enroll, opened
from tests.helpers.usage import listing, take

Capture = pytest.CaptureFixture[str]


def test_every_table_of_companies_is_erased_or_has_a_reason_to_stay() -> None:
    """A new table is not forgotten."""
    of_companies = {
        name
        for name, table in metadata.tables.items()
        if {"organization_uid", "company_uid"} & set(table.c.keys())
    }
    assert of_companies <= ERASED_OF_COMPANY | KEPT_OF_COMPANY.keys()
    assert not ERASED_OF_COMPANY & KEPT_OF_COMPANY.keys()
    assert all((KEPT | KEPT_OF_COMPANY).values())


@pytest.fixture
def company(data: Path, capsys: Capture) -> str:
    """A company of which everything says the secret."""
    words = ("--contact-name", SECRET, "--contact-mail", f"{SECRET}@example.com", "--external-id", "K-17")
    uid = str(found(capsys, data, "company", "add", "Acme", *words)[0]["uid"])
    run(capsys, data, "location", "add", SECRET, "--company", "Acme")
    token = found(
        capsys, data, "token", "create", "--company", "Acme", "--consent-by", SECRET, "--consent", SECRET
    )["id"]
    with opened(data) as store:
        agent = enroll(store, token, 1, now_ms=now_ms(), host_name=SECRET, installation_uid=SECRET)
        with store.projection() as p:
            rows = listing(agent.agent_uid, {(UsageSubject.VM, SECRET): 5}, 10**6)
            take(p, agent, 1, 1000, rows)
        user = store.users.add(
            name=SECRET, name_key=SECRET, role=Role.COMPANY_OWNER.value, organization_uid=uid, read_only=False, password="x",
            issuer=None, subject=None, by="ann", now_ms=1,
        )  # fmt: skip
        create_key(
            store,
            name=SECRET,
            role=Role.COMPANY_OWNER,
            organization_uid=uid,
            by=f"user {SECRET}",
            now_ms=now_ms(),
        )
        known = {
            "organization_uid": uid, "agent_uid": agent.agent_uid, "agent_id": agent.agent_id, "user_uid": user.uid, "code": 0,
        }  # fmt: skip
        with store._db.write() as connection:
            fill(connection, ERASED | ERASED_OF_COMPANY, known)
            done = row_of(metadata.tables["actions"], known | {"state": "succeeded"})
            connection.execute(sa.insert(metadata.tables["actions"]).values(done))
            entry = row_of(
                metadata.tables["audit"],
                {"organization_uid": uid, "who": f"user {SECRET}", "action": "user added"},
            )
            connection.execute(sa.insert(metadata.tables["audit"]).values(entry))
    return uid


def saying(data: Path, *words: str) -> dict[str, list[str]]:
    """The tables that say one of the words, with the rows."""
    found: dict[str, list[str]] = {}
    with opened(data) as store, store._db.read() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                text = repr(row)
                if any(word in text for word in words):
                    found.setdefault(table.name, []).append(text)
    return found


def test_nothing_that_says_who_it_was_stays(
    data: Path, capsys: Capture, tmp_path: Path, company: str
) -> None:
    """But for what the receipt says is kept."""
    before = saying(data, SECRET)
    without_words = {"inventories", "parking", "resyncs"}
    assert before.keys() >= (ERASED | ERASED_OF_COMPANY) - without_words  # numbers alone
    run(capsys, data, "company", "leave", "Acme", "--yes", "--why", "sold", "--to", str(tmp_path))
    after = saying(data, SECRET)
    assert after.keys() <= {"departures"}, {name: rows[0][:500] for name, rows in after.items()}
    with_its_uid = saying(data, company).keys()
    assert with_its_uid <= KEPT_OF_COMPANY.keys() | {"changes"}
