"""The processes: an edge, a projector, management, and all of them together.

Each imports what it runs when it runs it: who supervises both runs neither.
"""

import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import attrs
import structlog

from gateway.cli.common import Provider, open_upgraded
from gateway.cli.options import DEFAULT_DATA, Data
from gateway.config import Config, Management, cannot_listen, load_config
from gateway.datafolder import DataFolder
from gateway.hangup import LOG_SETTINGS, EdgeHangups, Hangups, reload_settings
from gateway.logs import configure_logs
from gateway.processes import Announcement, announced
from gateway.supervisor import ChildSpec, only_one, supervise
from protocol import Code

__all__ = ["edge", "edge_stop_s", "management", "process_argv", "projector", "serve", "serve_lock"]

log = structlog.get_logger()

PROJECTOR_STOP_S = 15.0
MANAGEMENT_STOP_S = 15.0
# A loop that has not turned for so long does nothing for anybody; the slowest start and the longest answer run beside it, in threads.
MANAGEMENT_SILENT_S = 10.0
EDGE_STOP_MARGIN_S = 15.0  # beyond the drain window: the last sync, the last claims
# What else of the settings means anything to these two.
PROJECTOR_SETTINGS = LOG_SETTINGS | {"monitor_host", "monitor_port", "store"}
MANAGEMENT_SETTINGS = LOG_SETTINGS | {
    "certificate", "certificate_issuers", "certificate_key", "names", "store",
    *(f"management.{each.name}" for each in attrs.fields(Management)),
}  # fmt: skip
SUPERVISOR_SETTINGS = LOG_SETTINGS | {"limits.drain_s"}


def process_argv(*command: str) -> list[str]:
    """The command line that runs `fieldgate COMMAND…` with this very Python."""
    return [sys.executable, "-m", "gateway", *command]


@contextmanager
def _prepared(data: Data, process: str, *, name: str | None = None) -> Iterator[tuple[Config, Announcement]]:
    DataFolder(data).check()
    config = load_config(data, name=name)
    configure_logs(config.log_format, process=process, log_level=config.log_level)
    # An older store is brought up to this version here, before anybody serves from it.
    with contextlib.closing(open_upgraded(config.store_url)) as store:
        problem = Provider(DataFolder(data), config, store).decisions.begin()
    if problem:
        log.warning(
            "second revocation log not written", code=str(Code.REVOCATION_COPY_BEHIND), reason=problem
        )
    with announced(config.data / "run", process, config.name if process == "edge" else "") as announcement:
        yield config, announcement


def edge(*, name: str | None = None, data: Data = DEFAULT_DATA) -> int:
    """Run one edge: the TLS tier that agents connect to. SIGTERM drains it.

    Parameters
    ----------
    name
        Its name, and that of its journal; default: the setting `name`.
    """
    import trio

    from gateway.edge import serve_edge

    with Hangups() as hangups, _prepared(data, "edge", name=name) as (config, announcement):
        told = EdgeHangups(hangups, announcement, partial(load_config, data, name=name))
        return trio.run(partial(serve_edge, config, hangups=told))


def projector(*, data: Data = DEFAULT_DATA) -> int:
    """Run the projector: journals into the store. One for a data folder. `rebuild` makes the tables anew."""
    from gateway.projector import run_projector

    with Hangups() as hangups, _prepared(data, "projector") as (config, announcement):
        monitor = (config.monitor_host, config.monitor_port + 1 if config.monitor_port else 0)
        settings = Settings(config, announcement, hangups, "projector", PROJECTOR_SETTINGS)
        hangups.act_beside(settings.reload_or_end)
        try:
            return run_projector(config.data, config.store_url, monitor=monitor)
        except OSError as error:
            if error.filename is not None:
                raise
            raise cannot_listen(*monitor, error) from None


def management(*, data: Data = DEFAULT_DATA) -> int:
    """Run the management process: REST over TLS on port 1280. Agents need nothing of it."""
    from gateway.management import run_management

    with Hangups() as hangups, _prepared(data, "management") as (config, announcement):
        settings = Settings(config, announcement, hangups, "management", MANAGEMENT_SETTINGS)
        hangups.act_beside(settings.reload_or_end)
        return run_management(lambda: settings.config)


def serve(*, data: Data = DEFAULT_DATA) -> int:
    """Run edge, projector and management on this machine, supervised. SIGTERM or Ctrl-C drains the agents and stops all."""
    with Hangups() as hangups, _prepared(data, "supervisor") as (config, announcement):
        settings = Settings(config, announcement, hangups, "supervisor", SUPERVISOR_SETTINGS)
        with only_one(serve_lock(config), orphans_s=edge_stop_s(config)) as held:
            return supervise(child_specs(config, inherits=(held,)), hung_up=settings.reload)


@attrs.define
class Settings:
    """The settings of a process that has little to do with them, as they were last read."""

    config: Config
    announcement: Announcement
    hangups: Hangups
    process: str
    concerns: frozenset[str]

    def reload(self) -> bool | None:
        """Read them again if a SIGHUP has come; false when it came because the terminal has gone."""
        if not self.hangups.take():
            return None
        if self.hangups.terminal.has_gone():
            return False
        self.config = reload_settings(
            self.config, self.announcement, process=self.process, concerns=self.concerns
        )
        return True

    def reload_or_end(self) -> None:
        """The same, for a process that ends in order at SIGTERM."""
        if self.reload() is False:
            signal.raise_signal(signal.SIGTERM)


def serve_lock(config: Config) -> Path:
    """Held by who serves this data folder, until the last of its processes is gone."""
    return config.data / "run" / "serve.lock"


def edge_stop_s(config: Config) -> float:
    """How long an edge may take to stop, which is the last of a gateway to do so."""
    return config.limits.drain_s + EDGE_STOP_MARGIN_S


def child_specs(config: Config, *, inherits: Sequence[int] = ()) -> Sequence[ChildSpec]:
    """What `serve` runs: the projector first, so that it stops last; management last, and first to stop."""
    data = str(config.data)
    specs = (
        ChildSpec(
            name="projector",
            argv=process_argv("projector", "--data", data),
            stop_s=PROJECTOR_STOP_S,
            inherits=inherits,
        ),
        ChildSpec(
            name="edge",
            argv=process_argv("edge", "--data", data),
            stop_s=edge_stop_s(config),
            inherits=inherits,
        ),
    )
    if not config.management.enabled:
        return specs
    return (
        *specs,
        ChildSpec(
            name="management",
            argv=process_argv("management", "--data", data),
            stop_s=MANAGEMENT_STOP_S,
            inherits=inherits,
            silent_s=MANAGEMENT_SILENT_S,
        ),
    )
