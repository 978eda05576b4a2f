"""What an agent may do, and whether it is there: two questions, each with one pure answer.

`Standing` is a decision, made by a token or an operator, and stored. `ConnectionStatus` is derived when somebody asks,
so that an edge that died without a word takes its agents' Online with it: Online needs a session that has not ended,
held by an edge whose lease is live, with a heartbeat that is not three intervals old.
"""

from enum import StrEnum


class Standing(StrEnum):
    """What was decided about an agent."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    REJECTED = "rejected"
    REVOKED = "revoked"

    @classmethod
    def read(cls, text: str) -> "Standing":
        """What is stored; UNVERIFIED where a newer version has decided something that this one does not know.

        Such an agent is heard and may not send, and loses nothing by it: as safe as being sent away, and undone by an upgrade.
        """
        try:
            return cls(text)
        except ValueError:
            return cls.UNVERIFIED


class ConnectionStatus(StrEnum):
    """Whether an agent is there."""

    ONLINE = "online"
    INACCESSIBLE = "inaccessible"
    UNVERIFIED = "unverified"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """It enrolled and has never had a session."""


MISSED_HEARTBEATS = 3


def connection_status(
    standing: Standing,
    *,
    session_ended: bool | None,
    lease_until_ms: int | None,
    last_heartbeat_ms: int | None,
    heartbeat_ms: int | None,
    now_ms: int,
) -> ConnectionStatus:
    """Whether an agent of that standing, with that last session, is there at *now_ms*.

    Args:
        session_ended: None when it never had a session.
        lease_until_ms: of the edge that holds the session; None when that edge's row is gone.
    """
    if standing is Standing.UNVERIFIED:
        return ConnectionStatus.UNVERIFIED
    if standing is not Standing.VERIFIED:
        return ConnectionStatus.REJECTED
    if session_ended is None or last_heartbeat_ms is None or heartbeat_ms is None:
        return ConnectionStatus.UNKNOWN
    lives = not session_ended and lease_until_ms is not None and lease_until_ms > now_ms
    if lives and now_ms - last_heartbeat_ms <= MISSED_HEARTBEATS * heartbeat_ms:
        return ConnectionStatus.ONLINE
    return ConnectionStatus.INACCESSIBLE
