"""What can be set of licensing: `[fieldgate.licensing]`."""

from urllib.parse import urlsplit

import attrs

__all__ = ["Licensing"]


@attrs.frozen(kw_only=True)
class Licensing:
    """Who makes licences."""

    # https://HOST/PATH of a remote licensing authority; "" is the embedded one
    url: str = ""
    # a file that holds the API token for it
    token_file: str = ""
    # CAs (PEM) that it is trusted by, instead of the system's
    ca: str = ""

    def problem(self) -> str:
        """What is wrong with it; empty if nothing is."""
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
