"""What can be set of alarms: `[fieldgate.alarms]`."""

import attrs

__all__ = ["Alarms"]


@attrs.frozen(kw_only=True)
class Alarms:
    """Who may be told, and how."""

    # hosts of webhooks that may be at addresses which are not public
    webhook_hosts: tuple[str, ...] = ()
    # CAs (PEM) of webhooks that count besides the system's; "" is none
    webhook_ca: str = ""

    def problem(self) -> str:
        """What is wrong with it; empty if nothing is."""
        for host in self.webhook_hosts:
            if not host or "/" in host or any(each.isspace() for each in host):
                return f"alarms.webhook_hosts: {host!r} is no host, as a webhook's URL names it"
        return ""
