"""`fieldgate upgrade check`: what this version would make of a data folder, and whether it may. Changes nothing."""

import json
import shutil
import sys
from collections.abc import Iterator

from cyclopts import App

from gateway.cli.backup import BACKED_UP
from gateway.cli.checks import Check, print_checks
from gateway.cli.common import now_ms
from gateway.cli.errors import CHECK_FAILED
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import ago, size
from gateway.config import Agents, ConfigError, load_config
from gateway.datafolder import LAYOUT_VERSION, DataFolder
from gateway.processes import running
from gateway.store import SCHEMA_VERSION, Found, StoreError, look_at, versions_after_migrating
from gateway.version import gateway_version
from protocol import Code

__all__ = ["upgrade_app"]

upgrade_app = App(name="upgrade")

# Beside what migrating writes: the journals go on meanwhile.
SPARE_BYTES = 1_000_000_000
# Of the agents that are out of date, so many are named.
SHOWN = 5


@upgrade_app.command(name="check")
def upgrade_check(*, data: Data = DEFAULT_DATA, json_: Json = False) -> int:
    """Say what this version would do to a data folder, and whether it may: schema, readers, processes that run, disk; and which agents are out of date. Changes nothing.
    Exits with 4 when it must not.
    """
    code = print_checks(_checks(DataFolder(data)), as_json=json_)
    if code == CHECK_FAILED and not json_:
        sys.stderr.write(f"{Code.UPGRADE_REFUSED}: more with `fieldgate explain {Code.UPGRADE_REFUSED}`\n")
    return code


def _checks(folder: DataFolder) -> Iterator[Check]:
    layout = _layout(folder)
    yield Check(
        "this version", True, f"{gateway_version()}, schema {SCHEMA_VERSION}, layout {LAYOUT_VERSION}"
    )
    newer = layout > LAYOUT_VERSION
    yield Check(
        "layout",
        not newer,
        f"{layout}",
        "this is an older Fieldgate than the folder's: install the newer one",
    )
    if newer:
        return
    try:
        config = load_config(folder.path)
    except ConfigError as error:
        yield Check("settings", False, str(error), "correct it: no process of this version would start")
        return
    yield Check("settings", True, "all of them are known to this version")
    try:
        found = look_at(config.store_url, action=BACKED_UP, now_ms=now_ms())
    except StoreError as error:
        yield Check("store", False, f"{error} ({error.code})", f"fieldgate explain {error.code}")
        return
    version, oldest_reader = versions_after_migrating()
    migrates = found.version < version
    if not migrates:
        version, oldest_reader = found.version, found.oldest_reader
    yield _store(found, version, migrates=migrates)
    yield from _processes(folder, found, oldest_reader)
    yield _agents(found, config.agents)
    free, needed = shutil.disk_usage(folder.path).free, found.size_bytes * migrates + SPARE_BYTES
    yield Check("disk", free >= needed, f"{size(free)} free, {size(needed)} needed", "make room first")
    last = "none is known of" if found.done_ms is None else ago(now_ms())(found.done_ms)
    advice = (
        "`fieldgate backup create` before an upgrade is the way back"
        if migrates
        else "nothing is migrated, so the upgrade itself asks for none; `fieldgate backup create` makes one"
    )
    yield Check("last backup", True, f"{last}; {advice}")


def _layout(folder: DataFolder) -> int:
    """The layout, also one that we do not know.

    Raises:
        DataFolderError: it is no data folder, or its version file is damaged.
    """
    try:
        found = json.loads(folder.version_file.read_bytes())["layout"]
    except (OSError, KeyError, TypeError, ValueError):
        found = None
    if type(found) is not int:
        folder.check()
        raise AssertionError("check refuses what has no layout")
    return found


def _store(found: Found, version: int, *, migrates: bool) -> Check:
    if found.oldest_reader > SCHEMA_VERSION:
        return Check(
            "store", False, f"schema {found.version}, for schema {found.oldest_reader} or later",
            "this is an older Fieldgate than the store's: install the newer one",
        )  # fmt: skip
    if migrates:
        return Check(
            "store",
            True,
            f"schema {found.version} becomes {version} with the first process or command of this version",
        )
    beyond = (
        ", newer than this version's, which it admits"
        if found.version > SCHEMA_VERSION
        else ", nothing to migrate"
    )
    return Check("store", True, f"schema {found.version}{beyond}")


def _agents(found: Found, agents: Agents) -> Check:
    """Who is out of date. It stands in no upgrade's way: the protocol's versions N and N-1 work side by side."""
    due = [
        host_name
        for uid, organization_uid, host_name, version in found.agents
        if agents.due(version, agent_uid=uid, organization_uid=organization_uid)
    ]
    if not (agents.current or agents.minimum):
        said = "agents.current and agents.minimum are not set: nobody is out of date"
    elif not due:
        said = f"none of {len(found.agents)} is out of date"
    else:
        names = ", ".join(due[:SHOWN]) + (" …" if len(due) > SHOWN else "")
        said = f"{len(due)} of {len(found.agents)} are out of date: {names}; `fieldgate agent list --out-of-date`"
    return Check("agents", True, said)


def _processes(folder: DataFolder, found: Found, oldest_reader: int) -> Iterator[Check]:
    """Whether those who work with the store now still may afterwards."""
    yield Check(
        "side by side", True, f"processes of schema {oldest_reader} and later go on beside this version"
    )
    here = running(folder.run)
    for process in here:
        who = f"{process.kind} {process.name}" if process.kind == "edge" else process.kind
        yield Check(
            f"running {who}", process.schema >= oldest_reader,
            f"version {process.version}, schema {process.schema}, process {process.pid}",
            "stop it first: its next look at the store would end it",
        )  # fmt: skip
    known = {process.name for process in here if process.kind == "edge"}
    for name in found.live_edges:
        if name not in known:
            # Whoever works with the store now is one of those that it admits now.
            yield Check(
                f"running edge {name}", oldest_reader <= found.oldest_reader,
                "lives elsewhere, or is of a version that does not say which",
                "make sure of its version, or stop it first",
            )  # fmt: skip
