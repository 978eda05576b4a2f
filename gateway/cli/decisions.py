"""Decisions about who is let in: carried out, told to the edges, and written into the revocation log, all by the one way that is here.

Nothing else calls these verbs of the store. A decision that the log does not have would be rolled back by the next restore.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.cli.common import Provider, now_ms
from gateway.revocations import LOG_NAME, RevocationLog
from gateway.store import Agent
from protocol import Code, printable

__all__ = [
    "accept_agent",
    "begin_log",
    "forgotten_issuers",
    "reject_agent",
    "reset_token",
    "revoke_agent",
    "revoke_token",
]


def log_of(provider: Provider) -> RevocationLog:
    """The provider's revocation log."""
    copy = provider.config.revocation_log
    return RevocationLog(
        path=provider.folder.path / LOG_NAME,
        copy=Path(copy) if copy else None,
        provider_uid=provider.store.organizations.provider().uid,
    )


def begin_log(provider: Provider) -> str:
    """Make sure that there is a log; returns what is wrong with its copy, or nothing.

    Raises:
        OSError: it can't be written.
        RevocationLogError: it can't be read.
    """
    return log_of(provider).begin(provider.store.restoring.decisions)


@contextlib.contextmanager
def deciding(provider: Provider, what: str, **fields: Any) -> Iterator[None]:
    """Write a decision down before it is carried out in the block, and let the edges hear of it."""
    log = log_of(provider)
    log.begin(provider.store.restoring.decisions)
    with log.deciding(what, **fields) as problems:
        yield
        provider.ring()
    for problem in problems:
        sys.stderr.write(
            f"warning: the second revocation log: {printable(problem)} ({Code.REVOCATION_COPY_BEHIND})\n"
        )


def revoke_agent(provider: Provider, agent_uid: str, *, why: str) -> None:
    """End an agent for good.

    Raises:
        NotFound: there is no such agent.
    """
    code, facts = Code.CLIENT_CERT_REVOKED, provider.store.restoring.facts(agent_uid)
    with deciding(provider, "agent revoked", agent=facts, code=int(code), why=why):
        provider.store.agents.revoke(agent_uid, why=why, code=code, now_ms=now_ms())


def reject_agent(provider: Provider, agent_uid: str) -> None:
    """Turn an agent away until it is accepted.

    Raises:
        Conflict: it is revoked.
        NotFound: there is no such agent.
    """
    code, facts = Code.AGENT_REJECTED, provider.store.restoring.facts(agent_uid)
    with deciding(provider, "agent rejected", agent=facts, code=int(code), why=None):
        provider.store.agents.reject(agent_uid, code=code)


def accept_agent(
    provider: Provider, agent: Agent, *, organization_uid: str, location_uid: str | None
) -> None:
    """Verify an agent that waits, or that was rejected.

    Raises:
        Conflict: it is revoked, or a site's and not for the provider.
        NotFound: it, the organization or the location is not there.
    """
    place = {"organization_uid": organization_uid, "location_uid": location_uid}
    with deciding(provider, "agent accepted", agent_uid=agent.uid, **place):
        provider.store.agents.accept(agent.uid, organization_uid=organization_uid, location_uid=location_uid)


def revoke_token(provider: Provider, token_id: str) -> None:
    """Let it enroll nobody any more.

    Raises:
        NotFound: there is no such token.
    """
    with deciding(provider, "token revoked", token_id=token_id):
        provider.store.tokens.revoke(token_id, now_ms=now_ms())


def reset_token(provider: Provider, token_id: str) -> None:
    """Let it lead to unverified agents only.

    Raises:
        NotFound: there is no such token.
    """
    with deciding(provider, "token reset", token_id=token_id):
        provider.store.tokens.reset(token_id, now_ms=now_ms())


def forgotten_issuers(provider: Provider, pins: list[bytes]) -> contextlib.AbstractContextManager[None]:
    """Around a change of the authority by which agents' issuers, known by the SHA-256 of their keys, are trusted no more."""
    return deciding(provider, "issuers forgotten", pins=[pin.hex() for pin in pins])
