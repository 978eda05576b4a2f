"""All that an edge has for the paths on which no session opens, in one place: `Services.inspection`, or None where it is off."""

import socket
from typing import TYPE_CHECKING

import attrs
from prometheus_client import Counter

from certs.inspection import GatewaySide, LastIo, Verdict
from gateway.edge.expected import Expectations
from gateway.edge.metrics import Metrics
from gateway.edge.peer import Peer
from gateway.edge.reports import Reports
from gateway.edge.sight import Sight, endpoint, half_of
from protocol import Code
from transport import TLSStream

if TYPE_CHECKING:
    from gateway.edge.services import Services

__all__ = ["Inspection"]


class PathMetrics:
    """Counters of reports and sightings."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        reports = Counter(
            "fieldgate_path_reports", "Path reports taken, by verdict.", ["verdict"], registry=registry
        )
        refused = Counter(
            "fieldgate_path_refused", "Path reports refused, by FG code.", ["code"], registry=registry
        )
        self.reports = {verdict: reports.labels(verdict=verdict.value) for verdict in Verdict}
        self.refused = {code: refused.labels(code=str(code)) for code in REFUSALS}


REFUSALS = (
    Code.REPORT_UNREADABLE, Code.REPORT_SIGNER_UNKNOWN, Code.REPORT_REPLAYED, Code.REPORT_BUDGET, Code.CODE_USED,
)  # fmt: skip


@attrs.define(eq=False, kw_only=True)
class Inspection:
    """What the edge notes of connections, and what comes of it."""

    services: "Services"
    expectations: Expectations = attrs.field(init=False)
    reports: Reports = attrs.field(init=False)
    metrics: PathMetrics = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Put it together."""
        self.expectations = Expectations(self.services)
        self.reports = Reports(inspection=self)
        self.metrics = PathMetrics(self.services.metrics)

    def begin(self, sock: socket.socket) -> Sight:
        """Begin to note what is seen of a connection."""
        return Sight(sock=sock, at_ms=self.services.now(), through_own_proxy=False)

    def half(
        self, peer: Peer, sight: Sight, *, last_io: LastIo, stream: TLSStream | None, shaken: bool
    ) -> GatewaySide:
        """The gateway's half of a connection, with what was served on it and what else went on."""
        half = half_of(
            sight,
            source=endpoint(peer.address, peer.port),
            listener=endpoint(*sight.sock.getsockname()[:2]),
            last_io=last_io,
            stream=stream,
            shaken=shaken and stream is not None,
        )
        if stream is None:
            return half
        leaf = stream.own_leaf_der()
        served = next((chain for chain in self.services.credentials.served if chain[0] == leaf), None)
        return attrs.evolve(half, served=served)
