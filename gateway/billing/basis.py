"""What a statement was made of, in one digest: of every agent that reported, all links of the period; and whose each cloud tenant was in it."""

import hashlib
from collections.abc import Iterable
from typing import Any

from gateway.billing.calendar import Period
from gateway.store import History, Owned


class Basis:
    """Take the links of each agent in their order; the agents' order does not matter."""

    def __init__(self) -> None:
        self._agents: dict[str, Any] = {}
        self._owned: list[str] = []
        self.reports = 0

    @classmethod
    def of(cls, history: History, period: Period) -> "Basis":
        """Of a period. It reads no report, so it takes seconds where a statement takes minutes."""
        basis = cls()
        for agent_uid, link in history.links(period.from_ms, period.to_ms):
            basis.add(agent_uid, link)
        basis.own(history.owned(period.from_ms, period.to_ms))
        return basis

    def add(self, agent_uid: str, link: bytes) -> None:
        """Take one."""
        self._agents.setdefault(agent_uid, hashlib.sha256()).update(link)
        self.reports += 1

    def own(self, owned: Iterable[Owned]) -> None:
        """Take whose tenants were: what is mapped later changes nothing, a repair that reaches back into the period does."""
        for each in owned:
            held = each.held
            self._owned.append(
                f"{each.agent_uid} {held.from_ms} {held.to_ms} {held.company_uid} {each.tenant_uid}"
            )

    @property
    def agents(self) -> frozenset[str]:
        """Who reported."""
        return frozenset(self._agents)

    @property
    def sha256(self) -> str:
        """The digest."""
        whole = hashlib.sha256()
        for agent_uid in sorted(self._agents):
            whole.update(f"{agent_uid} {self._agents[agent_uid].hexdigest()}\n".encode())
        for line in self._owned:
            whole.update(f"{line}\n".encode())
        return whole.hexdigest()
