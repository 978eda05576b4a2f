"""Usage is for gateways that take it; one that does not is not kept from anything else by it."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import attrs
import pytest
from trio.testing import MockClock

from agent.cursors import Cursors
from agent.outbox import Outbox
from agent.service import ServiceOptions, _desk, now_ms
from agent.spool import Spool
from agent.state import StateError
from agent.watch import Watch
from protocol import Capability, EventBatch, UsageReport, batch_id
from tests.agent.collectors.scripted import usage
from tests.agent.rig import Rig, event, make_keeper
from tests.helpers.gateway import Gateway


@pytest.fixture
async def gateway(clock: MockClock) -> AsyncIterator[Gateway]:
    async with Gateway.make().listening() as listening:
        yield listening


async def test_a_gateway_that_takes_usage_gets_it(clock: MockClock, gateway: Gateway, tmp_path: Path) -> None:
    """In its place among the other records."""
    rig = Rig.make(gateway, tmp_path)
    rig.outbox.cut_usage([usage("nas")], "tapes: no drive")
    rig.report(event(1))
    async with rig.running():
        report, batch, *_ = await gateway.heard(2)
    assert isinstance(report, UsageReport)
    assert (report.rows, report.complete, report.incomplete_why) == (
        (usage("nas"),),
        False,
        "tapes: no drive",
    )
    assert isinstance(batch, EventBatch)
    assert batch.previous == batch_id(report)
    assert rig.facilities.usage_agreed == Capability.USAGE | Capability.METERING


async def test_an_older_gateway_gets_a_tombstone(clock: MockClock, gateway: Gateway, tmp_path: Path) -> None:
    """What was cut for a newer one must not hold up what comes behind it; nothing more is cut."""
    gateway.welcome = partial(gateway.greet, capabilities=Capability.COMMANDS)
    rig = Rig.make(gateway, tmp_path)
    rig.outbox.cut_usage([usage("nas")], "")
    rig.report(event(1))
    async with rig.running():
        tombstone, batch, *_ = await gateway.heard(2)
    assert isinstance(tombstone, EventBatch)
    assert isinstance(batch, EventBatch)
    assert (tombstone.count, tombstone.rows, tombstone.replaces) == (1, (), batch.previous)
    assert batch.rows == (event(1),)
    assert not rig.facilities.usage_agreed


async def test_a_synthetic_agent_from_before_goes_on(tmp_path: Path) -> None:
    """Its outbox has counted its events; the estate is not told from the beginning again."""
    identity = attrs.evolve(make_keeper(Gateway.make()).identity, since_ms=now_ms())
    watch = Watch(tmp_path / "status.json", now_ms)
    with Spool.open(tmp_path / "outbox.sqlite") as spool:
        outbox, cursors = Outbox(spool, identity.agent_uid), Cursors(spool, identity.agent_uid)
        outbox.cut_events([event(n) for n in range(40)])
        desk = _desk(tmp_path, identity, outbox, cursors, watch, ServiceOptions())
        assert [each.cursor for each in desk.attendants] == ["40"]


async def test_collectors_that_cannot_be_loaded_keep_the_agent_from_starting(tmp_path: Path) -> None:
    """With the code, for whoever reads the service's log."""
    identity = make_keeper(Gateway.make()).identity
    (tmp_path / "agent.toml").write_text('[[collector]]\nkind = "tape"\n')
    watch = Watch(tmp_path / "status.json", now_ms)
    with Spool.open(tmp_path / "outbox.sqlite") as spool:
        outbox, cursors = Outbox(spool, identity.agent_uid), Cursors(spool, identity.agent_uid)
        with pytest.raises(StateError, match="FG-4030: there is no collector of kind 'tape'"):
            _desk(tmp_path, identity, outbox, cursors, watch, ServiceOptions())
