"""One agent as a process: everything it needs, put together from a state folder, until it is told to stop."""

import random
import signal
import time
from pathlib import Path
from typing import Final

import attrs
import trio

from agent.backoff import BASE_S, Backoff
from agent.client import Client, Farewell
from agent.collector import TAKE, Collector
from agent.facilities import Facilities
from agent.facts import Source
from agent.failures import unwrapped
from agent.former import open_own
from agent.host import Host
from agent.identity import Identity
from agent.inspection.keep import Keep
from agent.outbox import Outbox
from agent.proxies import DIRECT, Proxies
from agent.reporter import SPREAD, Reporter
from agent.spool import LIMIT_BYTES, OutboxError, OutboxFullError, Spool
from agent.state import StateFolder
from agent.watch import Watch
from agent.workload import Estate, Site
from protocol import AgentType, Code

TICK_S: Final = 1.0

# A synthetic estate has been running for a month when its agent enrolls, so that there is something to see at once.
HISTORY_MS: Final = 30 * 24 * 3600 * 1000


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


def source_of(identity: Identity) -> Source:
    """Where this agent's facts come from: a simulated one plays an estate, the same one for the same agent."""
    if not identity.synthetic:
        return Host(identity.installation_uid, identity.agent_type)
    seed = int(identity.agent_uid.replace("-", ""), 16) % 2**62
    make = Site if identity.agent_type is AgentType.SITE else Estate
    return make(seed, identity.since_ms - HISTORY_MS)


async def serve_agent(folder: Path, options: ServiceOptions) -> Farewell:
    """Run the agent in *folder* until it is signalled or a gateway stops it.

    Raises:
        StateError: the folder cannot be used.
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
        source = source_of(keeper.identity)
        source.skip(outbox.taken)
        facilities = Facilities(
            keeper=keeper,
            outbox=outbox,
            collector=Collector(source=source, outbox=outbox),
            now=now_ms,
            observer=watch,
            proxies=options.proxies,
        )
        jitter = random.Random()  # noqa: S311  # spreads reconnects, keeps no secret
        reporter = facilities.reporter = Reporter(
            keeper, Keep(folder), now=now_ms, observer=watch, proxies=options.proxies, draw=jitter.random,
            spread_s=SPREAD * options.reconnect_s,
        )  # fmt: skip
        watch.attach(facilities)
        client = Client(facilities, draw=jitter.random, backoff=Backoff(base_s=options.reconnect_s))
        try:
            with unwrapped():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_stop_on_signal, client)
                    nursery.start_soon(_collect, facilities, spool, options.rate)
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


async def _collect(facilities: Facilities, spool: Spool, rate: float) -> None:
    """Bring what happens into the outbox, once a second."""
    allowance, had_room = 0.0, True
    collector, observer = facilities.collector, facilities.observer
    while True:
        allowance = min(allowance + rate * TICK_S, float(TAKE))
        collector.collect(facilities.now(), max(1, int(allowance)))
        if taken := collector.stored():
            allowance -= taken
            facilities.bell.ring()
        why_full = collector.why_paused or _flush(spool)
        if why_full and had_room:
            observer.trouble(Code.OUTBOX_FULL, why_full)
        elif not why_full and not had_room:
            observer.mended(Code.OUTBOX_FULL, "the outbox has room again, collection goes on")
        had_room = not why_full
        await trio.sleep(TICK_S)


def _flush(spool: Spool) -> str:
    """What stood in the way; empty if nothing did."""
    try:
        spool.flush()
    except OutboxFullError as error:
        return str(error)
    return ""
