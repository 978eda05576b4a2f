"""An estate of any size, written straight into a store: believable in its amounts and its spread, not in what each row says.

It goes past the projector and past enrollment: five million runs come in by the driver's bulk insert, in minutes. The indexes of the
longest table are made when all its rows are there, which takes a fraction of what filling them row by row does.
"""

import random
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

import attrs

from gateway.store import Store
from gateway.store.folding import fold
from gateway.store.hot import Hot
from gateway.store.minting import instance_uid
from gateway.store.schema import metadata

NOW_MS: Final = 1_764_014_400_000
"""2025-11-24T20:00:00Z: the moment at which the estate is looked at."""
HOUR_MS: Final = 3_600_000
DAYS: Final = 90
"""How far back runs go."""
RESELLERS: Final = 40
PIECE: Final = 20_000
"""Rows that go in at once."""

Cells = tuple[Any, ...]


@attrs.frozen(kw_only=True)
class Scale:
    """How much there is; each agent's share of the rest follows."""

    companies: int = 2_000
    agents: int = 10_000
    workloads: int = 200_000
    sessions: int = 5_000_000

    @classmethod
    def of(cls, share: float) -> "Scale":
        """A share of the full size."""
        full = cls()
        return cls(**{name: max(1, round(size * share)) for name, size in attrs.asdict(full).items()})


JOBS_OF_AGENT: Final = 5
SITES: Final = 10
STATUSES: Final = [2] * 88 + [3] * 8 + [4] * 4
WORKLOAD_KINDS: Final = [1] * 6 + [2] * 3 + [3]
JOB_KINDS: Final = (
    "Backup",
    "Copy",
    "Agent Backup",
    "File Backup",
    "Tape",
    "Replica",
    "Cloud Copy",
    "Surebackup",
)
SIZES_GB: Final = (20, 60, 100, 250, 500, 2000)
WORDS: Final = (
    "sql",
    "web",
    "mail",
    "file",
    "erp",
    "term",
    "dc",
    "Bäckerei-",
    "Ölund-",
    "Ärzte-",
    "print",
    "build",
    "test",
)


def seed(store: Store, scale: Scale, *, number: int = 1) -> None:
    """Fill an empty store; the same *number* makes the same estate."""
    estate = Seeding(scale, random.Random(number))
    _fill(store, estate.small_tables())
    _fill(store, estate.items())
    sessions = metadata.tables["job_sessions"]
    with store._db.write() as connection:  # noqa: SLF001  # past the verbs
        for index in sessions.indexes:
            index.drop(connection)
    _fill(store, estate.sessions())
    with store._db.write() as connection:  # noqa: SLF001  # as above
        for index in sessions.indexes:
            index.create(connection)
    if store._db.dialect == "postgresql":  # noqa: SLF001  # as above
        # What autovacuum does by itself within minutes.
        with store._db.write() as connection:  # noqa: SLF001  # as above
            connection.exec_driver_sql("ANALYZE")
    store.refresh_statistics()


def _fill(store: Store, rows: Iterator[tuple[str, tuple[str, ...], Iterator[Cells]]]) -> None:
    for table, columns, cells in rows:
        while piece := list(islice(cells, PIECE)):
            with store._db.write() as connection:  # noqa: SLF001  # past the verbs
                hot = Hot(connection)
                hot.insert(table, columns, piece)
                hot.close()


class Seeding:
    """The rows of an estate."""

    def __init__(self, scale: Scale, rng: random.Random) -> None:
        self._scale = scale
        self._rng = rng
        self._provider = self._uid()
        self._resellers = [self._uid() for _ in range(min(RESELLERS, scale.companies))]
        self._companies = [self._uid() for _ in range(scale.companies)]
        self._agents = [self._uid() for _ in range(scale.agents)]
        self._sites = {n: self._uid() for n in range(min(SITES, scale.agents // 2))}
        """By the number of the agent, which are the first ones."""

    def _uid(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))

    def _name(self, n: int) -> str:
        return f"{self._rng.choice(WORDS)}{n % 1000:03}"

    def _owner(self, n: int) -> str:
        return self._provider if n in self._sites else self._companies[n % len(self._companies)]

    def small_tables(self) -> Iterator[tuple[str, tuple[str, ...], Iterator[Cells]]]:
        """Who is who, and who is here."""
        named = [(self._provider, "provider", "Nordlicht IT")]
        named += [(uid, "reseller", f"Reseller {n:02}") for n, uid in enumerate(self._resellers)]
        named += [(uid, "company", f"{self._name(n)} {n:04} GmbH") for n, uid in enumerate(self._companies)]
        yield (
            "organizations",
            ("uid", "kind", "name", "created_ms"),
            ((*each, NOW_MS - DAYS * 24 * HOUR_MS) for each in named),
        )
        details = (
            "uid",
            "reseller_uid",
            "status",
            "external_id",
            "billing_anchor_day",
            "uses_cloud",
            "changed_ms",
        )
        yield (
            "organization_details",
            details,
            (
                # The first reseller has a tenth of all companies, the others share half of them.
                (uid, self._reseller(n), "Active", f"E{n}", 1, True, NOW_MS)
                for n, uid in enumerate(self._companies)
            ),
        )
        places = [self._uid() for _ in self._companies]
        yield (
            "locations",
            ("uid", "organization_uid", "name", "created_ms"),
            ((place, uid, "Main office", NOW_MS) for place, uid in zip(places, self._companies, strict=True)),
        )
        yield (
            "tokens",
            ("id", "public_key", "kind", "organization_uid", "location_uid", "created_ms", "expires_ms", "max_uses",
             "uses", "synthetic"),
            (
                (f"token{n}", b"public", "client", uid, place, 1, NOW_MS, 1000, 5, False)
                for n, (uid, place) in enumerate(
                    [*zip(self._companies, places, strict=True), (self._provider, None)]
                )
            ),
        )  # fmt: skip
        yield (
            "agents",
            ("uid", "kind", "standing", "code", "organization_uid", "location_uid", "token_id", "token_key",
             "installation_uid", "host_name", "agent_version", "platform", "synthetic", "enrolled_ms"),
            (
                (
                    uid, "site" if n in self._sites else "client", "verified" if n % 50 else "unverified", 0, self._owner(n),
                    None if n in self._sites else places[n % len(places)],
                    f"token{len(places) if n in self._sites else n % len(places)}", n.to_bytes(8, "big"), self._uid(),
                    f"backup-{self._name(n)}", "0.1.0", "linux", False, NOW_MS - self._rng.randrange(DAYS * 24 * HOUR_MS),
                )
                for n, uid in enumerate(self._agents)
            ),
        )  # fmt: skip
        yield (
            "edges",
            ("uid", "name", "addresses", "started_ms", "lease_until_ms"),
            iter([("e", "edge", "[]", 1, NOW_MS + 1)]),
        )
        yield (
            "claims",
            ("agent_uid", "edge_uid", "session_uid", "address", "nonce", "previous_nonce", "fence", "heartbeat_ms", "claimed_ms",
             "last_heartbeat_ms", "health", "clock_offset_ms", "ended_ms"),
            (
                (
                    uid, "e", f"s{n}", f"203.0.{n >> 8 & 255}.{n & 255}", bytes(16), bytes(16), 1, 30_000, 1, NOW_MS - n % 30_000,
                    1 + (n % 40 == 0), n % 100, NOW_MS - HOUR_MS if n % 20 == 0 else None,
                )
                for n, uid in enumerate(self._agents)
                if n % 30
            ),
        )  # fmt: skip
        yield (
            "sites",
            ("uid", "agent_id", "name", "created_ms"),
            ((uid, n + 1, f"cloud{n:02}", NOW_MS) for n, uid in self._sites.items()),
        )

    def _reseller(self, n: int) -> str | None:
        if n % 10 == 0:
            return self._resellers[0]
        return self._resellers[n % len(self._resellers)] if n % 2 else None

    def items(self) -> Iterator[tuple[str, tuple[str, ...], Iterator[Cells]]]:
        """What agents report that they have."""
        common = ("agent_id", "uid", "instance_uid", "revision", "name")
        agents = range(1, len(self._agents) + 1)
        yield (
            "inventories",
            ("agent_id", "epoch_rank", "revision", "complete_ms", "updated_ms"),
            ((agent_id, 1, 1, NOW_MS, NOW_MS - self._rng.randrange(HOUR_MS)) for agent_id in agents),
        )
        yield (
            "servers",
            (*common, "name_folded", "kind", "version", "os", "cores", "memory_bytes"),
            (
                (
                    *self._item("servers", agent_id, f"s{n}"),
                    1 + n,
                    "13.0.1",
                    "Windows Server 2025",
                    8,
                    32 << 30,
                )
                for agent_id in agents
                for n in range(2)
            ),
        )
        yield (
            "repositories",
            (*common, "name_folded", "server_uid", "kind", "capacity_bytes", "free_bytes"),
            (
                (
                    *self._item("repositories", agent_id, f"r{n}"),
                    "s0",
                    "local",
                    self._rng.choice(SIZES_GB) << 34,
                    self._rng.randrange(20 << 30),
                )
                for agent_id in agents
                for n in range(2)
            ),
        )
        yield (
            "jobs",
            (*common, "name_folded", "server_uid", "kind", "schedule", "repository_uid", "enabled", "last_status", "last_run_ms",
             "next_run_ms"),
            (
                (
                    *self._item("jobs", agent_id, f"j{n}"), "s0", self._rng.choice(JOB_KINDS), "daily", f"r{n % 2}",
                    self._rng.random() > 0.05, self._rng.choice(STATUSES), NOW_MS - self._rng.randrange(48 * HOUR_MS),
                    NOW_MS + self._rng.randrange(24 * HOUR_MS),
                )
                for agent_id in agents
                for n in range(JOBS_OF_AGENT)
            ),
        )  # fmt: skip
        yield (
            "job_results",
            ("agent_id", "job_uid", "session_uid", "status", "at_ms"),
            (
                (
                    agent_id,
                    f"j{n}",
                    "",
                    self._rng.choice(STATUSES),
                    NOW_MS - self._rng.randrange(48 * HOUR_MS),
                )
                for agent_id in agents
                for n in range(JOBS_OF_AGENT)
            ),
        )
        yield (
            "workloads",
            (*common, "name_folded", "server_uid", "kind", "job_uid", "size_bytes", "restore_points", "latest_restore_point_ms"),
            (
                (
                    *self._item("workloads", 1 + n % len(self._agents), f"w{n}"), f"s{n % 2}", self._rng.choice(WORKLOAD_KINDS),
                    f"j{n % JOBS_OF_AGENT}", self._rng.choice(SIZES_GB) * (1 << 30) + n, self._rng.randrange(30),
                    0 if n % 25 == 0 else NOW_MS - int(self._rng.expovariate(1 / 20) * HOUR_MS),
                )
                for n in range(self._scale.workloads)
            ),
        )  # fmt: skip
        if not self._sites:
            return
        tenants = [(1 + n % len(self._sites), f"t{n}", company) for n, company in enumerate(self._companies)]
        yield (
            "cloud_tenants",
            (*common, "enabled", "quota_bytes", "used_bytes", "vm_backups", "server_backups", "workstation_backups",
             "lease_expires_ms"),
            (
                (*self._item("cloud_tenants", agent_id, uid)[:5], True, 1 << 40, self._rng.randrange(1 << 40), 12, 3, 1, 0)
                for agent_id, uid, _ in tenants
            ),
        )  # fmt: skip
        yield (
            "tenant_mappings",
            ("site_uid", "tenant_uid", "agent_id", "company_uid", "tenant_name", "mapped_ms", "mapped_by"),
            (
                (self._sites[agent_id - 1], uid, agent_id, company, uid, NOW_MS, "seeding")
                for agent_id, uid, company in tenants
            ),
        )

    def _item(self, table: str, agent_id: int, uid: str) -> Cells:
        """The cells that all items have: ids, names."""
        name = self._name(self._rng.randrange(1000))
        return agent_id, uid, instance_uid(table, self._agents[agent_id - 1], uid), 1, name, fold(name)

    def sessions(self) -> Iterator[tuple[str, tuple[str, ...], Iterator[Cells]]]:
        """Runs of jobs."""
        yield (
            "job_sessions",
            ("agent_id", "session_uid", "job_uid", "start_ms", "end_ms", "status", "attempts", "duration_ms", "processed_bytes",
             "transferred_bytes", "code", "message"),
            self._runs(),
        )  # fmt: skip

    def _runs(self) -> Iterator[Cells]:
        rng = self._rng
        share, more = divmod(self._scale.sessions, len(self._agents))
        for n in range(len(self._agents)):
            # In the table's own order; when a run was has nothing to do with its uid.
            uids = sorted(f"{rng.getrandbits(128):032x}" for _ in range(share + (n < more)))
            for each, uid in enumerate(uids):
                start_ms = NOW_MS - rng.randrange(DAYS * 24 * HOUR_MS)
                duration_ms = rng.randrange(60_000, HOUR_MS)
                yield (
                    n + 1, f"{uid[:8]}-{uid[8:12]}-{uid[12:16]}-{uid[16:20]}-{uid[20:]}", f"j{each % JOBS_OF_AGENT}", start_ms,
                    start_ms + duration_ms, rng.choice(STATUSES), 1, duration_ms, 17 << 30, 2 << 30, 0,
                    "processed 17 of 17 machines",
                )  # fmt: skip
