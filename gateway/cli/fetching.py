"""Files that agents sent: where they are, and copying one out."""

import hashlib
import os
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import FAILED, UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data
from gateway.cli.output import say, size
from gateway.store import AuditEntry, Transfer, TransferState
from protocol import Code

__all__ = ["command_fetch", "file_record"]

BLOCK: Final = 1024 * 1024


def file_record(provider: Provider, uid: str) -> dict[str, Any]:
    """What is known of the file that answers a command; nothing where none was begun."""
    found = provider.store.transfers.of_command(uid)
    if found is None:
        return {}
    return {
        "file": str(_path_of(provider, found)) if found.state is TransferState.COMPLETE else None,
        "file_state": found.state.value,
        "file_name": found.name,
        "file_bytes": found.size_bytes,
        "file_received_bytes": found.received_bytes,
        "file_sha256": found.sha256.hex(),
        "file_message": found.message,
    }


def command_fetch(
    uid: str,
    /,
    *,
    to: Path,
    by: Annotated[str | None, Parameter()] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Copy out the file that an agent sent in answer to a command. It comes from the agent's server: open it as you would an attachment.

    Example: fieldgate command fetch UID --to backup01-logs.tar.gz

    Parameters
    ----------
    uid
        The command's uid, as `command list` shows it.
    to
        The new file; for its owner only.
    by
        Who fetches it; default: the user who runs the command.
    """
    who = operator(by)
    with open_provider(data) as provider:
        provider.store.commands.get(uid)
        found = provider.store.transfers.of_command(uid)
        if found is None:
            raise CommandError("no file has come of this command", exit_code=FAILED, code=Code.NOT_FOUND)
        if found.state is not TransferState.COMPLETE:
            why = f": {found.message}" if found.message else ""
            raise CommandError(f"the file is {found.state}{why}", exit_code=FAILED, code=Code.NOT_FOUND)
        _copy(_path_of(provider, found), to, found)
        provider.store.audit.note(
            AuditEntry(at_ms=now_ms(), who=who, action="file fetched", about=f"file of command {uid}")
        )  # fmt: skip
    say(f"{to}: {size(found.size_bytes)}, as the agent sent it")


def _path_of(provider: Provider, found: Transfer) -> Path:
    return provider.folder.path / "spool" / found.path


def _copy(source: Path, to: Path, found: Transfer) -> None:
    """Copy and check; what turns out to be wrong is removed."""
    try:
        reading = source.open("rb")
    except FileNotFoundError:
        raise CommandError(
            f"{source} is not there: the edge that took it has its data folder on another machine, or it was removed",
            exit_code=FAILED,
            code=Code.NOT_FOUND,
        ) from None
    except OSError as error:
        raise CommandError(f"cannot read {source}: {error.strerror}", exit_code=FAILED) from None
    with reading:
        try:
            fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise CommandError(f"{to} is there already: name a new file", exit_code=UNUSABLE) from None
        except OSError as error:
            raise CommandError(f"cannot write {to}: {error.strerror}", exit_code=UNUSABLE) from None
        digest = hashlib.sha256()
        try:
            with os.fdopen(fd, "wb") as writing:
                while block := reading.read(BLOCK):
                    digest.update(block)
                    writing.write(block)
            if digest.digest() != found.sha256:
                raise CommandError(
                    f"{source} is not what the agent sent", exit_code=FAILED, code=Code.BULK_HASH_MISMATCH
                )
        except BaseException as error:
            to.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise CommandError(f"cannot write {to}: {error.strerror}", exit_code=UNUSABLE) from None
            raise
