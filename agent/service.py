"""One agent as a process: everything it needs, put together from a state folder, until it is told to stop."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs
import trio

from agent.archive import clear
from agent.backoff import BASE_S, Backoff
from agent.bell import Bell
from agent.bulk import Bulk
from agent.client import Client, Farewell
from agent.collector import Collector
from agent.collectors.assembly import assemble
from agent.collectors.contract import CollectorError
from agent.collectors.desk import Desk
from agent.collectors.meter import Meter
from agent.cursors import Cursors
from agent.execution import Executor, Ledger
from agent.execution.kinds import Hands
from agent.execution.restores import Restores
from agent.execution.writing_back import WriteBack
from agent.facilities import Facilities
from agent.failures import unwrapped
from agent.former import open_own
from agent.identity import Identity
from agent.inspection.keep import Keep
from agent.outbox import Outbox
from agent.proxies import DIRECT, Proxies
from agent.reporter import SPREAD, Reporter
from agent.settings import load_settings
from agent.spool import LIMIT_BYTES, OutboxError, OutboxFullError, Spool
from agent.state import StateError, StateFolder
from agent.watch import Watch
from protocol import Code

TICK_S: Final = 1.0


def now_ms() -> int:
    """Wall time, milliseconds since the epoch; a clock before that counts as standing at it, for no message holds less."""
    return max(0, time.time_ns() // 1_000_000)


@attrs.frozen(kw_only=True)
class ServiceOptions:
    """What can be set on the command line."""

    rate: float = 5.0
    """A synthetic estate catches up with its history at this many events a second."""
    outbox_bytes: int = LIMIT_BYTES
    reconnect_s: float = BASE_S
    """Ceiling of the first wait before connecting again."""
    proxies: Proxies = DIRECT


Ready = Callable[[Callable[[], None]], None]
"""Is given what stops the agent in order, once it can be."""


def nobody(_: Callable[[], None]) -> None:
    """Signals are all that stops it."""


async def serve_agent(folder: Path, options: ServiceOptions, ready: Ready = nobody) -> Farewell:
    """Run the agent in *folder* until it is signalled, what *ready* was given is called, or a gateway stops it.

    Raises:
        StateError: the folder, its agent.toml or a collector cannot be used.
        OutboxError: the outbox cannot be used.
    """
    keeper = StateFolder.load(folder)
    watch = Watch(folder / "status.json", now_ms)
    spool, put_aside = open_own(
        folder / "outbox.sqlite", keeper.identity.agent_uid, limit_bytes=options.outbox_bytes
    )
    if put_aside is not None:
        watch.trouble(Code.FORMER_OUTBOX, str(put_aside))
    with spool:
        outbox = Outbox(spool, keeper.identity.agent_uid)
        desk = _desk(
            folder, keeper.identity, outbox, Cursors(spool, keeper.identity.agent_uid), watch, options
        )
        collector = Collector(source=desk, outbox=outbox, live=desk)
        facilities = Facilities(
            keeper=keeper, outbox=outbox, collector=collector, desk=desk, now=now_ms, observer=watch, proxies=options.proxies,
        )  # fmt: skip
        clear(folder)
        bulk = facilities.bulk = Bulk(facilities.bell)
        desk.attach(collector, facilities.bell)
        meter = Meter(
            desk, outbox, agent_uid=keeper.identity.agent_uid, bell=facilities.bell,
            agreed=lambda: facilities.usage_agreed, now=now_ms,
        )  # fmt: skip
        jitter = random.Random()  # noqa: S311  # spreads reconnects, keeps no secret
        reporter = facilities.reporter = Reporter(
            keeper, Keep(folder), now=now_ms, observer=watch, proxies=options.proxies, draw=jitter.random,
            spread_s=SPREAD * options.reconnect_s,
        )  # fmt: skip
        executor = facilities.executor = _executor(
            facilities, desk, meter, Ledger(spool, outbox, keeper.identity.agent_uid), folder, bulk
        )
        watch.attach(facilities)
        client = Client(facilities, draw=jitter.random, backoff=Backoff(base_s=options.reconnect_s))
        ready(client.stop)
        try:
            with unwrapped():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_stop_on_signal, client)
                    nursery.start_soon(desk.run)
                    nursery.start_soon(meter.run)
                    nursery.start_soon(executor.run)
                    nursery.start_soon(_collect, facilities, spool, desk.news)
                    nursery.start_soon(watch.refresh)
                    nursery.start_soon(reporter.run)
                    farewell = await client.run()
                    nursery.cancel_scope.cancel()
        except OutboxError as error:
            watch.stopped(str(error))
            raise
        watch.stopped(farewell.why.value)
    return farewell


async def _stop_on_signal(client: Client) -> None:
    names = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last one is Windows'
    with trio.open_signal_receiver(
        *(getattr(signal, name) for name in names if hasattr(signal, name))
    ) as received:
        async for _ in received:
            client.stop()


def _desk(
    folder: Path, identity: Identity, outbox: Outbox, cursors: Cursors, watch: Watch, options: ServiceOptions
) -> Desk:
    """All collectors of the agent.

    Raises:
        StateError: agent.toml names one that cannot be used.
        OutboxError: the cursors cannot be read or written.
    """
    if identity.synthetic and outbox.taken and not cursors.read():
        # Before there were cursors, the number of events that were taken was the synthetic estate's.
        cursors.keep({"synthetic": str(outbox.taken)})
    try:
        collectors = assemble(folder, identity, now=now_ms, rate=options.rate)
    except CollectorError as error:
        raise StateError(f"{error.code}: {error.message}") from error
    return Desk(
        collectors,
        cursors,
        now=now_ms,
        host_name=identity.host_name,
        agent_type=identity.agent_type,
        observer=watch,
    )


def _executor(
    facilities: Facilities, desk: Desk, meter: Meter, ledger: Ledger, folder: Path, bulk: Bulk
) -> Executor:
    """Who runs commands; what was unfinished when the agent ended is taken up.

    Raises:
        OutboxError: the ledger cannot be read.
        StateError: agent.toml cannot be used.
    """
    settings = load_settings(folder)
    hands = Hands(
        facilities=facilities,
        desk=desk,
        meter=meter,
        ledger=ledger,
        state=folder,
        bulk=bulk,
        configured_s=settings.inventory_s,
    )
    hands.take_interval()
    restores = Restores(collectors=desk.collectors, bulk=bulk, state=folder)
    back = WriteBack(
        collectors=desk.collectors, targets=settings.restore_targets, agent_uid=facilities.keeper.identity.agent_uid,
        now=facilities.now,
    )  # fmt: skip
    back.clear()
    return Executor(
        ledger, {**hands.actions(), **restores.actions(), **back.actions()}, allowed=settings.allow, now=facilities.now, bell=facilities.bell, observer=facilities.observer
    )  # fmt: skip


async def _collect(facilities: Facilities, spool: Spool, news: Bell) -> None:
    """Bring what happens into the outbox: when there is news, and once a second."""
    had_room = True
    collector, observer = facilities.collector, facilities.observer
    while True:
        collector.collect(facilities.now())
        if collector.stored():
            facilities.bell.ring()
        why_full = collector.why_paused or _flush(spool)
        if why_full and had_room:
            observer.trouble(Code.OUTBOX_FULL, why_full)
        elif not why_full and not had_room:
            observer.mended(Code.OUTBOX_FULL, "the outbox has room again, collection goes on")
        had_room = not why_full
        with trio.move_on_after(TICK_S):
            await news.wait()


def _flush(spool: Spool) -> str:
    """What stood in the way; empty if nothing did."""
    try:
        spool.flush()
    except OutboxFullError as error:
        return str(error)
    return ""
