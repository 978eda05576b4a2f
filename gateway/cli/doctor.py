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

from certs import Authority, OwnCertificate, OwnCertificateError, Role, is_exposed
from gateway.cli.checks import Check, print_checks
from gateway.cli.common import Provider, open_provider
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import size
from gateway.cli.status import journals_of
from gateway.config import Config, load_config
from gateway.datafolder import DataFolder
from gateway.revocations import LOG_NAME, RevocationLogError, read_log

HTTP_LIMIT_S = 2.0
LOW_DISK_BYTES = 1_000_000_000
# Further than this ahead of our clock nothing can have been written, unless the clock was wrong then or is wrong now.
CLOCK_SLACK_S = 60.0
# The authority's own certificates, and how early to say that they end: agents' certificates last 30 days, and a root's key
# has to be fetched from wherever it is.
LASTING = (Role.CURRENT_ROOT, Role.NEXT_ROOT, Role.GATEWAY_ISSUER, Role.AGENT_ISSUER)
ISSUER_WARNING_DAYS = 90


def doctor(*, data: Data = DEFAULT_DATA, json_: Json = False) -> int:
    """Check a data folder and what it needs: settings, store, certificates, disk, ports, processes, clock.
    Exits with 4 when a check fails.
    """
    return print_checks(run_checks(data), as_json=json_)


def run_checks(data: Path) -> Iterator[Check]:
    """Look at everything, one after the other."""
    DataFolder(data).check()
    config = load_config(data)
    yield Check("settings", True, f"{len(config.listeners)} listeners, names {', '.join(config.names)}")
    with open_provider(data) as provider:
        yield Check("store", True, provider.store.url)
        yield _check_clock(provider)
        yield from _check_authority(provider)
        yield _check_revocations(provider)
        free = shutil.disk_usage(data).free
        yield Check("disk", free > LOW_DISK_BYTES, f"{size(free)} free", "make room: journals need it first")
        for journal in journals_of(provider):
            lag = int(journal["lag_bytes"])
            yield Check(
                f"journal {journal['name']}", lag < config.limits.lag_bytes, f"{size(lag)} not yet projected",
                "is the projector running? fieldgate status",
            )  # fmt: skip
    edge = _check_process("edge", config.monitor_host, config.monitor_port)
    yield edge
    yield _check_process("projector", config.monitor_host, config.monitor_port + 1)
    for listener in config.listeners:
        yield _check_port(listener.host or "127.0.0.1", listener.port, runs=not edge.is_gone)


def _check_clock(provider: Provider) -> Check:
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
        return Check("clock", True, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, later than all that is here")
    return Check(
        "clock", False, f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, {ahead_s:.0f} s before {what}",
        "set the clock (chrony, timesyncd): certificates and leases are judged by it",
    )  # fmt: skip


def _check_authority(provider: Provider) -> Iterator[Check]:
    now = datetime.now(UTC)
    authority = Authority.load(provider.folder.ca)
    if provider.config.certificate:
        yield from _check_own(provider.config, now)
    else:
        due = authority.gateway_due(now, provider.config.names)
        yield Check(
            "gateway certificate", not due, "due for renewal" if due else "valid",
            "fieldgate ca rotate --gateway (a running edge does so by itself)",
        )  # fmt: skip
    keys = [(entry.role.value, entry.label) for entry in authority.entries() if entry.key_here]
    for owner, label in (*keys, *(("path reports", held.label) for held in authority.state.report_keys)):
        key = provider.folder.ca / f"{label}.key"
        if is_exposed(key):
            yield Check(f"key of {owner}", False, f"others can read {key}", f"chmod 600 {key}")
    for entry in authority.entries():
        if entry.role in LASTING:
            left = (entry.until - now).days
            to_do = "docs/certificates.md, Rotate: it takes the root's key"
            yield Check(entry.role, left > ISSUER_WARNING_DAYS, f"valid for {left} days", to_do)


def _check_own(config: Config, now: datetime) -> Iterator[Check]:
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
        yield Check(
            "your own certificate", True, f"for {', '.join(own.names)}, valid until {own.not_after:%Y-%m-%d}"
        )
    for problem in problems:
        yield Check("your own certificate", False, problem.message, problem.action)


def _check_revocations(provider: Provider) -> Check:
    """Whether a restore would know of every revocation."""
    path, copy = provider.folder.path / LOG_NAME, provider.config.revocation_log
    if not path.exists():
        return Check("revocation log", True, "none yet; the next start makes it")
    data = path.read_bytes()
    try:
        log = read_log(data, str(path))
    except RevocationLogError as error:
        return Check(
            "revocation log",
            False,
            str(error),
            "put its copy in its place: no decision can be made without it",
        )
    if not copy:
        found = f"{log.count} lines, no second copy (setting revocation_log)"
        return Check("revocation log", True, found)
    try:
        same = Path(copy).read_bytes() == data
    except OSError as error:
        return Check(
            "revocation log", False, f"{copy}: {error.strerror}", "make it readable: a restore needs it"
        )
    to_do = "see that it can be written; the next decision or start brings it up to date"
    return Check(
        "revocation log",
        same,
        f"{log.count} lines, " + ("copied" if same else f"not all of them in {copy}"),
        to_do,
    )


def _check_process(name: str, host: str, port: int) -> Check:
    url = f"http://{host}:{port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=HTTP_LIMIT_S) as response:
            return Check(name, True, f"ready ({url}: {response.status})")
    except urllib.error.HTTPError as error:
        return Check(name, False, error.read(500).decode(errors="replace").strip(), f"curl {url}")
    except OSError as error:
        reason = getattr(error, "reason", error)
        hangs = isinstance(
            reason, TimeoutError
        )  # another one would find the port taken, or the supervisor there
        to_do = "it runs and hangs: end its process, `serve` starts it again" if hangs else "fieldgate serve"
        return Check(name, False, f"no answer at {url}: {_words(reason)}", to_do, is_gone=not hangs)


def _check_port(host: str, port: int, *, runs: bool) -> Check:
    started = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout=HTTP_LIMIT_S):
            took_ms = (time.monotonic() - started) * 1000
            if not runs:
                found = "another process listens there: no edge runs"
                return Check(
                    f"port {port}", False, found, f"ss -ltnp 'sport = :{port}' says which; `serve` needs it"
                )
            return Check(f"port {port}", True, f"answers in {took_ms:.0f} ms")
    except OSError as error:
        return Check(f"port {port}", False, _words(error), "fieldgate serve; a firewall on this machine?")


def _words(reason: object) -> str:
    return (isinstance(reason, OSError) and reason.strerror) or str(reason)
