"""Mail about alarms: by a real SMTP server, in TLS and with a login, one for an alarm or one for many; nothing that an agent says becomes a header."""

import email
import email.policy
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path

import attrs
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from gateway.alarms import Mailer, MailUnusable, add_mail, run_engine
from gateway.alarms.mail import DIGEST_FROM
from gateway.alarms.sender import Sender, Sending
from gateway.config import Config, ConfigError
from gateway.settings_alarms import Mail
from gateway.store import AlarmDelivery, Receiver, ReceiverKind
from protocol import JobStatus
from tests.gateway.alarms.conftest import NOW, Estate
from tests.gateway.alarms.test_webhooks import until
from tests.gateway.sinks.receiver import authority, write_ca
from tests.helpers.provider import free_ports

PASSWORD = "sesame-42"  # the test server's own


@attrs.define
class Box:
    """What a server has taken, and what it says instead where it shall refuse."""

    port: int
    taken: list[EmailMessage] = attrs.field(factory=list)
    to: list[list[str]] = attrs.field(factory=list)
    encrypted: list[bool] = attrs.field(factory=list)
    refuses: str = ""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        if self.refuses:
            return self.refuses
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        self.to.append(list(envelope.rcpt_tos))
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


def server_tls(folder: Path) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    [(chain, key)] = authority().gateway_chains()
    (folder / "server.pem").write_bytes(chain + key)
    tls.load_cert_chain(folder / "server.pem")
    return tls


def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    known = LoginPassword(b"fieldgate", PASSWORD.encode())
    return AuthResult(success=data == known, handled=False)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """A server that takes mail in TLS from who has logged in."""
    [port] = free_ports(1)
    made = Box(port)
    controller = Controller(
        made, hostname="127.0.0.1", port=port, tls_context=server_tls(tmp_path), require_starttls=True, auth_required=True,
        authenticator=check,
    )  # fmt: skip
    controller.start()
    yield made
    controller.stop()


@pytest.fixture
def settings(box: Box, tmp_path: Path) -> Mail:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return Mail(
        host="127.0.0.1", port=box.port, user="fieldgate", password_file=str(tmp_path / "password"),
        ca=str(write_ca(tmp_path / "ca.pem")), sender="fieldgate@provider.example",
    )  # fmt: skip


@attrs.define
class Duty:
    """An estate, somebody who is told by mail, and rounds of the sender."""

    estate: Estate
    mailer: Mailer
    receiver: Receiver

    def fail(self, jobs: int = 1, *, message: str = "", name: str = "nightly") -> None:
        for n in range(jobs):
            self.estate.end_job(f"r{n}", JobStatus.FAILED, job=f"{name}{n}", message=message)
        self.estate.engine.tick(NOW + 1)

    def send(self, now_ms: int = NOW + 2) -> None:
        with ThreadPoolExecutor(1) as pool:
            sending = Sending(lambda due, at: self.mailer.send(due, now_ms=at), together=DIGEST_FROM)
            Sender(self.estate.store, {ReceiverKind.MAIL: sending}, pool, lambda: now_ms).tick(now_ms)

    def log(self) -> list[AlarmDelivery]:
        return self.estate.store.alarm_deliveries.log(self.receiver.uid)


@pytest.fixture
def duty(estate: Estate, settings: Mail) -> Duty:
    mailer = Mailer(settings, lambda uid: "Bäckerei Ölund")
    made = add_mail(estate.store, mailer, name="duty", address="duty@provider.example", by="eva", now_ms=NOW)
    return Duty(estate, mailer, made)


def test_a_failed_job_is_a_mail(duty: Duty, box: Box) -> None:
    """In TLS, to the one address, with what a person needs to know; and a line in the log."""
    duty.fail(message="the disk is full")
    duty.send()
    [mail] = box.taken
    assert box.to == [["duty@provider.example"]]
    assert box.encrypted == [True]
    assert mail["From"] == "Fieldgate <fieldgate@provider.example>"
    assert mail["Subject"] == "Error: job-state of nightly0 on backup0000 (Bäckerei Ölund)"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Error: failed: the disk is full" in mail.get_content()
    assert [line.state for line in duty.log()] == ["delivered"]


def test_many_alarms_at_once_are_one_mail(duty: Duty, box: Box) -> None:
    """With a line of each, and each is delivered by the log."""
    duty.fail(20)
    duty.send()
    [mail] = box.taken
    assert mail["Subject"] == "Fieldgate: 20 changes of alarms"
    assert all(f"job nightly{n}" in mail.get_content() for n in range(20))
    assert [line.state for line in duty.log()] == ["delivered"] * 20


def test_mails_of_one_alarm_refer_to_each_other(duty: Duty, box: Box) -> None:
    """So that mail programs show them together."""
    duty.fail()
    duty.send()
    duty.estate.end_job("good", JobStatus.SUCCESS, job="nightly0", at=NOW + 5)
    duty.estate.engine.tick(NOW + 6)
    duty.send(NOW + 7)
    first, second = box.taken
    assert first["References"] == second["References"]
    assert first["Message-ID"] != second["Message-ID"]
    assert second["Subject"].startswith("Resolved: ")


@pytest.mark.parametrize(
    "poison", ["x\r\nBcc: evil@example.com\r\n", "x\n.\nMAIL FROM:<a@b>", "x\x00\x1b[2J\u2028y"]
)
def test_nothing_that_an_agent_says_becomes_a_header(duty: Duty, box: Box, poison: str) -> None:
    """Neither a job's name nor its message: no recipient is added, and no line is begun."""
    duty.mailer = Mailer(duty.mailer.settings, lambda uid: "Ölund\r\nBcc: evil@example.com")
    if "\x00" in poison:
        poison = poison.replace("\x00", "")  # no frame carries one
    duty.fail(message=poison)
    duty.send()
    [mail] = box.taken
    assert box.to == [["duty@provider.example"]]
    assert mail["Bcc"] is None
    assert not any(line.startswith(("Bcc", "MAIL", ".", "y")) for line in mail.get_content().splitlines())


@pytest.mark.parametrize(
    "address",
    [
        "a@b\r\nBcc: c@d",
        "a b@c.d",
        "a",
        "<a@b.c>",
        "a@b.c, d@e.f",
        "a..b@c.d",
        "ä@b.c",
        "@b.c",
        "a@",
        "a" * 300 + "@b.c",
    ],
)
def test_what_is_no_address_is_refused(duty: Duty, address: str) -> None:
    """FG-6252, and nothing is stored."""
    with pytest.raises(MailUnusable) as caught:
        add_mail(duty.estate.store, duty.mailer, name="x", address=address, by="eva", now_ms=NOW)
    assert str(caught.value.code) == "FG-6252"
    assert len(duty.estate.store.receivers.all(ReceiverKind.MAIL)) == 1


def test_a_server_that_refuses_is_tried_again(duty: Duty, box: Box) -> None:
    """And the log says what it said."""
    box.refuses = "451 come back later"
    duty.fail()
    duty.send()
    [line] = duty.log()
    assert (line.state, line.outcome) == ("waiting", "127.0.0.1: answered 451 come back later")
    box.refuses = ""
    duty.send(line.next_ms)
    assert [each.state for each in duty.log()] == ["delivered"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ca": ""}, "self-signed certificate in certificate chain"),
        ({"user": "stranger"}, "answered 535"),
        ({"port": 1}, "refused"),
        ({"host": ""}, "no mail server is set"),
    ],
)
def test_a_test_mail_says_what_is_wrong(settings: Mail, box: Box, changed: dict[str, str], said: str) -> None:
    """A server that nobody trusts, a login that is refused, nobody there, nothing set."""
    with pytest.raises(MailUnusable, match=said):
        Mailer(attrs.evolve(settings, **changed)).test("duty@provider.example")  # type: ignore[arg-type]  # of the table above
    assert box.taken == []


def test_a_server_that_says_nothing_costs_its_time_and_no_more(settings: Mail) -> None:
    """A port that takes connections and is silent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = attrs.evolve(settings, port=silent.getsockname()[1])
        with pytest.raises(MailUnusable, match="no answer in time"):
            Mailer(mute, timeout_s=0.3).test("duty@provider.example")


def test_tls_from_the_first_byte(settings: Mail, tmp_path: Path) -> None:
    """As on port 465."""
    [port] = free_ports(1)
    made = Box(port)
    controller = Controller(made, hostname="127.0.0.1", port=port, ssl_context=server_tls(tmp_path))

    def knock() -> None:
        """Its own look whether it is up wants a certificate for "localhost"."""
        tls = ssl.create_default_context(cafile=settings.ca)
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            tls.wrap_socket(raw, server_hostname="127.0.0.1") as wire,
        ):
            wire.recv(100)

    controller._trigger_server = knock  # type: ignore[method-assign]  # that is the trick
    controller.start()
    try:
        Mailer(attrs.evolve(settings, port=port, security="tls", user="", password_file="")).test(
            "duty@provider.example"
        )
    finally:
        controller.stop()
    assert made.taken[0]["Subject"] == "Fieldgate: mail arrives"


@pytest.mark.parametrize(
    "changed",
    [
        {"security": "ssl"}, {"port": 0}, {"sender": "nobody"}, {"sender": "a@b\nBcc: c@d"}, {"password_file": ""},
        {"security": "none"},
    ],
)  # fmt: skip
def test_settings_that_could_not_work_are_refused(settings: Mail, changed: dict[str, object]) -> None:
    """A password in clear among them."""
    with pytest.raises(ConfigError, match=r"mail\."):
        Config(mail=attrs.evolve(settings, **changed))  # type: ignore[arg-type]  # of the table above


def test_the_thread_sends_mail(duty: Duty, box: Box, tmp_path: Path) -> None:
    """As the management process runs it, with the company's name."""
    duty.estate.engine.stop()
    stop = threading.Event()
    config = Config(data=tmp_path, mail=duty.mailer.settings)
    thread = threading.Thread(target=run_engine, args=(duty.estate.store, config, stop))
    thread.start()
    try:
        duty.estate.end_job("r1", JobStatus.FAILED)
        until(lambda: box.taken)
        assert box.taken[0]["Subject"].endswith(f"({duty.estate.world.company.name})")
    finally:
        stop.set()
        thread.join()
