"""Which kinds of sinks there are: our own, and those that installed packages offer.

A package offers one by an entry point of the group `fieldgate.sinks`, named like the word before the first colon of a target:

    [project.entry-points."fieldgate.sinks"]
    queue = "queue_sink:make"         # make(target: str, options: Options) -> Sink

Our own are registered in the same way, and found by name before that: a gateway that runs from a source folder has them too.
"""

import importlib
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from gateway.sinks.contract import Options, Sink, SinkError, SinkUnusable

GROUP: Final = "fieldgate.sinks"

OWN: Final[Mapping[str, str]] = {
    "file": "gateway.sinks.file:make",
    "https": "gateway.sinks.https:make",
}

Make = Callable[[str, Options], Sink]


def kinds() -> dict[str, str]:
    """Every kind that is offered, with what offers it."""
    found = {point.name: _offered_by(point) for point in entry_points(group=GROUP)}
    return dict(sorted((found | dict.fromkeys(OWN, "fieldgate")).items()))


def make_sink(target: str, options: Options) -> Sink:
    """The sink that *target* names: `file:PATH`, `https://…`, or another that is installed.

    Raises:
        SinkError: nothing offers its kind, what does cannot be loaded, or it does not take that target.
    """
    kind, colon, _ = target.partition(":")
    if not colon:
        raise SinkUnusable(
            f"{target[:100]!r} is no sink: file:PATH, https://HOST/PATH, or one of {', '.join(kinds())}"
        )
    make = _maker(kind)
    try:
        sink = make(target, options)
    except (SinkError, OSError):
        raise
    except Exception as error:
        if kind in OWN:
            raise
        raise SinkUnusable(f"sink {kind}: {type(error).__name__}: {error}") from error
    if not isinstance(sink, Sink):
        raise SinkUnusable(f"sink {kind} made {type(sink).__name__}, which is no Sink")
    return sink


def _maker(kind: str) -> Make:
    if kind in OWN:
        module, _, function = OWN[kind].partition(":")
        found: Make = getattr(importlib.import_module(module), function)
        return found
    points = list(entry_points(group=GROUP, name=kind))
    if not points:
        raise SinkUnusable(f"there is no sink of kind {kind[:40]!r}: installed are {', '.join(kinds())}")
    if len({point.value for point in points}) > 1:
        offered = ", ".join(_offered_by(point) for point in points)
        raise SinkUnusable(f"several packages offer a sink of kind {kind!r}: {offered}")
    try:
        loaded: Make = points[0].load()
    except Exception as error:  # whatever an import of somebody else's raises, a person has to read it
        raise SinkUnusable(f"sink {kind}: {_offered_by(points[0])} cannot be loaded: {error}") from error
    return loaded


def _offered_by(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
