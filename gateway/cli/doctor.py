"""`fieldgate doctor`: whether a gateway can work, and what is missing."""

import contextlib
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs

from certs import Authority, OwnCertificate, OwnCertificateError, Role, is_exposed
from gateway.cli.common import Provider, open_provider
from gateway.cli.errors import CHECK_FAILED
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import rows, size
from gateway.cli.status import journals_of
from gateway.config import Config, load_config
from gateway.datafolder import DataFolder

HTTP_LIMIT_S = 2.0
LOW_DISK_BYTES = 1_000_000_000
# Further than this ahead of our clock nothing can have been written, unless the clock was wrong then or is wrong now.
CLOCK_SLACK_S = 60.0
# The authority's own certificates, and how early to say that they end: agents' certificates last 30 days, and a root's key
# has to be fetched from wherever it is.
LASTING = (Role.CURRENT_ROOT, Role.NEXT_ROOT, Role.GATEWAY_ISSUER, Role.AGENT_ISSUER)
ISSUER_WARNING_DAYS = 90


@attrs.frozen
class _Check:
    what: str
    ok: bool
    found: str
    to_do: str = ""
    is_gone: bool = False
    """No process of ours answers there at all."""


def doctor(*, data: Data = DEFAULT_DATA, json_: Json = False) -> int:
    """Check a data folder and what it needs: settings, store, certificates, disk, ports, processes, clock.
    Exits with 4 when a check fails.
    """
    checks = [check if not check.ok else attrs.evolve(check, to_do="") for check in _checks(data)]
    rows(
        [attrs.asdict(check, filter=lambda field, _: field.name != "is_gone") for check in checks],
        {"ok": "", "what": "CHECK", "found": "FOUND", "to_do": "WHAT TO DO"},
        as_json=json_,
        empty="",
        show={"ok": lambda ok: "ok" if ok else "FAIL"},
    )
    return 0 if all(check.ok for check in checks) else CHECK_FAILED


def _checks(data: Data) -> Iterator[_Check]:
    DataFolder(data).check()
    config = load_config(data)
    yield _Check("settings", True, f"{len(config.listeners)} listeners, names {', '.join(config.names)}")
    with open_provider(data) as provider:
        yield _Check("store", True, provider.store.url)
        yield _check_clock(provider)
        yield from _check_authority(provider)
        free = shutil.disk_usage(data).free
        yield _Check("disk", free > LOW_DISK_BYTES, f"{size(free)} free", "make room: journals need it first")
        for journal in journals_of(provider):
            lag = int(journal["lag_bytes"])
            yield _Check(
                f"journal {journal['name']}", lag < config.limits.lag_bytes, f"{size(lag)} not yet projected",
                "is the projector running? fieldgate status",
            )  # fmt: skip
    edge = _check_process("edge", config.monitor_host, config.monitor_port)
    yield edge
    yield _check_process("projector", config.monitor_host, config.monitor_port + 1)
    for listener in config.listeners:
        yield _check_port(listener.host or "127.0.0.1", listener.port, runs=not edge.is_gone)


def _check_clock(provider: Provider) -> _Check:
    """What has happened here is not in the future; who is right all the same, only a time server knows."""
    times = [
        (edge.started_ms / 1000, f"the start of edge {edge.name}")
        for edge in provider.store.sessions.list_edges()
    ]
    for file in provider.folder.path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            times.append((file.stat().st_mtime, str(file.relative_to(provider.folder.path))))
    newest_s, what = max(times)
    ahead_s = newest_s - time.time()
    if ahead_s <= CLOCK_SLACK_S:
        return _Check(
            "clock", True, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, later than all that is here"
        )
    return _Check(
        "clock", False, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, {ahead_s:.0f} s before {what}",
        "set the clock (chrony, timesyncd): certificates and leases are judged by it",
    )  # fmt: skip


def _check_authority(provider: Provider) -> Iterator[_Check]:
    now = datetime.now(UTC)
    authority = Authority.load(provider.folder.ca)
    if provider.config.certificate:
        yield from _check_own(provider.config, now)
    else:
        due = authority.gateway_due(now, provider.config.names)
        yield _Check(
            "gateway certificate", not due, "due for renewal" if due else "valid",
            "fieldgate ca rotate --gateway (a running edge does so by itself)",
        )  # fmt: skip
    keys = [(entry.role.value, entry.label) for entry in authority.entries() if entry.key_here]
    for owner, label in (*keys, *(("path reports", held.label) for held in authority.state.report_keys)):
        key = provider.folder.ca / f"{label}.key"
        if is_exposed(key):
            yield _Check(f"key of {owner}", False, f"others can read {key}", f"chmod 600 {key}")
    for entry in authority.entries():
        if entry.role in LASTING:
            left = (entry.until - now).days
            to_do = "docs/certificates.md, Rotate: it takes the root's key"
            yield _Check(entry.role, left > ISSUER_WARNING_DAYS, f"valid for {left} days", to_do)


def _check_own(config: Config, now: datetime) -> Iterator[_Check]:
    issuers = Path(config.certificate_issuers) if config.certificate_issuers else None
    try:
        own = OwnCertificate.load(
            Path(config.certificate),
            Path(config.certificate_key),
            names=config.names,
            at=now,
            issuers=issuers,
        )
    except OwnCertificateError as error:
        problems = error.problems
    else:
        problems = own.warnings
        yield _Check(
            "your own certificate", True, f"for {', '.join(own.names)}, valid until {own.not_after:%Y-%m-%d}"
        )
    for problem in problems:
        yield _Check("your own certificate", False, problem.message, problem.action)


def _check_process(name: str, host: str, port: int) -> _Check:
    url = f"http://{host}:{port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=HTTP_LIMIT_S) as response:
            return _Check(name, True, f"ready ({url}: {response.status})")
    except urllib.error.HTTPError as error:
        return _Check(name, False, error.read(500).decode(errors="replace").strip(), f"curl {url}")
    except OSError as error:
        reason = getattr(error, "reason", error)
        hangs = isinstance(
            reason, TimeoutError
        )  # another one would find the port taken, or the supervisor there
        to_do = "it runs and hangs: end its process, `serve` starts it again" if hangs else "fieldgate serve"
        return _Check(name, False, f"no answer at {url}: {_words(reason)}", to_do, is_gone=not hangs)


def _check_port(host: str, port: int, *, runs: bool) -> _Check:
    started = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout=HTTP_LIMIT_S):
            took_ms = (time.monotonic() - started) * 1000
            if not runs:
                found = "another process listens there: no edge runs"
                return _Check(
                    f"port {port}", False, found, f"ss -ltnp 'sport = :{port}' says which; `serve` needs it"
                )
            return _Check(f"port {port}", True, f"answers in {took_ms:.0f} ms")
    except OSError as error:
        return _Check(f"port {port}", False, _words(error), "fieldgate serve; a firewall on this machine?")


def _words(reason: object) -> str:
    return (isinstance(reason, OSError) and reason.strerror) or str(reason)
