"""`fieldgate events deliver` and `events sinks`: the feed carried to another program, and how far that has come."""

import re
import sys
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import attrs
from cyclopts import Parameter

from gateway.cli.common import Provider, now_ms, open_provider
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import ago, json_line, rows
from gateway.sinks import (
    Delivery,
    Options,
    Progress,
    SinkPlace,
    SinkPlaces,
    SinkPlaceUnreadable,
    kinds,
    make_sink,
)
from gateway.store import CursorUnreadable, Place
from protocol import printable

TELL_S = 5.0


def deliver(
    *,
    sink: str,
    ca: Path | None = None,
    token_file: Path | None = None,
    name: str | None = None,
    once: Annotated[bool, Parameter(negative="")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Deliver what is true to a sink, each line at least once, in the order of `events follow`; docs/integrating.md has the promise.

    Parameters
    ----------
    sink
        Where to: file:PATH, https://HOST/PATH, or one of another kind that is installed.
    ca
        The authorities that the receiver's certificate may be of, PEM; default: the system's.
    token_file
        A file with the bearer token that the receiver knows this gateway by.
    name
        What the place is kept under; default: the receiver's host, or the file's name.
    once
        End after what is there; give up after five minutes without success.
    """
    called = default_name(sink) if name is None else name
    with open_provider(data) as provider:
        places = places_of(provider)
        with places.only_one(called):
            made = make_sink(sink, Options(ca=ca, token_file=token_file))
            watch = Watch(called)
            try:
                delivery = Delivery(
                    store=provider.store,
                    sink=made,
                    places=places,
                    name=called,
                    target=made.target or sink,
                    progress=watch,
                )
                watch.tell(delivery.run(once=once))
            finally:
                made.close()


class Watch(Progress):
    """Progress on standard error: a line every few seconds, and one for every wait."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told_at = float("-inf")

    def delivered(self, place: SinkPlace) -> None:
        """See Progress."""
        if time.monotonic() - self._told_at >= TELL_S:
            self.tell(place)

    def waiting(self, why: str, wait_s: float) -> None:
        """See Progress."""
        self._say(f"{why}; tried again in {wait_s:.0f} s")

    def tell(self, place: SinkPlace) -> None:
        """Say how far it has come."""
        self._told_at = time.monotonic()
        self._say(f"{place.delivered} lines delivered")

    def _say(self, text: str) -> None:
        sys.stderr.write(printable(f"sink {self._name}: {text}") + "\n")
        sys.stderr.flush()


def sinks(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the kinds of sinks that are installed, and how far each sink has come."""
    with open_provider(data) as provider:
        places = places_of(provider)
        found = [_standing(provider, places, name) for name in places.names()]
    if json_:
        json_line({"installed": kinds(), "sinks": found})
        return
    installed = [{"kind": kind, "of": package} for kind, package in kinds().items()]
    rows(installed, {"kind": "KIND", "of": "OFFERED BY"}, as_json=False, empty="")
    sys.stdout.write("\n")
    rows(
        found,
        {
            "name": "SINK",
            "target": "DELIVERS TO",
            "running": "RUNNING",
            "delivered": "LINES",
            "behind": "BEHIND",
            "at_ms": "LAST",
            "trouble": "TROUBLE",
        },
        as_json=False,
        empty="no sink has taken anything yet: `fieldgate events deliver` begins",
        show={"at_ms": ago(now_ms()), "running": lambda flag: "yes" if flag else "no"},
    )


def _standing(provider: Provider, places: SinkPlaces, name: str) -> dict[str, object]:
    record: dict[str, object] = {
        "name": name,
        "running": places.is_running(name),
        "behind": None,
        "trouble": None,
    }
    try:
        place = places.load(name)
        if place is None:  # somebody has removed it since
            return record
        record |= attrs.asdict(place)
        record["behind"] = provider.store.following.rows_behind(Place.parse(place.cursor))
    except (SinkPlaceUnreadable, CursorUnreadable) as error:
        return record | {"trouble": str(error)}
    return record | {
        "trouble": "begins anew: the store is another since" if record["behind"] is None else None
    }


def places_of(provider: Provider) -> SinkPlaces:
    """Where the data folder keeps its sinks' places."""
    return SinkPlaces(provider.folder.path / "sinks", provider.folder.run)


def default_name(target: str) -> str:
    """What a sink is called that nobody has named."""
    kind, _, rest = target.partition(":")
    try:
        found = urlsplit(target).hostname if rest.startswith("//") else Path(rest).name
    except ValueError:  # what is wrong with it, its sink will say
        found = None
    return re.sub(r"[^A-Za-z0-9._-]+", "-", found or kind).strip("-.")[:64] or "sink"
