"""What can be set of alarms and of whom they are told to: `[fieldgate.alarms]`, `[fieldgate.mail]`."""

from pathlib import Path
from typing import Final

import attrs

__all__ = ["Alarms", "Mail"]

MOST_DAYS: Final = 3660
SECURITY: Final = ("starttls", "tls", "none")


@attrs.frozen(kw_only=True)
class Alarms:
    """Who may be told, and how."""

    # hosts of webhooks that may be at addresses which are not public
    webhook_hosts: tuple[str, ...] = ()
    # CAs (PEM) of webhooks that count besides the system's; "" is none
    webhook_ca: str = ""
    # for how long alarms that are over, their history, and what receivers were told are kept
    keep_days: int = 400

    def problem(self) -> str:
        """What is wrong with it; empty if nothing is."""
        for host in self.webhook_hosts:
            if not host or "/" in host or any(each.isspace() for each in host):
                return f"alarms.webhook_hosts: {host!r} is no host, as a webhook's URL names it"
        if not 1 <= self.keep_days <= MOST_DAYS:
            return f"alarms.keep_days = {self.keep_days} is not between 1 and {MOST_DAYS}"
        return ""


@attrs.frozen(kw_only=True)
class Mail:
    """The provider's mail server."""

    # its name or address; "" is none: nobody is told by mail
    host: str = ""
    port: int = 587
    # starttls, tls (from the first byte on, mostly on 465), or none: in clear
    security: str = "starttls"
    # who logs in; "" is nobody
    user: str = ""
    # a file with that one's password
    password_file: str = ""
    # authorities (PEM) that it is trusted by, besides the system's; "" is none
    ca: str = ""
    # the address that mails come from
    sender: str = ""

    @property
    def ca_file(self) -> Path | None:
        """The authorities' file."""
        return Path(self.ca) if self.ca else None

    @property
    def password_path(self) -> Path:
        """The password's file."""
        return Path(self.password_file)

    def problem(self) -> str:
        """What is wrong with it; empty if nothing is."""
        if self.security not in SECURITY:
            return f"mail.security = {self.security!r} is not one of {', '.join(SECURITY)}"
        if not 1 <= self.port <= 65535:
            return f"mail.port = {self.port} is no port"
        if not self.host:
            return ""
        if "@" not in self.sender or not self.sender.isascii() or any(each.isspace() for each in self.sender):
            return f"mail.sender = {self.sender!r} is no mail address"
        if bool(self.user) != bool(self.password_file):
            return "mail.user and mail.password_file belong together: give both or neither"
        if self.user and self.security == "none":
            return "mail.user: a password is not sent in clear; set mail.security"
        return ""
