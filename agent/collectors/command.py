"""`fieldgate-agent collector list` and `check`."""

import os
import signal
import sys
from typing import Annotated

import trio
from cyclopts import App, Parameter

from agent.collectors.assembly import assemble
from agent.collectors.check import Verdict, check
from agent.collectors.contract import Collector, CollectorError
from agent.collectors.registry import kinds
from agent.exits import FAILED, NEGATIVE, UNUSABLE, CommandError
from agent.options import State
from agent.proxies import Proxies, ProxySettingError
from agent.service import ServiceOptions, now_ms
from agent.settings import load_settings
from agent.state import StateFolder
from protocol import printable

collector_app = App(name="collector")


@collector_app.command(name="list")
def list_(*, state: Annotated[State | None, Parameter(env_var="FIELDGATE_AGENT_STATE")] = None) -> int:
    """Show which kinds of collectors there are, and which ones the agent in a folder has."""
    for kind, by in kinds().items():
        _say(f"kind {kind:16} offered by {by}")
    if state is not None:
        for collector in _collectors(state):
            _say(f"{collector.name:21} {', '.join(sorted(each.value for each in collector.abilities))}")
    return 0


@collector_app.command(name="check")
def check_(name: str, /, *, state: State) -> int:
    """Ask a collector of agent.toml everything that the agent would ask, and hold the answers against the contract.

    Nothing is stored or reported, and no job is started. Exit code 4 when a rule does not hold.

    Parameters
    ----------
    name
        As agent.toml has it.
    """
    found = {collector.name: collector for collector in _collectors(state)}
    if name not in found:
        raise CommandError(f"there is no collector {name!r}; there are {', '.join(found)}", UNUSABLE)
    verdicts = trio.run(_checked, found[name])
    return NEGATIVE if any(verdict.why for verdict in verdicts) else 0


def _collectors(state: State) -> list[Collector]:
    """Of an agent that would start: all of its agent.toml is looked at, not only the tables of collectors."""
    keeper = StateFolder.load(state)
    try:
        load_settings(state)
        Proxies.settle(None, state, os.environ)
        return assemble(state, keeper.identity, now=now_ms, rate=ServiceOptions().rate)
    except CollectorError as error:
        raise CommandError(f"{error.code}: {error.message}", UNUSABLE) from None
    except ProxySettingError as error:
        raise CommandError(str(error), UNUSABLE) from None


async def _checked(collector: Collector) -> list[Verdict]:
    """Whoever ends this command ends the program that the collector runs, too."""
    verdicts = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_on_sigterm, nursery.cancel_scope)
        verdicts = await check(collector, _tell)
        nursery.cancel_scope.cancel()
    if verdicts is None:
        raise CommandError("ended by SIGTERM before every question was answered", FAILED)
    return verdicts


async def _cancel_on_sigterm(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


def _tell(verdict: Verdict) -> None:
    _say(f"{'ok  ' if not verdict.why else 'FAIL'} {verdict.rule}" + _more(verdict.why or verdict.seen))


def _more(text: str) -> str:
    return f": {text}" if text else ""


def _say(line: str) -> None:
    sys.stdout.write(printable(line) + "\n")
    sys.stdout.flush()
