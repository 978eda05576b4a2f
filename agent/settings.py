"""agent.toml in the state folder: what the administrator of this server has set, and nobody else can.

    proxy = "http://proxy.example:3128"     # agent.proxies
    inventory_s = 600                       # how often each collector is asked for its inventory
    [commands]
    allow = ["collect-now", …]              # what the gateway may ask for
    [restore]
    download = true                         # files of backups may leave this server
    targets = ["/home"]                     # and may be written back below these folders
    [[collector]] and [[job]]               # agent.collectors.config

It is read when the agent starts. A key that nobody knows is refused and the nearest one named: a setting that is silently ignored is found
out when it is too late. `write_example` puts the file there with everything in it as a comment, so that an editor is all one needs.
"""

import difflib
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from agent.state import StateError
from certs import is_exposed, write_private
from protocol import commands

SETTINGS: Final = "agent.toml"

KEYS: Final = ("collector", "commands", "inventory_s", "job", "proxy", "restore")

DEFAULT_ALLOW: Final = frozenset(commands.KINDS) - {
    commands.CollectLogs.kind,
    commands.DownloadItem.kind,
    commands.RestoreItems.kind,
    commands.RestoreWorkload.kind,
}
"""Everything that makes the agent do what it does anyway. Logs and files leave the server, and backups are written back, only where its
administrator says so."""

INVENTORY_S: Final = range(10, 86_401)


class SettingError(StateError):
    """agent.toml cannot be used as it stands; the message names the table and the key."""


@attrs.frozen(kw_only=True)
class Settings:
    """What agent.toml says besides proxy, collectors and jobs."""

    allow: frozenset[str] = DEFAULT_ALLOW
    """Kinds of commands that may run here."""
    inventory_s: int | None = None
    """Seconds from one inventory of a collector to the next; None for the default."""
    restore_targets: tuple[Path, ...] = ()
    """Folders below which a restore may write."""


def load_settings(folder: Path) -> Settings:
    """The settings in *folder*; the defaults where there is no such file.

    Raises:
        SettingError: it cannot be read, or says something that is no setting.
    """
    document = read_document(folder)
    path = folder / SETTINGS
    try:
        download, targets = _restoring(document)
        more = {commands.DownloadItem.kind} if download else set()
        more |= {commands.RestoreItems.kind} if targets else set()
        return Settings(
            allow=_allow(document, more), inventory_s=_inventory_s(document), restore_targets=targets
        )
    except SettingError as error:
        raise SettingError(f"{path}: {error}") from None


def read_document(folder: Path) -> dict[str, Any]:
    """All of agent.toml; empty where there is none.

    Raises:
        SettingError: it can't be read, has a key that is no setting, or a password that others can read.
    """
    path = folder / SETTINGS
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        is_open = is_exposed(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingError(f"cannot read {path}: {error}") from error
    for key in document:
        if key not in KEYS:
            raise SettingError(f"{path}: there is no setting {key!r}{nearest(key, KEYS)}")
    if "@" in str(document.get("proxy", "")) and is_open:
        raise SettingError(f"{path} has a password in it and can be read by others: chmod 600 {path}")
    return document


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, if anything is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}" if names else ""


def _restoring(document: Mapping[str, Any]) -> tuple[bool, tuple[Path, ...]]:
    """What [restore] says: download, and targets."""
    table = _table(document, "restore", ["download", "targets"])
    download, targets = table.get("download", False), table.get("targets", [])
    if type(download) is not bool:
        raise SettingError("[restore]: download is true or false")
    if type(targets) is not list or not all(type(each) is str for each in targets):
        raise SettingError("[restore]: targets is a list of folders")
    for each in targets:
        if not each.startswith("/") or "\0" in each or ".." in each.split("/"):
            raise SettingError(f"[restore]: targets: {each!r} is no absolute path of a folder")
    return download, tuple(map(Path, targets))


def _table(document: Mapping[str, Any], name: str, keys: Sequence[str]) -> dict[str, Any]:
    table = document.get(name, {})
    if type(table) is not dict:
        raise SettingError(f"{name} is a table: write [{name}] above its keys")
    for key in table:
        if key not in keys:
            raise SettingError(f"[{name}]: there is no setting {key!r}{nearest(key, keys)}")
    return table


def _allow(document: Mapping[str, Any], more: Collection[str]) -> frozenset[str]:
    table = _table(document, "commands", ["allow"])
    if "allow" not in table:
        return DEFAULT_ALLOW.union(more)
    kinds = table["allow"]
    if type(kinds) is not list or not all(type(kind) is str for kind in kinds):
        raise SettingError("[commands]: allow is a list of kinds")
    for kind in kinds:
        if kind not in commands.KINDS:
            raise SettingError(
                f"[commands]: allow: there is no command {kind!r}{nearest(kind, commands.KINDS)}"
            )
    return frozenset(kinds)


def _inventory_s(document: Mapping[str, Any]) -> int | None:
    seconds = document.get("inventory_s")
    if seconds is not None and (type(seconds) is not int or seconds not in INVENTORY_S):
        raise SettingError(f"inventory_s is a whole number from {INVENTORY_S[0]} to {INVENTORY_S[-1]}")
    return seconds


EXAMPLE: Final = f"""# Settings of this agent. They are read when it starts; what begins with # is not set, and shows the default or an example.
# The provider can change none of this from afar. An unknown key is an error: fieldgate-agent doctor checks the file.

# The HTTP proxy to go through, always; "none" for never. Without it HTTPS_PROXY is tried, and then the direct way.
#proxy = "http://user:password@proxy.example:3128"

# Seconds from one inventory to the next, {INVENTORY_S[0]} to {INVENTORY_S[-1]}. Jobs are reported as they happen, whatever this is.
#inventory_s = 600

# What the provider may ask this agent to do. Nothing else is done, whoever asks; there is no command that runs a program of
# the provider's choice. Add "collect-logs" to let the provider fetch this agent's own log; [] allows nothing.
#[commands]
#allow = {sorted(DEFAULT_ALLOW)}

# Whether the provider may have files of backups sent to it, to give them back to whom they belong. It may list what backups hold in any
# case, unless allow above says otherwise.
#[restore]
#download = false

# Folders below which the provider may restore files of backups, in their places or beside what is there; none by default. To restore a
# whole machine "restore-workload" has to stand in allow above, too.
#targets = ["/home", "/srv"]

# Backup repositories to watch: kind is one of fieldgate-agent collector list.
#[[collector]]
#kind = "restic"
#name = "nas"
#repository = "/srv/backup"
#password_file = "/etc/fieldgate/nas.password"

# Backups that this agent makes. schedule is "daily 02:00", "every 6h" or "manual".
#[[job]]
#name = "home directories"
#collector = "nas"
#paths = ["/home"]
#schedule = "daily 02:00"
""".replace("'", '"')


def write_example(folder: Path) -> bool:
    """Write an agent.toml that sets nothing and explains everything, unless there is one; whether that was done.

    Raises:
        StateError: it cannot be written.
    """
    path = folder / SETTINGS
    try:
        if path.exists():
            return False
        write_private(path, EXAMPLE.encode())
    except OSError as error:
        raise StateError(f"cannot write {path}: {error.strerror}") from error
    return True
