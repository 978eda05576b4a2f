"""Brings licences to servers: what is wanted of a server becomes a durable command to its agent, and the command's end what is known of the server.

An agent that is away for longer than a command may wait is asked anew; one that is asked twice says that it has the licence already.
"""

import contextlib
from collections.abc import Callable
from typing import Final

import attrs

from gateway.licensing.press import LicencePress
from gateway.licensing.refusals import TermsInvalid
from gateway.store import (
    LONGEST_TTL_MS,
    Conflict,
    LicenceServer,
    LicenceServerWaiting,
    LicenceState,
    LicenceWanted,
    NotFound,
    Store,
)
from protocol import Code, commands

__all__ = ["LicencePusher"]

AT_A_TIME: Final = 100


@attrs.frozen(kw_only=True)
class LicencePusher:
    """Asks agents, and hears what became of it."""

    store: Store
    press: LicencePress
    ring: Callable[[], None]
    """Tells the edges that there are changes to read."""

    def work(self, now_ms: int) -> list[LicenceServer]:
        """Take over what agents have answered, and ask those that wait; the servers whose agents have answered.

        Raises:
            SignerMissing: there is no key to sign with.
            StoreError: the store can't be used.
        """
        settled = self.settle(now_ms)
        asked = [self._ask(each, now_ms) for each in self.store.licence_servers.waiting(limit=AT_A_TIME)]
        if any(asked):
            self.ring()
        return settled

    def settle(self, now_ms: int) -> list[LicenceServer]:
        """Take over what agents have answered; the servers that this changed.

        Raises:
            StoreError: the store can't be used.
        """
        return self.store.licence_servers.settle(now_ms=now_ms)

    def _ask(self, waiting: LicenceServerWaiting, now_ms: int) -> bool:
        """Ask one agent; whether it was."""
        server = waiting.server
        try:
            instruction = self._instruction(waiting, now_ms)
        except TermsInvalid as error:
            self._fail(server, Code.LICENCE_TERMS_INVALID, str(error), now_ms)
            return False
        if instruction is None:
            self._fail(server, Code.LICENCE_OF_ANOTHER, "the server was moved to another company", now_ms)
            return False
        if server.command_uid is not None:
            self._take_back(server.command_uid, now_ms)
        try:
            command = self.store.commands.enqueue(
                server.agent_uid, instruction, who=server.changed_by, ttl_ms=LONGEST_TTL_MS, now_ms=now_ms
            )
        except (Conflict, NotFound):  # not verified any more, or too many commands: asked when that is over
            return False
        if not self.store.licence_servers.pushed(server, command.uid, now_ms=now_ms):
            self._take_back(
                command.uid, now_ms
            )  # somebody else asked this very moment, or wants something else
            return False
        return True

    def _instruction(self, waiting: LicenceServerWaiting, now_ms: int) -> commands.Instruction | None:
        """What to ask; None if the licence is not for where the server is now."""
        server = waiting.server
        licence = self.store.licences.get(server.licence_uid)
        if server.wanted is LicenceWanted.REMOVED:
            is_over = licence.state is LicenceState.REVOKED
            return commands.RemoveLicence(licence_uid=server.licence_uid, revoked=is_over)
        if licence.terms.organization_uid != waiting.organization_uid:
            return None
        company = self.store.organizations.find(waiting.organization_uid)
        file = self.press.print(
            licence.terms, company=company.name, now_ms=now_ms,
            installation_uid=None if licence.shared else waiting.installation_uid,
        )  # fmt: skip
        return commands.InstallLicence(licence=file.text, organization_uid=waiting.organization_uid)

    def _fail(self, server: LicenceServer, code: Code, message: str, now_ms: int) -> None:
        self.store.licence_servers.fail(server, code=code.value, message=message, now_ms=now_ms)

    def _take_back(self, command_uid: str, now_ms: int) -> None:
        with contextlib.suppress(Conflict, NotFound):  # it has ended
            self.store.commands.cancel(command_uid, who="licensing", now_ms=now_ms)
