"""`fieldgate support-bundle`: one file to mail to whoever is asked for help.

What is in it: versions, settings, what `doctor` says, processes, counts of agents by state, the last ends of connections with their codes,
metrics, figures of journals and store, and, where somebody says where they are, log lines. What is not: keys, tokens, passwords; names,
addresses and words of tenants. Uids stay: they say nothing to a stranger, and everything to who holds the store.
"""

import contextlib
import json
import os
import platform
import resource
import shutil
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from gateway.cli.common import now_ms, open_provider
from gateway.cli.doctor import HTTP_LIMIT_S, run_checks
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data
from gateway.cli.output import say, size
from gateway.cli.status import journals_of
from gateway.config import Config, ConfigError, load_config
from gateway.datafolder import LAYOUT_VERSION, DataFolder
from gateway.processes import running
from gateway.store import SCHEMA_VERSION
from gateway.support import reduced_lines, scrubbed, secrets_of, write_bundle
from gateway.version import gateway_version
from protocol import Code

__all__ = ["PARTS", "support_bundle"]

CLOSES = 2000
# Ends whose detail is ours or OpenSSL's; others may quote what a peer said.
OWN_WORDS = frozenset(
    {
        Code.CONNECTION_LOST, Code.CONNECTION_RESET, Code.HEARTBEATS_MISSED, Code.HELLO_TIMEOUT, Code.PRE_AUTH_BUDGET, Code.SILENT_PEER,
        Code.SLOW_CONSUMER, Code.TLS_HANDSHAKE_FAILED, Code.TOO_MANY_CONNECTIONS,
    }
)  # fmt: skip
README = """\
A support bundle of a Fieldgate gateway. Keys, tokens and passwords are not in it, nor names, addresses or words of tenants; agents,
sessions and journals are named by their uids. Whoever sends it can read every file of it first: they are all text.
"""


def support_bundle(
    file: Path,
    /,
    *,
    logs: Path | None = None,
    without: Annotated[list[str] | None, Parameter(negative="")] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write what somebody has to know who is asked for help: no secret in it, and nothing of tenants but counts and uids.

    Parameters
    ----------
    file
        A new file; it becomes a .tar.gz.
    logs
        A log file, or a folder of them (journalctl -u fieldgate -o cat > FILE makes one).
    without
        A part to leave out; repeat it for several.
    """
    DataFolder(data).check()
    unknown = [name for name in without or () if name not in PARTS]
    if unknown:
        raise CommandError(
            f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}", exit_code=UNUSABLE
        )
    if file.exists():
        raise CommandError(f"{file} is there already: name a new file", exit_code=UNUSABLE)
    config = None
    with contextlib.suppress(ConfigError):  # the part on settings says so
        config = load_config(data)
    parts = {name: _attempt(make, data, logs) for name, make in PARTS.items() if name not in (without or ())}
    write_bundle(file, {"README.txt": README.encode(), **parts}, secrets=secrets_of(data, config))
    say(
        f"written: {file}, {size(file.stat().st_size)}, {len(parts)} parts: {', '.join(parts)}",
        "Look through it before you send it.",
    )


def _attempt(make: Callable[[Path, Path | None], Any], data: Path, logs: Path | None) -> bytes:
    """A part as text, or what kept it from being made: a bundle is for gateways that are broken."""
    try:
        found = make(data, logs)
    except Exception as error:  # noqa: BLE001  # whatever it is, the other parts are worth having, and this says what it is
        found = {"could not be made": f"{type(error).__name__}: {error}"}
    text = found if isinstance(found, str) else json.dumps(found, indent=1, default=str)
    return scrubbed(text).encode() + b"\n"


def _about(data: Path, _: Path | None) -> dict[str, Any]:
    disk = shutil.disk_usage(data)
    return {
        "made_ms": now_ms(), "fieldgate": gateway_version(), "schema": SCHEMA_VERSION, "layout": LAYOUT_VERSION,
        "python": sys.version, "system": platform.system(), "kernel": platform.release(), "machine": platform.machine(),
        "cores": os.cpu_count(), "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE),
        "disk": {"total_bytes": disk.total, "free_bytes": disk.free},
        "packages": dict(sorted((each.name, each.version) for each in distributions())),
    }  # fmt: skip


def _settings(data: Path, _: Path | None) -> dict[str, Any]:
    config = load_config(data)
    found = {
        a.name: getattr(config, a.name)
        for a in attrs.fields(Config)
        if a.name not in ("data", "store", "limits", "listeners")
    }
    found |= {"store": config.store_url.partition(":")[0], "limits": attrs.asdict(config.limits)}
    listeners = [attrs.asdict(each) | {"advertise": len(each.advertise)} for each in config.listeners]
    from_environment = sorted(name for name in os.environ if name.startswith("FIELDGATE_"))
    edges = sorted(path.stem for path in (data / "edges").glob("*.toml"))
    return found | {
        "listeners": listeners,
        "set in the environment": from_environment,
        "edges with settings of their own": edges,
    }


def _processes(data: Path, _: Path | None) -> list[dict[str, Any]]:
    return [attrs.asdict(each) for each in running(data / "run")]


def _doctor(data: Path, _: Path | None) -> list[dict[str, Any]]:
    return [attrs.asdict(check) for check in run_checks(data)]


def _status(data: Path, _: Path | None) -> dict[str, Any]:
    with open_provider(data) as provider:
        agents = provider.store.agents.list(now_ms=now_ms())
        edges = provider.store.sessions.list_edges()
        companies = len(provider.store.organizations.list_companies())
        actions = Counter(entry.action for entry in provider.store.audit.list())
    counted = {
        name: dict(Counter(str(getattr(agent, name)) for agent in agents))
        for name in ("status", "standing", "kind", "agent_version", "synthetic", "health", "ended_code")
    }
    lives = [
        {"name": e.name, "uid": e.uid, "started_ms": e.started_ms, "lease_until_ms": e.lease_until_ms}
        for e in edges
    ]
    with_gaps = [agent.uid for agent in agents if agent.lost_gaps]
    return {
        "agents": len(agents), "companies": companies, **counted, "incomplete": with_gaps, "edges": lives, "audit": actions,
    }  # fmt: skip


def _store(data: Path, _: Path | None) -> dict[str, Any]:
    with open_provider(data) as provider:
        version, oldest_reader = provider.store.versions()
        return {"schema": version, "oldest_reader": oldest_reader, "rows": provider.store.count_rows()}


def _journals(data: Path, _: Path | None) -> list[dict[str, Any]]:
    with open_provider(data) as provider:
        return list(journals_of(provider))


def _closes(data: Path, _: Path | None) -> list[dict[str, Any]]:
    ends = json.loads(_asked(data, 0, f"/closes?limit={CLOSES}"))
    kept = ("at_ms", "code", "listener", "agent_uid", "lasted_ms")
    return [
        {name: end[name] for name in kept}
        | ({"detail": end["detail"]} if Code.parse(end["code"]) in OWN_WORDS else {})
        for end in ends
    ]


def _edge_metrics(data: Path, _: Path | None) -> str:
    return _asked(data, 0, "/metrics")


def _projector_metrics(data: Path, _: Path | None) -> str:
    return _asked(data, 1, "/metrics")


def _asked(data: Path, index: int, path: str) -> str:
    config = load_config(data)
    url = f"http://{config.monitor_host}:{config.monitor_port + index}{path}"
    with urllib.request.urlopen(url, timeout=HTTP_LIMIT_S) as answer:
        text: str = answer.read().decode()
    return text


def _logs(_: Path, logs: Path | None) -> str:
    lines: Iterator[str] = iter(()) if logs is None else reduced_lines(logs)
    return "\n".join(lines)


PARTS: Mapping[str, Callable[[Path, Path | None], Any]] = {
    "about.json": _about,
    "settings.json": _settings,
    "processes.json": _processes,
    "doctor.json": _doctor,
    "status.json": _status,
    "store.json": _store,
    "journals.json": _journals,
    "closes.json": _closes,
    "metrics-edge.txt": _edge_metrics,
    "metrics-projector.txt": _projector_metrics,
    "logs.jsonl": _logs,
}
