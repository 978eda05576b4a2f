"""Which kinds of collectors there are: our own, and those that installed packages offer.

A package offers a kind by an entry point of the group `fieldgate.collectors`, whose value is a function:

    [project.entry-points."fieldgate.collectors"]
    tape = "tape_collector:make"         # make(settings: CollectorSettings, around: Surroundings) -> Collector

Our own are registered in the same way, so that a list of entry points is complete; they are found by name before that, because an agent that
runs from a source folder, or has none but our own, has no need to search what is installed.
"""

import importlib
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from agent.collectors.config import nearest
from agent.collectors.contract import Collector, CollectorError, CollectorSettings, Surroundings
from agent.failures import first_line
from protocol import Code

GROUP: Final = "fieldgate.collectors"

OWN: Final[Mapping[str, str]] = {
    "exec": "agent.collectors.exec:make",
    "restic": "agent.collectors.restic.collector:make",
    "synthetic": "agent.collectors.synthetic:make",
}

Make = Callable[[CollectorSettings, Surroundings], Collector]


def kinds() -> dict[str, str]:
    """Every kind that is offered, with what offers it."""
    found = {point.name: _offered_by(point) for point in entry_points(group=GROUP)}
    return dict(sorted((found | dict.fromkeys(OWN, "fieldgate")).items()))


def make_collector(settings: CollectorSettings, around: Surroundings) -> Collector:
    """The collector that *settings* describe.

    Raises:
        CollectorError: nothing offers its kind, or what does cannot be loaded (FG-4030).
        SettingError: it does not take these settings.
    """
    collector = _maker(settings.kind)(settings, around)
    if not isinstance(collector, Collector):
        raise CollectorError(
            f"collector {settings.name}: {settings.kind} made {type(collector).__name__}, which is no Collector",
            Code.COLLECTOR_UNKNOWN,
        )
    return collector


def _maker(kind: str) -> Make:
    if kind in OWN:
        module, _, function = OWN[kind].partition(":")
        found: Make = getattr(importlib.import_module(module), function)
        return found
    points = list(entry_points(group=GROUP, name=kind))
    if not points:
        raise CollectorError(
            f"there is no collector of kind {kind!r}{nearest(kind, kinds())}", Code.COLLECTOR_UNKNOWN
        )
    if len({point.value for point in points}) > 1:
        offered = ", ".join(_offered_by(point) for point in points)
        raise CollectorError(
            f"several packages offer a collector of kind {kind!r}: {offered}", Code.COLLECTOR_UNKNOWN
        )
    try:
        loaded = points[0].load()
    except Exception as error:  # whatever an import of somebody else's raises, a person has to read it
        raise CollectorError(
            f"collector of kind {kind!r}: {_offered_by(points[0])} cannot be loaded: {first_line(error)}",
            Code.COLLECTOR_UNKNOWN,
        ) from error
    if not callable(loaded):
        raise CollectorError(
            f"collector of kind {kind!r}: {points[0].value} is no function", Code.COLLECTOR_UNKNOWN
        )
    made: Make = loaded
    return made


def _offered_by(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
