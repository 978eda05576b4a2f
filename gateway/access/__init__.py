"""Who may do what: roles and their permissions, API keys, and whoever asks.

    keeper = Authenticator(store)
    principal = keeper.authenticate(secret, now_ms=…)     # or CredentialRefused: `code` for the log, `told` for the answer
    principal.require(Permission.ALARMS_WRITE)            # or PermissionMissing

Rules and services only: no HTTP, no clock of its own. Every time is an argument, milliseconds since the epoch.
"""

from gateway.access.authenticating import USE_NOTED_MS, Authenticator
from gateway.access.credentials import CredentialKind, digest_of, kind_of, new_credential
from gateway.access.keys import NewKey, create_key
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
    OwnerDisabled,
    PermissionMissing,
    RoleMisplaced,
)
from gateway.access.roles import GRANTS, PROVIDER_ROLES, REACHES, Reach, Role

__all__ = [
    "GRANTS",
    "PROVIDER_ROLES",
    "REACHES",
    "READING",
    "USE_NOTED_MS",
    "AccessError",
    "Authenticator",
    "CredentialExpired",
    "CredentialKind",
    "CredentialMissing",
    "CredentialMistyped",
    "CredentialRefused",
    "CredentialRevoked",
    "CredentialUnknown",
    "NewKey",
    "OwnerDisabled",
    "Permission",
    "PermissionMissing",
    "Principal",
    "Reach",
    "Role",
    "RoleMisplaced",
    "create_key",
    "digest_of",
    "kind_of",
    "new_credential",
]
