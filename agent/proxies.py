"""Whether the way to a gateway leads through an HTTP proxy, and who says so.

    config        `--proxy URL` (or FIELDGATE_AGENT_PROXY), else `proxy` in the state folder's agent.toml. That one, and no other way.
    environment   HTTPS_PROXY and NO_PROXY, which others set for others: a hint. Where that proxy opens no tunnel, the agent
                  goes without.
    system        what the operating system is set to (Windows, macOS): used to deliver a path report where nothing else does.

`none` in the place of a URL means: never through a proxy, whatever the environment says. A session through CONNECT is as direct as
any other: TLS goes from end to end.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import attrs

from agent.settings import SETTINGS, SettingError, read_document
from transport import Proxy

__all__ = ["DIRECT", "STRAIGHT", "Proxies", "ProxySettingError", "Way"]

NONE: Final = "none"


class ProxySettingError(ValueError):
    """A setting is no proxy; the message says why, and has no credentials in it."""


@attrs.frozen
class Way:
    """One way to dial: through a proxy, or without. `source` is "config", "environment" or "system"."""

    proxy: Proxy | None = None
    source: str = ""


STRAIGHT: Final = Way()


@attrs.frozen(kw_only=True)
class Proxies:
    """What is known of proxies."""

    configured: Proxy | None = None
    environment: Proxy | None = None
    exceptions: tuple[str, ...] = ()
    """NO_PROXY: names, ".suffixes", addresses, networks, each with a port or without; "*" is everything."""
    ignored: str = ""
    """Why the environment's proxy is not used, if it names one that can't be."""
    never: bool = False

    @classmethod
    def settle(cls, option: str | None, folder: Path | None, environ: Mapping[str, str]) -> Self:
        """What is to be used.

        Args:
            option: of the command line.
            folder: the agent's, which may have an agent.toml; None if there is no agent.
            environ: usually `os.environ`.

        Raises:
            ProxySettingError: the option, or the one in agent.toml, is no proxy.
            StateError: agent.toml can't be read.
        """
        url = option if option is not None else _configured(folder)
        if url == NONE:
            return cls(never=True)
        if url:
            try:
                return cls(configured=Proxy.from_url(url))
            except ValueError as error:
                raise ProxySettingError(str(error)) from None
        told = environ.get("HTTPS_PROXY") or environ.get("https_proxy") or ""
        exceptions = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
        try:
            environment = Proxy.from_url(told) if told else None
        except ValueError as error:
            return cls(ignored=f"HTTPS_PROXY is not used: {error}")
        return cls(
            environment=environment,
            exceptions=tuple(each.strip().lower() for each in exceptions.split(",") if each.strip()),
        )

    def ways(self, host: str, port: int) -> tuple[Way, ...]:
        """How to dial *host*, best first."""
        if self.configured is not None:
            return (Way(self.configured, "config"),)
        if self.environment is None or _is_excepted(host.lower(), port, self.exceptions):
            return (STRAIGHT,)
        return Way(self.environment, "environment"), STRAIGHT

    def spare(self) -> tuple[Proxy, ...]:
        """Proxies that are known of and that no session is opened through."""
        if self.configured is not None or self.never:
            return ()
        from urllib.request import getproxies  # takes 30 ms, and a path that failed

        found = []
        told = getproxies()
        for scheme in ("https", "http", "all"):
            try:
                found.append(Proxy.from_url(told.get(scheme, "")))
            except ValueError:
                continue  # none, or of another kind
        return tuple(dict.fromkeys(each for each in found if each != self.environment))


DIRECT: Final = Proxies(never=True)


def _configured(folder: Path | None) -> str | None:
    """What agent.toml says.

    Raises:
        StateError: it can't be read, or it is no text.
    """
    url = None if folder is None else read_document(folder).get("proxy")
    if url is not None and not isinstance(url, str):
        raise SettingError(f"{folder}/{SETTINGS}: proxy is a text, as in http://proxy.example:3128")
    return url


def _is_excepted(host: str, port: int, exceptions: tuple[str, ...]) -> bool:
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_matches(host, address, port, each) for each in exceptions)


def _matches(
    host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int, exception: str
) -> bool:
    if exception == "*":
        return True
    if address is not None:
        try:
            return address in ipaddress.ip_network(exception.strip("[]"), strict=False)
        except ValueError:
            pass
    name, _, only = exception.rpartition(":")
    if (name and only.isdigit() and name.count(":") == 0) or name.startswith("["):
        return int(only) == port and _matches(host, address, port, name.strip("[]"))
    suffix = exception.removeprefix("*").lstrip(".")
    return bool(suffix) and (host == suffix or host.endswith("." + suffix))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
