"""`fieldgate status`: where a gateway stands."""

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from gateway.cli.common import Provider, now_ms, open_provider
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import ago, quoted, rows, screen, size
from gateway.journal import Cursor, JournalReader

__all__ = ["journals_of", "status"]


def status(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show where a gateway stands: edges, agents by state, journals and how far the projector is behind."""
    with open_provider(data) as provider:
        now = now_ms()
        edges = [
            attrs.asdict(edge) | {"live": edge.lease_until_ms > now}
            for edge in provider.store.sessions.list_edges()
        ]
        counts: dict[str, int] = {}
        for agent in provider.store.agents.list(now_ms=now):
            counts[agent.status] = counts.get(agent.status, 0) + 1
        journals = list(journals_of(provider))
    if json_:
        rows([{"edges": edges, "agents": counts, "journals": journals}], {}, as_json=True, empty="")
        return
    console = screen()
    agents = ", ".join(f"{number} {state}" for state, number in sorted(counts.items())) or "none yet"
    console.print(quoted("Agents", "bold").append(f"    {agents}\n", style="not bold"))
    rows(
        edges,
        {"name": "EDGE", "live": "LEASE", "lease_until_ms": "UNTIL"},
        as_json=False,
        empty="no edge has ever run here: fieldgate serve",
        show={"live": lambda live: "live" if live else "expired", "lease_until_ms": _relative(now)},
    )
    console.print()
    rows(
        journals,
        {"name": "JOURNAL", "lag_bytes": "NOT YET PROJECTED", "size_bytes": "SIZE"},
        as_json=False,
        empty="no journal yet",
        show={"lag_bytes": size, "size_bytes": size},
    )


def _relative(now: int) -> Callable[[int], str]:
    past = ago(now)

    def show(value: int) -> str:
        return f"in {(value - now) / 1000:.0f} s" if value > now else past(value)

    return show


def journals_of(provider: Provider) -> Iterator[dict[str, Any]]:
    """Every journal: its name, what it holds and what of it the projector has still to do, in bytes."""
    for folder in sorted(provider.folder.journals.glob("*")):
        if not folder.is_dir():
            continue
        reader = JournalReader(folder)
        at = provider.store.cursors().get(reader.journal_uid or "")
        cursor = (
            None if at is None else Cursor(segment=at.segment, incarnation=at.incarnation, offset=at.offset)
        )
        total = sum(file.stat().st_size for file in folder.iterdir())
        yield {"name": folder.name, "lag_bytes": reader.lag(cursor), "size_bytes": total}
