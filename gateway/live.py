"""Which settings a running process takes from a configuration that was read again, and which wait for its next start.

A setting is live when nobody was promised its old value. A port is bound, a heartbeat was told to every agent, a credit window is
what sessions count in: those stay. A limit that is only looked at when the next connection comes, or the next second, changes.
"""

from collections.abc import Collection
from typing import Any

import attrs

from gateway.settings import TABLES, Config

__all__ = ["LIVE", "Difference", "difference"]

LIVE = frozenset(
    {
        "agents.current",
        "agents.first",
        "agents.first_percent",
        "agents.minimum",
        "certificate",
        "certificate_issuers",
        "certificate_key",
        "limits.connections",
        "limits.connections_soft",
        "limits.connects_per_s",
        "limits.faults_per_s",
        "limits.hello_s",
        "limits.in_flight",
        "limits.journal_keep_s",
        "limits.lag_bytes",
        "limits.lag_s",
        "limits.per_address",
        "limits.pre_auth_bytes",
        "limits.pre_auth_connections",
        "limits.send_s",
        "limits.spool_bytes",
        "limits.spool_keep_s",
        "log_format",
        "log_level",
        "management.requests_per_s",
        "own_offload",
        "own_proxies",
        "revocation_log",
    }
)
"""Every other setting takes a restart."""

SECRET = frozenset({"store"})


@attrs.frozen(kw_only=True)
class Difference:
    """What a reading of the settings changes for a process.

    Attributes:
        config: to go on with: what is live as it was found, the rest as it was.
        live: old and new value of what changes now, by key.
        restart: the same of what a restart would change.
    """

    config: Config
    live: dict[str, tuple[object, object]]
    restart: dict[str, tuple[object, object]]


def difference(running: Config, found: Config, *, concerns: Collection[str] | None = None) -> Difference:
    """Compare the settings of a process with what was found now.

    Args:
        concerns: the keys that mean anything to this process; None: all.
    """
    changed = {
        key: (old, new)
        for key, old in _values(running).items()
        if (new := _values(found)[key]) != old and (concerns is None or key in concerns)
    }
    live = {key: values for key, values in changed.items() if key in LIVE}
    taken: dict[str, Any] = {key: new for key, (_, new) in live.items() if "." not in key}
    for table in TABLES:
        inner = {
            key.removeprefix(f"{table}."): new
            for key, (_, new) in live.items()
            if key.startswith(f"{table}.")
        }
        taken[table] = attrs.evolve(getattr(running, table), **inner)
    config = attrs.evolve(running, **taken)
    restart = {
        key: ("…", "…") if key in SECRET else values for key, values in changed.items() if key not in LIVE
    }
    return Difference(config=config, live=live, restart=restart)


def _values(config: Config) -> dict[str, object]:
    values = {
        a.name: getattr(config, a.name) for a in attrs.fields(Config) if a.name not in ("data", *TABLES)
    }
    for table in TABLES:
        found = getattr(config, table)
        values |= {f"{table}.{a.name}": getattr(found, a.name) for a in attrs.fields(type(found))}
    return values
