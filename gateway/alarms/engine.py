"""The engine: looks at what has changed, and around at everything, and writes what follows.

    seen        what others wrote since the mark: ended sessions, agents, incidents, gaps. Looked at at once
    sweep       the gateway itself, then every agent in turn, a page at a time: what becomes wrong by the mere passing of time has
                no line in any feed

Each look reads facts, asks the templates (pure), and hands what they found to the store, which keeps the alarms (store/alarms/working.py).
A look that is repeated changes nothing. So an engine may be killed anywhere; the next one takes over when its lease has run out.
"""

import itertools
import operator
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol
from uuid import uuid4

import attrs

from gateway.alarms.evaluations import DAY_MS, HOUR_MS
from gateway.alarms.templates import TEMPLATES, Template
from gateway.config import Agents
from gateway.store import (
    AgentFacts,
    AlarmCondition,
    AlarmSubject,
    AuthorityFacts,
    EdgeFacts,
    EngineMark,
    IncidentFacts,
    LagFacts,
    LicenceFacts,
    Looked,
    RuleChange,
    Store,
    Unseen,
    effective,
)

__all__ = ["LEASE_MS", "Engine"]

LEASE_MS: Final = 15_000
RENEW_MS: Final = 5_000
PAGE_AGENTS: Final = 100
# A fleet of 10,000 is 100 pages, two a second; a smaller one is not looked at more often than this.
SWEEP_MS: Final = 30_000
# What was given up longer ago is history.
GAPS_MS: Final = 30 * DAY_MS

OF_AGENTS: Final = (
    "agent-connection", "backup-server-connection", "agent-version", "data-collection-delay", "clock-skew",
    "certificate-expiring", "duplicate-installation", "quarantine",
)  # fmt: skip

OF_LICENCES: Final = ("licence-exceeded", "licence-expiring", "shared-licence-key")


class Facts(Protocol):
    """What a template judges."""

    @property
    def scope(self) -> str:
        """What it is looked at with."""

    @property
    def subject(self) -> AlarmSubject:
        """What it is."""


Scopes = Mapping[str, frozenset[str] | None]
"""What is looked at: of each scope the objects, or all."""
Look = tuple[str, Sequence[Facts], Scopes]
"""A template's name, the facts for it, and what they are all the facts of."""

by_scope = operator.attrgetter("scope")


@attrs.define
class Engine:
    """One process's engine. It works only while it holds the lease."""

    store: Store
    versions: Agents = attrs.field(factory=Agents)
    """Which version agents are to have."""
    keep_ms: int = 400 * DAY_MS
    """For how long the history of what is over is kept, and what receivers were told."""
    holder: str = attrs.field(factory=lambda: str(uuid4()))
    _renew_ms: int = 0
    _mark: EngineMark | None = None
    _swept: int = 0
    """The last agent of this sweep that was looked at."""
    _sweep_ms: int = 0
    """When the next sweep may begin."""

    def tick(self, now_ms: int) -> bool:
        """Look once; whether there is more to look at right now.

        Raises:
            NotTheEngine: another process works; try again later.
            StoreError: the store can't be used.
        """
        if now_ms >= self._renew_ms and not self._renew(now_ms):
            return False
        if self._mark is None:
            self._mark = self.store.alarm_work.mark()
        mark = self._mark or self.store.alarm_work.end()
        seen = self.store.alarm_work.seen(mark)
        if self._mark is None or seen.mark != mark:
            self.store.alarm_work.apply(self.holder, self._new(seen, now_ms), mark=seen.mark, now_ms=now_ms)
            self._mark = seen.mark
        self._sweep(now_ms)
        self.store.alarm_work.tell_late(self.holder, now_ms=now_ms)
        return seen.more

    @property
    def works(self) -> bool:
        """Whether it holds the lease, as far as it knows."""
        return self._renew_ms > 0

    def stop(self) -> None:
        """Let another process begin at once."""
        self.store.alarm_work.release(self.holder)

    def lost(self) -> None:
        """Another process works now: read the mark anew when it is ours again."""
        self._renew_ms, self._mark = 0, None

    def _renew(self, now_ms: int) -> bool:
        if not self.store.alarm_work.take(self.holder, now_ms=now_ms, lease_ms=LEASE_MS):
            self.lost()
            return False
        self._renew_ms = now_ms + RENEW_MS
        return True

    def _new(self, seen: Unseen, now_ms: int) -> list[Looked]:
        jobs = self.store.alarm_facts.jobs(seen.jobs)
        ended: dict[str, frozenset[str] | None] = {}
        for scope, of_one in itertools.groupby(sorted(jobs, key=by_scope), key=by_scope):
            ended[scope] = frozenset(job.job_uid for job in of_one)
        looks: list[Look] = [("job-state", jobs, ended)]
        if seen.incidents:
            looks.append(self._incidents())
        if seen.received_ms is not None:
            looks.append(
                ("journal-lag", [self.store.alarm_estate.lag(seen.received_ms)], {LagFacts.scope: None})
            )
        return self._judged(looks, now_ms)

    def _sweep(self, now_ms: int) -> None:
        if self._swept == 0:
            if now_ms < self._sweep_ms:
                return
            self._sweep_ms = now_ms + SWEEP_MS
            old_ms = now_ms - self.keep_ms
            self.store.alarm_deliveries.prune(before_ms=old_ms)
            self.store.alarms.forget(before_ms=old_ms)
            self.store.alarm_work.apply(self.holder, self._judged(self._of_none(), now_ms), now_ms=now_ms)
        page = self.store.alarm_facts.page(self._swept, limit=PAGE_AGENTS)
        self._swept = page[-1][0] if len(page) == PAGE_AGENTS else 0
        if page:
            self.store.alarm_work.apply(self.holder, self._around(page, now_ms), now_ms=now_ms)

    def _around(self, page: Sequence[tuple[int, str]], now_ms: int) -> list[Looked]:
        """Everything about some agents."""
        estate, machines = self.store.alarm_estate, self.store.alarm_machines
        ids = [agent_id for agent_id, _ in page]
        whole: Scopes = {agent_uid: None for _, agent_uid in page}
        places = machines.places(ids, now_ms=now_ms)
        found = self._judged([("location-connection", places, {each.scope: None for each in places})], now_ms)
        failing = {each.scope for each in found if each.conditions}
        failing |= {each.location_uid for each in places if each.inspected}
        agents = [
            attrs.evolve(each, due_version=self._due(each))
            for each in machines.agents(ids, failing=failing, now_ms=now_ms)
        ]
        looks: list[Look] = [(name, agents, whole) for name in OF_AGENTS]
        looks += [
            ("job-state", self.store.alarm_facts.jobs_of(ids), whole),
            ("workload-without-backup", estate.overdue(ids, before_ms=now_ms - self._shortest_ms()), whole),
            ("company-storage-quota", estate.tenants(ids), whole),
            ("gap-declared", estate.gaps(ids, since_ms=now_ms - GAPS_MS), whole),
        ]
        return found + self._judged(looks, now_ms)

    def _of_none(self) -> list[Look]:
        """The few things that are about no agent, and are looked at where there is none, too."""
        estate = self.store.alarm_estate
        looks: list[Look] = [
            self._incidents(),
            ("cloud-gateway-connection", estate.edges(), {EdgeFacts.scope: None}),
            *self._licensing(),
        ]
        read = estate.read_until()
        if read is not None:
            looks.append(("journal-lag", [read], {LagFacts.scope: None}))
        return looks

    def _licensing(self) -> list[Look]:
        licences = self.store.alarm_licensing.licences()
        looks: list[Look] = [(name, licences, {LicenceFacts.scope: None}) for name in OF_LICENCES]
        authority = self.store.alarm_licensing.authority()
        return [*looks, ("authority-connection", [authority], {AuthorityFacts.scope: None})]

    def _incidents(self) -> Look:
        return "tls-inspection", self.store.alarm_estate.incidents(), {IncidentFacts.scope: None}

    def _due(self, agent: AgentFacts) -> str:
        return self.versions.due(
            agent.version, agent_uid=agent.scope, organization_uid=agent.machine.organization_uid
        )

    def _shortest_ms(self) -> int:
        """The shortest time that anybody lets a workload be without a restore point."""
        template = TEMPLATES["workload-without-backup"]
        changed = [
            int(change["threshold"])
            for (name, _), change in self.store.alarm_rules.all().items()
            if name == template.name and "threshold" in change
        ]
        return min([template.values.threshold, *changed]) * HOUR_MS

    def _judged(self, looks: Sequence[Look], now_ms: int) -> list[Looked]:
        """What the templates say of the facts."""
        rules = self.store.alarm_rules.all()
        held = self.store.alarm_work.holding({scope for _, _, scopes in looks for scope in scopes})
        found = []
        for name, facts, scopes in looks:
            conditions: dict[str, list[AlarmCondition]] = {scope: [] for scope in scopes}
            for fact in facts:
                condition = judge(TEMPLATES[name], fact, rules=rules, held=held, now_ms=now_ms)
                if condition is not None:
                    conditions[fact.scope].append(condition)
            found += [
                Looked(template=name, scope=scope, conditions=tuple(conditions[scope]), only=only)
                for scope, only in scopes.items()
            ]
        return found


def judge(
    template: Template,
    fact: Facts,
    *,
    rules: Mapping[tuple[str, str], RuleChange],
    held: Collection[tuple[str, str, str]],
    now_ms: int,
) -> AlarmCondition | None:
    """The condition of a thing that is wrong; None for one that is well, or that its organization does not want to hear of."""
    subject = fact.subject
    values = effective(template.values, rules, template.name, subject.organization_uid)
    if not values.enabled:
        return None
    holding = (template.name, fact.scope, subject.uid) in held
    wrong = template.evaluate(fact, values, now_ms, holding=holding)
    if wrong is None:
        return None
    return AlarmCondition(
        template=template.name, scope=fact.scope, subject=subject, severity=wrong.severity, message=wrong.message,
        occurrence=wrong.occurrence, trigger_after_ms=max(values.trigger_after_s * 1000, wrong.lasting_ms),
        suppress_after=values.suppress_after,
    )  # fmt: skip
