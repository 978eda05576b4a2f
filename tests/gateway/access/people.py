"""A user to log in with."""

from typing import Any

from gateway.access import Role, add_user
from gateway.store import Store, StoredUser

PASSWORD = "four words make one"
HERE = "198.51.100.7"
ELSEWHERE = "203.0.113.9"


def make_user(store: Store, name: str = "Anna", **changed: Any) -> StoredUser:
    """An operator of the provider's, added by ben at 100."""
    fitting: dict[str, Any] = {
        "password": PASSWORD, "role": Role.OPERATOR, "organization_uid": store.organizations.provider().uid, "by": "ben",
        "now_ms": 100,
    }  # fmt: skip
    return add_user(store, name=name, **(fitting | changed))
