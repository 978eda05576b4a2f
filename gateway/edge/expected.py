"""What is right, as this gateway knows it: what a judgement measures a path by."""

from collections import OrderedDict
from typing import TYPE_CHECKING

from certs import spki_sha256
from certs.inspection import Expected

if TYPE_CHECKING:
    from gateway.edge.services import Services

__all__ = ["Expectations"]

# Of leaves that were served lately: one every sixty days, and a few while somebody tries something out.
REMEMBERED_LEAVES = 32


class Expectations:
    """`Expected`, from what the edge serves, tells its agents, and was configured with."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._leaves: OrderedDict[bytes, None] = OrderedDict()
        self.remember()

    def remember(self) -> None:
        """What is served now was right, also when something else is."""
        for chain in self._services.credentials.served:
            leaf = spki_sha256(chain[0])
            self._leaves[leaf] = None
            self._leaves.move_to_end(leaf)
        while len(self._leaves) > REMEMBERED_LEAVES:
            self._leaves.popitem(last=False)

    def now(self) -> Expected:
        """At this moment."""
        services, config = self._services, self._services.config
        credentials = services.credentials
        bundle = credentials.bundle
        retired = (root.holding.pin for root in credentials.authority.state.roots)
        announced = services.directory.gateways
        return Expected(
            pins=frozenset((*bundle.pins_current, *bundle.pins_next, *retired)),
            names=frozenset(bundle.names),
            leaf_keys=frozenset(self._leaves),
            gateways=tuple(
                dict.fromkeys(
                    (
                        *config.addresses(),
                        *config.addresses("co-located"),
                        *(announced.gateways if announced is not None else ()),
                    )
                )
            ),
            own_proxies=config.balancers,
            own_offload=frozenset(bytes.fromhex(each) for each in config.own_offload),
        )
