"""Measures licences: what servers have listed becomes what is used of their licences, and that is judged and written down.

Authorities name their workloads as they like, agents report kinds. A workload of a licence is of the kind whose word its id is, or else its name:
case, blanks, dashes and a plural's s do not matter (docs/licensing.md has the words). Where a licence names something that is of none of
the kinds, nobody can say whether a kind that it does not seem to name is covered; then none of them counts as more than licensed.
"""

from collections.abc import Sequence
from typing import Final

import attrs

from gateway.licensing.judging import Policy, UseVerdict, judge_use
from gateway.store import (
    WORKLOAD_TYPES,
    LicenceJudged,
    LicenceMeasure,
    LicensedCount,
    Store,
)
from protocol import UsageSubject

__all__ = ["Measured", "Measurer", "kind_of", "measured"]

WORDS: Final = {
    "vm": UsageSubject.VM,
    "virtualmachine": UsageSubject.VM,
    "server": UsageSubject.SERVER,
    "workstation": UsageSubject.WORKSTATION,
    "m365user": UsageSubject.M365_USER,
    "microsoft365user": UsageSubject.M365_USER,
}
"""What a workload may be called to be counted."""

PAGE: Final = 200
SWEEP_MS: Final = 5_000
"""A sweep over all licences begins not more often than this. 10,000 licences are 50 pages, one at each call."""


def kind_of(workload: LicensedCount) -> UsageSubject | None:
    """What of the things that agents report is meant; None: nothing of them."""
    for text in (workload.uid, workload.name):
        word = "".join(each for each in text.casefold() if each.isalnum())
        found = WORDS.get(word) or WORDS.get(word.removesuffix("s"))
        if found is not None:
            return found
    return None


@attrs.frozen(kw_only=True)
class Measured:
    """What is used of a licence, and what it comes to."""

    measure: LicenceMeasure
    used: dict[str, int]
    """How many of each workload of the licence, by its uid; what agents report and the licence does not name, by the kind's word."""
    unmeasured: tuple[str, ...]
    """The licence's workloads that agents report nothing of."""
    verdict: UseVerdict

    @property
    def judged(self) -> LicenceJudged:
        """What is written down of it."""
        verdict, as_of_ms = self.verdict, self.measure.as_of_ms
        return LicenceJudged(
            used_points=None if as_of_ms is None else verdict.used_points, used_ms=as_of_ms,
            over_since_ms=verdict.over_since_ms, grace_ends_ms=verdict.grace_ends_ms, status=verdict.status,
            status_why=verdict.says, near_limit=verdict.is_near,
        )  # fmt: skip


def measured(measure: LicenceMeasure, now_ms: int, policy: Policy) -> Measured:
    """Judge what was counted."""
    workloads = measure.licence.terms.workloads
    uids: dict[UsageSubject, str] = {}
    unmeasured = []
    for workload in workloads:
        kind = kind_of(workload)
        if kind is None:
            unmeasured.append(workload.uid)
        else:
            uids.setdefault(kind, workload.uid)
    used = {
        uids.get(kind, WORKLOAD_TYPES[kind]): count
        for kind, count in measure.used.items()
        if kind in uids or not unmeasured
    }
    verdict = judge_use(measure.licence, used, now_ms, policy=policy)
    return Measured(measure=measure, used=used, unmeasured=tuple(unmeasured), verdict=verdict)


@attrs.define
class Measurer:
    """Goes over all licences, a page at each call."""

    store: Store
    policy: Policy
    _after: str = ""
    _sweep_ms: int = 0

    def work(self, now_ms: int) -> Sequence[Measured]:
        """Measure the next licences, if it is time; those of which something new was written down.

        Raises:
            StoreError: the store can't be used.
        """
        if not self._after:
            if now_ms < self._sweep_ms:
                return ()
            self._sweep_ms = now_ms + SWEEP_MS
        page = self.store.licence_use.page(self._after, limit=PAGE)
        self._after = page[-1].licence.terms.uid if len(page) == PAGE else ""
        found = [measured(each, now_ms, self.policy) for each in page]
        return [each for each in found if self.store.licence_use.note(each.measure.licence, each.judged)]
