"""Restoring onto this machine: what the collector brings back is put where it belongs, below the folders that agent.toml names.

Everything is judged before anything is restored: one item that may not be written to its place stops them all. What can't be moved to its place
afterwards, such as a file where there is a folder, leaves the others alone and is named.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs
import trio

from agent.collectors.contract import Ability, Collector, UnknownItemError
from agent.execution import placing
from agent.execution.executor import Action, Progress
from agent.execution.ledger import End
from agent.execution.restores import ask_holder
from protocol import Code, Outcome, commands

_SHOWN: Final = 3


@attrs.frozen(kw_only=True)
class WriteBack:
    """The work of restore-items and restore-workload."""

    collectors: Sequence[Collector]
    targets: Sequence[Path]
    """What may be written below."""
    agent_uid: str
    now: Callable[[], int]
    """Milliseconds since the epoch."""

    def actions(self) -> Mapping[type[commands.Instruction], Action]:
        """What each kind does."""
        return {
            commands.RestoreItems: Action(self.restore_items, by_uid=True),
            commands.RestoreWorkload: Action(self.restore_workload, by_uid=True),
        }

    def clear(self) -> None:
        """Remove what restores have left that a kill has cut short."""
        placing.clear(self.targets, self.agent_uid[:8])

    async def restore_items(
        self, said: commands.RestoreItems, progress: Progress, *, command_uid: str
    ) -> End:
        """Files and folders."""
        return await self._restore(said, said.paths, progress, command_uid)

    async def restore_workload(
        self, said: commands.RestoreWorkload, progress: Progress, *, command_uid: str
    ) -> End:
        """Everything."""
        roots = await ask_holder(
            self.collectors,
            Ability.RESTORE,
            said.workload_uid,
            lambda each: each.roots(said.workload_uid, said.point_uid),
        )
        return await self._restore(said, roots, progress, command_uid)

    async def _restore(
        self,
        said: commands.RestoreItems | commands.RestoreWorkload,
        paths: Sequence[str],
        progress: Progress,
        command_uid: str,
    ) -> End:
        places = {path: placing.place_of(path, said.folder, self.targets) for path in paths}
        whose = f"{self.agent_uid[:8]}-{hashlib.sha256(command_uid.encode()).hexdigest()[:16]}"
        stamp = f"{datetime.fromtimestamp(self.now() / 1000):%Y-%m-%d %H.%M}"  # noqa: DTZ006  # for people, by this machine's clock
        done = placing.Placed()
        for root in dict.fromkeys(place.root for place in places.values()):
            here = {path: place for path, place in places.items() if place.root == root}
            progress(0, f"restoring below {root}")
            shop = await trio.to_thread.run_sync(placing.make_workshop, root, whose)
            try:
                await ask_holder(
                    self.collectors, Ability.RESTORE, said.workload_uid,
                    lambda each: each.restore(said.workload_uid, said.point_uid, list(here), shop),  # noqa: B023  # called at once
                )  # fmt: skip
                progress(90, "moving it to its place")
                # Whoever takes the command back now gets all of it or, before this, nothing.
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(_move_all, shop, here, said.mode, stamp, done)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(placing.remove, shop)
        return _end_of(done)


def _move_all(
    shop: Path, places: Mapping[str, placing.Place], mode: str, stamp: str, done: placing.Placed
) -> None:
    missing = [
        path
        for path in places
        if not (shop / path.lstrip("/")).is_symlink() and not (shop / path.lstrip("/")).exists()
    ]
    if missing:
        raise UnknownItemError(missing[0])
    for path, place in places.items():
        placing.move(shop / path.lstrip("/"), place, mode, stamp, done)


def _end_of(done: placing.Placed) -> End:
    parts = [
        f"{count} {word}"
        for count, word in (
            (done.new, "new"),
            (done.replaced, "replaced"),
            (len(done.kept), "beside what was there"),
        )
        if count
    ]
    text = ", ".join(parts) or "nothing"
    if done.kept:
        text += ": " + _some(done.kept)
    if done.wrong:
        return End.failed(
            Code.RESTORE_INCOMPLETE.value, f"{len(done.wrong)} not restored: {_some(done.wrong)}; {text}"
        )
    return End(Outcome.SUCCEEDED, f"restored: {text}"[:1024])


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return "; ".join(names[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
