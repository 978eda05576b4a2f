"""Which version of the agent is due where: a new one is told to some first, and to everybody when it has stood that test.

Who comes first is drawn from the agent's uid and the version, so a larger share keeps those of the smaller one, every edge and command
draws the same, and the next version begins with others. Telling is all that the gateway does: what is installed on a customer's server, and when, is
decided there.
"""

import functools
import hashlib
import re

import attrs

__all__ = ["Agents"]

_VERSION = re.compile(r"v?([0-9]{1,9}(?:\.[0-9]{1,9}){0,9})(?![0-9])(.*)", re.DOTALL)
_Key = tuple[tuple[int, ...], bool]


@functools.lru_cache(maxsize=4096)
def _key(version: str) -> _Key | None:
    """What versions are compared by; None for a text that is none.

    Numbers first; of the same numbers, one that something follows ("rc1", ".dev3") is older than the release, unless that begins with "+"
    or is ".postN".
    """
    found = _VERSION.fullmatch(version.strip())
    if found is None:
        return None
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), not found[2] or found[2].startswith(("+", ".post"))


def _is_older(version: str, than: str) -> bool:
    """What can't be read is older than anything: it should be looked at."""
    if not than:
        return False
    key, other = _key(version), _key(than)
    assert other is not None  # noqa: S101  # `problem` has refused it
    return key is None or key < other


@attrs.frozen(kw_only=True)
class Agents:
    """The versions that agents are to have; "" asks for none."""

    # the version that agents are to have
    current: str = ""
    # what is older is out of date wherever it runs
    minimum: str = ""
    # how many of a hundred agents are told of `current`
    first_percent: int = 100
    # organizations (uids) whose agents are told of it whatever the share
    first: tuple[str, ...] = ()

    def problem(self) -> str:
        """Why this could not work; empty if it can."""
        for name in ("current", "minimum"):
            version = getattr(self, name)
            if version and _key(version) is None:
                return f"agents.{name} {version!r} is no version: write it like 1.2.0"
        if self.current and _is_older(self.current, self.minimum):
            return f"agents.current {self.current} is older than agents.minimum {self.minimum}"
        if not 0 <= self.first_percent <= 100:
            return f"agents.first_percent = {self.first_percent} is not between 0 and 100"
        return ""

    def due(self, version: str, *, agent_uid: str, organization_uid: str) -> str:
        """The version that the agent is to have instead of *version*; empty if its own will do."""
        if not (self.current or self.minimum):
            return ""
        if _is_older(version, self.current) and self._is_first(agent_uid, organization_uid):
            return self.current
        return self.minimum if _is_older(version, self.minimum) else ""

    def is_below_minimum(self, version: str) -> bool:
        """Whether *version* is out of date wherever it runs."""
        return _is_older(version, self.minimum)

    def _is_first(self, agent_uid: str, organization_uid: str) -> bool:
        if self.first_percent == 100 or organization_uid in self.first:
            return True
        draw = hashlib.sha256(f"{self.current}\n{agent_uid}".encode(errors="surrogatepass")).digest()
        return int.from_bytes(draw[:8]) * 100 < self.first_percent << 64
