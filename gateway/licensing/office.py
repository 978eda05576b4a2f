"""Everything that is done with licences, for whoever asks: at the command line, over REST, by the clock.

What an authority is to do is written down first, then asked. If it does not answer, the deed stays, and `work` asks again under the same key:
later each time, and in order, so that no revision of a licence overtakes another. What it answers is written down together with the licence.
"""

from collections.abc import Callable
from typing import Any, Final

import attrs

from gateway.licensing.authority import LicenceAuthority, LicenceChange, LicenceOrder
from gateway.licensing.forms import change_fields, change_of, order_fields, order_of
from gateway.licensing.pushing import LicencePusher
from gateway.licensing.refusals import AuthorityRefused, AuthorityUnreachable
from gateway.store import (
    Conflict,
    LicenceDeed,
    LicenceDeedKind,
    LicenceServer,
    LicenceTerms,
    NotFound,
    Store,
    StoredLicence,
)

__all__ = ["LicenceOffice", "Outcome"]

# The second asking comes after this long, and each later one after twice as long.
FIRST_RETRY_S: Final = 5.0
LONGEST_RETRY_S: Final = 900.0


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of a deed: the licence, or None while the authority has not answered."""

    deed: LicenceDeed
    licence: StoredLicence | None


@attrs.frozen(kw_only=True)
class LicenceOffice:
    """The store's licences, their authority, and the way to the servers."""

    store: Store
    authority: LicenceAuthority
    pusher: LicencePusher
    ready: Callable[[str], None]
    """Raises Conflict if an organization is not to have a licence yet."""

    # -- deeds -------------------------------------------------------------------------------------------------

    def generate(self, order: LicenceOrder, *, by: str, now_ms: int) -> Outcome:
        """Have a licence made.

        Raises:
            AuthorityRefused: the authority said no.
            Conflict: the contract does not cover it, or the company is not to have a licence yet.
            NotFound: no such contract, licence to replace, or company.
            ProductUnknown: no such product, or none with such a workload.
        """
        if order.organization_uid is not None:
            self.ready(order.organization_uid)
        return self._ask(LicenceDeedKind.GENERATE, order_fields(order), by=by, now_ms=now_ms)

    def change(self, licence_uid: str, change: LicenceChange, *, by: str, now_ms: int) -> Outcome:
        """Have a licence changed; its servers get the new revision.

        Raises: as `generate` does, and
            LicenceRevoked: it was revoked.
        """
        if change.organization_uid is not None:
            self.ready(change.organization_uid)
        body = {"licenseId": licence_uid, **change_fields(change)}
        return self._ask(LicenceDeedKind.CHANGE, body, by=by, now_ms=now_ms)

    def revoke(self, licence_uid: str, *, why: str, by: str, now_ms: int) -> Outcome:
        """Have a licence ended; it is taken off its servers and never installed again.

        Raises:
            AuthorityRefused: the authority said no.
            LicenceRevoked: it was revoked already.
            NotFound: there is none.
        """
        body = {"licenseId": licence_uid, "why": why}
        return self._ask(LicenceDeedKind.REVOKE, body, by=by, now_ms=now_ms)

    def _ask(self, kind: LicenceDeedKind, body: dict[str, Any], *, by: str, now_ms: int) -> Outcome:
        if licence_uid := body.get("licenseId"):
            self.store.licences.get(str(licence_uid))
        deed = self.store.licences.ask(kind, body, by=by, now_ms=now_ms)
        earlier = [each for each in self.store.licences.pending() if each.uid != deed.uid]
        waits = any(each.licence_uid == deed.licence_uid for each in earlier) if deed.licence_uid else False
        licence = None if waits else self._do(deed, now_ms)
        return Outcome(deed=self.store.licences.deed(deed.uid), licence=licence)

    def _do(self, deed: LicenceDeed, now_ms: int) -> StoredLicence | None:
        """Ask the authority, and write down what it answers; None if it does not."""
        licences = self.store.licences
        try:
            terms = self._answer(deed, now_ms)
            return licences.settle(deed, terms, authority=self.authority.name, now_ms=now_ms)
        except AuthorityUnreachable as error:
            wait_s = max(min(FIRST_RETRY_S * 2**deed.attempts, LONGEST_RETRY_S), error.retry_after_s)
            next_ms = now_ms + round(wait_s * 1000)
            licences.postpone(deed.uid, next_ms=next_ms, code=error.code.value, message=str(error))
            return None
        except (Conflict, NotFound) as error:
            licences.refuse(deed.uid, code=error.code.value, message=str(error), now_ms=now_ms)
            raise

    def _answer(self, deed: LicenceDeed, now_ms: int) -> LicenceTerms:
        body, key = deed.body, deed.uid
        match deed.kind:
            case LicenceDeedKind.GENERATE:
                return self.authority.generate(order_of(body), key=key, now_ms=now_ms)
            case LicenceDeedKind.CHANGE:
                return self.authority.change(body["licenseId"], change_of(body), key=key, now_ms=now_ms)
            case LicenceDeedKind.REVOKE:
                return self.authority.revoke(body["licenseId"], body["why"], key=key, now_ms=now_ms)

    # -- servers -----------------------------------------------------------------------------------------------

    def install(self, licence_uid: str, agent_uid: str, *, by: str, now_ms: int) -> LicenceServer:
        """Let a server have a licence, and ask its agent at once.

        Raises:
            Conflict: it does not fit; see `store.licence_servers.want`.
            NotFound: no such licence, or no such agent.
            SignerMissing: there is no key to sign with.
        """
        licence = self.store.licences.get(licence_uid)
        if licence.terms.organization_uid is not None:
            self.ready(licence.terms.organization_uid)
        self.store.licence_servers.want(licence_uid, agent_uid, by=by, now_ms=now_ms)
        self.pusher.work(now_ms)
        return self.store.licence_servers.get(agent_uid)

    def remove(self, agent_uid: str, *, by: str, now_ms: int) -> LicenceServer:
        """Let a server have no licence any more, and ask its agent at once.

        Raises:
            NotFound: it was to have none.
        """
        self.store.licence_servers.unwant(agent_uid, by=by, now_ms=now_ms)
        self.pusher.work(now_ms)
        return self.store.licence_servers.get(agent_uid)

    # -- the clock's -------------------------------------------------------------------------------------------

    def work(self, now_ms: int) -> list[LicenceServer]:
        """What is due: deeds that wait for the authority, the oldest first, then servers; those whose agents have answered.

        Raises:
            SignerMissing: there is no key to sign with.
            StoreError: the store can't be used.
        """
        held: set[str] = set()
        for deed in self.store.licences.pending():
            if deed.next_ms > now_ms or deed.licence_uid in held:
                held.update(filter(None, [deed.licence_uid]))
                continue
            try:
                done = self._do(deed, now_ms)
            except (Conflict, NotFound):  # its row says why
                continue
            if done is None:
                break  # nobody is there: the others wait their turn
        return self.pusher.work(now_ms)

    def sync(self, *, by: str, now_ms: int) -> None:
        """Take over what the authority offers.

        Raises:
            AuthorityRefused: it said no.
            AuthorityUnreachable: it did not answer.
        """
        catalogue, name = self.store.licence_catalogue, self.authority.name
        try:
            offered = self.authority.catalogue()
        except (AuthorityRefused, AuthorityUnreachable) as error:
            catalogue.unheard(name, code=error.code.value, message=str(error))
            raise
        catalogue.replace(name, offered.products, offered.contracts, by=by, now_ms=now_ms)
        catalogue.heard(name, now_ms=now_ms)
