"""Who may do what: roles and their permissions, API keys, and whoever asks.

    keeper = Authenticator(store)
    principal = keeper.authenticate(secret, now_ms=…)     # or CredentialRefused: `code` for the log, `told` for the answer
    principal.require(Permission.ALARMS_WRITE)            # or PermissionMissing

    issued = Logins(store).by_password(name, password, address=…, now_ms=…)    # tokens, or LoginRefused, LoginHeldBack
    issued = Logins(store).refresh(issued.refresh, address=…, now_ms=…)

Rules and services only: no HTTP, no clock of its own. Every time is an argument, milliseconds since the epoch.
"""

from gateway.access.authenticating import USE_NOTED_MS, Authenticator
from gateway.access.credentials import CredentialKind, digest_of, kind_of, new_credential
from gateway.access.keys import KEY_DAYS, MOST_KEY_DAYS, NewKey, create_key, user_of_new_key
from gateway.access.lockout import RULES, Rule, name_key_of, network_of
from gateway.access.logins import ACCESS_MS, REFRESH_MS, RETRY_MS, SESSION_MS, Issued, Logins
from gateway.access.oidc import Answer, OidcLogins
from gateway.access.passwords import SHORTEST
from gateway.access.permissions import READING, Permission
from gateway.access.principal import Principal
from gateway.access.refusals import (
    AccessError,
    CredentialExpired,
    CredentialMissing,
    CredentialMistyped,
    CredentialRefused,
    CredentialRevoked,
    CredentialUnknown,
    LoginBusy,
    LoginHeldBack,
    LoginRefused,
    OidcNoRole,
    OidcRefused,
    OidcUnavailable,
    OwnerDisabled,
    PasswordUnfit,
    PermissionMissing,
    RefreshReused,
    RoleMisplaced,
    UserNameUnfit,
)
from gateway.access.roles import GRANTS, PROVIDER_ROLES, REACHES, Reach, Role
from gateway.access.users import add_user, change_user, find_user, set_password, unlock_user

__all__ = [
    "ACCESS_MS",
    "GRANTS",
    "KEY_DAYS",
    "MOST_KEY_DAYS",
    "PROVIDER_ROLES",
    "REACHES",
    "READING",
    "REFRESH_MS",
    "RETRY_MS",
    "RULES",
    "SESSION_MS",
    "SHORTEST",
    "USE_NOTED_MS",
    "AccessError",
    "Answer",
    "Authenticator",
    "CredentialExpired",
    "CredentialKind",
    "CredentialMissing",
    "CredentialMistyped",
    "CredentialRefused",
    "CredentialRevoked",
    "CredentialUnknown",
    "Issued",
    "LoginBusy",
    "LoginHeldBack",
    "LoginRefused",
    "Logins",
    "NewKey",
    "OidcLogins",
    "OidcNoRole",
    "OidcRefused",
    "OidcUnavailable",
    "OwnerDisabled",
    "PasswordUnfit",
    "Permission",
    "PermissionMissing",
    "Principal",
    "Reach",
    "RefreshReused",
    "Role",
    "RoleMisplaced",
    "Rule",
    "UserNameUnfit",
    "add_user",
    "change_user",
    "create_key",
    "digest_of",
    "find_user",
    "kind_of",
    "name_key_of",
    "network_of",
    "new_credential",
    "set_password",
    "unlock_user",
    "user_of_new_key",
]
