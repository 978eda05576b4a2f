"""Webhooks: signed, retried, logged, and to the address that was judged."""

import base64
import hashlib
import hmac
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.alarms import Webhooks, WebhookUnusable, add_webhook, run_engine
from gateway.alarms.backoff import WAITS_S
from gateway.alarms.sealing import KEY_FILE, NotOpenedError, Seal
from gateway.alarms.sender import Sender, Sending
from gateway.config import Config
from gateway.settings_alarms import Alarms
from gateway.store import AlarmDelivery, AlarmDeliveryState, Receiver, ReceiverKind, Severity
from protocol import JobStatus
from tests.gateway.alarms.conftest import NOW, Estate
from tests.gateway.sinks import receiver as receivers
from tests.gateway.sinks.receiver import write_ca

HOUR_MS = 3_600_000
SOON = NOW + 2


def until(condition: object) -> None:
    """Wait for another thread, at most until the test's own limit ends it."""
    assert callable(condition)
    while not condition():
        time.sleep(0.005)


def webhooks(tmp_path: Path, *, timeout_s: float = 5.0) -> Webhooks:
    return Webhooks(
        ("127.0.0.1",), write_ca(tmp_path / "ca.pem"), seal=Seal(tmp_path / KEY_FILE), timeout_s=timeout_s
    )


class Rig:
    """An estate with a failed job, and a webhook that is to hear of it."""

    def __init__(self, estate: Estate, receiver: receivers.Receiver, hooks: Webhooks) -> None:
        self.estate, self.receiver, self.hooks = estate, receiver, hooks
        self.made, self.secret = self.add("ops")

    def add(self, name: str, **options: object) -> tuple[Receiver, str]:
        return add_webhook(
            self.estate.store, self.hooks, name=name, url=self.receiver.url, by="eva", now_ms=NOW, **options  # type: ignore[arg-type]  # of add_webhook's own
        )  # fmt: skip

    def fail(self, run: str = "r1", at: int = NOW) -> None:
        self.estate.end_job(run, JobStatus.FAILED, at=at)
        self.estate.engine.tick(at + 1)

    def send(self, now_ms: int) -> None:
        """One round of the sender, waited for."""
        with ThreadPoolExecutor(1) as pool:
            sends = {
                ReceiverKind.WEBHOOK: Sending(
                    lambda due, at: [self.hooks.send(each, now_ms=at) for each in due]
                )
            }
            Sender(self.estate.store, sends, pool, lambda: now_ms).tick(now_ms)

    def log(self) -> list[AlarmDelivery]:
        return self.estate.store.alarm_deliveries.log(self.made.uid)

    def last(self) -> AlarmDelivery:
        return self.log()[0]


@pytest.fixture
def rig(estate: Estate, receiver: receivers.Receiver, tmp_path: Path) -> Rig:
    return Rig(estate, receiver, webhooks(tmp_path))


def test_a_failed_job_reaches_a_webhook(rig: Rig) -> None:
    """With what the receiver needs to know, signed as Standard Webhooks says, and a line in the log."""
    rig.fail()
    rig.send(SOON)
    [headers], [raw] = rig.receiver.requests, rig.receiver.bodies
    body = json.loads(raw)
    assert body["event"] == "alarm.raised"
    assert body["alarm"]["object"]["objectName"] == "nightly"
    key = base64.b64decode(rig.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + raw
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    line = rig.last()
    assert (line.state, line.status, line.attempts, line.uid) == ("delivered", 204, 1, headers["webhook-id"])


def test_the_secret_is_shown_once(rig: Rig) -> None:
    """It is in no list, no log and no audit."""
    shown = [rig.estate.store.receivers.all(ReceiverKind.WEBHOOK), rig.estate.store.audit.list()]
    assert rig.secret not in repr(shown)


def test_the_secret_is_sealed_at_rest(rig: Rig) -> None:
    """What lies in the store opens with the key in the data folder, for this webhook alone."""
    rig.fail()
    [due] = rig.estate.store.alarm_deliveries.claim(ReceiverKind.WEBHOOK, limit=1, now_ms=SOON, again_ms=SOON)
    assert rig.secret not in due.secret
    assert rig.hooks.seal.open(due.secret, about=rig.made.uid) == rig.secret
    assert rig.hooks.seal.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(NotOpenedError):
        rig.hooks.seal.open(due.secret, about="another")


def test_a_secret_that_cant_be_opened_signs_nothing(rig: Rig) -> None:
    """The key is another one: nothing is sent, and the log says why."""
    rig.hooks.seal.path.write_bytes(bytes(32))
    rig.fail()
    rig.send(SOON)
    assert rig.receiver.requests == []
    assert rig.last().outcome == "webhooks.key is not the key that its secret was sealed with"


def test_a_receiver_that_fails_is_tried_again(rig: Rig) -> None:
    """Under the same id, later and later, and the log says what it answered."""
    rig.receiver.plays = [(503, {}), (200, {})]
    rig.fail()
    rig.send(SOON)
    line = rig.last()
    assert (line.state, line.status, line.outcome) == ("waiting", 503, "answered 503")
    assert line.next_ms == SOON + WAITS_S[0] * 1000
    rig.send(line.next_ms - 1)
    assert len(rig.receiver.requests) == 1
    rig.send(line.next_ms)
    assert rig.last().state is AlarmDeliveryState.DELIVERED
    assert len({headers["webhook-id"] for headers in rig.receiver.requests}) == 1


def test_a_receiver_may_ask_for_time(rig: Rig) -> None:
    """Retry-After counts, up to an hour."""
    rig.receiver.plays = [(429, {"Retry-After": "90"}), (429, {"Retry-After": "999999"})]
    rig.fail()
    rig.send(SOON)
    assert rig.last().next_ms == SOON + 90_000
    rig.send(SOON + 90_000)
    assert rig.last().next_ms == SOON + 90_000 + HOUR_MS


def test_it_is_given_up_after_a_day(rig: Rig) -> None:
    """Not before ten attempts."""
    rig.receiver.plays = [(500, {})] * 20
    rig.fail()
    now = SOON
    for _ in range(len(WAITS_S) + 1):
        rig.send(now)
        now = rig.last().next_ms
    assert rig.last().state is AlarmDeliveryState.FAILED
    assert rig.last().attempts == len(rig.receiver.requests) == 10


def test_one_that_is_gone_is_not_tried_again(rig: Rig) -> None:
    """410 is final."""
    rig.receiver.plays = [(410, {})]
    rig.fail()
    rig.send(SOON)
    assert rig.last().state is AlarmDeliveryState.FAILED


def test_redirections_are_not_followed(rig: Rig) -> None:
    """They lead where nobody judged."""
    rig.receiver.plays = [(307, {"Location": rig.receiver.url + "&moved"})]
    rig.fail()
    rig.send(SOON)
    assert rig.last().outcome == "redirections are not followed"
    assert len(rig.receiver.requests) == 1


@pytest.mark.parametrize("play", [receivers.SILENT, receivers.DRIP])
def test_a_slow_receiver_costs_its_time_and_no_more(
    estate: Estate, receiver: receivers.Receiver, tmp_path: Path, play: str
) -> None:
    """Silent, or a byte at a time for ever."""
    rig = Rig(estate, receiver, webhooks(tmp_path, timeout_s=0.3))
    receiver.plays = [play]
    rig.fail()
    rig.send(SOON)
    assert rig.last().outcome == "no answer within 0.3 s"


def test_an_unknown_authority_is_not_spoken_to(rig: Rig) -> None:
    """Nothing is sent to who can't prove its name."""
    rig.hooks = Webhooks(("127.0.0.1",), seal=rig.hooks.seal)
    rig.fail()
    rig.send(SOON)
    assert rig.receiver.requests == []
    assert "certificate" in rig.last().outcome


def test_the_address_is_judged_at_every_delivery(rig: Rig) -> None:
    """A name that was public when it was added and is loopback now is refused, for good, and nothing is sent."""
    rig.hooks = Webhooks(ca=rig.hooks.ca, seal=rig.hooks.seal)
    rig.fail()
    rig.send(SOON)
    assert rig.receiver.requests == []
    assert rig.last().state is AlarmDeliveryState.FAILED
    assert rig.last().outcome.startswith("FG-6250")


def test_a_name_that_changes_its_mind_is_asked_once(rig: Rig) -> None:
    """Public at the first question, loopback at the second: there is no second one."""
    answers = [["203.0.113.7"], ["127.0.0.1"]]
    asked = []

    def fickle(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers.pop(0)

    rig.hooks = Webhooks(("127.0.0.1",), rig.hooks.ca, seal=rig.hooks.seal, resolver=fickle, timeout_s=0.3)
    rig.fail()
    rig.send(SOON)
    assert len(asked) == 1
    assert rig.receiver.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/", "https://127.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[::ffff:a9fe:a9fe]/", "https://localhost:1280/", "https://0/", "https://2130706433/",
        "https://eva:secret@hooks.example/", "https://hooks.example:99999/", "file:///etc/passwd", "https://", "https://a b/",
        "https://hooks.example/#here", "gopher://hooks.example/", "https://" + "a" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_webhook_is_refused(estate: Estate, tmp_path: Path, url: str) -> None:
    """With the code that says so, and nothing is stored."""
    with pytest.raises(WebhookUnusable) as caught:
        add_webhook(
            estate.store, Webhooks(seal=Seal(tmp_path / KEY_FILE)), name="x", url=url, by="eva", now_ms=NOW
        )
    assert str(caught.value.code) == "FG-6250"
    assert estate.store.receivers.all(ReceiverKind.WEBHOOK) == []


def test_only_what_concerns_a_receiver_is_sent(rig: Rig) -> None:
    """Another company's and less grave alarms are not."""
    stranger = rig.estate.store.organizations.add_company("Other", now_ms=NOW)
    others, _ = rig.add("others", organization_uid=stranger.uid)
    grave, _ = rig.add("grave", least_severity=Severity.ERROR)
    rig.estate.end_job("w", JobStatus.WARNING)
    rig.estate.engine.tick(NOW + 1)
    log = rig.estate.store.alarm_deliveries.log
    assert [len(log(each.uid)) for each in (rig.made, others, grave)] == [1, 0, 0]


def test_a_claimed_delivery_whose_sender_died_is_sent_again(rig: Rig) -> None:
    """When its attempt counts as dead, and under the same id."""
    rig.fail()
    [due] = rig.estate.store.alarm_deliveries.claim(
        ReceiverKind.WEBHOOK, limit=1, now_ms=SOON, again_ms=SOON + 60_000
    )
    rig.send(SOON + 59_999)
    assert rig.receiver.requests == []
    rig.send(SOON + 60_000)
    assert rig.receiver.requests[0]["webhook-id"] == due.delivery.uid


def test_what_was_told_long_ago_is_forgotten(rig: Rig) -> None:
    """With the next sweep, as the setting says; what still waits is not."""
    rig.estate.engine.keep_ms = 30 * 24 * HOUR_MS
    rig.fail()
    rig.send(SOON)
    rig.fail("r2", NOW + 10)
    later = NOW + 31 * 24 * HOUR_MS
    rig.estate.engine.tick(later)
    assert [line.state for line in rig.log()] == ["waiting"]


def test_the_thread_raises_and_tells(estate: Estate, receiver: receivers.Receiver, tmp_path: Path) -> None:
    """As the management process runs it, and ends when it is told to."""
    settings = Alarms(webhook_hosts=("127.0.0.1",), webhook_ca=str(write_ca(tmp_path / "ca.pem")))
    estate.engine.stop()
    Rig(estate, receiver, webhooks(tmp_path))
    stop = threading.Event()
    thread = threading.Thread(
        target=run_engine, args=(estate.store, Config(data=tmp_path, alarms=settings), stop)
    )
    thread.start()
    try:
        estate.end_job("r1", JobStatus.FAILED)
        until(lambda: receiver.bodies)
        assert estate.open() == [("job-state", "nightly", "error", 1)]
    finally:
        stop.set()
        thread.join()
