"""A small estate with everything in it that is awkward: names in several scripts, signs that mean something to a database, nothing at all."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

import attrs
import sqlalchemy as sa

from gateway.store import (
    AgentEntry,
    Company,
    CompanyDetails,
    ConsentGiven,
    LicenceContract,
    LicenceKind,
    LicenceProduct,
    LicenceWorkload,
    Scope,
    Store,
)
from gateway.store.schema import claims, edges
from protocol import (
    CloudTenant,
    Code,
    EventKind,
    Health,
    ItemKind,
    Job,
    JobStatus,
    Outcome,
    Repository,
    Server,
    ServerKind,
    Workload,
    WorkloadKind,
    commands,
)
from tests.gateway.store.licensing.orders import generated, revoked
from tests.helpers.stores import enroll, event, open_stream

NOW: Final = 1_764_014_400_000
"""2025-11-24T20:00:00Z."""
HOUR: Final = 3_600_000
EPOCH: Final = 7
NAMES: Final = (
    "Ölund", "ÖLUND", "ölund", "O\u0308lund", "İstanbul", "istanbul", "Straße", "STRASSE", "Σίσυφος", "ΣΊΣΥΦΟΣ",
    "\U00010400eseret", "\U00010428ESERET", "100 % sure", "100 _ sure", "it's", 'say "when"', "back\\slash",
    "'; DROP TABLE agents; --", "?", ":now_ms", "%s", "", " ", "zebra", "Zebra", "sql01", "SQL02", "sql1", "\ud7ff",
    "\uffff", "\U0010ffff",
)  # fmt: skip
"""Servers may be called like this, and so may what they report."""


FILLED: Final = {
    "managementAgents", "unverifiedAgents", "sites", "sites/tenants", "locations", "backupServers", "repositories", "jobs",
    "jobSessions", "protectedWorkloads/virtualMachines", "protectedWorkloads/computers", "protectedWorkloads/fileShares",
    "licenses", "licensing/backupServers",
}  # fmt: skip
"""What the estate has rows of; other rooms' views answer here, too, if only of nothing."""


@attrs.frozen(kw_only=True)
class Estate:
    """A provider with a site, a reseller with one company of two, and agents with all that they reported."""

    provider_uid: str
    reseller_uid: str
    companies: tuple[str, str]
    """The first is the reseller's."""
    agents: tuple[AgentEntry, ...]
    """Four of each company, and the site's."""

    def of(self, organization_uid: str) -> set[str]:
        """The uids of an organization's agents."""
        return {each.agent_uid for each in self.agents if each.organization_uid == organization_uid}


def make_estate(store: Store) -> Estate:
    """Fill an empty store."""
    provider = store.organizations.add_provider("Nordlicht IT", now_ms=1)
    reseller = store.companies.add("Harbour Resale", by="test", now_ms=1, kind="reseller")
    first = store.companies.add(
        "Bäckerei Ölund", CompanyDetails(reseller_uid=reseller.uid), by="test", now_ms=1
    )
    second = store.companies.add("Zebra % Sons", by="test", now_ms=1)
    agents = []
    for number, company in enumerate((first, second)):
        location = store.organizations.add_location(company.uid, "Backstube", now_ms=1)
        add_token(store, f"token{number}", company.uid, location.uid if number == 0 else None)
        for each in range(4):
            key = 4 * number + each
            agents.append(
                enroll(store, uid_of(f"token{number}"), key, now_ms=NOW - key * HOUR, host_name=NAMES[(7 * key) % len(NAMES)],
                       synthetic=False)
            )  # fmt: skip
    add_token(store, "site", provider.uid, None)
    kinds = {"agent_kind": "site", "listener_kind": "co-located"}
    agents.append(enroll(store, uid_of("site"), 99, now_ms=NOW, host_name="cloud01", **kinds))
    connect(store, agents)
    for number, agent in enumerate(agents):
        report(store, agent, number)
    site = store.organizations.list_sites()[0]
    store.mappings.map(site.uid, "t2", first.uid, by="test", now_ms=NOW)
    for number, agent in enumerate(agents):
        for n in range(3):
            restored(store, agent, number, n)
    store.agents.reject(agents[1].agent_uid, code=Code.AGENT_REJECTED)
    onboard(store, first, second)
    let_in(store, provider.uid, first.uid, second.uid)
    license_some(store, agents, first.uid, second.uid)
    return Estate(
        provider_uid=provider.uid,
        reseller_uid=reseller.uid,
        companies=(first.uid, second.uid),
        agents=tuple(agents),
    )


def let_in(store: Store, *organization_uids: str) -> None:
    """A user and three keys each: one for good, one that is over, one that was revoked."""
    for number, uid in enumerate(organization_uids):
        role = "company-owner" if number else "operator"
        user = store.users.add(
            name=f"User {number}",
            name_key=f"user {number}",
            role=role,
            organization_uid=uid,
            by="test",
            now_ms=NOW,
        )
        for name, expires_ms in (("good", None), ("over", NOW), ("revoked", NOW + HOUR)):
            stored = store.api_keys.add(
                f"{name}{number}".encode(), name=name, role=role, organization_uid=uid, user_uid=user.uid if number else None,
                read_only=name == "over", expires_ms=expires_ms, by="test", now_ms=NOW - number,
            )  # fmt: skip
        store.api_keys.revoke(stored.uid, by="test", now_ms=NOW)


def license_some(store: Store, agents: list[AgentEntry], first_uid: str, second_uid: str) -> None:
    """Licences in every state: on a server, on two, on none and nobody's, revoked, and one that its server could not take."""
    workloads = (
        LicenceWorkload(uid="vm", name="Virtual machine", multiplier=11),
        LicenceWorkload(uid="workstation", name="Workstation", multiplier=4),
    )
    product = LicenceProduct(
        uid="suite", name="Backup Suite", edition="Enterprise", authority="embedded", workloads=workloads
    )
    contract = LicenceContract(
        uid="C-1001", name="Rental 2026", kind=LicenceKind.RENTAL, points=None, begins_ms=0, ends_ms=None,
        reports_automatically=True, authority="embedded",
    )  # fmt: skip
    store.licence_catalogue.set_product(product, by="test", now_ms=NOW)
    store.licence_catalogue.set_contract(contract, by="test", now_ms=NOW)
    owners = (first_uid, second_uid, first_uid, None, second_uid, first_uid)
    made = [
        generated(
            store, shared=number == 1, now_ms=NOW - number // 2 * HOUR, organization_uid=owner, product_uid=product.uid,
            product=NAMES[5 * number], expires_ms=None if number == 3 else NOW + number * HOUR,
        ).terms.uid
        for number, owner in enumerate(owners)
    ]  # fmt: skip
    for licence_uid, agent in zip(
        (made[0], made[1], made[1], made[4], made[5]),
        (agents[0], agents[4], agents[5], agents[6], agents[2]),
        strict=True,
    ):
        server = store.licence_servers.want(licence_uid, agent.agent_uid, by="test", now_ms=NOW)
        if agent is agents[6]:
            store.licence_servers.fail(server, code=5050, message="no room", now_ms=NOW)
    store.licence_servers.unwant(agents[5].agent_uid, by="test", now_ms=NOW)
    revoked(store, store.licences.get(made[5]), now_ms=NOW)


def uid_of(token: str) -> str:
    """The id of a token."""
    return str(uuid5(NAMESPACE_OID, token))


def onboard(store: Store, first: Company, second: Company) -> None:
    """What people wrote down: a tenant for each company, consents, one that is disabled, tokens that end in every way."""
    known = {
        "contact_name": "Ann Ölund",
        "external_id": "K-17",
        "notes": "two\nlines",
        "billing_anchor_day": 15,
    }
    store.companies.change(first.uid, known, by="ann", now_ms=NOW - HOUR)
    disabled = {"status": "Disabled", "uses_cloud": False, "contact_mail": "ZOE@zebra.example"}
    [site] = store.organizations.list_sites()
    for tenant, company in zip(store.mappings.reported(site.uid), (first, second), strict=False):
        if tenant.enabled:
            store.mappings.map(site.uid, tenant.tenant_uid, company.uid, by="ann", now_ms=NOW)
    store.companies.change(second.uid, disabled, by="ann", now_ms=NOW)
    given = ConsentGiven(given_by="Ann Ölund", words="two servers", given_ms=NOW - HOUR)
    for token_id in ("token0", "token1"):
        store.consents.record(uid_of(token_id), given, by="bo", now_ms=NOW - HOUR)
    store.consents.withdraw(uid_of("token1"), why="sold", by="bo", now_ms=NOW)
    for token_id, expires_ms, max_uses in (("late", NOW, 5), ("used up", NOW + 1, 0), ("reset", NOW + 1, 5)):
        store.tokens.add(
            uid_of(token_id), b"public", kind="client", organization_uid=first.uid, location_uid=None, expires_ms=expires_ms,
            max_uses=max_uses, synthetic=token_id == "late", now_ms=2,
        )  # fmt: skip
    store.tokens.reset(uid_of("reset"), now_ms=3)


def add_token(store: Store, token_id: str, organization_uid: str, location_uid: str | None) -> None:
    """A token by which agents enroll."""
    store.tokens.add(
        uid_of(token_id), b"public", kind="site" if token_id == "site" else "client", organization_uid=organization_uid,
        location_uid=location_uid, expires_ms=NOW + 1, max_uses=99, synthetic=False, now_ms=1,
    )  # fmt: skip


def connect(store: Store, agents: list[AgentEntry]) -> None:
    """Sessions of every sort: none, one that lives, one that ended, one whose edge died, one that went silent."""
    lease = {"addresses": "[]", "started_ms": 1}
    with store._db.write() as connection:
        connection.execute(
            sa.insert(edges),
            [
                lease | {"uid": "lives", "name": "edge", "lease_until_ms": NOW + 1},
                lease | {"uid": "died", "name": "former", "lease_until_ms": NOW},
            ],
        )
        for number, agent in enumerate(agents[:-1]):
            if number == 0:
                continue
            row: dict[str, Any] = {
                "agent_uid": agent.agent_uid, "edge_uid": "died" if number == 3 else "lives", "session_uid": f"s{number}",
                "address": f"203.0.113.{number}", "nonce": bytes(16), "previous_nonce": bytes(16), "fence": 1,
                "heartbeat_ms": 30_000, "claimed_ms": 1, "last_heartbeat_ms": NOW - (90_001 if number == 4 else 90_000),
                "health": Health(1 + number % 3), "clock_offset_ms": 5 * number - 10,
                "ended_ms": NOW - 1 if number == 2 else None, "ended_code": None,
            }  # fmt: skip
            connection.execute(sa.insert(claims).values(row))


def report(store: Store, agent: AgentEntry, number: int) -> None:
    """What an agent has; each calls its items alike, as clones would."""
    some = [NAMES[(5 * number + 3 * n) % len(NAMES)] for n in range(12)]
    servers = [
        Server(uid=f"s{n}", name=some[n], kind=ServerKind(1 + n), version="13.0", os="Debian 12", cores=8 * n, memory_bytes=n << 30)
        for n in range(3)
    ]  # fmt: skip
    repositories = [
        Repository(uid=f"r{n}", server_uid="s1", name=some[n], kind="ext4", capacity_bytes=10 << 40, free_bytes=n << 40)
        for n in range(2)
    ]  # fmt: skip
    jobs = [
        Job(
            uid=f"j{n}", server_uid=f"s{n % 4}", name=some[2 * n], kind="Backup" if n % 2 else "Copy", schedule="daily",
            repository_uid="r0" if n else "", enabled=n != 2, last_status=JobStatus((number + n) % 5),
            last_run_ms=0 if n == 3 else NOW - n * HOUR, next_run_ms=NOW + n * HOUR if n == 2 else 0,
        )
        for n in range(5)
    ]  # fmt: skip
    workloads = [
        Workload(
            uid=f"w{n}", server_uid=f"s{n % 3}", name=some[n], kind=WorkloadKind(1 + n % 3), job_uid=f"j{n % 7}",
            size_bytes=(n % 4) << 30, restore_points=n % 3, latest_restore_point_ms=0 if n % 3 == 0 else NOW - number * HOUR,
        )
        for n in range(12)
    ]  # fmt: skip
    tenants = [
        CloudTenant(
            uid=f"t{n}", name=some[n], enabled=n != 1, quota_bytes=n << 40, used_bytes=n << 39, vm_backups=n,
            lease_expires_ms=0 if n else NOW + HOUR,
        )
        for n in range(4 if agent.agent_kind == "site" else 0)
    ]  # fmt: skip
    items: dict[ItemKind, Sequence[Server | Repository | Job | Workload | CloudTenant]] = {
        ItemKind.SERVER: servers, ItemKind.REPOSITORY: repositories, ItemKind.JOB: jobs, ItemKind.WORKLOAD: workloads,
        ItemKind.CLOUD_TENANT: tenants,
    }  # fmt: skip
    with store.projection() as p:
        stream_id = open_stream(p, agent, epoch=EPOCH)
        p.events.insert(
            [(stream_id, 1 + n, agent.agent_id, NOW, *cells) for n, cells in enumerate(runs(number))]
        )
        p.inventory.apply(
            agent.agent_id, EPOCH, revision=1, full=True, final=True, removed=[], received_ms=NOW - number,
            items={kind: [each.to_row() for each in of_kind] for kind, of_kind in items.items()},
        )  # fmt: skip


def restored(store: Store, agent: AgentEntry, number: int, n: int) -> None:
    """A restore of an agent's, asked for, taken back or done."""
    paths = tuple(f"/{NAMES[(number + n + each) % len(NAMES)]}".replace("/", "/x") for each in range(1 + n))
    wanted = (
        commands.DownloadItem(workload_uid=f"w{n}", point_uid=f"p{n}", path=paths[0])
        if n % 2
        else commands.RestoreItems(
            workload_uid=f"w{n}",
            point_uid="p",
            paths=paths,
            mode=commands.KEEP_BOTH,
            folder="/srv" if n else "",
        )
    )
    at_ms = NOW - (3 * number + n) * HOUR
    session = store.restores.begin(
        agent.agent_uid, wanted, scope=Scope.everything(), who=f"user {n}", ttl_ms=HOUR, now_ms=at_ms
    )
    if n == 1:
        store.commands.cancel(session.uid, who="test", now_ms=at_ms + 1)
    elif n == 2 and number % 2:
        with store.projection() as p:
            p.commands.finish(
                session.uid,
                agent.agent_uid,
                outcome=Outcome.SUCCEEDED,
                code=0,
                message="done",
                now_ms=at_ms + number,
            )


def runs(number: int) -> list[list[Any]]:
    """Events of runs of an agent's jobs and of one that is gone; of one the start was not heard of, and one goes on."""
    rows = []
    for n in range(14):
        start_ms = NOW - n * 3 * HOUR - number
        cells = {
            "time_ms": start_ms, "kind": EventKind.JOB_STARTED, "job_uid": f"j{n % 6}", "session_uid": f"run{n}",
            "status": JobStatus.RUNNING,
        }  # fmt: skip
        if n != 4:
            rows.append(event(n, **cells))
        if n != 5:
            ended = {
                "time_ms": start_ms + HOUR, "kind": EventKind.JOB_FINISHED, "status": JobStatus(2 + n % 3),
                "duration_ms": HOUR + n * 100, "message": "" if n % 2 else NAMES[n],
            }  # fmt: skip
            rows.append(event(n, **cells | ended))
    return rows
