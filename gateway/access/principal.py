"""Whoever asks, once it is known who that is."""

import attrs

from gateway.access.permissions import Permission
from gateway.access.refusals import PermissionMissing
from gateway.access.roles import GRANTS, REACHES, Reach, Role, permissions_of

__all__ = ["Principal"]


@attrs.frozen(kw_only=True)
class Principal:
    """A person or a key.

    Attributes:
        who: for the audit, as in "user anna" or "key nightly export".
        subject_uid: the user's or the key's uid.
        organization_uid: of the provider, the reseller or the company that the role belongs to.
        read_only: it may change nothing, whatever its role.
    """

    who: str
    subject_uid: str
    role: Role
    organization_uid: str
    read_only: bool = False

    @property
    def reach(self) -> Reach:
        """How far it sees."""
        return REACHES[self.role]

    @property
    def permissions(self) -> frozenset[Permission]:
        """All that it may do within its reach."""
        return permissions_of(self.role, read_only=self.read_only)

    def may(self, permission: Permission) -> bool:
        """Whether it may do that."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Go on only with that permission.

        Raises:
            PermissionMissing: it has it not.
        """
        if permission not in self.permissions:
            why = "may only read" if self.read_only and permission in GRANTS[self.role] else f"is {self.role}"
            raise PermissionMissing(f"{self.who} {why}: this takes {permission}")
