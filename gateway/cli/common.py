"""What commands on a provider share: its data folder, its store, the time."""

import contextlib
import getpass
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from gateway.cli.options import require_name
from gateway.config import Config, load_config
from gateway.datafolder import DataFolder
from gateway.decisions import Decisions
from gateway.store import Store, StoreTooOld, open_store, ring
from protocol import Code, printable

__all__ = ["Provider", "now_ms", "open_provider", "open_upgraded", "operator"]


def operator(named: str | None = None) -> str:
    """Who asks for this, for the audit.

    Args:
        named: by `--by`; without it, it is whoever runs this command.

    Raises:
        CommandError: nobody can read there who *named* is, such as the empty value of a variable that a script forgot to set.
    """
    if named is not None:
        require_name(named, "--by: ")
        return named
    with contextlib.suppress(OSError, KeyError):  # a user without a name, as in a container
        return getpass.getuser()
    return "unknown"


def now_ms() -> int:
    """Wall time, milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@attrs.frozen
class Provider:
    """An opened data folder."""

    folder: DataFolder
    config: Config
    store: Store

    @property
    def decisions(self) -> Decisions:
        """What can be decided about its agents and tokens; what is wrong with the second log goes to standard error."""
        return Decisions.of(self.folder, self.config, self.store, warn=_warn_of_copy)

    def ring(self) -> None:
        """Tell every edge on this machine that there are changes to read."""
        ring(self.folder.run)


def _warn_of_copy(problem: str) -> None:
    sys.stderr.write(
        f"warning: the second revocation log: {printable(problem)} ({Code.REVOCATION_COPY_BEHIND})\n"
    )


def open_upgraded(url: str) -> Store:
    """Open the store at *url*, brought up to this version's schema.

    One that is missing is not made: an empty store in its place would turn every agent away for good.

    Raises:
        StoreError: it can't be opened.
    """
    try:
        return open_store(url)
    except StoreTooOld:
        return open_store(url, create=True)


@contextlib.contextmanager
def open_provider(data: Path) -> Iterator[Provider]:
    """Open the data folder *data* and its store; brings an older store up to this version's schema.

    Raises:
        DataFolderError: no data folder, or a newer one.
        ConfigError: its settings can't be used.
        StoreError: its store can't be opened.
    """
    folder = DataFolder(data)
    folder.check()
    config = load_config(data)
    store = open_upgraded(config.store_url)
    try:
        yield Provider(folder, config, store)
    finally:
        store.close()
