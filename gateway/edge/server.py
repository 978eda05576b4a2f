"""The edge, put together: what is opened in which order, which tasks run, and how it ends.

Order of starting: the journal first (its lock is what makes this the only edge of that name), then the store and the directory,
then the ports; nobody can connect before the directory knows everybody.

Two nurseries, one in the other. The outer one has what sessions need until their last moment: the committer, the feed, the store's
writer. The inner one has listeners and sessions. Draining empties the inner one, then the outer one is cancelled, then the last of
it is written. Whatever fails in the outer one (a journal that can't sync, a lease that is lost) ends everything at once:
nothing may be acknowledged any more.
"""

import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial

import attrs
import structlog
import trio

from certs import from_ms
from gateway.config import Config, Difference, Listener, cannot_listen, difference
from gateway.edge.admission import Admission
from gateway.edge.bind import bind
from gateway.edge.bulk import Bulk
from gateway.edge.closes import Closes
from gateway.edge.commanding import Commanding
from gateway.edge.committer import Committer
from gateway.edge.credentials import load_credentials
from gateway.edge.directory import Directory
from gateway.edge.doorbell import Doorbell
from gateway.edge.drain import drain
from gateway.edge.feed import Feed
from gateway.edge.flow import FrameBudget, Lag, Valve
from gateway.edge.gauges import problems_of, show
from gateway.edge.inspection import Inspection
from gateway.edge.listener import Acceptor
from gateway.edge.metrics import Metrics
from gateway.edge.monitor import Monitor
from gateway.edge.reactions import react
from gateway.edge.reception import receive
from gateway.edge.releases import tell_all
from gateway.edge.services import Services, Spawn
from gateway.edge.storelink import StoreLink
from gateway.edge.sweeper import sweep_forever
from gateway.edge.traffic import Traffic
from gateway.edge.upkeep import Upkeep
from gateway.journal import JournalWriter
from gateway.store import Store, open_store
from transport import handshake_cpu_s

__all__ = ["Edge", "wall_clock_ms"]

log = structlog.get_logger()

FINISH_S = 5.0


def wall_clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@attrs.frozen
class Address:
    """Where an edge listens, once it does."""

    listener: Listener
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port} {self.listener.kind}"


class Edge:
    """One edge in one trio loop.

    Args:
        config: its settings.
        now: milliseconds since the epoch.

    Attributes:
        addresses: where it listens, once `run` has started.
        monitor_port: where its monitor does.
    """

    def __init__(self, config: Config, *, now: Callable[[], int] = wall_clock_ms) -> None:
        self.config = config
        self.now = now
        self.addresses: tuple[Address, ...] = ()
        self.monitor_port = 0
        self.services: Services | None = None
        self._upkeep: Upkeep | None = None
        self._admission = Admission(config.limits)
        self._admission.spare(config.balancers)
        self._stop = trio.Event()

    def stop(self) -> None:
        """Drain, and let `run` return."""
        self._stop.set()

    async def reload(self, found: Config) -> tuple[Difference, dict[str, object]]:
        """Take from *found* what is live, with the certificates as they are now; once `run` has started.

        Returns what changed and what a restart would, and in words what else is new.

        Raises:
            AuthorityError, OwnCertificateError, OSError, ValueError: the certificates can't be used; nothing was changed.
        """
        services, upkeep = self.services, self._upkeep
        assert services is not None  # noqa: S101  # `run` has started
        assert upkeep is not None  # noqa: S101  # likewise
        changes = difference(services.config, found)
        before = services.credentials
        await upkeep.adopt(changes.config)
        self.config = changes.config
        limits = changes.config.limits
        self._admission.relimit(limits)
        self._admission.spare(changes.config.balancers)
        if services.credentials.served != before.served:
            self._measure(services)
        services.budget.resize(limits.in_flight)
        if services.inspection is not None:
            services.inspection.reconfigured()
        if any(key.startswith("agents.") for key in changes.live):
            services.spawn(tell_all, services)
        notes: dict[str, object] = {}
        if services.credentials.served != before.served:
            notes["certificate"] = "replaced: the next connections are shown the new one"
        if services.credentials.trust_update != before.trust_update:
            notes["trust"] = (
                f"revision {services.credentials.trust_update.revision}, told to every connected agent"
            )
        return changes, notes

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until `stop`; starts once agents can connect.

        Raises:
            AuthorityError, ConfigError, JournalError, OwnCertificateError, StoreError: it can't start; says why.
            JournalFailed: a sync failed; what was not acknowledged by then will not be.
            LeaseLostError: another life of this edge has begun.
        """
        config = self.config
        with ExitStack() as stack:
            folder = config.data / "journals" / config.name
            # Another life of this edge has its ports too: what says so is the lock of its journal. An edge that never was takes
            # its ports first, so that a name or a port that was a slip leaves no journal for everybody to wonder about.
            is_new = not folder.exists()
            sockets = _all_bound(stack, config) if is_new else []
            journal = JournalWriter(folder, segment_bytes=config.limits.journal_segment)
            stack.callback(journal.close)
            store = open_store(config.store_url)
            stack.callback(store.close)
            doorbell = Doorbell(config.data / "run", config.name)
            stack.callback(doorbell.close)
            sockets = sockets or _all_bound(stack, config)
            async with trio.open_nursery() as outer:

                def spawn(work: Callable[..., Awaitable[object]], *args: object) -> None:
                    outer.start_soon(_guarded, work, args)

                services, feed, upkeep = await self._assemble(journal, store, spawn)
                self._upkeep = upkeep
                outer.start_soon(services.committer.run)
                outer.start_soon(doorbell.listen)
                outer.start_soon(feed.follow, doorbell, partial(react, services))
                outer.start_soon(services.link.report)
                outer.start_soon(services.commanding.run)
                outer.start_soon(sweep_forever, services)
                outer.start_soon(upkeep.run)
                if services.inspection is not None:
                    outer.start_soon(services.inspection.sightings.run)
                await self._start_monitor(outer, services, feed, upkeep)
                self.services = services
                self.addresses = tuple(_address_of(sock, listener) for sock, listener in sockets)
                log.info("edge ready", name=config.name, listening=[str(each) for each in self.addresses],
                         agents=len(services.directory.agents), journal=journal.journal_uid)  # fmt: skip
                task_status.started()
                await self._accept(services, sockets)
                outer.cancel_scope.cancel()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + FINISH_S):
                await services.link.finish()
            log.info("edge stopped", name=config.name)

    async def _assemble(
        self, journal: JournalWriter, store: Store, spawn: Spawn
    ) -> tuple[Services, Feed, Upkeep]:
        config, now = self.config, self.now
        metrics = Metrics()
        traffic = Traffic(metrics)
        directory = Directory()
        lag = Lag()
        link = StoreLink(
            store=store,
            run=config.data / "run",
            name=config.name,
            addresses=tuple(config.addresses()),
            heartbeat_ms=round(config.heartbeat_s * 1000),
            now=now,
        )
        feed = Feed(store=store, directory=directory, admission=self._admission)
        await link.start()
        await feed.load()
        services = Services(
            config=config,
            now=now,
            spawn=spawn,
            credentials=load_credentials(config, from_ms(now())),
            directory=directory,
            link=link,
            commanding=Commanding(store=store, edge_uid=link.edge_uid, now=now, delivered=traffic.commands),
            bulk=Bulk(config.data / "spool", config.name),
            committer=Committer(journal, lag, traffic, now),
            valve=Valve(window=config.limits.session_credit),
            budget=FrameBudget(config.limits.in_flight),
            closes=Closes(now, metrics.closed),
            metrics=metrics,
            traffic=traffic,
            admission=self._admission,
        )
        self._measure(services)
        if config.inspection:
            services.inspection = Inspection(services=services, away_since_ms=link.away_since_ms)
        upkeep = Upkeep(services=services, journal=journal, lag=lag)
        upkeep.begin()
        return services, feed, upkeep

    def _measure(self, services: Services) -> None:
        """Find out how many connects this machine can do with the certificate that is served; blocks for 15 to 40 ms."""
        cost_s = handshake_cpu_s(services.credentials.context)
        hall = self._admission
        hall.measured(cost_s)
        log.info("paced", handshake_cpu_us=round(cost_s * 1e6), connects_per_s=round(hall.pace.per_s),
                 places=hall.places, room=hall.room, given=self.config.limits.connects_per_s > 0)  # fmt: skip

    async def _start_monitor(
        self, nursery: trio.Nursery, services: Services, feed: Feed, upkeep: Upkeep
    ) -> None:
        show(services, feed, upkeep)
        monitor = Monitor(services.metrics, services.closes, partial(problems_of, services))
        try:
            self.monitor_port = await nursery.start(
                monitor.serve, self.config.monitor_host, self.config.monitor_port
            )
        except OSError as error:
            raise cannot_listen(self.config.monitor_host, self.config.monitor_port, error) from error

    async def _accept(self, services: Services, sockets: list[tuple[socket.socket, Listener]]) -> None:
        """Serve connections until `stop`, then drain them."""
        acceptor = Acceptor(
            admission=self._admission,
            closes=services.closes,
            metrics=services.metrics,
            context=lambda: services.credentials.context,
            handler=partial(receive, services),
            inspection=services.inspection,
        )
        async with trio.open_nursery() as connections:
            connections.start_soon(self._admission.keep_moving)
            async with trio.open_nursery() as listeners:
                for sock, listener in sockets:
                    listeners.start_soon(acceptor.accept_forever, sock, listener, connections)
                await self._stop.wait()
                listeners.cancel_scope.cancel()
            for sock, _ in sockets:
                sock.close()
            await drain(services)
            connections.cancel_scope.cancel()


def _all_bound(stack: ExitStack, config: Config) -> list[tuple[socket.socket, Listener]]:
    return [(sock, listener) for listener in config.listeners for sock in _bind(stack, listener)]


def _bind(stack: ExitStack, listener: Listener) -> list[socket.socket]:
    try:
        sockets = bind(listener)
    except OSError as error:
        raise cannot_listen(listener.host, listener.port, error) from error
    for sock in sockets:
        stack.callback(sock.close)
    return sockets


def _address_of(sock: socket.socket, listener: Listener) -> Address:
    host, port = sock.getsockname()[:2]
    return Address(listener, host, port)


async def _guarded(work: Callable[..., Awaitable[object]], args: tuple[object, ...]) -> None:
    """What a session starts for itself (a renewal, a send that must wait) is no safer than the session."""
    try:
        await work(*args)
    except Exception:  # as in the acceptor: one agent's bad luck must not take the others down with it
        log.exception("task of a session crashed")
