"""Closing the entries of the restore log, in the transaction in which their commands end."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from gateway.store.hot import Hot
from protocol import commands

if TYPE_CHECKING:
    from gateway.store.command_rows import StoredCommand

LOGGED: Final = frozenset(
    {commands.DownloadItem.kind, commands.RestoreItems.kind, commands.RestoreWorkload.kind}
)
"""Kinds of commands that have an entry in the log."""

_OF_FILE: Final = (
    "(SELECT {} FROM transfers WHERE transfers.uid = restore_sessions.uid AND transfers.state = 'complete')"
)
_HEX: Final = {True: "encode(sha256, 'hex')", False: "lower(hex(sha256))"}
"""Of a digest, on PostgreSQL or not."""
_SETTLE: Final = {
    postgresql: "UPDATE restore_sessions SET state = ?, finished_ms = ?, code = ?, message = ?,"  # noqa: S608  # names of ours
    f" file_name = {_OF_FILE.format('name')}, size_bytes = {_OF_FILE.format('size_bytes')},"
    f" sha256 = {_OF_FILE.format(_HEX[postgresql])} WHERE uid = ?"
    for postgresql in (True, False)
}


def settle(hot: Hot, ended: "Iterable[StoredCommand]") -> None:
    """Write down how they ended, and what file came of them: an edge has noted it before the agent could say that it is done."""
    for command in ended:
        if command.kind in LOGGED:
            hot.run(
                _SETTLE[hot.postgresql],
                (command.state.value, command.finished_ms, command.code, command.message, command.uid),
            )
