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
        user_uid: the user who asks, or whose key it is; None: a program's key asks.
        maker_uid: the user to whom whatever it makes goes back; None: whoever runs commands.
        organization_uid: of the provider, the reseller or the company that the role belongs to.
        read_only: it may change nothing, whatever its role.
        within: what the user whose key it is may do now; the key may no more.
    """

    who: str
    subject_uid: str
    role: Role
    organization_uid: str
    read_only: bool = False
    user_uid: str | None = None
    maker_uid: str | None = None
    within: frozenset[Permission] = frozenset(Permission)

    @property
    def reach(self) -> Reach:
        """How far it sees."""
        return REACHES[self.role]

    @property
    def permissions(self) -> frozenset[Permission]:
        """All that it may do within its reach."""
        return permissions_of(self.role, read_only=self.read_only) & self.within

    @property
    def is_person(self) -> bool:
        """Whether somebody is logged in, and no key asks."""
        return self.subject_uid == self.user_uid

    def may(self, permission: Permission) -> bool:
        """Whether it may do that."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Go on only with that permission.

        Raises:
            PermissionMissing: it has it not.
        """
        if permission not in self.permissions:
            why = f"is {self.role}"
            if permission in GRANTS[self.role]:
                why = "may only read" if self.read_only else "may no more than its user"
            raise PermissionMissing(f"{self.who} {why}: this takes {permission}")
