"""Cells of the evidence's table: one observation of one side, as lines of text, or None for "not observed"."""

from collections.abc import Iterable
from typing import Any

from certs.inspection.evidence import AgentSide, Alert, GatewaySide
from certs.inspection.facts_read import moment

Cell = tuple[str, ...] | None


def look(holder: object, field: str) -> Any:
    """A field of a half, or of a part of one; None where there is no such part."""
    return getattr(holder, field, None)


def stamp(time_ms: int | None) -> str:
    """A time of day, UTC, to the millisecond."""
    if time_ms is None:
        return ""
    at = moment(time_ms)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"


def clock(time_ms: int | None) -> str:
    """A time of day, UTC, to the second."""
    return "" if time_ms is None else f"{moment(time_ms):%Y-%m-%d %H:%M:%S} UTC"


def one(text: str | None) -> Cell:
    return (text,) if text else None


def lines(texts: Iterable[str | None]) -> Cell:
    return tuple(text for text in texts if text) or None


def field_of(holder: object, field: str) -> Cell:
    if holder is None:
        return None
    value = getattr(holder, field)
    text = ", ".join(value) if isinstance(value, tuple) else value
    return (text or "none",)


def yes_no(flag: bool | None) -> Cell:
    return None if flag is None else ("yes" if flag else "no",)


def ms(value: float | None) -> Cell:
    return None if value is None else (f"{value:.1f} ms",)


def size(value: int | None) -> Cell:
    return None if value is None else (f"{value:,} bytes",)


def came(value: int | None, what: str) -> Cell:
    return None if value is None else (f"{value:,} {what}",)


def hexed(value: bytes | None) -> Cell:
    return None if value is None else (value.hex() or "empty",)


def same(one: object, other: object) -> bool | None:
    return None if one is None or other is None else one == other


def skew(offset_ms: int) -> str:
    if abs(offset_ms) < 1000:
        return "right to the second"
    seconds = abs(offset_ms) / 1000
    size, unit = next(
        ((s, u) for s, u in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")) if seconds >= 2 * s), (1.0, "s")
    )
    return f"{seconds / size:.1f} {unit} {'ahead' if offset_ms > 0 else 'behind'}"  # fmt: skip


def asked(agent: AgentSide | None) -> Cell:
    if agent is None or agent.certificate_requested is None:
        return None
    return ("was asked for" if agent.certificate_requested else "was never asked for",)


def presented(gateway: GatewaySide | None) -> Cell:
    if gateway is None or gateway.client_certificate is None:
        return None
    return ("received" if gateway.client_certificate else "asked for, none received",)


def own(agent: AgentSide) -> Cell:
    if not agent.enrolled:
        return ("none: not enrolled",)
    if agent.certificate_not_after_ms is None:
        return ("yes",)
    return (f"until {stamp(agent.certificate_not_after_ms)}",)


def alerts(side: AgentSide | GatewaySide | None) -> Cell:
    if side is None or side.alerts is None:
        return None
    return tuple(_alert(alert) for alert in side.alerts) or ("none",)


def _alert(alert: Alert) -> str:
    level = {1: "warning", 2: "fatal"}.get(alert.level, f"level {alert.level}")
    return f"{'sent' if alert.sent else 'received'} {level} {alert.description}" + (f" ({alert.name})" if alert.name else "")  # fmt: skip


def dump(came: bytes | None) -> Cell:
    """Sixteen to a line: hexadecimal, then what can be printed."""
    if came is None:
        return None
    if not came:
        return ("nothing came that was not TLS",)
    rows = (came[:120][n : n + 16] for n in range(0, min(len(came), 120), 16))
    return tuple(
        f"{row.hex(' '):<47}  {''.join(chr(b) if 32 <= b < 127 else '.' for b in row)}" for row in rows
    )
