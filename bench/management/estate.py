"""Who is in the estate: the uids that all of its rows speak of, and how much there is of everything."""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

import attrs

from gateway.store import Store
from gateway.store.hot import Hot

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
DAYS: Final = 90
"""How far back runs, alarms and the audit go."""
RESELLERS: Final = 40
SITES: Final = 10
PIECE: Final = 20_000
"""Rows that go in at once."""
JOBS_OF_AGENT: Final = 5
STATUSES: Final = [2] * 88 + [3] * 8 + [4] * 4
"""Of runs: success, warning, failed."""
WORDS: Final = (
    "sql", "web", "mail", "file", "erp", "term", "dc", "Bäckerei-", "Ölund-", "Ärzte-", "print", "build", "test",
)  # fmt: skip

Cells = tuple[Any, ...]
Rows = tuple[str, tuple[str, ...], Iterator[Cells]]
"""A table, its columns, and rows of them."""


@attrs.frozen(kw_only=True)
class Scale:
    """How much there is; each agent's share of the rest follows."""

    companies: int = 2_000
    agents: int = 10_000
    workloads: int = 200_000
    sessions: int = 5_000_000
    alarms: int = 20_000
    """Things that are, or once were, wrong; each has a history of ten lines."""
    deeds: int = 500_000
    """Lines of the audit."""
    commands: int = 100_000
    """What agents were asked; every fifth was a restore."""
    usage_days: int = 31
    """For how long every agent has listed its workloads once a day."""

    @classmethod
    def of(cls, share: float) -> "Scale":
        """A share of the full size."""
        full = attrs.asdict(cls())
        return cls(**{name: max(1, round(size * share)) for name, size in full.items()})


@attrs.define
class Estate:
    """The organizations and agents. The same *number* makes the same estate, around *now_ms*."""

    scale: Scale
    now_ms: int
    provider: str
    number: int = 1
    rng: random.Random = attrs.field(init=False)
    resellers: list[str] = attrs.field(init=False)
    companies: list[str] = attrs.field(init=False)
    places: list[str] = attrs.field(init=False)
    """One of each company, in their order."""
    agents: list[str] = attrs.field(init=False)
    """Their row ids are the places in this list, from 1 on."""
    sites: dict[int, str] = attrs.field(init=False)
    """By the number of the agent, which are the first ones."""

    def __attrs_post_init__(self) -> None:
        """Name everybody."""
        self.rng = random.Random(self.number)
        scale = self.scale
        self.resellers = [self.uid() for _ in range(min(RESELLERS, scale.companies))]
        self.companies = [self.uid() for _ in range(scale.companies)]
        self.places = [self.uid() for _ in range(scale.companies)]
        self.agents = [self.uid() for _ in range(scale.agents)]
        self.sites = {n: self.uid() for n in range(min(SITES, scale.agents // 2))}

    def uid(self) -> str:
        """A new one."""
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def name(self, n: int) -> str:
        """What somebody might call a machine."""
        return f"{self.rng.choice(WORDS)}{n % 1000:03}"

    def owner(self, n: int) -> str:
        """Whose the agent of that number is."""
        return self.provider if n in self.sites else self.companies[n % len(self.companies)]

    def place(self, n: int) -> str | None:
        """Where it is."""
        return None if n in self.sites else self.places[n % len(self.places)]

    def reseller(self, n: int) -> str | None:
        """Of the company of that number: the first one has a tenth of all companies, the others share half of them."""
        if n % 10 == 0:
            return self.resellers[0]
        return self.resellers[n % len(self.resellers)] if n % 2 else None

    def ago(self, most_ms: int) -> int:
        """Some moment before now."""
        return self.now_ms - self.rng.randrange(most_ms)


def fill(store: Store, tables: Iterator[Rows]) -> None:
    """Write rows in pieces, each a transaction, so that no more than a piece is ever held."""
    for table, columns, cells in tables:
        while piece := list(islice(cells, PIECE)):
            with store._db.write() as connection:  # noqa: SLF001  # past the verbs
                hot = Hot(connection)
                hot.insert(table, columns, piece)
                hot.close()
