"""What the gateway sees of strangers without anybody's report, by source network and kind, a minute at a time.

A box that inspects leaves a trace even where the agent behind it can't tell: hellos that no agent sends, whole handshakes
without a word, alerts, resets. So do scanners. One record a minute for each network and kind, with a count, says as much as a
thousand would, and bounds what a scanner can make us write.
"""

from collections.abc import Callable, Iterable

import attrs
import structlog
import trio

from certs.inspection import PATH_TAG, Evidence, Expected, Finding, GatewaySide, PathRecord, RecordKind, judge
from gateway.edge.committer import Committer
from gateway.edge.signers import NOBODY
from gateway.journal import JournalFull, Record

__all__ = ["Sightings"]

log = structlog.get_logger()

MINUTE_S = 60.0

# A judgement takes a few milliseconds of a thread, a record 10 kB of the journal.
KINDS = 256
# Of one network: whoever changes with every connection is one and the same.
KINDS_OF_ONE = 8

Kind = tuple[object, ...]


@attrs.define(eq=False, kw_only=True)
class Sightings:
    """The minute that is being counted."""

    committer: Committer
    now: Callable[[], int]
    expected: Callable[[], Expected]
    has_room: Callable[[], bool]
    """Whether the disk has room for more than what agents send."""
    count: Callable[[Finding, int], None]
    _minute: dict[tuple[str, Kind], GatewaySide] = attrs.field(factory=dict, init=False)
    _kinds: dict[str, list[Kind]] = attrs.field(factory=dict, init=False)
    """Of each network, the latest last."""

    def saw(self, network: str, half: GatewaySide) -> None:
        """A connection ended that nobody has reported."""
        kind, kinds = _kind(half), self._kinds.setdefault(network, [])
        if kind in kinds:
            kinds.remove(kind)
        elif len(kinds) < KINDS_OF_ONE and len(self._minute) < KINDS:
            self._minute[network, kind] = attrs.evolve(half, connections=0)
        elif kinds:
            kind = kinds.pop()
        else:
            del self._kinds[network]
            return
        kinds.append(kind)
        self.saw_more(network)

    def saw_more(self, network: str) -> None:
        """Another one, of a network that sends so many that they are not looked at: as the one before."""
        if kinds := self._kinds.get(network):
            key = network, kinds[-1]
            known = self._minute[key]
            self._minute[key] = attrs.evolve(known, connections=known.connections + 1)

    async def run(self) -> None:
        """Write down what was seen, once a minute, until cancelled."""
        while True:
            await trio.sleep(MINUTE_S)
            await self.flush()

    async def flush(self) -> None:
        """Write down what was seen since the last time."""
        seen, self._minute, self._kinds = list(self._minute.values()), {}, {}
        if not seen:
            return
        if not self.has_room():
            log.warning("sightings not journaled: the disk is full", networks=len(seen))
            return
        now_ms, expected = self.now(), self.expected()
        judged = await trio.to_thread.run_sync(lambda: list(_judged(seen, expected, now_ms)))
        for half, finding, payload in judged:
            record = Record(agent_uid=NOBODY, received_ms=now_ms, tag=PATH_TAG, payload=payload)
            try:
                self.committer.append_alone(record)
            except JournalFull:
                log.warning("sightings not journaled: the disk is full", networks=len(judged))
                return
            self.count(finding, half.connections)


def _judged(
    seen: Iterable[GatewaySide], expected: Expected, now_ms: int
) -> Iterable[tuple[GatewaySide, Finding, bytes]]:
    for half in seen:
        evidence = Evidence(gateway=half, expected=expected)
        finding = judge(evidence)
        record = PathRecord(kind=RecordKind.SIGHTING, at_ms=now_ms, evidence=evidence, finding=finding)
        yield half, finding, record.encode()


def _kind(half: GatewaySide) -> Kind:
    """What makes two connections alike: as much as a rule could tell apart, and nothing that changes with each."""
    hello = half.hello
    return (
        half.last_io,
        half.handshake_complete,
        None if hello is None else hello.ja4,
        (half.first_bytes or b"")[:4],
        tuple(alert.description for alert in half.alerts or ()),
    )
