"""What other programs may rely on: the views that migration 0004 makes, and what each column means.

The promise is docs/integrating.md's: within a major version a column keeps its name, type and meaning; columns and views are
added, and a word may be added to an enumeration. The tables behind them are ours to change.
"""

from typing import Final

import attrs

TEXT, INTEGER, BOOLEAN = "text", "integer", "boolean"


@attrs.frozen
class Column:
    """A column of a view: `may_be_null` where its name was declared with a `?`."""

    name: str
    type: str
    meaning: str
    may_be_null: bool


@attrs.frozen
class View:
    """A view of the read model; *key* is what a row is known by."""

    about: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]


def view(about: str, key: str, *declared: tuple[str, str, str]) -> View:
    """A view by its columns: name (`?`: may be null), type, meaning."""
    listed = tuple(
        Column(name.rstrip("?"), type_, says, name.endswith("?")) for name, type_, says in declared
    )
    return View(about, tuple(key.split()), listed)


AGENT_UID = ("agent_uid", TEXT, "the agent that reported it")
SYNTHETIC = ("synthetic", BOOLEAN, "of a simulated agent: never to be billed")
METRICS = (
    "storage_bytes, quota_bytes, count, restore_points, files, newest_point_ms, performance_bytes, capacity_bytes, archive_bytes, "
    "vm_backups, server_backups or workstation_backups"
)
STATUS = "none, running, success, warning or failed"

READ_MODEL: Final = {
    "rm_agents": view(
        "The agents, one row for each that ever enrolled.", "agent_uid",
        ("agent_uid", TEXT, "its identity, which its certificate carries"),
        ("kind", TEXT, "client, or site for the provider's own cloud-connect servers"),
        ("standing", TEXT, "verified, unverified, rejected or revoked"),
        ("code", INTEGER, "why it is not verified (an FG code's number), else 0"),
        ("organization_uid", TEXT, "the company, or the provider"),
        ("organization_name", TEXT, "its name"),
        ("location_uid?", TEXT, "the company's place"),
        ("location_name?", TEXT, "its name"),
        ("host_name", TEXT, "as the server last called itself"),
        ("agent_version", TEXT, "as it last said"),
        ("platform", TEXT, "as of enrolling"),
        ("synthetic", BOOLEAN, "a simulated agent: never to be billed"),
        ("enrolled_ms", INTEGER, "when it enrolled"),
        ("status", TEXT, "online, inaccessible, unverified, rejected, or unknown (it never had a session); of the moment of asking"),
        ("last_seen_ms?", INTEGER, "its last heartbeat, as far as it was written down"),
        ("inventory_revision?", INTEGER, "of the newest inventory"),
        ("inventory_ms?", INTEGER, "when that was received"),
    ),
    "rm_servers": view(
        "The servers that an agent's backup estate consists of.", "agent_uid server_uid",
        AGENT_UID, SYNTHETIC,
        ("server_uid", TEXT, "unique within the agent"),
        ("name", TEXT, "for people"),
        ("kind", TEXT, "backup_server, hypervisor, proxy or repository_host"),
        ("version", TEXT, "of the backup product there"),
        ("os", TEXT, "its operating system"),
        ("cores", INTEGER, "processor cores"),
        ("memory_bytes", INTEGER, "main memory"),
    ),
    "rm_repositories": view(
        "Where backups are kept.", "agent_uid repository_uid",
        AGENT_UID, SYNTHETIC,
        ("repository_uid", TEXT, "unique within the agent"),
        ("server_uid", TEXT, "the server that it is on"),
        ("name", TEXT, "for people"),
        ("kind", TEXT, "the product's word for it"),
        ("capacity_bytes", INTEGER, "all of it"),
        ("free_bytes", INTEGER, "what is free"),
    ),
    "rm_workloads": view(
        "What is protected.", "agent_uid workload_uid",
        AGENT_UID, SYNTHETIC,
        ("workload_uid", TEXT, "unique within the agent"),
        ("server_uid", TEXT, "the server that it is on"),
        ("name", TEXT, "for people"),
        ("kind", TEXT, "vm, computer or file_share"),
        ("job_uid", TEXT, "the job that protects it; empty: none"),
        ("size_bytes", INTEGER, "of the workload itself"),
        ("restore_points", INTEGER, "how many there are"),
        ("latest_restore_point_ms", INTEGER, "the newest; 0: none"),
    ),
    "rm_jobs": view(
        "Backup jobs.", "agent_uid job_uid",
        AGENT_UID, SYNTHETIC,
        ("job_uid", TEXT, "unique within the agent"),
        ("server_uid", TEXT, "the server that runs it"),
        ("name", TEXT, "for people"),
        ("kind", TEXT, "the product's word for it"),
        ("schedule", TEXT, "for people"),
        ("repository_uid", TEXT, "where it writes to"),
        ("enabled", BOOLEAN, "whether its schedule runs"),
        ("last_status", TEXT, STATUS),
        ("last_run_ms", INTEGER, "0: never"),
        ("next_run_ms", INTEGER, "0: none is planned"),
    ),
    "rm_cloud_tenants": view(
        "The tenants of a cloud-connect site.", "agent_uid tenant_uid",
        AGENT_UID, SYNTHETIC,
        ("tenant_uid", TEXT, "unique within the agent"),
        ("name", TEXT, "for people"),
        ("enabled", BOOLEAN, "whether it may connect"),
        ("quota_bytes", INTEGER, "what it may use"),
        ("used_bytes", INTEGER, "what it uses"),
        ("vm_backups", INTEGER, "virtual machines that it backs up"),
        ("server_backups", INTEGER, "servers"),
        ("workstation_backups", INTEGER, "workstations"),
        ("lease_expires_ms", INTEGER, "0: never"),
    ),
    "rm_job_sessions": view(
        "Runs of jobs, each summed up from its events; a run that goes on changes.", "agent_uid session_uid",
        AGENT_UID, SYNTHETIC,
        ("session_uid", TEXT, "unique within the agent; of restic: the snapshot's id"),
        ("job_uid", TEXT, "the job"),
        ("start_ms?", INTEGER, "by the agent's clock; null: its start was not heard of"),
        ("end_ms?", INTEGER, "by the agent's clock; null: it has not ended"),
        ("status", TEXT, STATUS),
        ("attempts", INTEGER, "how often it was tried"),
        ("duration_ms", INTEGER, "as the agent measured it"),
        ("processed_bytes", INTEGER, "read"),
        ("transferred_bytes", INTEGER, "written"),
        ("code", INTEGER, "an FG code's number or the product's own; 0: none"),
        ("message", TEXT, "for people"),
    ),
    "rm_usage": view(
        "What is used: every observation of every report.", "agent_uid epoch sequence branch subject_kind subject_uid metric",
        AGENT_UID, SYNTHETIC,
        ("epoch", INTEGER, "with `sequence`: which report"),
        ("sequence", INTEGER, "the report's number within the epoch"),
        ("subject_kind", TEXT, "cloud_tenant, server, workstation, vm, m365_user, repository or agent"),
        ("subject_uid", TEXT, "unique within the agent and kind"),
        ("name", TEXT, "for people"),
        ("metric", TEXT, METRICS),
        ("value", INTEGER, "how much"),
        ("observed_ms", INTEGER, "by the agent's clock"),
        ("received_ms", INTEGER, "by the gateway's clock"),
        ("complete", BOOLEAN, "whether the whole report is complete"),
        ("why?", TEXT, "why it is not"),
        ("branch", INTEGER, "0; of an agent that was reverted to a snapshot, whose number another report has already: not 0"),
    ),
    "rm_incidents": view(
        "Places whose agents can open no session.", "incident_id",
        ("incident_id", INTEGER, "the number that commands take"),
        ("organization_uid", TEXT, "whom it concerns"),
        ("location_uid", TEXT, "where; empty: not known"),
        ("verdict", TEXT, "what is wrong, a word of `fieldgate inspection`"),
        ("family", TEXT, "who has to act"),
        ("state", TEXT, "opened, confirmed, recurring or closed"),
        ("network", TEXT, "the one that the newest report came from"),
        ("vendor", TEXT, "of the box in the way, where it is known"),
        ("blame", TEXT, "whose it is, where it is known"),
        ("confidence", INTEGER, "per cent, of the surest report"),
        ("reports", INTEGER, "how many were counted"),
        ("agents", INTEGER, "how many reported"),
        ("first_ms", INTEGER, "the first attempt that failed"),
        ("last_ms", INTEGER, "the last one"),
        ("opened_ms", INTEGER, "when it became an incident"),
        ("confirmed_ms?", INTEGER, "when a second one said so"),
        ("closed_ms?", INTEGER, "when it ended"),
        ("closed_why", TEXT, "how that was seen"),
        ("recurrences", INTEGER, "how often it came back"),
        ("alarmed_ms?", INTEGER, "when the alarm was given"),
    ),
    "rm_gaps": view(
        "Records that are missing between two that came.", "gap_id",
        ("gap_id", INTEGER, "the number that commands take"),
        AGENT_UID, SYNTHETIC,
        ("epoch", INTEGER, "of the agent's numbering"),
        ("from_sequence", INTEGER, "the first that is missing"),
        ("to_sequence", INTEGER, "the first behind it"),
        ("state", TEXT, "open, declared, lost, set-aside or filled"),
        ("opened_ms", INTEGER, "when it was noticed"),
        ("settled_ms?", INTEGER, "when it was lost or filled"),
    ),
}  # fmt: skip
