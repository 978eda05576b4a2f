"""Why somebody is not let in, or not any further.

A refusal has two faces. `code` is what happened, for the log and the audit. `told` is what the one who asked hears: a stranger who
tries keys must not learn from the answer which of them exist, so an unknown, an expired and a revoked one are told alike.
"""

# ruff: noqa: N818  # the kinds are named after what is wrong, and AccessError is their family name

from typing import ClassVar

from protocol import Code

__all__ = [
    "AccessError",
    "CredentialExpired",
    "CredentialMissing",
    "CredentialMistyped",
    "CredentialRefused",
    "CredentialRevoked",
    "CredentialUnknown",
    "LoginBusy",
    "LoginHeldBack",
    "LoginRefused",
    "OidcNoRole",
    "OidcRefused",
    "OidcUnavailable",
    "OwnerDisabled",
    "PasswordUnfit",
    "PermissionMissing",
    "RefreshReused",
    "RoleMisplaced",
    "UserNameUnfit",
]


class AccessError(Exception):
    """Refused; `code` says why, the text is for the log and for whoever is allowed to know."""

    code: ClassVar[Code]

    @property
    def told(self) -> Code:
        """The code that the one who asked hears."""
        return self.code


class PermissionMissing(AccessError):
    """It is known who asks, and that one may not do this."""

    code = Code.PERMISSION_MISSING


class RoleMisplaced(AccessError):
    """A role was to be given in an organization of another kind, or by somebody whose own reach ends before that."""

    code = Code.ROLE_MISPLACED


class CredentialRefused(AccessError):
    """It is not known who asks. Every kind of this is the same to the one who asked, but for a secret that nobody ever made."""

    code = Code.CREDENTIAL_REFUSED

    @property
    def told(self) -> Code:
        """One code for everything."""
        return Code.CREDENTIAL_REFUSED


class CredentialMissing(CredentialRefused):
    """There was none."""

    code = Code.CREDENTIAL_MISSING

    @property
    def told(self) -> Code:
        """Whoever sent nothing may know it."""
        return self.code


class CredentialMistyped(CredentialRefused):
    """It has not the form of anything that was ever made here: cut off, or a character is wrong."""

    code = Code.CREDENTIAL_MISTYPED

    @property
    def told(self) -> Code:
        """Anybody can compute the check sum: telling gives nothing away."""
        return self.code


class CredentialUnknown(CredentialRefused):
    """Well formed, and not one of ours."""

    code = Code.CREDENTIAL_UNKNOWN


class CredentialExpired(CredentialRefused):
    """Its time is over."""

    code = Code.CREDENTIAL_EXPIRED


class CredentialRevoked(CredentialRefused):
    """Somebody ended it."""

    code = Code.CREDENTIAL_REVOKED


class OwnerDisabled(CredentialRefused):
    """The user that it belongs to is disabled."""

    code = Code.CREDENTIAL_OWNER_DISABLED


class PasswordUnfit(AccessError):
    """What was to become a password is too easy to guess, or too long."""

    code = Code.PASSWORD_UNFIT


class UserNameUnfit(AccessError):
    """What was to become the name of a user or a key can't be read, or is too long."""

    code = Code.USER_NAME_UNFIT


class LoginRefused(AccessError):
    """No user of that name, another password, disabled, or not somebody who logs in by password: the log says which, nobody else does."""

    code = Code.LOGIN_REFUSED


class LoginHeldBack(AccessError):
    """Too many attempts failed; this one was not looked at."""

    code = Code.LOGIN_HELD_BACK

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class LoginBusy(LoginHeldBack):
    """Too many passwords are being verified at this moment."""

    code = Code.LOGIN_BUSY

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_s=1)


class RefreshReused(CredentialRefused):
    """A refresh token was used twice: its session has ended."""

    code = Code.REFRESH_REUSED


class OidcRefused(AccessError):
    """What came back from the OpenID provider is not what was asked for, or its word is not to be believed."""

    code = Code.OIDC_REFUSED


class OidcUnavailable(AccessError):
    """The OpenID provider does not answer, or not as one."""

    code = Code.OIDC_UNAVAILABLE


class OidcNoRole(AccessError):
    """It is certain who that is, and nothing that the provider says of this person is worth a role here."""

    code = Code.OIDC_NO_ROLE
