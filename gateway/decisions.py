"""Decisions about who is let in: carried out, told to the edges, and written into the revocation log, all by the one way that is here.

Nothing else calls these verbs of the store. A decision that the log does not have would be rolled back by the next restore. Each
names who took it, for the audit and for the log.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import attrs

from gateway.config import Config
from gateway.datafolder import DataFolder
from gateway.revocations import LOG_NAME, RevocationLog
from gateway.store import Agent, AuditEntry, Consent, Store, StoredToken, ring
from protocol import Code

__all__ = ["Decisions"]


@attrs.frozen(kw_only=True)
class Decisions:
    """What can be decided about a provider's agents and tokens. Every time is milliseconds since the epoch.

    Each verb but `begin` raises OSError when the log can't be written (nothing was decided then), and RevocationLogError when it
    can't be read.
    """

    store: Store
    folder: DataFolder
    copy: Path | None
    """The second revocation log, if there is one."""
    warn: Callable[[str], None]
    """Takes what is wrong with the second log; no decision waits for it."""

    @classmethod
    def of(cls, folder: DataFolder, config: Config, store: Store, *, warn: Callable[[str], None]) -> Self:
        """Those of the provider in *folder*, by its settings."""
        copy = config.revocation_log
        return cls(store=store, folder=folder, copy=Path(copy) if copy else None, warn=warn)

    def begin(self) -> str:
        """Make sure that there is a log; returns what is wrong with its copy, or nothing.

        Raises:
            OSError: it can't be written.
            RevocationLogError: it can't be read.
        """
        return self._log().begin(self.store.restoring.decisions)

    def revoke_agent(self, agent_uid: str, *, why: str, by: str, now_ms: int) -> None:
        """End an agent for good.

        Raises:
            NotFound: there is no such agent.
        """
        code, facts = Code.CLIENT_CERT_REVOKED, self.store.restoring.facts(agent_uid)
        with self.deciding("agent revoked", agent=facts, code=int(code), why=why, by=by):
            self.store.agents.revoke(agent_uid, why=why, code=code, now_ms=now_ms)
        self._note("agent revoked", facts, by=by, now_ms=now_ms, why=why)

    def reject_agent(self, agent_uid: str, *, by: str, now_ms: int) -> None:
        """Turn an agent away until it is accepted.

        Raises:
            Conflict: it is revoked.
            NotFound: there is no such agent.
        """
        code, facts = Code.AGENT_REJECTED, self.store.restoring.facts(agent_uid)
        with self.deciding("agent rejected", agent=facts, code=int(code), why=None, by=by):
            self.store.agents.reject(agent_uid, code=code)
        self._note("agent rejected", facts, by=by, now_ms=now_ms)

    def accept_agent(
        self, agent: Agent, *, organization_uid: str, location_uid: str | None, by: str, now_ms: int
    ) -> None:
        """Verify an agent that waits, or that was rejected.

        Raises:
            Conflict: it is revoked, or a site's and not for the provider.
            NotFound: it, the organization or the location is not there.
            WrongKind: the organization is a reseller.
        """
        place = {"organization_uid": organization_uid, "location_uid": location_uid}
        with self.deciding("agent accepted", agent_uid=agent.uid, by=by, **place):
            self.store.agents.accept(agent.uid, organization_uid=organization_uid, location_uid=location_uid)
        facts = attrs.asdict(agent) | place
        self._note("agent accepted", facts, by=by, now_ms=now_ms)

    def revoke_token(self, token_id: str, *, by: str, now_ms: int) -> None:
        """Let it enroll nobody any more.

        Raises:
            NotFound: there is no such token.
        """
        with self.deciding("token revoked", token_id=token_id, by=by):
            self.store.tokens.revoke(token_id, now_ms=now_ms)
        self._note_token("token revoked", token_id, by=by, now_ms=now_ms)

    def reset_token(self, token_id: str, *, by: str, now_ms: int) -> None:
        """Let it lead to unverified agents only.

        Raises:
            NotFound: there is no such token.
        """
        with self.deciding("token reset", token_id=token_id, by=by):
            self.store.tokens.reset(token_id, now_ms=now_ms)
        self._note_token("token reset", token_id, by=by, now_ms=now_ms)

    def withdraw_consent(self, token_id: str, *, why: str, by: str, now_ms: int) -> Consent:
        """Take back a tenant's consent: its token enrolls nobody any more. Agents that it let in stay until they are revoked.

        Raises:
            NotFound: no consent is recorded for that token.
        """
        self.store.consents.get(token_id)  # the log has no room for mistakes of typing
        with self.deciding("token revoked", token_id=token_id, by=by, withdrawn_why=why):
            return self.store.consents.withdraw(token_id, why=why, by=by, now_ms=now_ms)

    @contextlib.contextmanager
    def deciding(self, what: str, **fields: Any) -> Iterator[None]:
        """Write a decision down before it is carried out in the block, and let the edges hear of it."""
        log = self._log()
        log.begin(self.store.restoring.decisions)
        with log.deciding(what, **fields) as problems:
            yield
            ring(self.folder.run)
        for problem in problems:
            self.warn(problem)

    def _log(self) -> RevocationLog:
        uid = self.store.organizations.provider().uid
        return RevocationLog(path=self.folder.path / LOG_NAME, copy=self.copy, provider_uid=uid)

    def _note(self, action: str, agent: dict[str, Any], *, by: str, now_ms: int, why: str = "") -> None:
        about = f"{agent['host_name']} ({agent['uid']})"
        whose = agent["organization_uid"]
        entry = AuditEntry(at_ms=now_ms, who=by, action=action, about=about, why=why, organization_uid=whose)
        self.store.audit.note(entry)

    def _note_token(self, action: str, token_id: str, *, by: str, now_ms: int) -> None:
        token: StoredToken | None = self.store.tokens.get(token_id)
        whose = None if token is None else token.organization_uid
        entry = AuditEntry(
            at_ms=now_ms, who=by, action=action, about=f"token {token_id}", organization_uid=whose
        )
        self.store.audit.note(entry)
