"""Logging in by an OpenID provider: authorization code, with PKCE, state and nonce.

    begun, address = logins.begin(now_ms=…)           # the cookie goes to the browser, which is sent to the address
    issued = logins.complete(begun.cookie, answer, address=…, now_ms=…)

A user is who the provider says by (issuer, subject), never by a name or an address of mail, which may change hands. The first login makes the
user; every login gives it the role that the provider's word is worth at that moment.
"""

import hashlib
import threading
from typing import Final

import attrs
import structlog

from gateway.access.keys import LONGEST_NAME, require_place
from gateway.access.lockout import name_key_of, network_of
from gateway.access.logins import Issued, Logins
from gateway.access.oidc_provider import OidcProvider
from gateway.access.oidc_rules import LEEWAY_MS, Begun, Worth, believed, worth_of
from gateway.access.refusals import LoginBusy, LoginRefused, OidcNoRole, OidcRefused, RoleMisplaced
from gateway.access.users import change_user
from gateway.config import Oidc
from gateway.store import Conflict, NotFound, Store, StoredUser

__all__ = ["Answer", "OidcLogins"]

AT_ONCE: Final = 4
"""Logins that wait for the provider at the same moment: a slow one must not hold the threads that answer everybody else."""

log = structlog.get_logger()


@attrs.frozen(kw_only=True)
class Answer:
    """What the browser brought back from the provider."""

    state: str
    code: str | None = attrs.field(default=None, repr=False)
    issuer: str | None = None
    """As RFC 9207 has it."""
    error: str | None = None


class OidcLogins:
    """The way in by one OpenID provider. Safe to use from several threads."""

    def __init__(self, store: Store, logins: Logins, settings: Oidc) -> None:
        self._store = store
        self._logins = logins
        self._provider = OidcProvider(settings)
        self._room = threading.BoundedSemaphore(AT_ONCE)

    @property
    def settings(self) -> Oidc:
        """Of the provider."""
        return self._provider.settings

    def begin(self, *, now_ms: int) -> tuple[Begun, str]:
        """A new login, and where its browser is sent.

        Raises:
            LoginBusy: too many wait for the provider.
            OidcUnavailable: it does not answer.
        """
        settings, begun = self.settings, Begun.new()
        self._enter()
        try:
            endpoint = self._provider.authorization_endpoint(now_ms=now_ms)
        finally:
            self._room.release()
        address = begun.address(
            endpoint, client_id=settings.client_id, redirect_uri=settings.redirect_uri, scopes=settings.scopes
        )
        return begun, address

    def complete(self, cookie: str, answer: Answer, *, address: str, now_ms: int) -> Issued:
        """Let in whom the provider vouches for.

        Args:
            cookie: of the browser; it began the login that *answer* is to.
            address: the peer's.

        Raises:
            LoginBusy: too many wait for the provider.
            OidcNoRole: what the provider says of this person is worth no role.
            OidcRefused: the answer, or the provider's word, is not to be believed.
            OidcUnavailable: the provider does not answer.
        """
        begun = Begun(cookie)
        begun.require(answer.state)
        if answer.issuer is not None and answer.issuer != self.settings.issuer:
            raise OidcRefused("the answer is of another provider")
        if answer.error is not None or answer.code is None:
            raise OidcRefused("the provider has let nobody in")
        self._enter()
        try:
            token = self._provider.exchange(answer.code, verifier=begun.verifier, now_ms=now_ms)
            key = self._provider.key_of(token, now_ms=now_ms)
        finally:
            self._room.release()
        claims = believed(
            token, key, issuer=self.settings.issuer, client_id=self.settings.client_id, nonce=begun.nonce, now_ms=now_ms
        )  # fmt: skip
        # A code is good once at the provider; that a login is, is not left to it.
        once = hashlib.sha256(begun.nonce.encode()).digest()
        until_ms = round(claims["exp"] * 1000) + LEEWAY_MS
        if not self._store.logins.spend(once, until_ms=until_ms, now_ms=now_ms):
            raise OidcRefused("this login was completed before")
        worth = worth_of(claims, claim=self.settings.claim, roles=self.settings.roles)
        called = claims.get("preferred_username") or claims.get("email")
        user = self._user(claims["sub"], called if isinstance(called, str) else "", worth, now_ms)
        try:
            return self._logins.admit(user, method="oidc", network=network_of(address), now_ms=now_ms)
        except LoginRefused as error:
            raise OidcRefused(str(error)) from None

    def _enter(self) -> None:
        if not self._room.acquire(blocking=False):
            raise LoginBusy("too many logins wait for the OpenID provider")

    def _user(self, subject: str, called: str, worth: Worth, now_ms: int) -> StoredUser:
        """The user whom the provider means, as of this login."""
        organizations, by = self._store.organizations, self.settings.issuer
        try:
            place = (
                organizations.provider()
                if worth.organization is None
                else organizations.find(worth.organization)
            )
            require_place(self._store, worth.role, place.uid)
        except (NotFound, RoleMisplaced) as error:
            log.warning("oidc.roles gives a role that can't be given", why=str(error))
            raise OidcNoRole("the role that oidc.roles gives can't be given") from None
        user = self._store.users.known_as(by, subject)
        if user is None:
            return self._added(subject, called, worth, place.uid, now_ms)
        if user.disabled_ms is not None:
            raise OidcRefused(f"the user {user.name!r} is disabled")
        return change_user(
            self._store, user, role=worth.role, organization_uid=place.uid, read_only=user.read_only, by=by, now_ms=now_ms
        )  # fmt: skip

    def _added(self, subject: str, called: str, worth: Worth, place_uid: str, now_ms: int) -> StoredUser:
        """A new user, by the name that the provider uses; one that another user has gives no way to that user."""
        by = self.settings.issuer
        digest = hashlib.sha256(f"{by} {subject}".encode()).hexdigest()[:12]
        for name in (called, f"{called[: LONGEST_NAME - 20]} ({digest})"):
            name_key = name_key_of(name)
            if not name_key or len(name) > LONGEST_NAME:
                continue
            try:
                return self._store.users.add(
                    name=name.strip(), name_key=name_key, role=worth.role, organization_uid=place_uid, issuer=by,
                    subject=subject, by=by, now_ms=now_ms,
                )  # fmt: skip
            except Conflict:
                continue
        raise OidcRefused("there is a user of that name, and of the name that would tell the two apart")
