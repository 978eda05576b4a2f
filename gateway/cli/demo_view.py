"""What `fieldgate demo` shows: agents and their events as they come into the store, and how to look further meanwhile."""

from collections.abc import Iterator, Sequence

import attrs
from rich.console import Group
from rich.table import Table
from rich.text import Text

from gateway.cli.common import now_ms
from gateway.cli.output import quoted, size
from gateway.store import ConnectionStatus, Store, StoredEvent
from protocol import EventKind, JobStatus

SHOWN_EVENTS = 8
WAITING = "the agents enroll and connect"
STYLES = {JobStatus.FAILED: "red", JobStatus.WARNING: "yellow"}


@attrs.define
class Seen:
    """What one organization's agents have reported since the view began."""

    agents: int = 0
    online: int = 0
    events: int = 0
    failed: int = 0
    moved_bytes: int = 0


@attrs.define
class View:
    """Gathers from *store* what there is to show, from the batch *at* on."""

    store: Store
    at: int
    seen: dict[str, Seen] = attrs.field(factory=dict)
    newest: list[Text] = attrs.field(factory=list)

    def look(self) -> None:
        """Take in what has come since the last look."""
        events = list(self._arrived())
        agents = self.store.agents.list(
            now_ms=now_ms()
        )  # after the events, so that everybody's host is known
        for seen in self.seen.values():
            seen.agents = seen.online = 0
        for agent in agents:
            seen = self.seen.setdefault(agent.organization_name, Seen())
            seen.agents += 1
            seen.online += agent.status is ConnectionStatus.ONLINE
        whose = {agent.uid: (agent.organization_name, agent.host_name) for agent in agents}
        for event in events:
            self._note(event, *whose[event.agent_uid])
        del self.newest[:-SHOWN_EVENTS]

    def _arrived(self) -> Iterator[StoredEvent]:
        while True:
            events, read_to = self.store.events.tail(self.at)
            yield from events
            if read_to == self.at:
                return
            self.at = read_to

    def _note(self, event: StoredEvent, organization: str, host: str) -> None:
        seen = self.seen[organization]
        seen.events += 1
        if event.kind == EventKind.JOB_FINISHED:
            seen.failed += event.status == JobStatus.FAILED
            seen.moved_bytes += event.transferred_bytes
        said = event.message or EventKind(event.kind).name.lower().replace("_", " ")
        line = quoted(f"{host:24.24} {said}", STYLES.get(JobStatus(event.status), ""))
        line.no_wrap, line.overflow = True, "ellipsis"
        self.newest.append(line)

    def line(self) -> str:
        """All of it in a line."""
        all_ = self.seen.values()
        if not all_:
            return WAITING
        return (
            f"{sum(s.agents for s in all_)} agents, {sum(s.online for s in all_)} online; "
            f"{sum(s.events for s in all_)} events, {sum(s.failed for s in all_)} failed jobs, "
            f"{size(sum(s.moved_bytes for s in all_))} transferred"
        )

    def render(self, below: Sequence[str] = (), *, height: int = 100) -> Group:
        """A table, the newest events, and the lines *below*, in *height* lines; events give way first."""
        table = Table(title="agents, and what they report", title_justify="left", box=None, pad_edge=False)
        for heading in ("organization", "agents", "online", "events", "failed jobs", "transferred"):
            table.add_column(heading, justify="left" if heading == "organization" else "right")
        for name, seen in sorted(self.seen.items()):
            counts = (seen.agents, seen.online, seen.events, seen.failed)
            table.add_row(quoted(name), *map(str, counts), size(seen.moved_bytes))
        room = height - (4 + len(self.seen)) - len(below)  # title, heading, an empty line, its title
        total = sum(seen.events for seen in self.seen.values())
        return Group(
            table if self.seen else Text(WAITING),
            Text(),
            Text(f"newest of {total} events", style="bold"),
            *(self.newest[-room:] if room > 0 else ()),
            *map(quoted, below),
        )
