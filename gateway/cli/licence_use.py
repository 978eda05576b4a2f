"""`fieldgate licence use`: what is used of a licence, measured and judged now."""

from typing import Annotated, Any

from cyclopts import Parameter

from gateway.cli.common import now_ms, open_provider
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import facts, json_line, rows, say, when
from gateway.licensing import Measured, measured, policy_of

__all__ = ["licence_use"]


def licence_use(
    licence: Annotated[str, Parameter(help="The licence's id.")],
    /,
    *,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Show what is used of a licence, by what its servers have listed last, and whether that is near or beyond its limit."""
    with open_provider(data) as provider:
        found = measured(provider.store.licence_use.of(licence), now_ms(), policy_of(provider.config))
    if json_:
        json_line(summary(found) | {"workloads": workload_rows(found)})
        return
    facts(
        {
            name: when(value) if name.endswith("_ms") else value
            for name, value in summary(found).items()
            if value not in (None, "")
        }
    )
    say("")
    rows(
        workload_rows(found),
        {"name": "WORKLOAD", "licensed": "LICENSED", "used": "USED", "points": "POINTS OF ONE"},
        as_json=False,
        empty="it is for nothing",
    )


def summary(found: Measured) -> dict[str, Any]:
    """What it all comes to."""
    verdict, measure = found.verdict, found.measure
    return {
        "licence": measure.licence.terms.uid,
        "status": verdict.status.value,
        "why": verdict.says,
        "points": measure.licence.terms.points,
        "used_points": None if measure.as_of_ms is None else verdict.used_points,
        "used_percent": None if measure.as_of_ms is None else verdict.percent,
        "as_of_ms": measure.as_of_ms,
        "over_since_ms": verdict.over_since_ms,
        "grace_ends_ms": verdict.grace_ends_ms,
        "servers": measure.servers,
        "servers_without_figures": measure.silent,
        "not_measured": ", ".join(found.unmeasured),
        "missing": "; ".join(measure.incomplete),
    }


def workload_rows(found: Measured) -> list[dict[str, Any]]:
    """Workload by workload: what is licensed, then what is used without."""
    licensed = {each.uid: each for each in found.measure.licence.terms.workloads}
    known = found.measure.as_of_ms is not None
    listed = [
        {
            "uid": uid, "name": each.name, "licensed": each.count, "points": each.multiplier,
            "used": found.used.get(uid, 0) if known and uid not in found.unmeasured else None,
        }
        for uid, each in licensed.items()
    ]  # fmt: skip
    strangers = [
        {"uid": uid, "name": uid, "licensed": 0, "points": None, "used": count}
        for uid, count in found.used.items()
        if uid not in licensed
    ]
    return listed + strangers
