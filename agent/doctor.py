"""`fieldgate-agent doctor`: whether the agent in a folder can work, and what is missing. It dials nobody: that is `probe`'s."""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from agent.collectors.assembly import assemble
from agent.collectors.contract import CollectorError
from agent.exits import NEGATIVE
from agent.options import Json, State
from agent.proxies import Proxies, ProxySettingError
from agent.settings import SETTINGS, load_settings
from agent.spool import LIMIT_BYTES
from agent.state import StateError, StateFolder
from agent.status import SILENT_MS
from certs import to_ms
from protocol import printable

_DAY_MS: Final = 86_400_000


@attrs.frozen
class Check:
    """What was looked at, whether it is well, and what is to be read of it."""

    name: str
    well: bool
    says: str


def doctor(*, state: State, json_: Json = False) -> int:
    """Check the agent's folder, its settings, certificate, disk and process. Exit code 4 when a check fails.

    Parameters
    ----------
    state
        The agent's state folder.
    """
    checks = list(run_checks(state, time.time_ns() // 1_000_000))
    for check in checks:
        if json_:
            sys.stdout.write(json.dumps(attrs.asdict(check)) + "\n")
        else:
            mark = "ok" if check.well else "FAILS"
            sys.stdout.write(f"{mark:5} {check.name:12} {printable(check.says)}\n")
    return 0 if all(check.well for check in checks) else NEGATIVE


def run_checks(folder: Path, now_ms: int) -> Iterator[Check]:
    """Look at everything, one after the other; nothing after a folder without an agent.

    Args:
        folder: the agent's.
        now_ms: milliseconds since the epoch.
    """
    try:
        keeper = StateFolder.load(folder)
    except StateError as error:
        yield Check("folder", False, str(error))
        return
    identity = keeper.identity
    yield Check("folder", True, f"agent {identity.agent_uid}, gateways {', '.join(identity.gateways)}")
    yield _settings(folder, keeper, now_ms)
    expires_ms = to_ms(keeper.credential.expires)
    days = abs(expires_ms - now_ms) // _DAY_MS
    ended = f"ended {days} days ago: a running agent renews it, up to 180 days after the end"
    yield Check("certificate", expires_ms > now_ms, f"good for {days} days" if expires_ms > now_ms else ended)
    yield _disk(folder)
    yield _process(folder, now_ms)


def _settings(folder: Path, keeper: StateFolder, now_ms: int) -> Check:
    try:
        settings = load_settings(folder)
        Proxies.settle(None, folder, os.environ)
        collectors = assemble(folder, keeper.identity, now=lambda: now_ms, rate=1.0)
    except CollectorError as error:
        return Check("settings", False, f"{error.code}: {error.message}")
    except (StateError, ProxySettingError) as error:
        return Check("settings", False, str(error))
    allowed = ", ".join(sorted(settings.allow)) or "nothing"
    names = ", ".join(each.name for each in collectors)
    return Check(
        "settings", True, f"{SETTINGS} can be used; collectors {names}; the gateway may ask for {allowed}"
    )


def _disk(folder: Path) -> Check:
    outbox = folder / "outbox.sqlite"
    held = outbox.stat().st_size if outbox.exists() else 0
    free = shutil.disk_usage(folder).free
    text = f"{free >> 20} MiB free, the outbox has {held >> 20} MiB of at most {LIMIT_BYTES >> 20}"
    well = free + held >= LIMIT_BYTES
    return Check("disk", well, text if well else f"{text}: a long outage would fill it; see --outbox-mib")


def _process(folder: Path, now_ms: int) -> Check:
    try:
        said = json.loads((folder / "status.json").read_bytes())
        state, written_ms = str(said["state"]), int(said["written_ms"])
    except (OSError, ValueError, KeyError, TypeError):
        return Check("process", False, f"it has not run yet: fieldgate-agent run --state {folder}")
    if state == "stopped" or now_ms - written_ms > SILENT_MS:
        return Check("process", False, f"it does not run: fieldgate-agent run --state {folder}")
    trouble = said.get("trouble") or said.get("reason") or ""
    return Check("process", state == "connected", f"{state}; {trouble}" if trouble else state)
