"""`fieldgate ca`: what a platform engineer sees and does with keys."""

import json
import os
import time
from pathlib import Path

import pytest
from cryptography import x509

from certs import Authority, Token, chain_from_pem, chain_to_pem
from gateway.cli import main
from gateway.cli.common import now_ms
from gateway.store import (
    Admitted,
    Applicant,
    Claim,
    Presence,
    Revocation,
    Store,
    TrustChanged,
    listen,
)
from tests.certs.pki import make, server
from tests.helpers.stores import opened


def ca(data: Path, *words: str) -> int:
    return main(["ca", *words, "--data", str(data)])


def shown(data: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    assert ca(data, "show", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def announced(data: Path) -> list[int]:
    with opened(data) as store:
        return [c.body.revision for c in store.changes.after(0) if isinstance(c.body, TrustChanged)]


def serial_for(host_name: str) -> int:
    return int.from_bytes(host_name.encode(), "big")


def add_agent(store: Store, host_name: str, *, heartbeat_ms: int) -> str:
    """A verified agent of the provider's, last heard of at that time."""
    now = now_ms()
    provider = store.organizations.provider()
    store.tokens.add(
        host_name, b"k" * 32, kind="client", organization_uid=provider.uid, location_uid=None,
        expires_ms=now + 86_400_000, max_uses=1, synthetic=False, now_ms=now,
    )  # fmt: skip
    applicant = Applicant(
        token_id=host_name, token_key=host_name.encode().ljust(32), agent_kind="client", listener_kind="co-located",
        installation_uid="i", host_name=host_name, agent_version="1", platform="p", synthetic=False,
    )  # fmt: skip
    outcome = store.enrollment.enroll(applicant, now_ms=now)
    assert isinstance(outcome, Admitted)
    uid = outcome.agent.agent_uid
    store.agents.record_certificate(
        uid, serial=serial_for(host_name), spki=b"s" * 32, not_after_ms=now, now_ms=now
    )
    edge = store.sessions.register_edge("edge", ["127.0.0.1:1"], lease_ms=60_000, now_ms=now)
    store.sessions.claim(
        [
            Claim(
                agent_uid=uid, edge_uid=edge.uid, session_uid=f"s-{host_name}", address="::1", nonce=b"n" * 16,
                previous_nonce=bytes(16), expected_fence=0, agent_version="1", host_name=host_name,
                heartbeat_ms=30_000, claimed_ms=now, clock_offset_ms=0,
            )
        ]
    )  # fmt: skip
    seen = Presence(
        agent_uid=uid,
        session_uid=f"s-{host_name}",
        last_heartbeat_ms=heartbeat_ms,
        health=1,
        clock_offset_ms=0,
    )
    store.sessions.flush_presence([seen])
    return uid


def test_show_lists_every_key_and_where_it_is(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "ca" / "root-1.key").unlink()
    os.chmod(data / "ca" / "agent-issuer-1.key", 0o644)

    assert ca(data, "show") == 0

    lines = capsys.readouterr().out.splitlines()
    keys = {line.split("  ")[0]: line for line in lines}
    assert "offline" in keys["current root"]
    assert "READABLE BY OTHERS" in keys["agent issuer"]
    assert " here " in keys["gateway issuer"]
    assert "gateway.example" in keys["gateway"]


def test_rotating_the_gateway_changes_the_leaf_alone(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Authority.load(data / "ca")

    assert ca(data, "rotate", "--gateway") == 0

    after = Authority.load(data / "ca")
    assert after.gateway_chains() != before.gateway_chains()
    assert after.trust_bundle() == before.trust_bundle()
    assert announced(data) == [after.trust_bundle().revision]
    assert "a new gateway certificate for gateway.example" in capsys.readouterr().out


def test_rotating_the_issuers_keeps_the_pins(data: Path) -> None:
    before = Authority.load(data / "ca")

    assert ca(data, "rotate", "--issuers") == 0

    after = Authority.load(data / "ca")
    assert after.state.agent_issuer.pin != before.state.agent_issuer.pin
    assert after.trust_bundle() == before.trust_bundle()
    assert len(after.client_anchors().pins) == 2

    assert ca(data, "rotate", "--forget") == 0
    assert Authority.load(data / "ca").client_anchors().pins == {after.state.agent_issuer.pin}


def test_whole_rotation_of_the_root(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = shown(data, capsys)["trust"]

    assert ca(data, "rotate", "--ca") == 0
    rolling = shown(data, capsys)
    assert rolling["rotation"] is not None
    assert ca(data, "show") == 0
    out = capsys.readouterr().out
    assert "A rotation of the root is under way" in out
    assert "fieldgate ca rotate --finish" in out

    assert ca(data, "rotate", "--finish") == 0
    new = shown(data, capsys)
    assert new["rotation"] is None
    assert isinstance(old, dict)
    assert isinstance(rolling["trust"], dict)
    assert isinstance(new["trust"], dict)
    assert rolling["trust"]["pins_current"] == old["pins_current"]
    assert new["trust"]["pins_current"] == rolling["trust"]["pins_next"]
    assert announced(data) == [new["trust"]["revision"]]


def test_roll_out_counts_who_was_connected_since(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An agent is told over its session: one that had none since the rotation began has not heard."""
    now = now_ms()
    with opened(data) as store:
        told = add_agent(store, "vbr-awake", heartbeat_ms=now + 120_000)
        waiting = add_agent(store, "vbr-asleep", heartbeat_ms=now - 120_000)
    assert told != waiting
    assert ca(data, "rotate", "--ca") == 0

    rotation = shown(data, capsys)["rotation"]
    assert isinstance(rotation, dict)
    assert (rotation["told"], rotation["not_told"]) == (1, [waiting])
    assert ca(data, "show") == 0
    out = capsys.readouterr().out
    assert "1 of 2 agents were told" in out
    assert f"not yet: vbr-asleep (Nordwind) {waiting}" in out
    assert "--finish" not in out

    assert ca(data, "rotate", "--finish") == 0
    assert "1 of 2 agents knew the new one" in capsys.readouterr().out


def test_revoking_an_agent_revokes_its_certificates(data: Path) -> None:
    with opened(data) as store:
        uid = add_agent(store, "vbr-stolen", heartbeat_ms=now_ms())

    assert ca(data, "revoke", uid, "--why", "the server was stolen") == 0

    with opened(data) as store:
        found = [c.body for c in store.changes.after(0) if isinstance(c.body, Revocation)]
    assert [(r.serial, r.agent_uid, r.why) for r in found] == [
        (serial_for("vbr-stolen"), uid, "the server was stolen")
    ]


def test_own_certificate_is_told_apart(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make("Public Root", ca=True)
    leaf = server("gateway.example", root)
    (tmp_path / "chain.pem").write_bytes(leaf.pem + root.pem)
    (tmp_path / "key.pem").write_bytes(leaf.key_pem)
    with (data / "fieldgate.toml").open("a") as settings:
        settings.write(f"certificate = {json.dumps(str(tmp_path / 'chain.pem'))}\n")
        settings.write(f"certificate_key = {json.dumps(str(tmp_path / 'key.pem'))}\n")

    assert ca(data, "show") == 0

    out = capsys.readouterr().out
    assert "Served is your own certificate" in out
    assert "The leaf must be for gateway.example" in out


def test_doorbell_is_rung(data: Path) -> None:
    """A running edge hears of it at once."""
    bell = listen(data / "run", "edge")
    try:
        bell.setblocking(False)
        assert ca(data, "rotate", "--gateway") == 0
        assert bell.recv(16) is not None
    finally:
        bell.close()


def test_a_new_report_key_is_told_and_given_to_new_tokens(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The former one is still announced behind it, for answers that agents keep."""
    old = Authority.load(data / "ca").report_keys()[0].public

    assert ca(data, "rotate", "--report") == 0

    after = Authority.load(data / "ca")
    new = after.report_keys()[0].public
    assert announced(data) == [after.trust_bundle().revision]
    assert shown(data, capsys)["trust"]["report_keys"] == [new.raw.hex(), old.raw.hex()]  # type: ignore[index]  # it is JSON
    assert ca(data, "show") == 0
    assert f"sealed to key {new.key_id.hex()}, the newest of 2" in capsys.readouterr().out
    assert main(["company", "add", "Contoso", "--data", str(data)]) == 0
    capsys.readouterr()
    assert main(["token", "create", "--company", "Contoso", "--json", "--data", str(data)]) == 0
    assert Token.parse(json.loads(capsys.readouterr().out)["token"]).report_public == new


@pytest.mark.parametrize("words", [[], ["--gateway", "--ca"], ["--ca", "--finish"], ["--finish", "--report"]])
def test_rotate_wants_exactly_one_thing(
    data: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ca(data, "rotate", *words) == 2
    assert (
        "name one of --gateway, --issuers, --forget, --ca, --finish, --report and --licence-signer"
        in capsys.readouterr().err
    )


def test_rotation_says_which_key_it_misses(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "ca" / "root-1.key").unlink()

    assert ca(data, "rotate", "--ca") == 2

    assert "root-1.key is not in the authority's folder: bring it back" in capsys.readouterr().err
    assert announced(data) == []


def test_nothing_to_finish(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ca(data, "rotate", "--finish") == 2
    assert "no rotation of the root is under way" in capsys.readouterr().err


def test_export_hands_out_what_is_public(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority.load(data / "ca")

    assert ca(data, "export") == 0
    assert capsys.readouterr().out == chain_to_pem(authority.root_certificates()).decode()
    assert ca(data, "export", "--pins") == 0
    assert capsys.readouterr().out == f"{authority.pins_current()[0].hex()}  current\n"
    assert ca(data, "export", "--output", str(tmp_path / "root.pem")) == 0
    assert chain_from_pem((tmp_path / "root.pem").read_bytes()) == authority.root_certificates()
    assert ca(data, "export", "--json") == 0
    assert "PRIVATE" not in capsys.readouterr().out
    assert ca(data, "export", "--output", str(tmp_path / "none" / "root.pem")) == 1


def test_announced_issuers_are_trusted_for_our_names(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Issuers alone are announced; our own certificate goes on being served."""
    root = make("Public Root", ca=True)
    (tmp_path / "issuers.pem").write_bytes(root.pem)
    with (data / "fieldgate.toml").open("a") as settings:
        settings.write(f"certificate_issuers = {json.dumps(str(tmp_path / 'issuers.pem'))}\n")

    trust = shown(data, capsys)["trust"]

    assert isinstance(trust, dict)
    assert trust["pins_next"] == [root.pin.hex()]
    assert trust["names"] == ["gateway.example"]
    assert main(["token", "create", "--json", "--data", str(data)]) == 0
    token = Token.parse(json.loads(capsys.readouterr().out)["token"])
    assert token.pins == (Authority.load(data / "ca").pins_current()[0], root.pin)
    assert token.names == ("gateway.example",)


def test_unreadable_issuers_are_told(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (data / "fieldgate.toml").open("a") as settings:
        settings.write(f"certificate_issuers = {json.dumps(str(tmp_path / 'absent.pem'))}\n")

    assert ca(data, "show") == 2
    err = capsys.readouterr().err
    assert "absent.pem: No such file" in err
    assert "FG-1007" in err


def doctors(data: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[bool, str, str]]:
    """What the doctor finds about certificates (nothing runs here, so it fails about processes)."""
    capsys.readouterr()
    assert main(["doctor", "--json", "--data", str(data)]) == 4
    checks = json.loads(capsys.readouterr().out)
    return {check["what"]: (check["ok"], check["found"], check["to_do"]) for check in checks}


def test_doctor_looks_at_every_lasting_certificate(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.chmod(data / "ca" / "root-1.key", 0o640)

    found = doctors(data, capsys)

    assert found["gateway certificate"][0]
    assert found["agent issuer"][:2] == (True, "valid for 1824 days")
    assert found["current root"][0]
    assert found["key of current root"] == (
        False, f"others can read {data}/ca/root-1.key", f"chmod 600 {data}/ca/root-1.key"
    )  # fmt: skip


def test_doctor_looks_at_the_keys_of_path_reports(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads one reads what agents tell of their networks: the current one, and those before it."""
    assert main(["ca", "rotate", "--report", "--data", str(data)]) == 0
    assert "key of path reports" not in doctors(data, capsys)
    keys = sorted((data / "ca").glob("report-*.key"))
    assert len(keys) == 2
    for key in keys:
        os.chmod(key, 0o604)
        assert doctors(data, capsys)["key of path reports"] == (
            False, f"others can read {key}", f"chmod 600 {key}"
        )  # fmt: skip
        os.chmod(key, 0o600)


def test_doctor_finds_a_clock_that_is_behind_what_was_written(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file, or an edge's start in the store, an hour from now: certificates and leases are judged by a wrong clock."""
    assert doctors(data, capsys)["clock"][0]

    soon_s = time.time() + 3600
    os.utime(data / "version.json", (soon_s, soon_s))
    ok, found, to_do = doctors(data, capsys)["clock"]
    assert not ok
    assert found.endswith("s before version.json")
    assert "set the clock" in to_do

    os.utime(data / "version.json")
    with opened(data) as store:
        store.sessions.register_edge("north", (), lease_ms=10_000, now_ms=round(soon_s * 1000))
    assert doctors(data, capsys)["clock"][1].endswith("s before the start of edge north")


def test_doctor_says_what_an_own_certificate_fails_on(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make("Public Root", ca=True)
    leaf = server("gateway.example", root, names=[x509.DNSName("www.example")])
    (tmp_path / "chain.pem").write_bytes(leaf.pem + root.pem)
    (tmp_path / "key.pem").write_bytes(leaf.key_pem)
    with (data / "fieldgate.toml").open("a") as settings:
        settings.write(f"certificate = {json.dumps(str(tmp_path / 'chain.pem'))}\n")
        settings.write(f"certificate_key = {json.dumps(str(tmp_path / 'key.pem'))}\n")

    ok, message, action = doctors(data, capsys)["your own certificate"]

    assert not ok
    assert message == "the certificate is for www.example, and agents dial gateway.example"
    assert action.startswith("request one for the name that agents dial")
