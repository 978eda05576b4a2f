"""The engine as a thread of the management process."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import structlog

from gateway.alarms.engine import Engine
from gateway.alarms.evaluations import DAY_MS
from gateway.alarms.mail import DIGEST_FROM, Mailer
from gateway.alarms.sealing import KEY_FILE, Seal
from gateway.alarms.sender import WORKERS, Sender, Sending
from gateway.alarms.webhook import Webhooks
from gateway.config import Config
from gateway.store import NotFound, NotTheEngine, ReceiverKind, Store, StoreError

__all__ = ["mailer_of", "run_engine", "webhooks_of"]

# What fails now is looked at again this soon: an alarm is to be there within 5 s.
POLL_S: Final = 0.5
# While the store is away, or another process works.
IDLE_S: Final = 2.0

log = structlog.get_logger()


def wall_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def webhooks_of(config: Config) -> Webhooks:
    """Webhooks by the gateway's settings."""
    ca = config.alarms.webhook_ca
    return Webhooks(config.alarms.webhook_hosts, Path(ca) if ca else None, seal=Seal(config.data / KEY_FILE))


def mailer_of(config: Config, store: Store) -> Mailer:
    """Mail by the gateway's settings."""

    def company_of(uid: str) -> str:
        try:
            return store.organizations.find(uid).name
        except NotFound:
            return ""

    return Mailer(config.mail, company_of)


def run_engine(store: Store, config: Config, stop: threading.Event) -> None:
    """Raise alarms and tell people, until *stop* is set. Any number of processes may do so: one of them works, the others wait."""
    engine = Engine(store, config.agents, keep_ms=config.alarms.keep_days * DAY_MS)
    webhooks = webhooks_of(config)
    mailer = mailer_of(config, store)
    sends = {
        ReceiverKind.WEBHOOK: Sending(
            lambda due, now_ms: [webhooks.send(each, now_ms=now_ms) for each in due]
        ),
        ReceiverKind.MAIL: Sending(lambda due, now_ms: mailer.send(due, now_ms=now_ms), together=DIGEST_FROM),
    }
    pool = ThreadPoolExecutor(WORKERS, "alarm-sender")
    sender = Sender(store, sends, pool, wall_ms)
    teller = threading.Thread(target=_tell, args=(sender, engine, stop), name="alarm-teller")
    teller.start()
    while not stop.is_set():
        wait_s = IDLE_S
        try:
            more = engine.tick(wall_ms())
            if engine.works:
                sender.wake.set()
                wait_s = 0.0 if more else POLL_S
        except NotTheEngine:
            engine.lost()
        except StoreError as error:
            log.warning("alarms wait for the store", code=str(error.code), why=str(error))
        except Exception:
            # Whatever it is, alarms that nobody raises any more are worse than a line like this every other second.
            log.exception("the alarm engine stumbled")
        stop.wait(wait_s)
    sender.wake.set()
    teller.join()
    pool.shutdown(wait=False, cancel_futures=True)
    try:
        engine.stop()
    except StoreError as error:
        log.warning("the alarm engine's lease runs out by itself", why=str(error))


def _tell(sender: Sender, engine: Engine, stop: threading.Event) -> None:
    """Send what is due while this process is the one that works: when something new is, or when there is room again."""
    while not stop.is_set():
        try:
            if engine.works:
                sender.tick(wall_ms())
        except StoreError as error:
            log.warning("deliveries wait for the store", code=str(error.code), why=str(error))
        except Exception:
            # See above.
            log.exception("the sender of alarms stumbled")
            stop.wait(IDLE_S)
        sender.wake.wait(POLL_S)
        sender.wake.clear()
