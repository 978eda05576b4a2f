"""What agents reported: the newest as it arrives, or all of it for another program."""

import sys
import time
from typing import Annotated

import attrs
from cyclopts import App, Parameter
from rich.text import Text

from gateway.cli.common import open_provider
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import json_line, quoted, screen, size, when
from gateway.store import Place, StoredEvent
from protocol import EventKind, JobStatus

events_app = App(name="events")

events_app.command(
    "gateway.cli.delivering:deliver",
    name="deliver",
    help="Deliver what is true to a sink, a file or a receiver behind HTTPS, each line at least once; docs/integrating.md.",
)
events_app.command(
    "gateway.cli.delivering:sinks",
    name="sinks",
    help="List the kinds of sinks that are installed, and how far each sink has come.",
)

POLL_S = 0.5
STYLES = {JobStatus.SUCCESS: "green", JobStatus.WARNING: "yellow", JobStatus.FAILED: "bold red"}


@events_app.command(name="tail")
def tail(
    *,
    follow: Annotated[bool, Parameter(name=("--follow", "-f"))] = True,
    past: int = 5,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Show events as they come into the store, until Ctrl-C.

    Parameters
    ----------
    follow
        Go on with what arrives; --no-follow ends after what is there.
    past
        How many of the newest batches to begin with.
    """
    if past < 0:
        raise CommandError("--past must be 0 or more", exit_code=UNUSABLE)
    console = screen()
    with open_provider(data) as provider:
        hosts: dict[str, str] = {}
        at = max(provider.store.events.newest_batch() - past, 0)
        while True:
            events, read_to = provider.store.events.tail(at)
            for event in events:
                if json_:
                    json_line(attrs.asdict(event))
                    continue
                if event.agent_uid not in hosts:
                    hosts[event.agent_uid] = provider.store.agents.get(event.agent_uid, now_ms=0).host_name
                console.print(_line(event, hosts[event.agent_uid]), soft_wrap=True)
            sys.stdout.flush()
            if read_to == at:
                if not follow:
                    return
                time.sleep(POLL_S)
            at = read_to


@events_app.command(name="follow")
def follow(
    *,
    cursor: str = "",
    once: Annotated[bool, Parameter(negative="")] = False,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Write what is true as lines of JSON for another program, each with the cursor to read on from; docs/integrating.md has the format.

    Parameters
    ----------
    cursor
        Of the last line that was stored; without one, from the beginning.
    once
        End after what is there.
    """
    if not json_:
        raise CommandError(
            "these lines are for programs: say --json. For people there is `fieldgate events tail`",
            exit_code=UNUSABLE,
        )
    with open_provider(data) as provider:
        following = provider.store.following
        place = Place.parse(cursor) if cursor else following.start()
        while True:
            lines, behind = following.read(place)
            for line in lines:
                json_line(line.record())
            sys.stdout.flush()
            if behind == place:
                if once:
                    return
                time.sleep(POLL_S)
            place = behind


def _line(event: StoredEvent, host: str) -> Text:
    status = JobStatus(event.status)
    line = quoted(
        f"{when(event.time_ms)}  {host:24.24}  {EventKind(event.kind).name.lower().replace('_', ' '):18}"
    )
    line.append(f"{status.name.lower():8}", style=STYLES.get(status, ""))
    line.append(quoted(f"  {size(event.transferred_bytes):>9}  {event.message}"))
    return line


@events_app.command(name="export")
def export(
    *,
    agent: str | None = None,
    synthetic: Annotated[bool, Parameter(negative="")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write every event as one JSON object a line, ordered by agent, stream and sequence.

    Parameters
    ----------
    agent
        Only this agent's (uid).
    synthetic
        Only simulated agents'.
    """
    with open_provider(data) as provider:
        if agent is not None:
            provider.store.agents.get(agent, now_ms=0)  # says so when there is none
        wanted: list[str | None] = [agent]
        if synthetic:
            agents = provider.store.agents.list(now_ms=0)
            wanted = [each.uid for each in agents if each.synthetic and agent in (None, each.uid)]
        names = [field.name for field in attrs.fields(StoredEvent)]
        for uid in wanted:
            for event in provider.store.events.export(uid):
                json_line({name: getattr(event, name) for name in names})
