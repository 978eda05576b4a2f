"""The projector as a process: `fieldgate projector`, and a child of `fieldgate serve`."""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from gateway.projector.loop import Clock, Projector
from gateway.projector.metrics import Metrics
from gateway.projector.monitor import monitoring
from gateway.store import open_store, ring
from protocol import Code

log = structlog.get_logger()

CLOCK = Clock(now_ms=lambda: time.time_ns() // 1_000_000, monotonic=time.monotonic)


class ProjectorRunsAlready(Exception):  # noqa: N818  # named after the state
    """Another projector works on this data folder. Two would only take turns."""

    code = Code.DATA_FOLDER_IN_USE


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the projector's lock while the block lasts. The kernel drops it with the process.

    Raises:
        ProjectorRunsAlready: somebody else holds it.
        OSError: the folder can't be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder / "projector.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 20, 0).decode(errors="replace")
        os.close(fd)
        raise ProjectorRunsAlready(f"a projector runs already on {folder.parent}: process {holder}") from None
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(fd)


def run_projector(data: Path, store_url: str, *, monitor: tuple[str, int]) -> int:
    """Project DATA/journals into the store until SIGTERM or SIGINT; returns the exit code.

    Args:
        data: The data folder.
        store_url: As for `open_store`.
        monitor: Host and port of `/livez`, `/readyz` and `/metrics`.

    Raises:
        ProjectorRunsAlready: see there.
        StoreError: the store can't be opened; once it could be, its troubles are waited out.
        OSError: the monitor's port is taken, or a file can't be written (then with its name).
    """
    stop = threading.Event()
    bells = data / "run"
    metrics = Metrics(CLOCK.monotonic)
    with only_one(bells), monitoring(metrics, *monitor) as port:
        store = open_store(store_url)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            log.info("projector started", store=store.url, monitor_port=port)
            projector = Projector(
                store, data / "journals", bell=lambda: ring(bells), clock=CLOCK, metrics=metrics
            )
            projector.run(stop)
            log.info("projector stopped")
        finally:
            store.close()
    return 0
