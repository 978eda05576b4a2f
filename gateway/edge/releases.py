"""Which agents are told that another version of them is due: by a Notice, after Welcome and when the setting changes."""

from typing import TYPE_CHECKING

import trio

from protocol import Code, Notice

if TYPE_CHECKING:
    from gateway.edge.services import Services
    from gateway.edge.session import Session

__all__ = ["count_below_minimum", "count_due", "due_notice", "tell_all"]

# A notice costs some 50 µs to encrypt and write; others have their turn after these.
AT_ONCE = 50


def due_notice(services: "Services", session: "Session") -> Notice | None:
    """What to tell the agent of *session*; None if its version will do."""
    due = _due(services, session)
    if not due:
        return None
    return Notice(
        code=Code.AGENT_OUT_OF_DATE,
        message=f"version {due} is due, this agent is {session.agent_version}"[:1024],
    )


async def tell_all(services: "Services") -> None:
    """Tell every connected agent whose version will not do."""
    for number, session in enumerate(list(services.open_sessions)):
        if session.ending is None and (notice := due_notice(services, session)) is not None:
            session.say(notice)
        if number % AT_ONCE == 0:
            await trio.lowlevel.checkpoint()


def count_due(services: "Services") -> int:
    """How many connected agents are told so. For another thread, too."""
    return sum(1 for session in list(services.open_sessions) if _due(services, session))


def count_below_minimum(services: "Services") -> int:
    """How many connected agents are older than any may be. For another thread, too."""
    agents = services.config.agents
    return sum(
        1 for session in list(services.open_sessions) if agents.is_below_minimum(session.agent_version)
    )


def _due(services: "Services", session: "Session") -> str:
    entry = session.agent.entry
    return services.config.agents.due(
        session.agent_version, agent_uid=entry.agent_uid, organization_uid=entry.organization_uid
    )
