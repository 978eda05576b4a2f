"""Mail about alarms, by the provider's SMTP server: one for an alarm, or one for all of them when there are many at once.

What agents say stands in the lines of a mail and in its subject. Nothing of it can become a header or another recipient: unprintable characters
are replaced before a message is made, and the message is made by the standard library's policy, which refuses line breaks in headers.
The server is named by an operator in the settings, so its address is not judged as webhooks' are.
"""

import contextlib
import email.utils
import json
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final

import attrs

from gateway.alarms.backoff import retried
from gateway.alarms.webhook import trusting
from gateway.outgoing import NoTokenError, limited, token_of
from gateway.settings_alarms import Mail
from gateway.store import Attempt, DueDelivery, StoreError
from protocol import Code, printable

__all__ = ["MailUnusable", "Mailer", "checked_address"]

# A mail as a whole, from the name's look-up to the server's word that it has it.
TIMEOUT_S: Final = 20.0
# From so many at once they come in one mail.
DIGEST_FROM: Final = 4
LONGEST_SUBJECT: Final = 180
LONGEST_ADDRESS: Final = 254
# Of what a server says.
SHOWN: Final = 500
ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
)


class MailUnusable(StoreError):  # noqa: N818  # named after what it is about
    """There is no mail server, the address is none, or a test mail could not be sent."""

    code = Code.MAIL_UNUSABLE


def checked_address(text: str) -> str:
    """An address that mail can be sent to.

    Raises:
        MailUnusable: it is none.
    """
    if len(text) > LONGEST_ADDRESS or not ADDRESS.fullmatch(text) or ".." in text:
        raise MailUnusable(f"{printable(text[:200])!r} is no mail address: NAME@HOST, in ASCII")
    return text


class Wire(smtplib.SMTP):
    """A connection to the server whose socket `limited` can end."""

    def connect(
        self, host: str = "localhost", port: int = 0, source_address: object = None
    ) -> tuple[int, bytes]:
        """To the server; the library remembers the name that a certificate is held to only where it connects when it is made."""
        self._host = host
        return super().connect(host, port)

    @property
    def wire(self) -> socket.socket | None:
        """The socket, whatever it is wrapped in by now."""
        return self.sock


class TlsWire(Wire, smtplib.SMTP_SSL):
    """The same, with TLS from its first byte on."""


@attrs.frozen
class Mailer:
    """Sends deliveries by mail.

    Args:
        company_of: the name of an organization by its uid; empty if it has left.
    """

    settings: Mail
    company_of: Callable[[str], str] = lambda uid: ""
    timeout_s: float = TIMEOUT_S

    def require(self) -> None:
        """Refuse where no server is set.

        Raises:
            MailUnusable: none is.
        """
        if not self.settings.host:
            raise MailUnusable(
                "no mail server is set: `host` and `sender` in [fieldgate.mail] of fieldgate.toml"
            )

    def test(self, address: str) -> None:
        """Send a mail that says that mail arrives.

        Raises:
            MailUnusable: it could not be sent; says why.
        """
        self.require()
        message = self._message(
            checked_address(address), "Fieldgate: mail arrives", "mails of alarms will look like this one.\n"
        )
        try:
            self._send(message)
        except (OSError, smtplib.SMTPException, NoTokenError) as error:
            raise MailUnusable(f"{self.settings.host}: {said_by(error)}") from None

    def send(self, due: Sequence[DueDelivery], *, now_ms: int) -> list[Attempt]:
        """One mail of all of these, which go to one receiver; what came of each."""
        told = [json.loads(each.delivery.payload) for each in due]
        try:
            self.require()
            message = self._message(due[0].receiver.target, self._subject(told), self._body(told))
            domain = self.settings.sender.rpartition("@")[2]
            message["Message-ID"] = f"<{due[0].delivery.uid}.{due[0].delivery.attempts}@{domain}>"
            if len(due) == 1:
                message["References"] = f"<{due[0].delivery.alarm_uid}@{domain}>"
            self._send(message)
        except MailUnusable as error:
            return [retried(each, str(error), now_ms=now_ms) for each in due]
        except (OSError, smtplib.SMTPException, NoTokenError) as error:
            outcome = f"{self.settings.host}: {said_by(error)}"
            return [retried(each, outcome, now_ms=now_ms) for each in due]
        words = "delivered" if len(due) == 1 else f"delivered with {len(due) - 1} others in one mail"
        return [Attempt(delivered=True, retry_ms=None, outcome=words) for _ in due]

    def _message(self, to: str, subject: str, body: str) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = Address("Fieldgate", addr_spec=self.settings.sender)
        message["To"] = Address(addr_spec=to)
        message["Subject"] = printable(subject)[:LONGEST_SUBJECT]
        message["Date"] = email.utils.localtime()
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        return message

    def _subject(self, told: Sequence[dict[str, Any]]) -> str:
        if len(told) > 1:
            return f"Fieldgate: {len(told)} changes of alarms"
        [one] = told
        alarm = one["alarm"]
        what, status = alarm["object"], alarm["lastActivation"]["status"]
        where = f" on {what['computerName']}" if what["computerName"] else ""
        company = self.company_of(what["organizationUid"])
        return f"{status}: {alarm['template']} of {what['objectName']}{where}" + (
            f" ({company})" if company else ""
        )

    def _body(self, told: Sequence[dict[str, Any]]) -> str:
        return "\n".join(self._lines(each) for each in told)

    def _lines(self, one: dict[str, Any]) -> str:
        alarm, what, last = one["alarm"], one["alarm"]["object"], one["alarm"]["lastActivation"]
        lines = {
            last["status"]: last["message"],
            "What": f"{what['type']} {what['objectName']}",
            "On": what["computerName"],
            "Of": self.company_of(what["organizationUid"]),
            "Since": last["time"],
            "Times": str(alarm["repeatCount"]) if alarm["repeatCount"] > 1 else "",
            "Remark": last["remark"],
            "Alarm": f"{alarm['instanceUid']} ({alarm['template']}, {one['event'].removeprefix('alarm.')})",
        }
        return "".join(f"{name}: {printable(text)}\n" for name, text in lines.items() if text)

    def _send(self, message: EmailMessage) -> None:
        """To the server, which says that it has it.

        Raises:
            OSError, SMTPException: it could not be reached, or did not take it.
            NoTokenError: the password's file holds none.
        """
        server = self.settings
        tls = trusting(server.ca_file) if server.security != "none" else None
        is_tls = server.security == "tls"
        wire = TlsWire(timeout=self.timeout_s, context=tls) if is_tls else Wire(timeout=self.timeout_s)
        try:
            with limited(wire, self.timeout_s):
                wire.connect(server.host, server.port)
                if tls is not None and server.security == "starttls":
                    wire.starttls(context=tls)
                if server.user:
                    wire.login(server.user, token_of(server.password_path))
                wire.send_message(message)
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                wire.close()


def said_by(error: Exception) -> str:
    """What went wrong, in a line; of a server's answer what it said."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        [(code, reason)] = list(error.recipients.values())[:1]
        return answered(code, reason)
    if isinstance(error, smtplib.SMTPResponseException):
        return answered(error.smtp_code, error.smtp_error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return printable(str(error) or type(error).__name__)[:SHOWN]


def answered(code: int, said: bytes | str) -> str:
    """A server's refusal."""
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    return printable(f"answered {code} {words}")[:SHOWN]
