"""A company's agent with something to restore, and what edge and projector do when it answers."""

from pathlib import Path

import attrs

from gateway.store import AgentEntry, Delivery, Store, Transfer, TransferState
from protocol import ItemKind, Outcome, Workload, WorkloadKind
from tests.helpers.stores import World, enroll, make_world

EPOCH = 7
NOW = 1_000
HASH = bytes(range(32))


def report_workloads(store: Store, agent: AgentEntry, *uids: str) -> None:
    """The agent's inventory has these workloads, each named after its uid."""
    rows = [
        Workload(
            uid=uid, server_uid="", name=f"name of {uid}", kind=WorkloadKind.COMPUTER, job_uid=""
        ).to_row()
        for uid in uids
    ]
    with store.projection() as p:
        p.inventory.apply(
            agent.agent_id, EPOCH, revision=1, full=True, final=True, items={ItemKind.WORKLOAD: rows}, removed=(),
            received_ms=NOW,
        )  # fmt: skip


@attrs.frozen(kw_only=True)
class Source:
    """A world whose company's agent protects the workloads w1 and w2."""

    world: World
    agent: AgentEntry

    @property
    def uid(self) -> str:
        """The agent's."""
        return self.agent.agent_uid


def make_source(store: Store) -> Source:
    """Fill an empty store."""
    world = make_world(store)
    agent = enroll(store)
    report_workloads(store, agent, "w1", "w2")
    return Source(world=world, agent=agent)


def file_of(uid: str, agent_uid: str, *, size_bytes: int = 5, sha256: bytes = HASH) -> Transfer:
    """The file that answers a command, whole in the spool of the edge *e*."""
    return Transfer(
        uid=uid, agent_uid=agent_uid, name="report.bin", size_bytes=size_bytes, sha256=sha256, received_bytes=size_bytes,
        state=TransferState.COMPLETE, path=f"e/{uid}", created_ms=NOW, updated_ms=NOW,
    )  # fmt: skip


def answer(
    store: Store,
    uid: str,
    agent_uid: str,
    outcome: Outcome = Outcome.SUCCEEDED,
    *,
    code: int = 0,
    message: str = "done",
    now_ms: int = NOW + 5,
) -> None:
    """The agent's word on how a command ended."""
    store.commands.claim(
        [Delivery(command_uid=uid, agent_uid=agent_uid, fence=0)], edge_uid="e", now_ms=now_ms
    )
    with store.projection() as p:
        p.commands.finish(uid, agent_uid, outcome=outcome, code=code, message=message, now_ms=now_ms)


def put_in_spool(spool: Path, uid: str, data: bytes) -> None:
    """The bytes of that file."""
    (spool / "e").mkdir(parents=True, exist_ok=True)
    (spool / "e" / uid).write_bytes(data)
