"""The management process, from its settings to its end.

It holds nothing that others wait for: no session, no acknowledgement. Killed at any moment, what it was writing is rolled back, and what it
answered stands in the store.
"""

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

from certs import Authority, AuthorityError, OwnCertificate, OwnCertificateError
from gateway.alarms import run_engine
from gateway.beats import beat_of_supervisor
from gateway.config import Config, ConfigError, cannot_listen
from gateway.licensing import run_office
from gateway.management.app import make_app
from gateway.management.closing import closing_months
from gateway.management.server import Certificates, Server
from gateway.management.services import Services
from gateway.management.working import working
from gateway.store import Store, open_store, ring
from protocol import Code

__all__ = ["listening", "run_management"]

log = structlog.get_logger()


def run_management(config: Callable[[], Config]) -> int:
    """Serve REST until SIGTERM or SIGINT; the exit code.

    Args:
        config: gives the settings as they are now.

    Raises:
        ConfigError: the port can't be had, or there is no certificate to show.
        StoreError: the store can't be opened; once it could be, its troubles are answers.
    """
    settings = config()
    management = settings.management
    try:
        certificates = Certificates(lambda: _chains(config()))
    except (AuthorityError, OwnCertificateError, OSError, ValueError) as error:
        raise ConfigError(
            f"no certificate for the REST interface: {error}", Code.OWN_CERTIFICATE_REJECTED
        ) from None
    store = open_store(settings.store_url)
    try:
        services = Services(
            store=store,
            config=config,
            now_ms=lambda: time.time_ns() // 1_000_000,
            ring=lambda: ring(settings.data / "run"),
        )
        app = make_app(services)
        with (
            listening(management.host, management.port) as listener,
            beat_of_supervisor() as beat,
            _alarms(store, settings),
            _licences(services),
            working(services),
            closing_months(settings.data),
        ):
            server = Server(
                app, certificates=certificates, connections=management.connections,
                connections_per_address=management.connections_per_address, beat=beat,
            )  # fmt: skip

            def stop(*_: object) -> None:
                server.should_exit = True

            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, stop)
            log.info("management started", store=store.url, port=listener.getsockname()[1])
            server.run(sockets=[listener])
            log.info("management stopped")
    finally:
        store.close()
    return 0


@contextlib.contextmanager
def _alarms(store: Store, settings: Config) -> Iterator[None]:
    """Alarms are raised, and people are told, for as long as this process serves."""
    stop = threading.Event()
    thread = threading.Thread(target=run_engine, args=(store, settings, stop), name="alarms")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def _licences(services: Services) -> Iterator[None]:
    """Licences are brought to their servers for as long as this process serves."""
    stop = threading.Event()
    thread = threading.Thread(
        target=lambda: run_office(
            services.store, services.config(), services.ring, stop, now_ms=services.now_ms
        ),
        name="licences",
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens, bound here, so that a port which is taken is told like any other of the gateway's.

    Raises:
        ConfigError: the port can't be had.
    """
    family = socket.AF_INET6 if not host or ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=512, dualstack_ipv6=not host)
    except OSError as error:
        raise cannot_listen(host, port, error) from None
    # Connections inherit it. asyncio would set it on those alone whose number of a protocol says TCP, which is 0 here; without, the body
    # of an answer waits until its head is acknowledged, for 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _chains(config: Config) -> Sequence[tuple[bytes, bytes]]:
    """The gateway's chain and key: one's own, or our authority's.

    Raises:
        AuthorityError, OwnCertificateError, OSError: they can't be read.
        ValueError: there is none.
    """
    if config.certificate:
        own = OwnCertificate.load(
            Path(config.certificate),
            Path(config.certificate_key),
            names=config.names,
            at=datetime.now(UTC),
            issuers=Path(config.certificate_issuers) if config.certificate_issuers else None,
        )
        return own.chains()
    chains = Authority.load(config.data / "ca").gateway_chains()
    if not chains:
        raise ValueError("the authority has issued none yet: `fieldgate ca rotate gateway`")
    return chains
