"""What of an edge is looked up at the moment when somebody asks for its metrics, and whether it is ready.

A gauge is read by the thread that renders the page: it reads what the loop keeps, and changes nothing.
"""

from collections.abc import Callable

from certs import Role, read_certificate
from gateway.edge.credentials import Credentials
from gateway.edge.feed import Feed
from gateway.edge.releases import count_below_minimum, count_due
from gateway.edge.services import Services
from gateway.edge.upkeep import Upkeep

__all__ = ["problems_of", "show"]

# Whose end ends something for agents. A retired one is on its way out.
_LASTING = {
    "root": frozenset({Role.CURRENT_ROOT}),
    "gateway issuer": frozenset({Role.GATEWAY_ISSUER}),
    "agent issuer": frozenset({Role.AGENT_ISSUER}),
}


def problems_of(services: Services) -> dict[str, str]:
    """What keeps the edge from being ready, by the name of the part; empty when it is."""
    found = {}
    if services.draining:
        found["edge"] = "draining"
    if not services.valve.open:
        found["credit"] = f"withheld: {', '.join(sorted(services.valve.reasons))}"
    return found


def show(services: Services, feed: Feed, upkeep: Upkeep) -> None:
    """Add the gauges of sessions, journal, store and certificates."""
    gauge = services.metrics.gauge
    gauge("fieldgate_ready", "1 while /readyz says yes.", lambda: not problems_of(services))
    gauge(
        "fieldgate_connections_limit",
        "How many connections there may be.",
        lambda: services.config.limits.connections,
    )
    gauge("fieldgate_sessions", "Open sessions.", lambda: len(services.open_sessions))
    gauge("fieldgate_agents_known", "Agents in the directory.", lambda: len(services.directory.agents))
    gauge(
        "fieldgate_agents_out_of_date",
        "Connected agents that are told of another version.",
        lambda: count_due(services),
    )
    gauge(
        "fieldgate_agents_below_minimum",
        "Connected agents older than the minimum.",
        lambda: count_below_minimum(services),
    )
    gauge("fieldgate_journal_bytes", "What the journal takes on disk.", lambda: upkeep.journal.size_bytes)
    gauge("fieldgate_disk_free_bytes", "Room on the data folder's disk.", upkeep.free_bytes)
    gauge("fieldgate_projector_lag_bytes", "Journal that is not projected yet.", upkeep.behind_bytes)
    gauge("fieldgate_projector_lag_seconds", "Age of the oldest record of that.", lambda: upkeep.behind_s)
    gauge("fieldgate_credit_withheld", "1 while no credit is given.", lambda: not services.valve.open)
    gauge(
        "fieldgate_frames_waiting",
        "Sessions not read from, for want of memory.",
        lambda: services.budget.waiting,
    )
    gauge(
        "fieldgate_store_failing",
        "1 while the store does not do what it is asked.",
        lambda: feed.failing or services.link.failing,
    )
    services.metrics.gauges(
        "fieldgate_certificate_expires_timestamp_seconds",
        "When what agents depend on ends.",
        "certificate",
        {name: _end(services, name) for name in ("gateway", *_LASTING)},
    )


def _end(services: Services, name: str) -> Callable[[], float]:
    return lambda: ends_of(services.credentials)[name]


def ends_of(credentials: Credentials) -> dict[str, float]:
    """When the certificate that is served, and those of the authority that it and the agents' hang from, end; seconds since the epoch."""
    served = (
        read_certificate(certificate).not_after for chain in credentials.served for certificate in chain[:1]
    )
    ends = {"gateway": min(served).timestamp()}
    entries = list(credentials.authority.entries())
    for name, roles in _LASTING.items():
        ends[name] = min(entry.until.timestamp() for entry in entries if entry.role in roles)
    return ends
