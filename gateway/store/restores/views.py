"""The log of restores, as a list."""

from typing import Final

import sqlalchemy as sa

from gateway.store.command_rows import CommandState
from gateway.store.restores.schema import restore_sessions
from gateway.store.schema import agents
from gateway.store.schema_operations import commands, transfers
from gateway.store.transfers import TransferState
from gateway.store.views.asking import Order
from gateway.store.views.describing import Kind, Property, View

logged: Final = restore_sessions.c

RESTORE_SESSIONS: Final = View(
    name="restoreSessions", model="RestoreSession",
    says="What was asked to be restored, by whom, and what came of it; the newest first.",
    key="instanceUid",
    source=restore_sessions.outerjoin(agents, agents.c.uid == logged.agent_uid)
    .outerjoin(commands, commands.c.uid == logged.uid)
    .outerjoin(transfers, transfers.c.uid == logged.uid),
    organization=logged.organization_uid,
    large=True,
    default_sort=(Order("created", descending=True),),
    properties=(
        Property(
            name="instanceUid", kind=Kind.UID, says="The restore, and its asynchronous action; the client may choose it, by the header x-request-id.",
            example="5b0c8f3e-55d3-4e2a-9d3b-7f6a5e4d3c2b", column=logged.uid, sort=False,
        ),
        Property(
            name="managementAgentUid", kind=Kind.UID, says="The agent that does it.",
            example="6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11", column=logged.agent_uid, sort=False,
        ),
        Property(
            name="hostName", kind=Kind.TEXT, says="What that agent's server calls itself.", example="backup01",
            column=agents.c.host_name, filter=False, sort=False,
        ),
        Property(
            name="organizationUid", kind=Kind.UID, says="Whose it is.",
            example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", column=logged.organization_uid, sort=False,
        ),
        Property(
            name="workloadUid", kind=Kind.TEXT, says="What was backed up, by its `uid` in the lists of protected workloads.",
            example="f2d7c1f0-5a1e-5a47-9a39-1a2b3c4d5e6f", column=logged.workload_uid, filter=False, sort=False,
        ),
        Property(
            name="workloadName", kind=Kind.TEXT, says="Its name.", example="fileserver: /home",
            column=logged.workload_name, filter=False, sort=False,
        ),
        Property(
            name="restorePointUid", kind=Kind.TEXT, says="The restore point.",
            example="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", column=logged.point_uid,
            filter=False, sort=False,
        ),
        Property(
            name="items", kind=Kind.OBJECT, says="What was asked for: its `paths`; `/` is everything.",
            example={"paths": ["/home/ada/report.odt"]}, column=logged["items"], filter=False, sort=False,
        ),
        Property(
            name="mode", kind=Kind.WORD, says="Where it goes: to whoever asks, or onto the agent's server.",
            example="Download", column=logged.mode, filter=False, sort=False,
            words={"Download": "download", "InPlace": "in-place", "KeepBoth": "keep-both"},
        ),
        Property(
            name="targetFolder", kind=Kind.TEXT, says="The folder of the agent's server that was named for it.",
            example="/home/restored", column=logged.target, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="state", kind=Kind.WORD, says="How it stands.", example="Running",
            column=sa.func.coalesce(commands.c.state, logged.state), filter=False, sort=False,
            words={state.value.capitalize(): state.value for state in sorted(CommandState)},
        ),
        Property(
            name="percent", kind=Kind.INTEGER, says="How far it is, as the agent says.", example=40,
            column=sa.func.coalesce(commands.c.percent, 0), filter=False, sort=False,
        ),
        Property(
            name="created", kind=Kind.TIME, says="When it was asked for.", example="2026-11-24T20:00:00.000Z",
            column=logged.created_ms,
        ),
        Property(
            name="createdBy", kind=Kind.TEXT, says="Who asked for it.", example="ada@example.com",
            column=logged.created_by, filter=False, sort=False,
        ),
        Property(
            name="finished", kind=Kind.TIME, says="When it ended.", example="2026-11-24T20:03:00.000Z",
            column=logged.finished_ms, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="code", kind=Kind.INTEGER, says="Of its end: the number of an FG code, or the product's own; 0 is success.",
            example=0, column=logged.code, filter=False, sort=False,
        ),
        Property(
            name="message", kind=Kind.TEXT, says="What was said of its end, or of how far it is.",
            example="report.odt, 48213 bytes", column=sa.func.coalesce(logged.message, commands.c.progress), nullable=True,
            filter=False, sort=False,
        ),
        Property(
            name="fileName", kind=Kind.TEXT, says="What the agent calls the file that came.", example="report.odt",
            column=logged.file_name, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="fileBytes", kind=Kind.INTEGER, says="Its size.", example=48213, column=logged.size_bytes, nullable=True,
            filter=False, sort=False,
        ),
        Property(
            name="fileSha256", kind=Kind.TEXT, says="Its SHA-256.",
            example="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", column=logged.sha256, nullable=True,
            filter=False, sort=False,
        ),
        Property(
            name="fileState", kind=Kind.WORD, says="Whether it can be fetched: Complete; or is coming, did not come, or was removed after its time.",
            example="Complete", column=transfers.c.state, nullable=True, filter=False, sort=False,
            words={state.value.capitalize(): state.value for state in sorted(TransferState)},
        ),
    ),
)  # fmt: skip
