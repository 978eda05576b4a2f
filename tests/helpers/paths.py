"""Path records as an edge journals them: what a box did to an agent, at a moment of one's choice."""

from typing import Any

import attrs

from certs.inspection import (
    AgentSide,
    Evidence,
    Finding,
    GatewaySide,
    PathRecord,
    RecordKind,
    SignerKind,
    judge,
)
from gateway.store import AgentEntry, Claim, Presence, Store
from tests.certs.inspection.scenes import agent as agent_side
from tests.certs.inspection.scenes import alone, beyond_a_box, both, box_ca, forged

FORGED = {"chain": forged(), "certificate_requested": False}


def at(evidence: Evidence, at_ms: int) -> Evidence:
    """The same at another moment."""

    def moved(side: AgentSide | GatewaySide | None) -> Any:
        return None if side is None else attrs.evolve(side, at_ms=at_ms)

    return attrs.evolve(evidence, agent=moved(evidence.agent), gateway=moved(evidence.gateway))


def opened_one_sided(**changes: Any) -> Evidence:
    """A box with a CA of its own opened the agent's TLS, and the agent alone says so."""
    return alone(**{**FORGED, **changes})


def opened_two_sided() -> Evidence:
    """The same, with the gateway's half of that very connection."""
    return both(agent=agent_side(**FORGED), gateway=beyond_a_box())


def opened_by(name: str) -> Evidence:
    """A box whose CA has that name."""
    return alone(chain=forged(box_ca(("CN", name))), certificate_requested=False)


def report_of(
    agent: AgentEntry,
    evidence: Evidence,
    *,
    at_ms: int,
    counter: int | None = None,
    happened_ms: int | None = None,
    finding: Finding | None = None,
    **changes: Any,
) -> PathRecord:
    """An agent's report that came at *at_ms*, of something that happened then, or at *happened_ms*."""
    moved = at(evidence, at_ms if happened_ms is None else happened_ms)
    fields: dict[str, Any] = {
        "kind": RecordKind.REPORT,
        "signer_kind": SignerKind.AGENT,
        "signer_uid": agent.agent_uid,
        "installation_uid": f"installation of {agent.host_name}",
        "counter": at_ms if counter is None else counter,
        "at_ms": at_ms,
        "organization_uid": agent.organization_uid,
        "location_uid": agent.location_uid or "",
        "source": "198.51.100.7:50123",
        "evidence": moved,
        "finding": judge(moved) if finding is None else finding,
    }
    return PathRecord(**{**fields, **changes})


def sighting_of(gateway: GatewaySide, *, at_ms: int) -> PathRecord:
    """What a gateway saw without a report."""
    evidence = Evidence(gateway=attrs.evolve(gateway, at_ms=at_ms, join=None))
    return PathRecord(kind=RecordKind.SIGHTING, at_ms=at_ms, evidence=evidence, finding=judge(evidence))


def begin_session(
    store: Store,
    agent: AgentEntry,
    *,
    at_ms: int,
    lasted_ms: int = 0,
    address: str = "198.51.100.7:50200",
    clock_offset_ms: int = 0,
) -> None:
    """The agent has a session from *at_ms* on, the last heartbeat of which came *lasted_ms* later."""
    directory = {claim.agent_uid: claim for claim in store.directory().claims}
    before = directory.get(agent.agent_uid)
    session_uid = f"session of {agent.host_name} at {at_ms}"
    [outcome] = store.sessions.claim(
        [
            Claim(
                agent_uid=agent.agent_uid, edge_uid="edge", session_uid=session_uid, address=address, nonce=bytes(16),
                previous_nonce=bytes(16), expected_fence=0 if before is None else before.fence, agent_version="1",
                host_name=agent.host_name, heartbeat_ms=30_000, claimed_ms=at_ms, clock_offset_ms=clock_offset_ms,
            )
        ]
    )  # fmt: skip
    assert outcome.won
    seen = Presence(
        agent_uid=agent.agent_uid, session_uid=session_uid, last_heartbeat_ms=at_ms + lasted_ms, health=1,
        clock_offset_ms=clock_offset_ms,
    )  # fmt: skip
    store.sessions.flush_presence([seen])
