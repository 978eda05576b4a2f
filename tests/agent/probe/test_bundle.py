"""A support bundle says everything about the path, and nothing that would let its reader in."""

import base64
import io
import json
import secrets
import zipfile
from pathlib import Path

import pytest

from agent.inspection.keep import Cut, Keep, Kept, Opinion
from agent.probe.asker import agent_asker
from agent.probe.bundle import bundle
from agent.probe.examine import examine
from agent.proxies import Proxies
from agent.state import StateFolder, enrollment_key
from certs import PathCode, ReportKey
from certs.inspection import report_from_document
from tests.agent.inspection.desk import proven
from tests.agent.inspection.peers import listening, proxy
from tests.agent.rig import make_keeper
from tests.helpers.gateway import Gateway

PASSWORD = "hunter2-not-for-the-mail"  # a proxy's
REFUSAL = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"

CODE = PathCode.create(
    seed=secrets.token_bytes(32), pins=(bytes(32),), gateways=("127.0.0.1:1",), report_key=bytes(64)
)


def make_agent(folder: Path) -> list[bytes]:
    """An agent with everything that a folder may hold; its secrets, as they are written there."""
    key = enrollment_key(folder)
    made = make_keeper(Gateway.make())
    keeper = StateFolder.create(folder, made.identity, made.credential)
    keeper.await_proof(made.credential)
    nonce, answer_key, sealed = (secrets.token_bytes(32) for _ in range(3))
    keeper.remember(nonce)
    (folder / "enrollment.key").write_bytes(key)
    (folder / "status.json").write_text(
        json.dumps({"state": "waiting", "path_verdict": "proxy-auth", "unheard_of": PASSWORD}),
        encoding="utf-8",
    )
    keep = Keep(folder)
    keep.cut(Cut(at_ms=1, lasted_s=300.0, idle_s=0.0, close_notify=False))
    keep.add(
        Kept(
            counter=1, at_ms=1, sealed=sealed, answer_key=answer_key, public=bytes(64), verdict="proxy-auth",
            address="gateway.example:6180",
        )
    )  # fmt: skip
    opinion = proven(
        Opinion(
            code=3014, verdict="proxy-auth", found="proxy-auth", confidence=0.9, blame="The proxy wants a login.",
            reason="", address="gateway.example:6180", since_ms=1, last_ms=2,
        ),
        ReportKey.generate(),
    )  # fmt: skip
    keep.think(opinion)
    pems = [line for pem in (made.credential.key_pem, key) for line in pem.splitlines()[1:-1]]
    return [*pems, *(form for raw in (nonce, answer_key, sealed, opinion.signed) for form in forms(raw))]


def forms(raw: bytes) -> list[bytes]:
    """How bytes are written."""
    plain = base64.b64encode(raw)
    return [raw, raw.hex().encode(), plain, plain.rstrip(b"="), base64.urlsafe_b64encode(raw).rstrip(b"=")]


async def test_there_is_no_secret_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of the agent's, nor of the token and code that somebody pasted, nor the proxies' logins."""
    token = Gateway.make().token("127.0.0.1:1")
    found = [*make_agent(tmp_path), PASSWORD.encode(), *forms(f"backup:{PASSWORD}".encode())]
    found += [pasted.encode().encode() for pasted in (token, CODE)]
    found += [form for pasted in (token, CODE) for form in forms(pasted.seed)]
    asker = agent_asker(tmp_path)
    async with listening(proxy(REFUSAL)) as middle:
        url = f"http://backup:{PASSWORD}@{middle}"
        environ = {
            "HTTPS_PROXY": f"socks5://backup:{PASSWORD}@127.0.0.1:1",
            "FIELDGATE_TOKEN": token.encode(),
            "FIELDGATE_AGENT_PROXY": url,
        }
        proxies = Proxies.settle(url, tmp_path, environ)
        examined = await examine("gateway.example:6180", asker, proxies)
        packed = bundle(examined, asker, proxies, state=tmp_path, environ=environ)
        ignored = Proxies.settle(None, tmp_path, environ)
        other = bundle(examined, asker, ignored, state=tmp_path, environ=environ)
    for archive in (packed, other):
        contents = _members(archive)
        for secret in found:
            assert all(secret not in data for data in contents.values()), secret
            assert secret not in archive
    assert b"PRIVATE KEY" not in b"".join(contents.values())


async def test_it_has_all_there_is_to_see(tmp_path: Path) -> None:
    make_agent(tmp_path)
    asker = agent_asker(tmp_path)
    async with listening(proxy(REFUSAL)) as middle:
        proxies = Proxies.settle(f"http://backup:{PASSWORD}@{middle}", tmp_path, {})
        examined = await examine("gateway.example:6180", asker, proxies)
        files = _members(bundle(examined, asker, proxies, state=tmp_path, environ={"NO_PROXY": "x"}))
    report = report_from_document(json.loads(files["report.json"]))
    assert report.finding == examined.finding
    assert report.meta.exit_code == 11
    for name in ("report.txt", "report.html"):
        assert middle.encode() in files[name]
    assert b"!! proxy" in files["steps.txt"]
    environment = json.loads(files["environment.json"])
    assert environment["proxy_of_the_agent"] == f"http://{middle}"
    assert environment["variables_set"] == ["NO_PROXY"]
    assert environment["openssl"].startswith("OpenSSL ")
    agent = json.loads(files["agent.json"])
    assert agent["status"] == {"state": "waiting", "path_verdict": "proxy-auth"}
    assert agent["opinion"]["blame"] == "The proxy wants a login."
    assert (len(agent["sessions_cut"]), agent["reports_waiting"]) == (1, 1)
    listed = files["README.txt"].decode()
    assert [name for name in files if name != "README.txt" and name not in listed] == []


async def test_a_damaged_status_is_left_out(tmp_path: Path) -> None:
    make_agent(tmp_path)
    (tmp_path / "status.json").write_bytes(b"[")
    asker = agent_asker(tmp_path)
    proxies = Proxies(never=True)
    examined = await examine("127.0.0.1:1", asker, proxies)
    files = _members(bundle(examined, asker, proxies, state=tmp_path, environ={}))
    assert json.loads(files["agent.json"])["status"] is None


def _members(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        return {name.removeprefix("fieldgate-probe/"): archive.read(name) for name in archive.namelist()}
