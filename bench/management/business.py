"""What the provider has made of it: alarms and who was told, the audit, users and keys, commands and restores, licences, usage."""

import hashlib
import json
from collections.abc import Iterator
from typing import Final

from bench.management.estate import DAY_MS, DAYS, HOUR_MS, Cells, Estate, Rows
from gateway.store.billing.chain import NO_LINK, Reported, digest_of, link_of, packed_payload
from gateway.store.billing.metering import COLUMNS
from protocol import UsageMetric, UsageSubject

MACHINE_KINDS: Final = (UsageSubject.VM, UsageSubject.SERVER, UsageSubject.WORKSTATION)
TEMPLATES: Final = ("job-state", "agent-connection", "workload-without-backup", "company-storage-quota")
HISTORY: Final = ("raised", "repeated", "acknowledged", "resolved")
LINES_OF_ALARM: Final = 10
HOOKS: Final = 4
KEPT_DAYS: Final = 30
"""Deliveries are kept for so long."""
COMMANDS_DAYS: Final = 100
WINDOWS: Final = 500
PRODUCTS: Final = 8
CONTRACTS: Final = 40


def alarms(estate: Estate) -> Iterator[Rows]:
    """Most are over; what is wrong now, the engine finds by itself."""
    rng, count = estate.rng, estate.scale.alarms
    uids = [estate.uid() for _ in range(count)]
    yield (
        "alarms",
        ("uid", "template", "scope", "object_uid", "object_kind", "object_name", "organization_uid", "location_uid", "agent_uid",
         "computer_name", "state", "severity", "message", "occurrence", "remark", "who", "holds", "told", "since_ms", "changed_ms",
         "repeat_count", "raised_ms"),
        (_alarm(estate, n, uid) for n, uid in enumerate(uids)),
    )  # fmt: skip
    lines = count * LINES_OF_ALARM
    yield (
        "alarm_history",
        ("alarm_uid", "agent_uid", "at_ms", "what", "severity", "message", "remark", "who"),
        (
            (
                uids[n * 7 % count], estate.agents[n * 7 % count % len(estate.agents)],
                estate.now_ms - (lines - n) * DAYS * DAY_MS // lines, HISTORY[n % 4], rng.choice(("error", "warning")),
                f"failed: reason {n % 97}", "", "",
            )
            for n in range(lines)
        ),
    )  # fmt: skip
    hooks = [estate.uid() for _ in range(HOOKS)]
    yield (
        "alarm_receivers",
        (
            "uid",
            "kind",
            "name",
            "target",
            "organization_uid",
            "least_severity",
            "enabled",
            "created_ms",
            "created_by",
        ),
        (
            (
                uid,
                "mail" if n % 2 else "webhook",
                f"hook {n}",
                "duty@provider.example" if n % 2 else "https://hooks.example/f",
                "",
                "info",
                False,
                estate.now_ms,
                "user Anna",
            )
            for n, uid in enumerate(hooks)
        ),
    )
    yield (
        "alarm_deliveries",
        ("uid", "receiver_uid", "alarm_uid", "agent_uid", "event", "payload", "state", "attempts", "created_ms", "next_ms",
         "finished_ms", "status", "outcome", "excerpt"),
        (
            (
                estate.uid(), hooks[n % HOOKS], uids[n % count], estate.agents[n % len(estate.agents)], HISTORY[n % 4], "{}",
                "failed" if n % 100 == 0 else "delivered", 1, at_ms := estate.ago(KEPT_DAYS * DAY_MS), at_ms, at_ms, 204,
                "delivered", "",
            )
            for n in range(count * LINES_OF_ALARM // 3)
        ),
    )  # fmt: skip
    yield (
        "maintenance_windows",
        ("organization_uid", "location_uid", "agent_uid", "name", "who", "start_ms", "end_ms", "every_s", "created_ms"),
        (
            (
                estate.companies[n % len(estate.companies)], "", "", f"patch day {n}", "user Anna",
                begin_ms := estate.ago(DAYS * DAY_MS), begin_ms + HOUR_MS, 0, begin_ms,
            )
            for n in range(min(WINDOWS, count))
        ),
    )  # fmt: skip


def _alarm(estate: Estate, n: int, uid: str) -> Cells:
    rng, agent = estate.rng, n % len(estate.agents)
    state = "acknowledged" if n % 50 == 1 else "resolved"
    at_ms = estate.ago(DAYS * DAY_MS)
    return (
        uid, TEMPLATES[n % 4], estate.agents[agent], f"gone{n}", "job", estate.name(n), estate.owner(agent), estate.place(agent),
        estate.agents[agent], f"backup-{n % 1000:03}", state, rng.choice(("error", "warning", "info")), f"failed: reason {n % 97}",
        str(n), "", "", False, False, at_ms, at_ms, 1 + n % 5, at_ms,
    )  # fmt: skip


def access(estate: Estate) -> Iterator[Rows]:
    """A user and a key of every company, and what everybody did."""
    rng, now_ms = estate.rng, estate.now_ms
    owners = [*estate.companies, *estate.resellers]
    first_reseller = len(estate.companies)
    users = [estate.uid() for _ in owners]
    yield (
        "access_users",
        ("uid", "name", "name_key", "role", "organization_uid", "read_only", "created_by", "created_ms", "disabled_ms"),
        (
            (
                users[n], f"Person {n}", f"person {n}", "company-owner" if n < first_reseller else "reseller", owner, False,
                "user Anna", now_ms - n, now_ms if n % 50 == 49 else None,
            )
            for n, owner in enumerate(owners)
        ),
    )  # fmt: skip
    yield (
        "access_keys",
        ("uid", "digest", "name", "role", "organization_uid", "user_uid", "read_only", "created_by", "created_ms", "expires_ms",
         "used_ms"),
        (
            (
                estate.uid(), hashlib.sha256(str(n).encode()).digest(), f"key {n}", "company-owner" if n < first_reseller else "reseller",
                owner, users[n] if n % 2 else None, n % 3 == 0, "user Anna", now_ms - n, now_ms + (n - 500) * HOUR_MS,
                estate.ago(DAY_MS),
            )
            for n, owner in enumerate(owners)
        ),
    )  # fmt: skip
    deeds, changed = estate.scale.deeds, json.dumps({"status": "Active"})
    yield (
        "audit",
        ("at_ms", "who", "action", "about", "why", "before", "after", "organization_uid"),
        (
            (
                now_ms - (deeds - n) * DAYS * DAY_MS // deeds, f"user Person {n % 40}", rng.choice(("company changed", "alarm resolved")),
                f"thing {n}", "", changed, changed, rng.choice(estate.companies) if n % 10 else None,
            )
            for n in range(deeds)
        ),
    )  # fmt: skip


def commands(estate: Estate) -> Iterator[Rows]:
    """What agents were asked; every fifth time to restore something, half of that to be downloaded."""
    rng, count = estate.rng, estate.scale.commands
    uids = [estate.uid() for _ in range(count)]
    asked = [(uid, rng.randrange(len(estate.agents)), estate.ago(COMMANDS_DAYS * DAY_MS)) for uid in uids]
    states = ["succeeded"] * 90 + ["failed"] * 8 + ["expired", "cancelled"]
    yield (
        "commands",
        ("uid", "agent_uid", "kind", "payload", "state", "fence", "created_ms", "created_by", "not_after_ms", "delivered_ms",
         "started_ms", "finished_ms", "percent", "code", "message"),
        (
            (
                uid, estate.agents[agent], "download-item" if n % 5 == 0 else "start-job", b"{}", rng.choice(states), 1, at_ms,
                f"user Person {n % 40}", at_ms + DAY_MS, at_ms + 20, at_ms + 40, at_ms + 60_000, 100, 0, "done",
            )
            for n, (uid, agent, at_ms) in enumerate(asked)
        ),
    )  # fmt: skip
    restores = asked[::5]
    yield (
        "restore_sessions",
        ("uid", "agent_uid", "organization_uid", "workload_uid", "workload_name", "point_uid", "items", "mode", "created_ms",
         "created_by", "state", "finished_ms", "code", "file_name", "size_bytes"),
        (
            (
                uid, estate.agents[agent], estate.owner(agent), f"w{agent}", "fileserver", "p", '{"paths": ["/home/ada/report.odt"]}',
                ("download", "in-place")[n % 2], at_ms, f"user Person {n % 40}", "succeeded", at_ms + 60_000, 0, "report.odt", 48_213,
            )
            for n, (uid, agent, at_ms) in enumerate(restores)
        ),
    )  # fmt: skip
    yield (
        "transfers",
        ("uid", "agent_uid", "command_uid", "name", "size_bytes", "sha256", "received_bytes", "state", "path", "created_ms",
         "updated_ms"),
        (
            (uid, estate.agents[agent], uid, "report.odt", 48_213, bytes(32), 48_213, "removed", f"x/{uid}", at_ms, at_ms)
            for uid, agent, at_ms in restores[::2]
        ),
    )  # fmt: skip


def licensing(estate: Estate) -> Iterator[Rows]:
    """A licence of each company, on its agents."""
    now_ms = estate.now_ms
    products = [estate.uid() for _ in range(PRODUCTS)]
    contracts = [estate.uid() for _ in range(CONTRACTS)]
    licences = [estate.uid() for _ in estate.companies]
    yield (
        "licence_products",
        ("uid", "name", "edition", "workloads", "authority", "changed_ms"),
        ((uid, f"Backup {n}", "Enterprise", "[]", "embedded", now_ms) for n, uid in enumerate(products)),
    )
    yield (
        "licence_contracts",
        ("uid", "name", "kind", "points", "begins_ms", "reports_automatically", "authority", "changed_ms"),
        (
            (uid, f"Contract {n}", "Rental", 100_000, now_ms, False, "embedded", now_ms)
            for n, uid in enumerate(contracts)
        ),
    )
    yield (
        "licences",
        ("uid", "revision", "product_uid", "product", "edition", "kind", "contract_uid", "workloads", "points", "issued_ms",
         "expires_ms", "organization_uid", "shared", "state", "authority", "used_points", "used_ms", "created_ms", "changed_ms"),
        (
            (
                uid, 1, products[n % PRODUCTS], f"Backup {n % PRODUCTS}", "Enterprise", "Rental", contracts[n % CONTRACTS], "[]", 1000,
                now_ms - DAY_MS, now_ms + (n % 400) * DAY_MS, estate.companies[n], True, "active", "embedded",
                estate.rng.randrange(1000), now_ms, now_ms, now_ms,
            )
            for n, uid in enumerate(licences)
        ),
    )  # fmt: skip
    yield (
        "licence_servers",
        ("agent_uid", "licence_uid", "revision", "wanted", "state", "code", "installed_uid", "installed_revision", "installed_ms",
         "changed_ms", "changed_by"),
        (
            (uid, held := licences[n % len(licences)], 1, "installed", "Installed", 0, held, 1, now_ms, now_ms, "user Anna")
            for n, uid in enumerate(estate.agents)
            if n not in estate.sites
        ),
    )  # fmt: skip


def usage(estate: Estate) -> Iterator[Rows]:
    """A listing of every agent's workloads once a day, linked as the projector links it, and what is used now."""
    now_ms, days, agents = estate.now_ms, estate.scale.usage_days, len(estate.agents)
    each = max(1, estate.scale.workloads // agents)
    yield (
        "usage_reports",
        (
            "agent_id",
            "n",
            "batch_id",
            "received_ms",
            "listed",
            "entered",
            "salt",
            "payload",
            "digest",
            "link",
        ),
        (cells for n in range(agents) for cells in _chain(estate, n, days, each)),
    )
    yield (
        "metered_agents",
        ("agent_id", "told_ms", "complete", "listed_ms"),
        ((1 + n, now_ms, True, now_ms) for n in range(agents)),
    )
    yield (
        "metered_workloads",
        ("agent_id", "kind", "uid", "name", "first_ms", "listed_ms", "age_ms"),
        (
            (1 + n, kind, f"w{w:03}", f"machine {w}", now_ms - days * DAY_MS, now_ms, HOUR_MS)
            for n in range(agents)
            for kind in MACHINE_KINDS
            for w in range(each)
            if MACHINE_KINDS[w % 3] is kind
        ),
    )
    if not estate.sites:
        return
    yield (
        "metered_tenants",
        ("agent_id", "uid", "name", "first_ms", "told_ms", *COLUMNS),
        (
            (1 + n % len(estate.sites), f"t{n}", f"tenant {n}", now_ms - days * DAY_MS, now_ms, 1 << 40, n << 28, n << 27, 0, 0, 12, 3, 1)
            for n in range(len(estate.companies))
        ),
    )  # fmt: skip


def _chain(estate: Estate, n: int, days: int, each: int) -> Iterator[Cells]:
    """An agent's reports."""
    uid, before = estate.agents[n], NO_LINK
    for day in range(1, days + 1):
        at_ms = estate.now_ms - (days - day) * DAY_MS - HOUR_MS
        rows = [(UsageSubject.AGENT, uid, "", UsageMetric.COUNT, each, at_ms)]
        rows += [
            (MACHINE_KINDS[w % 3], f"w{w:03}", f"machine {w}", UsageMetric.NEWEST_POINT_MS, at_ms - HOUR_MS, at_ms)
            for w in range(each)
        ]  # fmt: skip
        said = Reported.of(uid, epoch=1, sequence=day, received_ms=at_ms, complete=True, why="", rows=rows)
        payload, salt = said.payload(), (n * 1000 + day).to_bytes(32, "big")
        digest = digest_of(salt, payload)
        before = link_of(before, day, digest)
        yield n + 1, day, salt, at_ms, True, False, salt, packed_payload(payload), digest, before
