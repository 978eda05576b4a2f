"""Reloads: what changes in a gateway that runs, what it refuses, and that no session notices."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
import trio

from certs import Authority, OwnCertificateError, Token
from gateway.config import Config, ConfigError, Difference, Limits
from gateway.edge import process
from gateway.edge.server import Edge
from protocol import Ack, Code
from tests.e2e.stage import Said, Stage, line_of, stage_in
from tests.helpers.agent import TestAgent, enrolled
from tests.helpers.edges import Provider, running_edge
from tests.helpers.provider import Process
from transport import TransportError


async def test_a_certificate_is_replaced_under_live_sessions(provider: Provider) -> None:
    """The sessions go on, send and are acknowledged; the next one is shown the new leaf, and still welcomed."""
    async with running_edge(provider) as edge:
        agents = [await enrolled(edge) for _ in range(3)]
        async with agents[0].session(edge.remote_port) as one, agents[1].session(edge.remote_port) as two:
            old_context = edge.services.credentials.context
            old_leaf = two.stream.peer_chain_der()[0]
            now = datetime.now(UTC)
            Authority.load(provider.data / "ca").rotate_gateway(now, names=("127.0.0.1", "localhost")).save(
                provider.data / "ca"
            )
            changes, notes = await edge.edge.reload(edge.edge.config)
            assert (changes.live, changes.restart) == ({}, {})
            assert "certificate" in notes
            for agent, line in zip(agents, (one, two), strict=False):
                await agent.send(line, agent.cut())
                await agent.acknowledged(line)
            async with agents[2].session(edge.remote_port) as three:
                assert three.stream.peer_chain_der()[0] != old_leaf
                await agents[2].send(three, agents[2].cut())
                await agents[2].acknowledged(three)
            assert edge.services.credentials.context is not old_context
            assert len(edge.services.open_sessions) >= 2
            assert not one.closed
            assert not two.closed


async def test_limits_change_for_the_next_connection(provider: Provider) -> None:
    """Fewer connections than there are: nobody is sent away, and the next one finds no room."""
    async with running_edge(provider) as edge:
        first, second = await enrolled(edge), await enrolled(edge)
        async with first.session(edge.remote_port) as line:
            found = attrs.evolve(
                edge.edge.config, limits=Limits(connections=1, in_flight=1, lag_s=7.0), heartbeat_s=5.0
            )
            changes, _ = await edge.edge.reload(found)
            assert changes.live.keys() == {"limits.connections", "limits.in_flight", "limits.lag_s"}
            assert changes.restart.keys() == {"heartbeat_s"}
            assert edge.services.config.heartbeat_s == 30.0
            assert edge.services.budget.total == 1
            await first.send(line, first.cut())
            await first.acknowledged(line)
            with pytest.raises(TransportError):
                await second.greet(edge.remote_port)
        await edge.until(lambda: not edge.services.open_sessions)
        changes, _ = await edge.edge.reload(attrs.evolve(edge.edge.config, limits=Limits()))
        async with second.session(edge.remote_port):
            pass


async def test_own_proxies_change(provider: Provider) -> None:
    """A network is taken for the provider's own from now on."""
    async with running_edge(provider) as edge:
        inspection = edge.services.inspection
        assert inspection is not None
        await edge.edge.reload(attrs.evolve(edge.edge.config, own_proxies=("192.0.2.0/24",)))
        assert inspection.expectations.now().own_proxies == ("192.0.2.0/24",)
        assert "192.0.2.7" in inspection._balancers


async def test_a_certificate_that_cannot_be_served_changes_nothing(
    provider: Provider, tmp_path: Path
) -> None:
    """Not even the limits that came with it: a reload is all or nothing."""
    (tmp_path / "leaf.pem").write_text("no certificate")
    (tmp_path / "leaf.key").write_text("no key")
    async with running_edge(provider) as edge:
        before, credentials = edge.edge.config, edge.services.credentials
        found = attrs.evolve(
            before,
            limits=Limits(lag_s=5.0),
            certificate=str(tmp_path / "leaf.pem"),
            certificate_key=str(tmp_path / "leaf.key"),
        )
        with pytest.raises(OwnCertificateError):
            await edge.edge.reload(found)
        assert edge.edge.config is edge.services.config is before
        assert edge.services.credentials is credentials


async def test_a_reload_meanwhile_does_not_bring_the_old_certificate_back(provider: Provider) -> None:
    """The edge's own look at the folder and a reload take turns."""
    async with running_edge(provider) as edge:
        async with trio.open_nursery() as nursery:
            now = datetime.now(UTC)
            Authority.load(provider.data / "ca").rotate_gateway(now, names=("127.0.0.1", "localhost")).save(
                provider.data / "ca"
            )
            upkeep = edge.edge._upkeep
            assert upkeep is not None
            for _ in range(5):
                nursery.start_soon(upkeep.reload)
                nursery.start_soon(edge.edge.reload, edge.edge.config)
        assert (
            edge.services.credentials.authority.state.version
            == Authority.load(provider.data / "ca").state.version
        )


@attrs.define
class Told:
    """What an edge says of SIGHUPs."""

    config: Config | ConfigError
    ends: bool = False
    said: list[object] = attrs.field(factory=list)

    def take(self) -> bool:
        return False

    def is_the_end(self) -> bool:
        return self.ends

    def load(self) -> Config:
        if isinstance(self.config, ConfigError):
            raise self.config
        return self.config

    def refused(self, code: Code, reason: str) -> None:
        self.said.append((code, reason))

    def reloaded(self, changes: Difference, **notes: object) -> None:
        self.said.append(changes.live)


async def test_sighup_reloads_refuses_and_ends(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """In that order: a good file, a bad one, and the end of the terminal."""
    edges: list[Edge] = []

    class Watched(Edge):
        async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            edges.append(self)
            await super().run(task_status=task_status)

    monkeypatch.setattr(process, "Edge", Watched)
    told = Told(attrs.evolve(provider.config(), limits=Limits(lag_s=5.0)))
    codes: list[int] = []

    async def serve() -> None:
        codes.append(await process.serve_edge(provider.config(), hangups=told, now=provider.clock))

    async def said(count: int) -> None:
        with trio.fail_after(20):
            while len(told.said) < count:  # noqa: ASYNC110  # a row in a store rings no bell here  # it sets no event
                await trio.sleep(0.005)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with trio.fail_after(20):
            while not (edges and edges[0].addresses):  # noqa: ASYNC110
                await trio.sleep(0.005)
        os.kill(os.getpid(), signal.SIGHUP)
        await said(1)
        told.config = ConfigError("limits.lag_s = -1 must be positive")
        os.kill(os.getpid(), signal.SIGHUP)
        await said(2)
        assert edges[0].config.limits.lag_s == 5.0
        told.ends = True
        os.kill(os.getpid(), signal.SIGHUP)
    assert told.said == [
        {"limits.lag_s": (30.0, 5.0)},
        (Code.CONFIG_INVALID_VALUE, "limits.lag_s = -1 must be positive"),
    ]
    assert codes == [0]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A provider; whoever starts a process on it ends it."""
    with stage_in(tmp_path_factory.mktemp("reload"), heartbeat_s="5") as made:
        yield made


@pytest.fixture
def serving(stage: Stage) -> Iterator[Process]:
    """`fieldgate serve`, as soon as both of its children work."""
    process = stage.start("serve", "--data", str(stage.provider.data))
    line_of(process, event="edge ready")
    line_of(process, event="projector started")
    yield process
    process.terminate()


async def test_the_command_says_what_changed_and_no_agent_notices(stage: Stage, serving: Process) -> None:
    """Supervisor, edge and projector answer; an agent goes on reporting through it all in one session."""
    settings = stage.provider.data / "fieldgate.toml"
    good = settings.read_text()
    agent = await TestAgent(synthetic=True).enroll(
        stage.provider.remote_port, Token.parse(stage.token()["token"])
    )
    async with agent.session(stage.provider.remote_port) as line:

        async def reload(text: str, *options: str) -> Said:
            settings.write_text(text)
            said = await trio.to_thread.run_sync(stage.fieldgate, "reload", *options)
            await agent.send(line, agent.cut())
            await agent.acknowledged(line)
            return said

        said = await reload(good.replace("heartbeat_s = 5", 'heartbeat_s = 7\nlog_level = "debug"'), "--json")
        assert said.code == 0, said.text
        found = {each["process"]: each for each in said.json}
        assert found.keys() == {"edge", "projector", "supervisor"}
        assert all(each["changed"] == {"log_level": ["info", "debug"]} for each in found.values())
        assert found["edge"]["restart"] == {"heartbeat_s": [5.0, 7.0]}
        assert found["projector"]["restart"] == {}
        line_of(serving, event="settings take a restart", code="FG-1021")

        said = await reload(good + "\nbudget = 1\n")
        assert said.code == 2
        assert "unknown key" in said.text
        assert "edge: log_level debug → info" in (await reload(good)).text
        assert (await reload(good)).text.splitlines() == [
            f"{name}: nothing has changed" for name in ("edge", "projector", "supervisor")
        ]
        await line.expect(Ack, lambda ack: bool(ack.released))


def test_what_the_edge_refuses_nobody_takes(stage: Stage, serving: Process, tmp_path: Path) -> None:
    """Only the edge finds out that a certificate is missing: supervisor and projector keep what came with it from themselves, too."""
    settings = stage.provider.data / "fieldgate.toml"
    good = settings.read_text()
    missing = tmp_path / "leaf.pem"
    lines = f'log_level = "debug"\ncertificate = "{missing}"\ncertificate_key = "{tmp_path / "leaf.key"}"'
    settings.write_text(good.replace("heartbeat_s = 5", f"heartbeat_s = 5\n{lines}"))
    try:
        said = stage.fieldgate("reload", "--json")
        text = stage.fieldgate("reload").text
    finally:
        settings.write_text(good)
    assert said.code == 2, said.text
    found = {each["process"]: each for each in said.json}
    assert str(missing) in found["edge"]["refused"]
    assert [(name, each["told"], each["changed"]) for name, each in sorted(found.items())] == [
        ("edge", True, {}), ("projector", False, {}), ("supervisor", False, {}),
    ]  # fmt: skip
    assert "projector: not told, goes on as before" in text
    after = stage.fieldgate("reload")
    assert after.code == 0
    assert after.text.splitlines() == [
        f"{name}: nothing has changed" for name in ("edge", "projector", "supervisor")
    ]
    assert serving.running


def test_a_bad_file_is_refused_by_the_processes_too(stage: Stage) -> None:
    """A signal by hand has nobody who looks first. The edge goes on, and is asked again later."""
    edge = stage.edge()
    settings = stage.provider.data / "fieldgate.toml"
    good = settings.read_text()
    settings.write_text(good.replace("heartbeat_s = 5", "heartbeat_s = never"))
    os.kill(edge.popen.pid, signal.SIGHUP)
    refused = line_of(edge, event="reload refused, the settings stay as they were")
    assert refused["code"] == "FG-1020"
    settings.write_text(good)
    said = stage.fieldgate("reload")
    assert said.code == 0, said.text
    assert "edge: nothing has changed" in said.text
    assert edge.running
    assert edge.terminate() == 0


def test_nothing_runs(stage: Stage) -> None:
    """It is said, with what to do."""
    said = stage.fieldgate("reload")
    assert said.code == 3
    assert "fieldgate serve" in said.text
