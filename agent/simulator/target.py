"""Whom a simulation is run against: a provider on this machine, by its data folder, or a gateway anywhere, by a token."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import attrs

from agent.path import split_address
from agent.simulator.ledger import Ledger
from agent.simulator.machine import holder_of, listener_of
from agent.simulator.members import Part
from agent.simulator.provider import Provider, ProviderError
from agent.simulator.verification import Result, compare
from certs import Token
from protocol import AgentType

# One simulated agent in so many is a cloud-connect site, if the provider has a listener for them.
SITE_SHARE: Final = 25

_HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})

Finders = Mapping[str, Callable[[], int | None]]


class Target(Protocol):
    """What a simulation needs of a provider."""

    @property
    def name(self) -> str:
        """For the result."""

    @property
    def data(self) -> Path | None:
        """Its data folder, if it is on this machine and known."""

    @property
    def address(self) -> str:
        """Where to dial, whatever the token says; empty: where it says."""

    def parts(self, count: int, companies: Sequence[str], personas: Mapping[str, int]) -> list[Part]:
        """Which agents enroll with which token: *count* that behave, and so many of each persona."""

    def finders(self, parts: Sequence[Part]) -> Finders:
        """How the processes of the gateway are found, where they are on this machine."""

    def verify(self, ledger: Ledger) -> Result | None:
        """Hold its store against what the agents were told; None where the agents themselves have to ask."""

    def revoke(self, parts: Sequence[Part]) -> None:
        """Let the tokens that were made for *parts* enroll nobody any more."""

    def remove(self, parts: Sequence[Part]) -> int:
        """Remove the agents that enrolled as *parts*; how many that were."""


@attrs.frozen
class LocalTarget:
    """A provider on this machine."""

    provider: Provider
    address: str = ""

    @property
    def name(self) -> str:
        """It has no name of its own."""
        return "data folder"

    @property
    def data(self) -> Path | None:
        """Where it is."""
        return self.provider.data

    def parts(self, count: int, companies: Sequence[str], personas: Mapping[str, int]) -> list[Part]:
        """Tokens are made for the purpose; if one cannot be, those before it are revoked.

        Raises:
            ProviderError: a command failed.
        """
        parts: list[Part] = []
        try:
            parts.extend(self._parts(count, companies, personas))
        except BaseException:  # Ctrl-C among them
            with contextlib.suppress(ProviderError):  # what went wrong first says more
                self.revoke(parts)
            raise
        return parts

    def _parts(self, count: int, companies: Sequence[str], personas: Mapping[str, int]) -> Iterator[Part]:
        sites = max(1, count // SITE_SHARE) if count > 1 else 0
        if sites and (site_token := self.provider.site_token(sites)) is not None:
            yield Part(token=site_token, count=sites, agent_type=AgentType.SITE, customers=tuple(companies))
        else:
            sites = 0
        clients = count - sites
        if not companies and (clients or personas):
            self.provider.ensure_company()
        owners: Sequence[str | None] = companies or [None]
        for number, owner in enumerate(owners):
            if share := clients // len(owners) + (number < clients % len(owners)):
                token = self.provider.token(share, company=owner)
                yield Part(token=token, count=share, company=owner)
        if personas:
            token = self.provider.token(sum(personas.values()), company=owners[0])
            for name, n in personas.items():
                yield Part(token=token, count=n, company=owners[0], persona=name)

    def finders(self, parts: Sequence[Part]) -> Finders:
        """By the port that remote agents dial, and by the projector's lock."""
        remote = next((part for part in parts if part.agent_type is AgentType.CLIENT), None)
        found: dict[str, Callable[[], int | None]] = {}
        if remote is not None and remote.token.gateways:
            _, port = split_address(remote.token.gateways[0])
            found["edge"] = lambda: listener_of(port)
        lock = self.provider.data / "run" / "projector.lock"
        return found | {"projector": lambda: holder_of(lock)}

    def verify(self, ledger: Ledger) -> Result | None:
        """By an export.

        Raises:
            ProviderError: the command failed.
        """
        with self.provider.events() as rows:
            return compare(ledger, rows)

    def revoke(self, parts: Sequence[Part]) -> None:
        """By command.

        Raises:
            ProviderError: it failed.
        """
        for token_id in _tokens(parts):
            self.provider.revoke_token(token_id)

    def remove(self, parts: Sequence[Part]) -> int:
        """By command.

        Raises:
            ProviderError: it failed.
        """
        return self.provider.remove(_tokens(parts))


@attrs.frozen
class RemoteTarget:
    """A gateway that consents to be simulated at by a token."""

    token: Token
    address: str
    data: Path | None = None

    @property
    def name(self) -> str:
        """The gateway's address."""
        return self.address or self.token.gateways[0]

    def parts(self, count: int, companies: Sequence[str], personas: Mapping[str, int]) -> list[Part]:
        """All by the one token."""
        cast = [Part(token=self.token, count=n, persona=name) for name, n in personas.items()]
        return [Part(token=self.token, count=count), *cast]

    def finders(self, parts: Sequence[Part]) -> Finders:
        """The edge, if it is on this machine."""
        host, port = split_address(self.name)
        return {"edge": lambda: listener_of(port)} if host in _HERE else {}

    def verify(self, ledger: Ledger) -> Result | None:
        """The agents ask."""
        return None

    def revoke(self, parts: Sequence[Part]) -> None:
        """The token is not ours: an operator made it, and may want it again."""

    def remove(self, parts: Sequence[Part]) -> int:
        """Nobody can from afar.

        Raises:
            ProviderError: always; the message says what an operator can do.
        """
        raise ProviderError(
            f"an operator removes them: fieldgate agent remove --synthetic --token {self.token.id}", 1
        )


def _tokens(parts: Sequence[Part]) -> list[str]:
    return list(dict.fromkeys(part.token.id for part in parts))
