"""Many alarms, and receivers that are slow: everybody is told as fast as he listens."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

from gateway.alarms import add_webhook, run_engine
from gateway.alarms.sender import MOST, Sender, Sending
from gateway.config import Config
from gateway.settings_alarms import Alarms
from gateway.store import AlarmDelivery, Attempt, DueDelivery, Receiver, ReceiverKind
from protocol import JobStatus
from tests.gateway.alarms.conftest import NOW, Estate
from tests.gateway.alarms.test_webhooks import until, webhooks
from tests.gateway.sinks import receiver as receivers
from tests.gateway.sinks.receiver import receiving, write_ca

MANY = 200
LIMIT_MS = 5000


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def named(estate: Estate, name: str) -> Receiver:
    return estate.store.receivers.add(
        name, kind=ReceiverKind.WEBHOOK, name=name, target="https://a.example/", secret="s", by="eva", now_ms=NOW  # nobody's
    )  # fmt: skip


@attrs.define
class Stand:
    """Receivers that answer when the test lets them, and how many of their deliveries wait for that."""

    estate: Estate
    pool: ThreadPoolExecutor
    held: dict[str, threading.Event] = attrs.field(factory=dict)
    """Of receivers that do not answer before this is set."""
    flying: dict[str, int] = attrs.field(factory=dict)
    told: list[tuple[str, str]] = attrs.field(factory=list)
    lock: threading.Lock = attrs.field(factory=threading.Lock)
    sender: Sender = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.sender = Sender(
            self.estate.store, {ReceiverKind.WEBHOOK: Sending(self.send)}, self.pool, lambda: NOW + 2
        )

    def send(self, group: Sequence[DueDelivery], now_ms: int) -> list[Attempt]:
        [due] = group
        name = due.receiver.name
        with self.lock:
            self.flying[name] = self.flying.get(name, 0) + 1
        if name in self.held:
            self.held[name].wait()
        with self.lock:
            self.flying[name] -= 1
            self.told.append((name, due.delivery.event))
        return [Attempt(delivered=True, retry_ms=None, outcome="delivered")]

    def count(self, name: str) -> int:
        with self.lock:
            return sum(1 for who, _ in self.told if who == name)

    def until_flying(self, name: str, n: int) -> None:
        """Send until so many wait for *name*'s answer."""
        while self.flying.get(name, 0) < n:
            self.sender.tick(NOW + 2)
            self.sender.wake.wait(0.05)
            self.sender.wake.clear()

    def go_on(self, name: str, n: int) -> None:
        """Send until *name* has been told of *n*."""
        while self.count(name) < n:
            self.sender.tick(NOW + 2)
            self.sender.wake.wait(0.05)
            self.sender.wake.clear()


@pytest.fixture
def stand(estate: Estate) -> Iterator[Stand]:
    with ThreadPoolExecutor(32) as pool:
        stand = Stand(estate, pool)
        yield stand
        for held in stand.held.values():
            held.set()


def fail(estate: Estate, n: int, at: int = NOW) -> None:
    for number in range(n):
        estate.end_job(f"r{number}", JobStatus.FAILED, job=f"job{number}", at=at)


def test_who_is_slow_holds_nobody_up(stand: Stand) -> None:
    """While one has not answered its first deliveries, another hears of all the alarms there are."""
    named(stand.estate, "slow")
    named(stand.estate, "good")
    stand.held["slow"] = threading.Event()
    fail(stand.estate, MANY)
    stand.estate.engine.tick(NOW + 1)
    stand.go_on("good", MANY)
    assert stand.count("slow") == 0
    assert stand.flying["slow"] == 2


def test_who_answers_well_is_told_more_at_once(stand: Stand) -> None:
    """Up to a limit, beyond which he would be flooded."""
    named(stand.estate, "good")
    fail(stand.estate, MANY)
    stand.estate.engine.tick(NOW + 1)
    stand.go_on("good", MANY // 2)
    stand.held["good"] = threading.Event()
    stand.until_flying("good", MOST)
    stand.sender.tick(NOW + 2)
    assert stand.flying["good"] == MOST


def test_what_becomes_of_one_alarm_is_told_in_its_order(stand: Stand) -> None:
    """The end of an alarm waits for its beginning, to that receiver."""
    named(stand.estate, "ops")
    stand.held["ops"] = threading.Event()
    stand.estate.end_job("r1", JobStatus.FAILED)
    stand.estate.engine.tick(NOW + 1)
    stand.until_flying("ops", 1)
    stand.estate.end_job("r2", JobStatus.SUCCESS, at=NOW + 1)
    stand.estate.engine.tick(NOW + 2)
    stand.sender.tick(NOW + 2)
    assert stand.flying["ops"] == 1
    stand.held["ops"].set()
    stand.go_on("ops", 2)
    assert stand.told == [("ops", "raised"), ("ops", "resolved")]


def test_two_hundred_alarms_at_once_are_told_within_five_seconds(
    estate: Estate, receiver: receivers.Receiver, tmp_path: Path
) -> None:
    """Beside a receiver that never answers, from the job's end to the confirmed delivery, by the gateway's own records."""
    hooks = webhooks(tmp_path)
    estate.engine.stop()
    with receiving() as silent:
        silent.plays = [receivers.SILENT] * MANY
        add_webhook(estate.store, hooks, name="silent", url=silent.url, by="eva", now_ms=NOW)
        good, _ = add_webhook(estate.store, hooks, name="good", url=receiver.url, by="eva", now_ms=NOW)
        settings = Alarms(webhook_hosts=("127.0.0.1",), webhook_ca=str(write_ca(tmp_path / "ca.pem")))
        stop = threading.Event()
        thread = threading.Thread(
            target=run_engine, args=(estate.store, Config(data=tmp_path, alarms=settings), stop)
        )
        thread.start()
        try:
            until(lambda: estate.store.alarm_work.mark())
            ended_ms = wall_ms()
            fail(estate, MANY, ended_ms)

            def delivered() -> list[AlarmDelivery]:
                log = estate.store.alarm_deliveries.log(good.uid, limit=MANY)
                return [line for line in log if line.state == "delivered"]

            until(lambda: len(delivered()) == MANY)
            took_ms = max((line.finished_ms or 0) - line.created_ms for line in delivered())
        finally:
            stop.set()
            silent.ended.set()
            thread.join()
    print(f"{MANY} alarms told within {took_ms} ms of their raising")
    assert took_ms < LIMIT_MS
