"""Sinks: where `fieldgate events deliver` takes the lines of the feed, and how it keeps its place.

A *sink* takes a batch of lines and returns when the receiver has them for good. `Delivery` reads the store behind a cursor, gives the
sink batch after batch, tries one again that was not taken, and stores the cursor behind it when it was. So every line arrives, in the
order of the feed, at least once.
"""

from gateway.sinks.contract import Batch, Options, Sink, SinkError, SinkRefused, SinkUnavailable, SinkUnusable
from gateway.sinks.delivery import Delivery, Pace, Progress
from gateway.sinks.places import SinkPlace, SinkPlaces, SinkPlaceUnreadable, SinkRunsAlready
from gateway.sinks.registry import GROUP, OWN, kinds, make_sink

__all__ = [
    "GROUP",
    "OWN",
    "Batch",
    "Delivery",
    "Options",
    "Pace",
    "Progress",
    "Sink",
    "SinkError",
    "SinkPlace",
    "SinkPlaceUnreadable",
    "SinkPlaces",
    "SinkRefused",
    "SinkRunsAlready",
    "SinkUnavailable",
    "SinkUnusable",
    "kinds",
    "make_sink",
]
