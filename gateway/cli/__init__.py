"""The command line: `fieldgate`."""

import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from cyclopts import App

from gateway.cli.agents import agent_app, gap_app
from gateway.cli.ca import ca_app
from gateway.cli.demo import demo
from gateway.cli.errors import guarded
from gateway.cli.events import events_app
from gateway.cli.look import doctor, explain, status
from gateway.cli.provider import init
from gateway.cli.run import edge, projector, serve
from gateway.cli.tenants import company_app, location_app, site_app, token_app

__all__ = ["app", "main"]


def _version() -> str:
    try:
        return version("fieldgate")
    except PackageNotFoundError:
        return "not installed: run from its source folder"


app = App(
    name="fieldgate",
    version=_version,
    help="""\
The gateway that customers' backup servers connect to, and everything to run it.

First steps: `fieldgate demo` shows it at work. `fieldgate init` makes a provider of your own, `fieldgate serve` runs
it, `fieldgate token create` lets agents in.

Exit codes: 0 done, 1 failed, 2 can't run (usage, settings, data folder, port), 3 no such thing or wrong state,
4 a check came out negative.
""",
)
for command in (init, serve, edge, projector, demo, status, doctor, explain):
    app.command(command)
for group in (company_app, location_app, site_app, token_app, agent_app, gap_app, events_app, ca_app):
    app.command(group)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: app(tokens, exit_on_error=False, result_action="return_value"))
