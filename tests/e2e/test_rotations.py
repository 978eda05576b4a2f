"""Planned changes of certificates: agents stay served or come back by themselves, and nobody is accused of opening their TLS."""

import contextlib
import ipaddress
import json
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from cryptography import x509

from agent.state import StateFolder
from certs.inspection import Family, Verdict
from certs.inspection.finding import FAMILIES
from tests.certs.pki import DAY, SERVER, Made, make
from tests.e2e.crowd import Crowd
from tests.e2e.stage import Stage, line_of, lines_of, stage_in, text_of, until
from tests.helpers.provider import Process, wait_for_port
from tests.helpers.reporting import box

AGENTS = 500
DAY_S = 24 * 3600
CLOCKS = [7200, -7200, 400 * DAY_S, -400 * DAY_S]
INTERCEPTION = {verdict.value for verdict, family in FAMILIES.items() if family is Family.INSPECTION}

# Of another network than all agents: what is seen of him is not of them.
PASSER_BY, HIS_NETWORK = "127.77.0.1", "127.77.0.0/24"


# -- what is done ------------------------------------------------------------------------------------------------


def edge(stage: Stage, *, ahead_s: int = 0) -> Process:
    """`fieldgate edge`, once agents can connect; it looks at its files and writes down what it has seen every second."""
    process = stage.start(str(ahead_s), "edge", "--data", str(stage.provider.data), module="tests.e2e.ahead")
    wait_for_port(stage.provider.remote_port, process)
    return process


def later(stage: Stage, *parts: Process, ahead_s: int) -> tuple[Process, Process]:
    """Edge and projector in the place of *parts*, so many seconds later."""
    for part in parts:
        assert part.terminate() == 0, text_of(part)[-2000:]
    words = (str(ahead_s), "projector", "--data", str(stage.provider.data))
    return edge(stage, ahead_s=ahead_s), stage.start(*words, module="tests.e2e.ahead")


def rotate(stage: Stage, *steps: str) -> None:
    """`fieldgate ca rotate`, step by step."""
    for step in steps:
        said = stage.fieldgate("ca", "rotate", step)
        assert said.code == 0, said.text


def ca(stage: Stage) -> dict[str, Any]:
    """What `fieldgate ca show` says."""
    found: dict[str, Any] = stage.fieldgate("ca", "show", "--json").json
    return found


def run_agent(stage: Stage, state: Path, *, ahead_s: int = 0) -> Process:
    """`fieldgate-agent run` by a clock that is so far ahead."""
    words = ("--ahead", str(ahead_s), "run", "--state", str(state), "--rate", "10", "--reconnect-s", "0.5")
    return stage.start(*words, module="tests.e2e.skewed")


def pass_by(stage: Stage) -> bytes:
    """Look at the certificate that is served, and go."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = ("127.0.0.1", stage.provider.remote_port)
    with (
        socket.create_connection(address, timeout=10, source_address=(PASSER_BY, 0)) as raw,
        context.wrap_socket(raw) as stream,
    ):
        return stream.getpeercert(binary_form=True) or b""


@contextlib.contextmanager
def box_before(port: int) -> Iterator[int]:
    """A box that opens TLS; its port."""
    started: queue.SimpleQueue[tuple[int, trio.lowlevel.TrioToken, trio.Event]] = queue.SimpleQueue()

    async def stand() -> None:
        stop = trio.Event()
        async with box(port) as inspected:
            started.put((inspected, trio.lowlevel.current_trio_token(), stop))
            await stop.wait()

    thread = threading.Thread(target=trio.run, args=(stand,))
    thread.start()
    inspected, token, stop = started.get(timeout=30)
    try:
        yield inspected
    finally:
        token.run_sync_soon(stop.set)
        thread.join()


# -- what comes of it --------------------------------------------------------------------------------------------


def status_of(state: Path) -> dict[str, Any]:
    """An agent's status file."""
    found: dict[str, Any] = json.loads((state / "status.json").read_bytes())
    return found


def pins_of(state: Path) -> tuple[list[str], list[str]]:
    """Whom an agent trusts now, and next."""
    identity = json.loads((state / "identity.json").read_bytes())
    return identity["pins_current"], identity["pins_next"]


def until_trusted(state: Path, current: list[str], following: list[str]) -> None:
    """Wait until an agent has written down whom it trusts now, and next."""
    until(lambda: pins_of(state) == (current, following), lambda: str(pins_of(state)))


def until_refused(agent: Process, times: int) -> None:
    """Wait until an agent has tried so often in vain."""
    until(
        lambda: sum(line["event"] == "no gateway" for line in lines_of(agent)) >= times,
        lambda: text_of(agent),
    )


def until_connected(state: Path) -> dict[str, Any]:
    """The status of an agent that has a session."""
    until(lambda: status_of(state)["state"] == "connected", lambda: str(status_of(state)))
    return status_of(state)


def inspection(stage: Stage, *words: str) -> list[dict[str, Any]]:
    """What `fieldgate inspection list` says."""
    said = stage.fieldgate("inspection", "list", *words, "--json")
    assert said.code == 0, said.text
    found: list[dict[str, Any]] = said.json
    return found


def verdicts(process: Process) -> set[str]:
    """What an agent, or a crowd of them, has thought of its path."""
    return {line["verdict"] for line in lines_of(process) if line["event"] == "path verdict"}


def nobody_is_accused(stage: Stage) -> set[str]:
    """No incident, open or over, and no trace of interception in what agents said or gateways saw; what was reported instead.

    Somebody passes by first, until he is noticed: a gateway doesn't suspect anybody right after its own restart. What it has seen
    of him comes to the store behind everything before, and is of the kind that an interceptor's connections are of.
    """

    def of(network: str) -> list[dict[str, Any]]:
        return [each for each in inspection(stage, "--sightings") if each["network"] == network]

    before = len(of(HIS_NETWORK))
    until(lambda: pass_by(stage) and len(of(HIS_NETWORK)) > before, poll_s=0.25)
    assert {each["verdict"] for each in of(HIS_NETWORK)} == {Verdict.HELLO_FOREIGN.value}
    reported = {each["verdict"] for each in inspection(stage, "--reports")}

    assert inspection(stage, "--closed") == []
    assert not {each["verdict"] for each in of("127.0.0.0/24")} & (
        INTERCEPTION | {Verdict.HELLO_FOREIGN.value}
    )
    assert not reported & INTERCEPTION
    return reported


# -- the provider's own CA ---------------------------------------------------------------------------------------


def test_five_hundred_agents_are_served_through_all_rotations(tmp_path: Path) -> None:
    """Gateway certificate and CA rotated under them: no session ends for it, all come back to the new ones, nothing is lost.

    In the end somebody does stand in one agent's path, and is the one incident.
    """
    with stage_in(tmp_path, limits_drain_s="1") as stage:
        first = edge(stage)
        stage.projector()
        crowd = Crowd.of(stage, AGENTS)
        (old,) = ca(stage)["trust"]["pins_current"]
        sessions, leaf = crowd.sessions(), pass_by(stage)

        rotate(stage, "--gateway")
        until(lambda: pass_by(stage) != leaf)
        rotate(stage, "--ca")
        (new,) = ca(stage)["trust"]["pins_next"]
        crowd.until_all_trust(current=[old], following=[new])
        assert crowd.sessions() == sessions

        assert first.terminate() == 0
        second = edge(stage, ahead_s=120)  # `ca show` counts as told who is connected a minute after
        crowd.until_all_have_left(sessions)
        until(lambda: ca(stage)["rotation"]["told"] == AGENTS, poll_s=0.25)
        assert ca(stage)["rotation"]["not_told"] == []

        sessions = crowd.sessions()
        rotate(stage, "--finish")
        crowd.until_all_trust(current=[new], following=[])
        assert crowd.sessions() == sessions
        assert second.terminate() == 0
        edge(stage, ahead_s=120)
        crowd.until_all_have_left(sessions)

        assert {each["path_verdict"] for each in crowd.statuses().values()} == {"direct"}
        assert not verdicts(crowd.process) & INTERCEPTION
        assert crowd.process.terminate() == 0
        assert crowd.verified() > AGENTS
        nobody_is_accused(stage)
        with box_before(stage.provider.remote_port) as inspected:
            keeper = StateFolder.load(stage.enrolled())
            keeper.change(attrs.evolve(keeper.identity, gateways=(f"127.0.0.1:{inspected}",)))
            agent = run_agent(stage, keeper.folder)
            (incident,) = until(lambda: inspection(stage), lambda: text_of(agent)[-2000:], poll_s=0.25)
            assert agent.terminate() == 0
        assert (incident["verdict"], incident["agents"]) == (Verdict.INSPECTED_UNTRUSTED.value, 1)


def test_a_wrong_clock_is_a_wrong_clock_across_rotations(tmp_path: Path) -> None:
    """Two hours or 400 days off, either way, connected or away while everything is rotated: served, told the time, and that is all.

    The probe calls the clock by its name, once there is a certificate that the clock makes look invalid.
    """
    with stage_in(tmp_path, limits_drain_s="1", heartbeat_s="1") as stage:
        first = edge(stage)
        stage.projector()
        away = {ahead_s: stage.enrolled() for ahead_s in CLOCKS}
        connected = {ahead_s: stage.enrolled() for ahead_s in CLOCKS}
        agents = {ahead_s: run_agent(stage, state, ahead_s=ahead_s) for ahead_s, state in connected.items()}
        for agent in agents.values():
            line_of(agent, event="session open", standing="verified")

        rotate(stage, "--gateway", "--ca")
        trust = ca(stage)["trust"]
        for state in connected.values():
            until_trusted(state, trust["pins_current"], trust["pins_next"])
        rotate(stage, "--finish")
        for state in connected.values():
            until_trusted(state, trust["pins_next"], [])
        assert first.terminate() == 0
        for agent in agents.values():
            line_of(agent, event="session ended")
        edge(stage)
        returned = {ahead_s: run_agent(stage, state, ahead_s=ahead_s) for ahead_s, state in away.items()}
        for ahead_s, agent in (*agents.items(), *returned.items()):
            state = (connected if agent is agents.get(ahead_s) else away)[ahead_s]
            until_trusted(state, trust["pins_next"], [])
            status = until_connected(state)
            assert line_of(agent, event="clock differs from the gateway's")["code"] == "FG-3007"
            assert abs(status["clock_offset_ms"] / 1000 - ahead_s) < 60
            assert status["path_verdict"] == "direct"
            assert not verdicts(agent) & INTERCEPTION
            assert agent.terminate() == 0
        for ahead_s, state in away.items():
            words = ("--ahead", str(ahead_s), "probe", "--state", str(state), "--json")
            said = stage.run("tests.e2e.skewed", *words)
            expected = (0, "direct") if ahead_s == 7200 else (13, "clock-skew")
            assert (said.code, said.json["finding"]["verdict"]) == expected, said.text

        nobody_is_accused(stage)


def test_who_was_away_follows_as_long_as_he_may(tmp_path: Path) -> None:
    """Off while the CA was rotated, twice: the cross-signed chain leads on, for the 210 days in which an agent may stay away.

    After that he is told of a rotation, whatever his clock says, and nobody of a box.
    """
    with stage_in(tmp_path, limits_drain_s="1") as stage:
        parts = edge(stage), stage.projector()
        (old,) = ca(stage)["trust"]["pins_current"]
        soon, late, *too_late = (stage.enrolled() for _ in range(5))
        for state in (soon, late, *too_late):
            assert pins_of(state) == ([old], [])
        rotate(stage, "--gateway", "--ca", "--finish", "--ca", "--finish")
        (new,) = ca(stage)["trust"]["pins_current"]

        agent = run_agent(stage, soon)
        until_trusted(soon, [new], [])
        assert agent.terminate() == 0
        assert verdicts(agent) == set()

        parts = later(stage, *parts, ahead_s=200 * DAY_S)
        agent = run_agent(stage, late, ahead_s=200 * DAY_S)
        line_of(agent, event="not verified", code="FG-3002", standing="renew-only")
        line_of(agent, event="session open", standing="verified")
        until_trusted(late, [new], [])
        assert agent.terminate() == 0
        assert verdicts(agent) == set()

        later(stage, *parts, ahead_s=300 * DAY_S)
        for state, ahead_s in zip(too_late, (300 * DAY_S, 0, 700 * DAY_S), strict=True):
            agent = run_agent(stage, state, ahead_s=ahead_s)
            assert line_of(agent, event="no gateway")["code"] == "FG-3009"
            line_of(agent, event="path verdict")
            until_refused(agent, times=3)
            assert verdicts(agent) == {Verdict.GATEWAY_CERT_ROTATED.value}
            assert status_of(state)["path_verdict"] == Verdict.GATEWAY_CERT_ROTATED.value
            assert agent.terminate() == 0

        assert nobody_is_accused(stage) <= {Verdict.GATEWAY_CERT_ROTATED.value}


# -- a certificate of a public CA --------------------------------------------------------------------------------


def public_ca(subject: str, issuer: Made | None = None) -> Made:
    """A CA that is none of the provider's."""
    now = datetime.now(UTC)
    return make(subject, issuer, ca=True, begin=now - DAY, end=now + 1000 * DAY)


@attrs.frozen
class Acme:
    """Where an ACME client writes, and what agents are to trust."""

    folder: Path

    def file(self, name: str) -> str:
        """Where one of them is, as a setting has it."""
        return f'"{self.folder / name}.pem"'

    def renew(self, *issuers: Made) -> None:
        """A new key and certificate, from the first of *issuers*; the last one is the root."""
        now = datetime.now(UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        leaf = make("localhost", issuers[0], usage=[SERVER], names=names, begin=now - DAY, end=now + 60 * DAY)
        chain = b"".join(each.pem for each in (leaf, *issuers[:-1]))
        for name, pem in {"issuers": issuers[-1].pem, "key": leaf.key_pem, "chain": chain}.items():
            (self.folder / f"{name}.pem").write_bytes(pem)


ROOT = public_ca("Public Root")
E7, E8 = public_ca("Public E7", ROOT), public_ca("Public E8", ROOT)
OTHER_ROOT = public_ca("Other Public Root")
OTHER_E1 = public_ca("Other Public E1", OTHER_ROOT)


@pytest.mark.parametrize(
    ("issuers", "follows"),
    [((E7, ROOT), True), ((E8, ROOT), True), ((OTHER_E1, OTHER_ROOT), False)],
    ids=["by the same issuers", "by another intermediate", "by a CA that nobody announced"],
)
def test_a_public_certificate_is_renewed_while_an_agent_is_off(
    tmp_path: Path, issuers: tuple[Made, ...], follows: bool
) -> None:
    """The agent trusts a name and issuers: it follows what leads to them. What doesn't is the provider's change, says the gateway.

    That word stays: it is what the agent shows, whichever of the gateway's two names it tries.
    """
    acme = Acme(tmp_path)
    acme.renew(E7, ROOT)
    with stage_in(
        tmp_path, limits_drain_s="1", certificate=acme.file("chain"), certificate_key=acme.file("key"),
        certificate_issuers=acme.file("issuers"),
    ) as stage:  # fmt: skip
        edge(stage)
        stage.projector()
        state = stage.enrolled()
        agent = run_agent(stage, state)
        line_of(agent, event="session open", standing="verified")
        assert agent.terminate() == 0

        leaf = pass_by(stage)
        acme.renew(*issuers)
        until(lambda: pass_by(stage) != leaf)
        agent = run_agent(stage, state)
        if follows:
            assert until_connected(state)["path_verdict"] == "direct"
            assert verdicts(agent) == set()
        else:
            until(lambda: status_of(state).get("path_said_by") == "gateway", lambda: text_of(agent))
            until_refused(agent, times=5)
            status = status_of(state)
            assert status["path_verdict"] == Verdict.GATEWAY_CERT_ROTATED.value
            assert status["path_said_by"] == "gateway"
        assert agent.terminate() == 0

        reported = nobody_is_accused(stage)
        assert reported == (set() if follows else {Verdict.GATEWAY_CERT_ROTATED.value})
