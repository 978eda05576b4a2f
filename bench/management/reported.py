"""Who is who and who is here, and what agents report: servers, jobs, workloads, runs, cloud tenants."""

import random
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from bench.management.estate import (
    DAY_MS,
    DAYS,
    HOUR_MS,
    JOBS_OF_AGENT,
    STATUSES,
    Cells,
    Estate,
    Rows,
)
from gateway.store.folding import fold
from gateway.store.minting import instance_uid
from gateway.store.onboarding.ownership import NO_CHANGE, MappingChange

WORKLOAD_KINDS: Final = [1] * 6 + [2] * 3 + [3]
JOB_KINDS: Final = (
    "Backup", "Copy", "Agent Backup", "File Backup", "Tape", "Replica", "Cloud Copy", "Surebackup",
)  # fmt: skip
SIZES_GB: Final = (20, 60, 100, 250, 500, 2000)
AHEAD_MS: Final = DAY_MS
"""Leases and heartbeats are ahead by so much: whoever looks meanwhile finds agents online."""
COMMON: Final = ("agent_id", "uid", "instance_uid", "revision", "name")


def organizations(estate: Estate, *, with_provider: bool) -> Iterator[Rows]:
    """Whose all of it is."""
    begun_ms = estate.now_ms - DAYS * DAY_MS
    named = [(estate.provider, "provider", "Nordlicht IT")] if with_provider else []
    named += [(uid, "reseller", f"Reseller {n:02}") for n, uid in enumerate(estate.resellers)]
    named += [(uid, "company", f"{estate.name(n)} {n:04} GmbH") for n, uid in enumerate(estate.companies)]
    yield (
        "organizations",
        ("uid", "kind", "name", "created_ms"),
        ((*each, begun_ms + n) for n, each in enumerate(named)),
    )
    yield (
        "organization_details",
        ("uid", "reseller_uid", "status", "contact_mail", "external_id", "billing_anchor_day", "uses_cloud", "changed_ms"),
        (
            (uid, estate.reseller(n), "Disabled" if n % 100 == 99 else "Active", f"it@c{n}.example", f"E{n}", 1, True, begun_ms + n)
            for n, uid in enumerate(estate.companies)
        ),
    )  # fmt: skip
    yield (
        "locations",
        ("uid", "organization_uid", "name", "created_ms"),
        (
            (place, uid, "Main office", begun_ms + n)
            for n, (place, uid) in enumerate(zip(estate.places, estate.companies, strict=True))
        ),
    )
    issued = [*zip(estate.companies, estate.places, strict=True), (estate.provider, None)]
    yield (
        "tokens",
        ("id", "public_key", "kind", "organization_uid", "location_uid", "created_ms", "expires_ms", "max_uses", "uses", "synthetic"),
        (
            (token_id(n), b"public", "client" if place else "site", uid, place, begun_ms + n, begun_ms + n % 120 * DAY_MS, 1000, 5, False)
            for n, (uid, place) in enumerate(issued)
        ),
    )  # fmt: skip
    yield (
        "consents",
        ("token_id", "organization_uid", "given_by", "words", "given_ms", "recorded_ms", "recorded_by"),
        (
            (token_id(n), uid, f"Person {n}", "contract of May, section 3", begun_ms + n, begun_ms + n, "user Anna")
            for n, uid in enumerate(estate.companies)
        ),
    )  # fmt: skip


def token_id(n: int) -> str:
    """Of the token of the company of that number; of the provider's behind all of them."""
    return f"00000000-0000-4000-8000-{n:012x}"


def agents(estate: Estate) -> Iterator[Rows]:
    """Who is here."""
    now_ms = estate.now_ms
    last_token = len(estate.companies)
    yield (
        "agents",
        ("uid", "kind", "standing", "code", "organization_uid", "location_uid", "token_id", "token_key", "installation_uid",
         "host_name", "agent_version", "platform", "synthetic", "enrolled_ms"),
        (
            (
                uid, "site" if n in estate.sites else "client", "unverified" if waits(estate, n) else "verified",
                2112 if waits(estate, n) else 0, estate.owner(n), estate.place(n),
                token_id(last_token if n in estate.sites else n % last_token), n.to_bytes(8, "big"), estate.uid(),
                f"backup-{estate.name(n)}", "0.1.0", "linux", False, estate.ago(DAYS * DAY_MS),
            )
            for n, uid in enumerate(estate.agents)
        ),
    )  # fmt: skip
    yield (
        "edges",
        ("uid", "name", "addresses", "started_ms", "lease_until_ms"),
        iter([("e", "edge", "[]", 1, now_ms + AHEAD_MS)]),
    )
    yield (
        "claims",
        ("agent_uid", "edge_uid", "session_uid", "address", "nonce", "previous_nonce", "fence", "heartbeat_ms", "claimed_ms",
         "last_heartbeat_ms", "health", "clock_offset_ms", "ended_ms"),
        (
            (
                uid, "e", f"s{n}", f"203.0.{n >> 8 & 255}.{n & 255}", bytes(16), bytes(16), 1, 30_000, 1,
                now_ms + AHEAD_MS - n % 30_000, 1 + (n % 40 == 0), n % 100, now_ms - HOUR_MS if n % 100 == 0 else None,
            )
            for n, uid in enumerate(estate.agents)
            if n % 300
        ),
    )  # fmt: skip
    yield (
        "sites",
        ("uid", "agent_id", "name", "created_ms"),
        ((uid, n + 1, f"cloud{n:02}", now_ms) for n, uid in estate.sites.items()),
    )
    yield (
        "inventories",
        ("agent_id", "epoch_rank", "revision", "complete_ms", "updated_ms"),
        ((1 + n, 1, 1, now_ms, estate.ago(HOUR_MS)) for n in range(len(estate.agents))),
    )


def waits(estate: Estate, n: int) -> bool:
    """Whether nobody has accepted the agent of that number."""
    return n % 50 == 7 and n not in estate.sites


def items(estate: Estate) -> Iterator[Rows]:
    """What agents have."""
    rng, now_ms = estate.rng, estate.now_ms
    ids = range(1, len(estate.agents) + 1)
    yield (
        "servers",
        (*COMMON, "name_folded", "kind", "version", "os", "cores", "memory_bytes"),
        (
            (*_item(estate, "servers", agent_id, f"s{n}"), 1 + n, "13.0.1", "Windows Server 2025", 8, 32 << 30)
            for agent_id in ids
            for n in range(2)
        ),
    )  # fmt: skip
    yield (
        "repositories",
        (*COMMON, "name_folded", "server_uid", "kind", "capacity_bytes", "free_bytes"),
        (
            (*_item(estate, "repositories", agent_id, f"r{n}"), "s0", "local", rng.choice(SIZES_GB) << 34, rng.randrange(20 << 30))
            for agent_id in ids
            for n in range(2)
        ),
    )  # fmt: skip
    yield (
        "jobs",
        (*COMMON, "name_folded", "server_uid", "kind", "schedule", "repository_uid", "enabled", "last_status", "last_run_ms",
         "next_run_ms"),
        (
            (
                *_item(estate, "jobs", agent_id, f"j{n}"), "s0", rng.choice(JOB_KINDS), "daily", f"r{n % 2}",
                rng.random() > 0.05, rng.choice(STATUSES), estate.ago(48 * HOUR_MS), now_ms + rng.randrange(24 * HOUR_MS),
            )
            for agent_id in ids
            for n in range(JOBS_OF_AGENT)
        ),
    )  # fmt: skip
    yield (
        "workloads",
        (*COMMON, "name_folded", "server_uid", "kind", "job_uid", "size_bytes", "restore_points", "latest_restore_point_ms"),
        (
            (
                *_item(estate, "workloads", 1 + n % len(estate.agents), f"w{n}"), f"s{n % 2}", rng.choice(WORKLOAD_KINDS),
                f"j{n % JOBS_OF_AGENT}", rng.choice(SIZES_GB) * (1 << 30) + n, rng.randrange(30),
                0 if n % 200 == 0 else now_ms - int(rng.expovariate(1 / 6) * HOUR_MS),
            )
            for n in range(estate.scale.workloads)
        ),
    )  # fmt: skip
    if not estate.sites:
        return
    tenants = [(1 + n % len(estate.sites), f"t{n}", company) for n, company in enumerate(estate.companies)]
    yield (
        "cloud_tenants",
        (*COMMON, "enabled", "quota_bytes", "used_bytes", "vm_backups", "server_backups", "workstation_backups",
         "lease_expires_ms"),
        (
            (*_item(estate, "cloud_tenants", agent_id, uid)[:5], True, 1 << 40, rng.randrange(1 << 40), 12, 3, 1, 0)
            for agent_id, uid, _ in tenants
        ),
    )  # fmt: skip
    begun_ms = now_ms - DAYS * DAY_MS
    yield (
        "tenant_mappings",
        ("site_uid", "tenant_uid", "agent_id", "company_uid", "tenant_name", "mapped_ms", "mapped_by"),
        (
            (estate.sites[agent_id - 1], uid, agent_id, company, uid, begun_ms, "seeding")
            for agent_id, uid, company in tenants
        ),
    )
    yield (
        "mapping_changes",
        ("n", "at_ms", "since_ms", "agent_id", "site_uid", "tenant_uid", "company_uid", "link"),
        _mapped(
            MappingChange(
                n=n, at_ms=begun_ms, since_ms=begun_ms, agent_id=agent_id, site_uid=estate.sites[agent_id - 1], tenant_uid=uid,
                company_uid=company,
            )
            for n, (agent_id, uid, company) in enumerate(tenants, 1)
        ),
    )  # fmt: skip


def _mapped(changes: Iterable[MappingChange]) -> Iterator[Cells]:
    """The log of mappings, a chain."""
    link = NO_CHANGE
    for each in changes:
        link = each.link(link)
        yield *attrs.astuple(each), link


def _item(estate: Estate, table: str, agent_id: int, uid: str) -> Cells:
    """The cells that all items have: ids, names."""
    name = estate.name(estate.rng.randrange(1000))
    return agent_id, uid, instance_uid(table, estate.agents[agent_id - 1], uid), 1, name, fold(name)


@attrs.define
class Runs:
    """The runs of jobs, five million of them, made one agent after the other; and the last of each job, which is known at the end."""

    estate: Estate
    _last: dict[tuple[int, str], Cells] = attrs.field(factory=dict)

    def tables(self) -> Iterator[Rows]:
        """All of them."""
        yield (
            "job_sessions",
            ("agent_id", "session_uid", "job_uid", "start_ms", "end_ms", "status", "attempts", "duration_ms", "processed_bytes",
             "transferred_bytes", "code", "message"),
            self._all(),
        )  # fmt: skip
        yield (
            "job_results",
            ("agent_id", "job_uid", "session_uid", "status", "at_ms"),
            ((*key, *self._last[key]) for key in sorted(self._last)),
        )

    def _all(self) -> Iterator[Cells]:
        count = len(self.estate.agents)
        share, more = divmod(self.estate.scale.sessions, count)
        for n in range(count):
            yield from self._of_agent(n, share + (n < more))

    def _of_agent(self, n: int, count: int) -> Iterator[Cells]:
        rng = random.Random(self.estate.number * 1_000_000 + n)
        # In the table's own order; when a run was has nothing to do with its uid.
        for each, uid in enumerate(sorted(f"{rng.getrandbits(128):032x}" for _ in range(count))):
            start_ms = self.estate.now_ms - HOUR_MS - rng.randrange(DAYS * DAY_MS)
            duration_ms = rng.randrange(60_000, HOUR_MS)
            status, job = rng.choice(STATUSES), f"j{each % JOBS_OF_AGENT}"
            session = f"{uid[:8]}-{uid[8:12]}-{uid[12:16]}-{uid[16:20]}-{uid[20:]}"
            end_ms = start_ms + duration_ms
            if end_ms > self._last.get((n + 1, job), (0, 0, 0))[2]:
                self._last[n + 1, job] = session, status, end_ms
            yield (
                n + 1, session, job, start_ms, end_ms, status, 1, duration_ms, 17 << 30, 2 << 30, 0, "processed 17 of 17 machines",
            )  # fmt: skip
