"""What would come from one company to another, chosen and shown before `store.remapping.move` does it."""

from collections.abc import Mapping, Sequence

import attrs

from gateway.store import (
    Company,
    Conflict,
    LicenceState,
    Move,
    NotFound,
    Standing,
    Store,
    StoredLicence,
    TenantMapping,
)

__all__ = ["PlannedMove", "plan_move"]


@attrs.frozen(kw_only=True)
class PlannedMove:
    """What would be moved, and what stays."""

    move: Move
    agents: Mapping[str, str]
    """Host names by uid."""
    tenants: Sequence[TenantMapping]
    licences: Sequence[StoredLicence]
    """Of the first company's: they are signed for it, and stay."""


def plan_move(
    store: Store,
    source: Company,
    target: Company,
    *,
    agents: Sequence[str],
    tenants: Sequence[str],
    everything: bool,
    now_ms: int,
    since_ms: int | None = None,
) -> PlannedMove:
    """Choose what is to be moved.

    Args:
        store: where both are.
        source: the company that they were taken on for by mistake.
        target: the company whose they are.
        agents: uids.
        tenants: names or uids.
        everything: all of the first company's agents and tenants, whatever is named.
        now_ms: the time.
        since_ms: from when on the tenants' storage counts for *target*; None: from now on.

    Raises:
        Conflict: a name fits several of its tenants.
        NotFound: the first company has no such agent or tenant.
    """
    found = {
        each.uid: each.host_name
        for each in store.agents.list(now_ms=now_ms, organization_uid=source.uid)
        if each.standing is not Standing.REVOKED and (everything or each.uid in agents)
    }
    if not everything and (missing := [uid for uid in agents if uid not in found]):
        raise NotFound(f"{source.name} has no agent {missing[0]!r}")
    chosen = _tenants(store, source, tenants, everything=everything)
    move = Move(
        from_uid=source.uid, to_uid=target.uid, agents=tuple(found),
        tenants=tuple((each.site_uid, each.tenant_uid) for each in chosen), since_ms=since_ms,
    )  # fmt: skip
    licences = store.licences.list(organization_uid=source.uid, state=LicenceState.ACTIVE)
    return PlannedMove(move=move, agents=found, tenants=chosen, licences=licences)


def _tenants(
    store: Store, source: Company, named: Sequence[str], *, everything: bool
) -> Sequence[TenantMapping]:
    mapped = store.mappings.of_company(source.uid)
    if everything:
        return mapped
    chosen = []
    for name in named:
        fits = [each for each in mapped if name in (each.tenant_uid, each.tenant_name)]
        if not fits:
            raise NotFound(f"{source.name} has no tenant {name!r}")
        if len(fits) > 1:
            raise Conflict(f"{source.name} has {len(fits)} tenants {name!r}: name one by its uid")
        chosen += fits
    return chosen
