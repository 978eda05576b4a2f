"""When the word of an OpenID provider is believed, and what it is worth: pure rules, with the time as an argument.

The browser that begins a login gets a random cookie. State, nonce and the secret of PKCE are made from it by SHA-256, each by a word of its
own: so nothing has to be kept for logins that strangers begin, and what comes back is held against the cookie of the very browser that it
comes back to. Whoever knows the state (the provider, a log, the address bar) can't make the others or the cookie from it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import attrs
import jwt

from gateway.access.refusals import OidcNoRole, OidcRefused
from gateway.access.roles import Role

__all__ = ["ALGORITHMS", "LEEWAY_MS", "Begun", "Worth", "believed", "key_id_of", "worth_of"]

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""Signatures by a private key alone: not `none`, nor an HMAC whose secret could be taken for a public key."""

LEEWAY_MS: Final = 60_000
"""Two clocks may be that far apart."""
COOKIE_LENGTH: Final = 43
"""256 random bits in base64url."""
LONGEST: Final = 255
"""Of a subject (OpenID Connect Core, section 2)."""
LONGEST_TOKEN: Final = 64 * 1024


@attrs.frozen
class Begun:
    """A login that a browser began, by the cookie that it got."""

    cookie: str = attrs.field(repr=False)

    @classmethod
    def new(cls) -> "Begun":
        """For a browser that begins."""
        return cls(secrets.token_urlsafe(32))

    @property
    def state(self) -> str:
        """What the answer must carry back."""
        return self._made("state")

    @property
    def nonce(self) -> str:
        """What the ID token must have in it."""
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        """The secret of PKCE."""
        return self._made("verifier")

    def _made(self, word: str) -> str:
        return _base64url(hashlib.sha256(f"{word}:{self.cookie}".encode()).digest())

    def address(
        self, authorization_endpoint: str, *, client_id: str, redirect_uri: str, scopes: Sequence[str]
    ) -> str:
        """Where the browser is sent."""
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": _base64url(hashlib.sha256(self.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        return f"{authorization_endpoint}{'&' if '?' in authorization_endpoint else '?'}{urlencode(asked)}"

    def require(self, state: str) -> None:
        """Go on only with the answer to this login.

        Raises:
            OidcRefused: it answers another one.
        """
        # Of what is no cookie of ours, such as none at all, anybody could make the state.
        fits = hmac.compare_digest(state.encode(errors="replace"), self.state.encode())
        if len(self.cookie) != COOKIE_LENGTH or not fits:
            raise OidcRefused("the answer does not belong to a login that this browser has begun")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def key_id_of(token: str) -> str | None:
    """Which key of the provider's is said to have signed; None if it is not said.

    Raises:
        OidcRefused: it is no signed token, or not signed in a way that is believed.
    """
    if len(token) > LONGEST_TOKEN:
        raise OidcRefused(f"an ID token of {len(token)} bytes")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise OidcRefused(f"no ID token: {error}") from None
    if header.get("alg") not in ALGORITHMS:
        raise OidcRefused("the ID token is not signed in a way that is believed")
    key_id = header.get("kid")
    return key_id if isinstance(key_id, str) else None


def believed(
    token: str, key: jwt.PyJWK, *, issuer: str, client_id: str, nonce: str, now_ms: int
) -> dict[str, Any]:
    """The claims of an ID token, as section 3.1.3.7 of OpenID Connect Core has them verified.

    Raises:
        OidcRefused: it is not to be believed; says why.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=client_id,
            issuer=issuer,
            # Times are judged below, by the clock that was given.
            options={
                "require": ["exp", "iat", "iss", "aud", "sub"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise OidcRefused(f"the ID token is not to be believed: {error}") from None
    expires, issued = (claims[name] for name in ("exp", "iat"))
    for value in (expires, issued):
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 2**40:
            raise OidcRefused("the ID token has a time that is none")
    if expires * 1000 + LEEWAY_MS <= now_ms:
        raise OidcRefused("the ID token has expired")
    if issued * 1000 > now_ms + LEEWAY_MS:
        raise OidcRefused("the ID token is from the future: compare the clocks")
    audience = claims["aud"]
    party = claims.get("azp", client_id if not isinstance(audience, list) or len(audience) == 1 else None)
    if party != client_id:
        raise OidcRefused("the ID token was issued to another client")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode(errors="replace"), nonce.encode()):
        raise OidcRefused("the ID token was not issued for this login")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST or not subject.isprintable():
        raise OidcRefused("the ID token has no subject that could be one")
    return claims


@attrs.frozen
class Worth:
    """What somebody is here: a role, and the organization's name or uid; None is the provider."""

    role: Role
    organization: str | None


def worth_of(claims: Mapping[str, Any], *, claim: str, roles: Sequence[str]) -> Worth:
    """The first of *roles* (`VALUE=ROLE[@ORGANIZATION]`) whose value the claim has.

    Raises:
        OidcNoRole: none.
    """
    said = claims.get(claim)
    values = (
        {said}
        if isinstance(said, str)
        else {each for each in said if isinstance(each, str)}
        if isinstance(said, list)
        else set()
    )
    for each in roles:
        value, _, given = each.rpartition("=")
        if value in values:
            role, _, organization = given.partition("@")
            return Worth(Role(role), organization or None)
    raise OidcNoRole(f"the claim {claim!r} has no value that is worth a role")
