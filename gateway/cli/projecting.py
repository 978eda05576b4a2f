"""`fieldgate projector`, which runs one, and `fieldgate projector rebuild`."""

import sys
import time
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import rows, say, size, when
from gateway.cli.run import projector
from gateway.logs import configure_logs
from gateway.projector import Clock, only_one, rebuild
from gateway.store import AuditEntry

__all__ = ["projector_app"]

projector_app = App(name="projector")
projector_app.default(projector)


@projector_app.command(name="rebuild")
def projector_rebuild(
    *,
    resync: Annotated[bool, Parameter(negative="")] = False,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Build the tables anew from the journals. The projector must not run; agents stay connected, and wait for credit if it takes long.

    Parameters
    ----------
    resync
        Go on where the journals are shorter than the tables: keep what only the tables have, build the rest anew, and ask those agents
        for their whole inventory.
    """
    clock = Clock(now_ms=now_ms, monotonic=time.monotonic)
    with open_provider(data) as provider, only_one(provider.folder.run):
        # What the projector has to say goes to standard error, as ever.
        configure_logs(provider.config.log_format, process="rebuild", log_level=provider.config.log_level)
        done = rebuild(
            provider.store, provider.folder.journals, resync=resync, bell=provider.ring, clock=clock,
            progress=lambda unread: _progress(unread, quiet=json_),
        )  # fmt: skip
        about = f"{done.batches} batches of the journals"
        provider.store.audit.note(
            AuditEntry(at_ms=now_ms(), who=operator(), action="tables rebuilt", about=about)
        )
    if json_:
        rows([attrs.asdict(done)], {}, as_json=True, empty="")
        return
    say(f"built anew from {done.batches} batches")
    if done.kept.batches:
        say(
            f"kept {done.kept.records} records of {done.kept.agents} agents that no journal holds any more, the newest of "
            f"{when(done.kept.newest_ms)}; {done.asked} agents are asked for their whole inventory"
        )


def _progress(unread: int, *, quiet: bool) -> None:
    if not quiet:
        sys.stderr.write(f"{size(unread)} of journals to read\n")
