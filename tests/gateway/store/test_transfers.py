"""What is known of a file: its newest standing, and in the audit how it ended, once."""

import attrs

from gateway.store import Store, Transfer, TransferState
from gateway.store.transfers import KEPT_MS
from tests.helpers.stores import enroll, make_world


def file_of(agent_uid: str, uid: str = "c1", *, at_ms: int = 1000) -> Transfer:
    return Transfer(
        uid=uid, agent_uid=agent_uid, name="logs.tar.gz", size_bytes=10, sha256=bytes(range(32)), received_bytes=0,
        state=TransferState.OPEN, path=f"edge/{uid}", created_ms=at_ms, updated_ms=at_ms,
    )  # fmt: skip


def audited(store: Store) -> list[str]:
    return [entry.action for entry in store.audit.list() if entry.action.startswith("file")]


def test_the_newest_standing_counts(store: Store) -> None:
    """When it began stays; its end is audited once, however often it is said."""
    make_world(store)
    begun = file_of(enroll(store).agent_uid)
    assert store.transfers.of_command("c1") is None
    store.transfers.note([begun])
    assert store.transfers.of_command("c1") == begun
    assert audited(store) == []
    ended = attrs.evolve(
        begun, state=TransferState.COMPLETE, received_bytes=10, created_ms=1500, updated_ms=2000
    )
    for _ in range(2):
        store.transfers.note([ended])
    assert store.transfers.of_command("c1") == attrs.evolve(ended, created_ms=1000)
    assert audited(store) == ["file complete"]


def test_what_was_swept_is_said_to_be_gone_and_later_forgotten(store: Store) -> None:
    """A whole file is removed, a part has failed; what had failed stays as it was."""
    make_world(store)
    uid = enroll(store).agent_uid
    whole, part, failed = (file_of(uid, name) for name in ("whole", "part", "failed"))
    store.transfers.note(
        [
            attrs.evolve(whole, state=TransferState.COMPLETE),
            part,
            attrs.evolve(failed, state=TransferState.FAILED, message="FG-5025"),
        ]
    )
    store.transfers.swept(["whole", "part", "failed"], message="old", now_ms=5000)
    found = [store.transfers.of_command(name) for name in ("whole", "part", "failed")]
    assert [(each.state, each.message) for each in found if each is not None] == [
        (TransferState.REMOVED, "old"),
        (TransferState.FAILED, "old"),
        (TransferState.FAILED, "FG-5025"),
    ]
    store.transfers.swept([], message="old", now_ms=4000 + KEPT_MS)
    assert store.transfers.of_command("failed") is None
    assert store.transfers.of_command("whole") is not None
