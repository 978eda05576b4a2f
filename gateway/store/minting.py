"""One identity in the whole estate for what agents report.

A uid in an inventory is the agent's word, and unique with that agent alone: two servers that were cloned report the same uids, and so would
an agent that wants to be taken for another one. What people, keys and other programs go by is therefore made of both: the agent's own
uid, which its certificate vouches for, and what it calls the item. It is the same whenever it is made, in any store.
"""

from typing import Final
from uuid import UUID, uuid5

__all__ = ["instance_uid"]

NAMESPACE: Final = UUID("5b1a1c9e-8d0f-4a64-9a5e-2f0a4c3b7d10")


def instance_uid(table: str, agent_uid: str, uid: str) -> str:
    """The instanceUid of an item.

    Args:
        table: which of the inventory's tables it is in: servers, repositories, workloads, jobs or cloud_tenants.
        agent_uid: who reported it.
        uid: as what.
    """
    return str(uuid5(NAMESPACE, f"{table}/{agent_uid}/{uid}"))
