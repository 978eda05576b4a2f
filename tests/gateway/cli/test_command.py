"""`fieldgate command`: what an operator asks of an agent, and how a script learns what became of it."""

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from gateway.cli import command, main
from gateway.cli.common import now_ms
from gateway.store import Delivery, Progress, Store, listen
from gateway.store.schema import jobs
from protocol import Code, Outcome, commands
from tests.gateway.cli.test_people import Capture, enroll, found, run
from tests.helpers.stores import opened


@pytest.fixture
def agent_uid(data: Path, capsys: Capture) -> str:
    """An agent of the company Acme, which is not connected."""
    run(capsys, data, "company", "add", "Acme")
    token = found(capsys, data, "token", "create", "--company", "Acme")
    return enroll(data, token["id"], "backup01").agent_uid


def send(capsys: Capture, data: Path, *words: str) -> Any:
    return found(capsys, data, "command", "send", *words)


def end(store: Store, uid: str, agent_uid: str, outcome: Outcome, code: int = 0, message: str = "") -> None:
    """What edge and projector do when an agent has answered."""
    store.commands.claim(
        [Delivery(command_uid=uid, agent_uid=agent_uid, fence=0)], edge_uid="e", now_ms=now_ms()
    )
    with store.projection() as p:
        p.commands.finish(uid, agent_uid, outcome=outcome, code=code, message=message, now_ms=now_ms())


def test_the_kinds_are_the_protocols() -> None:
    """Whatever an agent can be asked, an operator can ask, and is told of it in the help; of backups
    with `fieldgate restore`, and of licences with `fieldgate licence`."""
    assert [kind.value for kind in command.Kind] == [
        kind for kind in commands.KINDS if kind not in commands.ABOUT_BACKUPS | commands.ABOUT_LICENCES
    ]
    help_ = command.command_send.__doc__ or ""
    for kind, cls in ((kind.value, commands.KINDS[kind.value]) for kind in command.Kind):
        assert kind in help_
        for field in attrs.fields(cls):
            assert f"--{command.OPTIONS[field.name]}" in help_


@pytest.mark.parametrize(
    ("words", "payload"),
    [
        (("collect-now",), {"mode": "quick"}),
        (("collect-now", "--mode", "full"), {"mode": "full"}),
        (("set-interval", "--seconds", "60"), {"inventory_s": 60}),
        (("renew-certificate",), {}),
        (("start-job", "--job", "j1"), {"job_uid": "j1"}),
        (("stop-job", "--job", "j1"), {"job_uid": "j1"}),
        (("enable-job", "--job", "j1"), {"job_uid": "j1"}),
        (("disable-job", "--job", "j1"), {"job_uid": "j1"}),
        (("collect-logs", "--hours", "2", "--max-bytes", "5000"), {"max_bytes": 5000, "hours": 2}),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else "",
)
def test_each_kind_is_sent_with_what_it_takes(
    words: tuple[str, ...], payload: dict[str, Any], data: Path, capsys: Capture, agent_uid: str
) -> None:
    """It is queued for the agent with that payload, by whoever ran the command."""
    sent = send(capsys, data, "backup01", *words, "--by", "ada")
    assert (sent["agent_uid"], sent["kind"], sent["state"]) == (agent_uid, words[0], "queued")
    assert (sent["payload"], sent["created_by"]) == (payload, "ada")
    assert found(capsys, data, "command", "show", sent["uid"]) == sent
    assert found(capsys, data, "command", "list") == [sent]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("collect-now", "--job", "j"), "collect-now takes no --job"),
        (("start-job",), "start-job needs --job"),
        (("start-job", "--job", ""), "job_uid: text of 0 characters"),
        (("set-interval", "--seconds", "5"), "5 is outside 10..86400"),
        (("collect-logs", "--hours", "0"), "0 is outside"),
        (("renew-certificate", "--ttl", "soon"), "say 90s, 15m, 1h or 7d"),
        (("renew-certificate", "--ttl", "0s"), "say 90s, 15m, 1h or 7d"),
        (("renew-certificate", "--ttl", "31d"), "--ttl '31d': 30d is the longest"),
        (("format-disk",), ""),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else "",
)
def test_what_makes_no_sense_is_not_sent(
    words: tuple[str, ...], says: str, data: Path, capsys: Capture, agent_uid: str
) -> None:
    """Usage, before anything is written; the message names the option or the bound."""
    error = run(capsys, data, "command", "send", agent_uid, *words, expect=2)
    assert says in error
    assert found(capsys, data, "command", "list") == []


def test_a_time_to_live_is_bounded(data: Path, capsys: Capture, agent_uid: str) -> None:
    """It becomes the moment by which the agent must have begun."""
    sent = send(capsys, data, agent_uid, "renew-certificate", "--ttl", "15m")
    assert sent["not_after_ms"] - sent["created_ms"] == 15 * 60_000
    longest = send(capsys, data, agent_uid, "renew-certificate", "--ttl", "30d")
    assert longest["not_after_ms"] - longest["created_ms"] == 30 * 24 * 3600_000


@pytest.mark.parametrize(
    "by", ["", "  ", "ada\nbob", "a" * 200], ids=["empty", "blank", "two lines", "too long"]
)
def test_nobody_asks_in_nobodys_name(
    by: str, data: Path, capsys: Capture, agent_uid: str, tmp_path: Path
) -> None:
    """An empty --by is a script's forgotten variable: it is neither believed nor passed over, before anything is written."""
    uid = send(capsys, data, agent_uid, "renew-certificate")["uid"]
    for words in (
        ("command", "send", agent_uid, "renew-certificate"),
        ("command", "cancel", uid),
        ("command", "fetch", uid, "--to", str(tmp_path / "file")),
        ("inspection", "override", "add", "--why", "planned"),
        ("inspection", "override", "end", "1"),
    ):
        assert "--by: " in run(capsys, data, *words, "--by", by, expect=2)
    [command] = found(capsys, data, "command", "list")
    assert command["state"] == "queued"
    assert found(capsys, data, "inspection", "override", "list") == []


def test_agents_are_found_by_their_names(data: Path, capsys: Capture, agent_uid: str) -> None:
    """If one has it; of two with one name the uid tells them apart."""
    assert "fieldgate agent list" in run(
        capsys, data, "command", "send", "nobody", "renew-certificate", expect=3
    )
    token = found(capsys, data, "token", "create", "--company", "Acme")
    other = enroll(data, token["id"], "backup02").agent_uid
    assert send(capsys, data, "backup02", "renew-certificate")["agent_uid"] == other
    with opened(data) as store, store._db.write() as connection:
        connection.execute(sa.text("UPDATE agents SET host_name = 'backup01'"))
    error = run(capsys, data, "command", "send", "backup01", "renew-certificate", expect=3)
    assert agent_uid in error
    assert other in error
    assert len(found(capsys, data, "command", "list", "--agent", other)) == 1


def test_jobs_are_found_by_their_names(data: Path, capsys: Capture, agent_uid: str) -> None:
    """As the agent's inventory has them; what it has not is refused with what it has."""
    with opened(data) as store, store._db.write() as connection:
        row = {"agent_id": 1, "server_uid": "", "kind": "", "schedule": "", "repository_uid": "", "enabled": True,
               "last_status": 0, "last_run_ms": 0, "next_run_ms": 0, "revision": 1}  # fmt: skip
        names = {"j1": "Nightly", "j2": "Weekly", "j3": "Weekly"}
        connection.execute(sa.insert(jobs), [row | {"uid": uid, "name": name} for uid, name in names.items()])
    for said in ("Nightly", "j1"):
        assert send(capsys, data, agent_uid, "start-job", "--job", said)["payload"] == {"job_uid": "j1"}
    error = run(capsys, data, "command", "send", agent_uid, "start-job", "--job", "nightly", expect=3)
    assert "Nightly (j1)" in error
    assert "2 jobs named 'Weekly'" in run(
        capsys, data, "command", "send", agent_uid, "stop-job", "--job", "Weekly", expect=3
    )


def test_a_person_is_told_what_happens_next(data: Path, capsys: Capture, agent_uid: str) -> None:
    """An agent that is not there hears of it later, and the edges are rung at once."""
    with listen(data / "run", "edge") as bell:
        said = run(capsys, data, "command", "send", agent_uid, "renew-certificate", "--ttl", "7d")
        assert bell.recv(1) == b""
        uid = said.partition(":")[0]
        assert "queued for backup01, which is unknown: it is told when it returns within 7d" in said
        assert "cancelled" in run(capsys, data, "command", "cancel", uid, "--by", "bob")
        assert bell.recv(1) == b""
    shown = run(capsys, data, "command", "show", uid)
    assert "cancelled_by         bob" in shown
    assert "FG-5006" in shown
    assert "backup01" in run(capsys, data, "command", "list", "--state", "cancelled")
    assert "no command fits" in run(capsys, data, "command", "list", "--state", "queued")
    assert "has ended already" in run(capsys, data, "command", "cancel", uid, expect=3)


def test_what_was_delivered_is_the_agents_to_end(data: Path, capsys: Capture, agent_uid: str) -> None:
    """Cancelling says so, and `show` says what came of it."""
    sent = send(capsys, data, agent_uid, "renew-certificate")
    with opened(data) as store:
        store.commands.claim(
            [Delivery(command_uid=sent["uid"], agent_uid=agent_uid, fence=0)], edge_uid="e", now_ms=now_ms()
        )
    assert "told to stop" in run(capsys, data, "command", "cancel", sent["uid"])
    assert found(capsys, data, "command", "show", sent["uid"])["state"] == "delivered"


@pytest.mark.parametrize(
    ("outcome", "code", "shown"),
    [
        (Outcome.SUCCEEDED, 0, None),
        (Outcome.FAILED, -7, -7),
        (Outcome.FAILED, 2107, 2107),
        (Outcome.FAILED, Code.COMMAND_INVALID, "FG-5002"),
        (Outcome.FAILED, Code.OUTBOX_FULL, "FG-4007"),
        (Outcome.REFUSED, Code.COMMAND_NOT_ALLOWED, "FG-5003"),
        (Outcome.INTERRUPTED, Code.COMMAND_INTERRUPTED, "FG-5005"),
    ],
)
def test_a_products_number_is_no_code_of_ours(
    outcome: Outcome, code: int, shown: object, data: Path, capsys: Capture, agent_uid: str
) -> None:
    """Ours are explained; a backup product's are shown as they are, whatever they happen to equal."""
    sent = send(capsys, data, agent_uid, "renew-certificate")
    with opened(data) as store:
        end(store, sent["uid"], agent_uid, outcome, code, "so it is")
    record = found(capsys, data, "command", "show", sent["uid"])
    assert (record["code"], record["outcome"]) == (shown, outcome.name.lower())


@pytest.mark.parametrize(
    ("outcome", "code", "exit_code"),
    [(Outcome.SUCCEEDED, 0, 0), (Outcome.FAILED, 12, 1), (Outcome.UNSUPPORTED, Code.COMMAND_UNSUPPORTED, 1)],
    ids=["succeeded", "failed", "unsupported"],
)
@pytest.mark.parametrize("as_json", [False, True], ids=["for a person", "for a script"])
def test_waiting_for_the_end(
    outcome: Outcome, code: int, exit_code: int, as_json: bool, data: Path, capsys: Capture, agent_uid: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """--wait says how far it is, and its exit code how it ended; a script gets one object, at the end."""
    steps = iter(range(10))

    def pass_time(_: float) -> None:
        """What happens elsewhere while the command sleeps."""
        with opened(data) as store:
            [view] = store.commands.list()
            uid = view.command.uid
            match next(steps):
                case 0:
                    delivery = Delivery(command_uid=uid, agent_uid=agent_uid, fence=0)
                    store.commands.claim([delivery], edge_uid="e", now_ms=now_ms())
                case 1:
                    said = Progress(
                        command_uid=uid, agent_uid=agent_uid, fence=view.command.fence, percent=40, message="reading"
                    )  # fmt: skip
                    store.commands.progress([said], now_ms=now_ms())
                case 2:
                    end(store, uid, agent_uid, outcome, code, "that was it")

    monkeypatch.setattr(command, "sleep", pass_time)
    words = ["command", "send", agent_uid, "renew-certificate", "--wait", "--data", str(data)]
    capsys.readouterr()
    assert main([*words, "--json"] if as_json else words) == exit_code
    said = capsys.readouterr()
    if as_json:
        assert json.loads(said.out)["outcome"] == outcome.name.lower()
    else:
        assert [line.strip() for line in said.out.splitlines()[1:3]] == ["delivered", "running 40 % reading"]
    if exit_code:
        assert "that was it" in said.err
        assert ("FG-5001" in said.err) is (outcome is Outcome.UNSUPPORTED)
        assert ("(12)" in said.err) is (outcome is Outcome.FAILED)


def test_waiting_ends_where_nobody_ends_the_command(
    data: Path, capsys: Capture, agent_uid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a projector nothing expires: a script is told, and does not hang."""
    real, later = now_ms, iter(range(10**9))
    monkeypatch.setattr(command, "sleep", lambda _: None)
    monkeypatch.setattr(command, "now_ms", lambda: real() + 1000 * next(later))
    error = run(
        capsys, data, "command", "send", agent_uid, "renew-certificate", "--ttl", "5s", "--wait", expect=1
    )
    assert "does the projector run?" in error


def test_who_may_not_be_asked(data: Path, capsys: Capture, agent_uid: str) -> None:
    """An agent that is not verified is given nothing."""
    run(capsys, data, "agent", "reject", agent_uid)
    error = run(capsys, data, "command", "send", agent_uid, "renew-certificate", expect=3)
    assert "only a verified one is given commands" in error
