"""A support bundle holds what helps, and none of what is nobody's business: seeded everywhere, and looked for in every byte."""

import json
import tarfile
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.common import open_provider
from gateway.cli.support import PARTS
from gateway.support import reduced_lines, scrubbed
from protocol import Code
from tests.helpers.stores import enroll

TOKEN = "fgt1_ALo6dU9fpGtBApQRrFa8qZ_8g_ooxm31lDO0c2W5v52fmr2rjrYTGGOY"
PASSWORD = "correct-horse-battery"
TENANT = "Müllers Geheimnis GmbH"
HOST = "backup-mueller-01"
PLACE = "Keller Hinterhof"
ADDRESS = "203.0.113.77"
ADDRESS6 = "2001:db8:77::99"
WORDS = "the boss stole it"
PEM = "-----BEGIN PRIVATE KEY-----\\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\\n-----END PRIVATE KEY-----"
SEEDED = (
    TOKEN,
    PASSWORD,
    TENANT,
    HOST,
    PLACE,
    ADDRESS,
    ADDRESS6,
    WORDS,
    "MIGHAgEAMBMGByqGSM49",
    "dXNlcjpwYXNz",
)


def parts_of(bundle: Path) -> dict[str, str]:
    with tarfile.open(bundle) as tar:
        return {
            member.name.removeprefix("fieldgate-support/"): tar.extractfile(member).read().decode()  # type: ignore[union-attr]  # members are files
            for member in tar.getmembers()
        }


@pytest.fixture
def seeded(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gateway whose every corner holds something that must not leave it; returns its logs."""
    with open_provider(data) as provider:
        store = provider.store
        company = store.organizations.add_company(TENANT, now_ms=1)
        location = store.organizations.add_location(company.uid, PLACE, now_ms=1)
        store.tokens.add(
            "t1", b"public", kind="client", organization_uid=company.uid, location_uid=location.uid,
            expires_ms=1 << 50, max_uses=9, synthetic=False, now_ms=1,
        )  # fmt: skip
        agent = enroll(store, "t1", 1, host_name=HOST)
        store.agents.revoke(agent.agent_uid, why=WORDS, code=Code.CLIENT_CERT_REVOKED, now_ms=2)
    monkeypatch.setenv("FIELDGATE_TOKEN", TOKEN)
    closes = [
        {"at_ms": 1, "code": code, "address": ADDRESS, "port": 7, "listener": "remote", "agent_uid": agent.agent_uid,
         "lasted_ms": 5, "detail": detail}
        for code, detail in (("FG-2119", f"alert unknown ca from {ADDRESS6}"), ("FG-3013", f"the certificate is for {HOST}"))
    ]  # fmt: skip

    def asked(data: Path, index: int, path: str) -> str:
        return json.dumps(closes) if path.startswith("/closes") else "fieldgate_sessions 7\n"

    monkeypatch.setattr("gateway.cli.support._asked", asked)
    logs = tmp_path / "logs"
    logs.mkdir()
    lines = [
        {"event": "session open", "level": "info", "process": "edge", "agent_uid": agent.agent_uid, "host_name": HOST,
         "address": ADDRESS, "lasted_s": 3.5},
        {"event": "session crashed", "code": "FG-2120", "exception": f'Traceback\n  File "/opt/{HOST}/gateway/edge/session.py", line 7, in run\n'
         f"    send({PASSWORD!r})\nValueError: {TENANT}\n{TENANT}: more of it"},
        {"event": f"store postgresql+psycopg://u:{PASSWORD}@db/x failed", "reason": TOKEN},
        {"event": "proxy", "header": "Basic dXNlcjpwYXNz", "why": WORDS, "nested": {"name": TENANT}},
        {"event": f"authorization: Basic dXNlcjpwYXNz and {TOKEN} and {ADDRESS}, {ADDRESS6}"},
        {"event": PEM.replace("\\n", "\n"), TENANT: 1},
        [TENANT], TENANT,
    ]  # fmt: skip
    (logs / "edge.log").write_text(
        "\n".join(
            [f"<6>{json.dumps(lines[0])}", *map(json.dumps, lines[1:]), f"plain words of {TENANT} {PEM}"]
        ),
        encoding="utf-8",
    )
    return logs


def test_no_secret_and_no_tenant_is_in_it(data: Path, tmp_path: Path, seeded: Path) -> None:
    """Not in one byte of one part; and what helps is."""
    bundle = tmp_path / "bundle.tar.gz"
    assert main(["support-bundle", str(bundle), "--logs", str(seeded), "--data", str(data)]) == 0
    assert bundle.stat().st_mode & 0o777 == 0o600
    parts = parts_of(bundle)
    assert parts.keys() == {"README.txt", *PARTS}
    everything = "".join(f"{name}\n{text}" for name, text in parts.items())
    for secret in SEEDED:
        assert secret not in everything
        assert json.dumps(secret).strip('"') not in everything
    for key in (data / "ca").glob("*.key"):
        for line in key.read_text().splitlines()[1:-1]:
            assert line not in everything
    assert "could not be made" not in everything

    status = json.loads(parts["status.json"])
    assert (status["agents"], status["companies"], status["standing"]) == (1, 1, {"revoked": 1})
    assert json.loads(parts["store.json"])["rows"]["agents"] == 1
    ends = json.loads(parts["closes.json"])
    assert [end["code"] for end in ends] == ["FG-2119", "FG-3013"]
    assert ends[0]["detail"] == "alert unknown ca from [address]"
    assert "detail" not in ends[1]
    assert parts["metrics-edge.txt"] == "fieldgate_sessions 7\n\n"
    log = [json.loads(line) for line in parts["logs.jsonl"].splitlines()]
    assert log[0] == {"file": "edge.log"}
    assert (log[1]["event"], log[1]["lasted_s"], log[1]["host_name"]) == ("session open", 3.5, "[removed]")
    assert log[2]["exception"] == ['File "gateway/edge/session.py", line 7, in run', "ValueError"]
    assert log[-1] == {"lines_left_out": 3}
    assert json.loads(parts["settings.json"])["limits"]["connections"] == 15000
    assert {check["what"] for check in json.loads(parts["doctor.json"])} >= {"settings", "disk", "clock"}


def test_a_password_of_the_store_stays_here(data: Path, tmp_path: Path) -> None:
    """Whether the store answers or not, and wherever in its URL it stands; in settings that can't be read, too."""
    settings = data / "fieldgate.toml"
    good = settings.read_text()
    for number, line in enumerate(
        (
            f'store = "postgresql+psycopg://u:{PASSWORD}@127.0.0.1:1/x"',
            f'store = "postgresql+psycopg://u@127.0.0.1:1/x?password={PASSWORD}"',
            f'storage = "postgresql+psycopg://u:{PASSWORD}@127.0.0.1:1/x"',
            f'limits = "postgresql+psycopg://u:{PASSWORD}@127.0.0.1:1/x"',
            f'heartbeat_s = "postgresql+psycopg://u:{PASSWORD}@127.0.0.1:1/x"',
        )
    ):
        settings.write_text(good + line + "\n")
        bundle = tmp_path / f"{number}.tar.gz"
        assert main(["support-bundle", str(bundle), "--data", str(data)]) == 0
        parts = parts_of(bundle)
        assert PASSWORD not in "".join(parts.values())
        assert "could not be made" in parts["store.json"]


def test_the_last_look_withholds_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Should a part ever quote a key without its frame, nothing is written, and the part is named; it can be left out."""
    key = next((data / "ca").glob("agent-issuer-*.key")).read_text().splitlines()[1]
    monkeypatch.setitem(PARTS, "about.json", lambda *_: {"oops": key})
    bundle = tmp_path / "bundle.tar.gz"
    assert main(["support-bundle", str(bundle), "--data", str(data)]) == 4
    said = capsys.readouterr().err
    assert "about.json" in said
    assert "FG-1030" in said
    assert not bundle.exists()
    assert main(["support-bundle", str(bundle), "--without", "about.json", "--data", str(data)]) == 0
    assert "about.json" not in parts_of(bundle)


def test_a_broken_gateway_has_a_bundle(data: Path, tmp_path: Path) -> None:
    """Each part says what kept it from being made."""
    (data / "store.sqlite").unlink()
    bundle = tmp_path / "bundle.tar.gz"
    assert main(["support-bundle", str(bundle), "--data", str(data)]) == 0
    parts = parts_of(bundle)
    assert "no store at" in parts["store.json"]
    assert "URLError" in parts["closes.json"]
    assert json.loads(parts["about.json"])["schema"]


def test_what_is_there_is_not_overwritten(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a part that is none is told from those that are."""
    (tmp_path / "precious").touch()
    assert main(["support-bundle", str(tmp_path / "precious"), "--data", str(data)]) == 2
    assert main(["support-bundle", str(tmp_path / "new"), "--without", "closes", "--data", str(data)]) == 2
    assert "closes.json" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("10:15:30 at 127.0.0.1:9180 and ::1", "10:15:30 at 127.0.0.1:9180 and ::1"),
        ("version 1.2.3 of 4.5", "version 1.2.3 of 4.5"),
        ("to 198.51.100.7:6180", "to [address]:6180"),
        ("from [2001:db8::1]:6180", "from [[address]]:6180"),
        ("fe80::1%eth0 came", "[address] came"),
        ("password = hunter2, next", "password = [removed], next"),
        ("https://u:p@h/ and http://h/x", "https://[removed]@h/ and http://h/x"),
        ("-----BEGIN X-----\nabc", "[removed: PEM]"),
        ("a token was revoked", "a token was revoked"),
    ],
)  # fmt: skip
def test_what_a_sieve_keeps(text: str, kept: str) -> None:
    """Times, versions and loopback are nobody's secret."""
    assert scrubbed(text) == kept


def test_a_single_log_file_will_do(tmp_path: Path) -> None:
    """As journalctl writes one."""
    (tmp_path / "out").write_text('{"event": "edge ready", "agents": 3}\n')
    assert [json.loads(line) for line in reduced_lines(tmp_path / "out")] == [
        {"file": "out"}, {"event": "edge ready", "agents": 3},
    ]  # fmt: skip
