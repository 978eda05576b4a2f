"""What can be set of licensing: `[fieldgate.licensing]`."""

from urllib.parse import urlsplit

import attrs

__all__ = ["Licensing"]

MOST_DAYS = 366


@attrs.frozen(kw_only=True)
class Licensing:
    """Who makes licences, and when people are warned of their use."""

    # https://HOST/PATH of a remote licensing authority; "" is the embedded one
    url: str = ""
    # a file that holds the API token for it
    token_file: str = ""
    # CAs (PEM) that it is trusted by, instead of the system's
    ca: str = ""
    # from this use on a licence's status is Warning
    warning_percent: int = 80
    # so long more may be used than is licensed, before the status is Error
    grace_days: int = 30
    # so long before a licence's end, or its support's, its status is Warning
    expiry_days: int = 30

    def problem(self) -> str:
        """What is wrong with it; empty if nothing is."""
        if not 1 <= self.warning_percent <= 100:
            return f"licensing.warning_percent {self.warning_percent} is not between 1 and 100"
        for name in ("grace_days", "expiry_days"):
            if not 0 <= getattr(self, name) <= MOST_DAYS:
                return f"licensing.{name} {getattr(self, name)} is not between 0 and {MOST_DAYS}"
        if not self.url:
            return ""
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme == "https" and bool(parts.hostname) and (parts.port or 443) > 0
        except ValueError:
            usable = False
        if (
            not usable
            or parts.query
            or parts.fragment
            or parts.username is not None
            or not self.url.isascii()
        ):
            return f"licensing.url {self.url!r} is no address of an authority: https://HOST/PATH"
        return (
            ""
            if self.token_file
            else "licensing.token_file: an authority at licensing.url needs an API token"
        )
