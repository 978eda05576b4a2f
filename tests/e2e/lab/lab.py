"""The lab: everything put up, every case run once, and what came of it.

Most sites share one gateway and are tried at the same time. The cases in which something is wrong with a gateway have one of
their own, and a short story each (`stories`).
"""

import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import attrs

from certs.inspection import (
    AgentSide,
    GatewaySide,
    PathRecord,
    RecordKind,
)
from tests.e2e.lab.boxes import BOXES, Boxes
from tests.e2e.lab.cases import Run
from tests.e2e.lab.forging import Maker
from tests.e2e.lab.gateways import NAME, SECOND, LabGateway
from tests.e2e.lab.ground import Ground, standing
from tests.e2e.lab.machine import Machine

__all__ = ["Lab", "Result", "standing_lab"]

SIGHTINGS_S = 90.0
LIMIT_S = 150.0
MANY = 10_000
SILENCE = "silence"


@attrs.frozen(kw_only=True)
class Result:
    """What came of one run. `gateway` is its half as the gateway wrote it down, `session` what Hello was answered with."""

    run: Run
    verdict: str = SILENCE
    """As in cases.toml."""
    confidence: float = 0.0
    side: AgentSide | None = None
    gateway: GatewaySide | None = None
    delivery: str = ""
    session: str = ""
    alone: str = ""
    """What the agent says by itself, where no gateway heard of it."""
    signer: str = ""
    verdicts: tuple[str, ...] = ()
    """Of all reports in this reporter's name, as they came."""
    stored: tuple[str, ...] = ()
    """The same in the store, judged again with all that the gateway saw besides."""
    read: bytes = b""
    """What a box that meddles with reports has read."""


@attrs.define(eq=False)
class Lab:
    """Everything that stands."""

    ground: Ground
    folder: Path
    gateway: LabGateway
    machines: dict[str, Machine]
    """By root store: "trusted" has every interceptor's CA in it."""
    boxes: Boxes
    public: Maker
    """A CA that everybody's root store has."""
    extras: dict[int, dict[str, Any]] = attrs.field(factory=dict)
    """What is particular of a site, by its number."""

    @property
    def dial(self) -> str:
        """What agents are set to."""
        return f"{NAME}:{self.ground.port}"

    def machine(self, run: Run) -> Machine:
        """Where the agents of a run live."""
        return self.machines[run.store or "untrusted"]

    def folder_of(self, run: Run) -> Path:
        """An enrolled agent's state."""
        return self.folder / "agents" / str(run.site)

    def enroll(self, run: Run, gateway: LabGateway, token: str) -> "Future[Any]":
        """Enroll an agent over a path without a box."""
        address = gateway.reached_at(run.site)
        return self.machine(run).ask(
            "enroll", folder=str(self.folder_of(run)), token=token, installation=str(uuid.uuid4()),
            resolve={NAME: address, SECOND: address}, source=self.ground.agent_source(run.site),
        )  # fmt: skip

    def person(self, run: Run, gateway: LabGateway, **token: Any) -> dict[str, str]:
        """Whose attempt it is, for the agents' machine."""
        known = {"folder": str(self.folder_of(run))}
        if not run.enrolled:
            known |= {"token": gateway.token(**token).encode(), "installation": str(uuid.uuid4())}
        return known

    def ask(self, do: str, run: Run, person: dict[str, str], **more: Any) -> "Future[Any]":
        """Ask the agents' machine for something at a run's site."""
        extras = {"dial": self.dial} | self.extras[run.site] | more
        return self.machine(run).ask(do, **person, **extras)

    def results(self, runs: list[Run], gateway: LabGateway, said: dict[str, Any]) -> list[Result]:
        """What the gateway wrote down of these runs, or, where no report reached it, what the agent found by itself."""
        known = {
            (each.signer_uid, each.counter): each
            for each in gateway.records()
            if each.kind is RecordKind.REPORT
        }
        sessions = {
            run.id: self.ask("session", run, self.person(run, gateway)).result(LIMIT_S)["answer"]
            for run in runs
            if run.case.session and run.enrolled
        }
        return [self._result(run, said[run.id], known, sessions.get(run.id, "")) for run in runs]

    def _result(self, run: Run, said: Any, known: dict[tuple[str, int], PathRecord], session: str) -> Result:
        record = known.get((said["signer"], said["counter"])) if said["by_gateway"] else None
        if record is None:
            assert not said["by_gateway"], run.id
            return Result(
                run=run, verdict=said["verdict"], confidence=said["confidence"], session=session, alone=said["blame"],
                signer=said["signer"],
            )  # fmt: skip
        assert record.finding.verdict.value == said["verdict"], run.id
        return Result(
            run=run, verdict=said["verdict"], confidence=record.finding.confidence, side=record.evidence.agent,
            gateway=record.evidence.gateway, delivery=record.delivered_by.value, session=session,
            signer=said["signer"],
        )  # fmt: skip

    def looked_back(self, result: Result) -> Result:
        """*result*, with all that was said in its reporter's name up to now, and what a box read of it."""
        of_signer = tuple(
            each.finding.verdict.value for each in self.gateway.records() if each.signer_uid == result.signer
        )
        stored = tuple(
            each.verdict
            for each in self.gateway.provider.store.paths.reports(limit=MANY)
            if each.reporter.uid == result.signer
        )
        record = self.boxes.record_of(result.run.site)
        read = record.read_bytes() if record.exists() else b""
        return attrs.evolve(result, verdicts=of_signer, stored=stored, read=read)

    def is_projected(self) -> bool:
        """Whether the store has all that the gateway has written down of paths."""
        kinds = [each.kind for each in self.gateway.records()]
        paths = self.gateway.provider.store.paths
        known = (len(paths.reports(limit=MANY)), len(paths.sightings(limit=MANY)))
        return known == (kinds.count(RecordKind.REPORT), kinds.count(RecordKind.SIGHTING))

    def incidents(self) -> list[dict[str, Any]]:
        """What an operator is shown."""
        listed: list[dict[str, Any]] = json.loads(
            self.gateway.command("inspection", "list", "--closed", "--json")
        )
        return listed

    def sighted(self, runs: list[Run]) -> list[Result]:
        """What the gateway says of strangers, once it has written down the minute in which they came."""
        written = [run for run in runs if run.expected != SILENCE]
        deadline = time.monotonic() + SIGHTINGS_S
        while True:
            seen = [each for each in self.gateway.records() if each.kind is RecordKind.SIGHTING]
            found = {run.id: self._sighting(run, seen) for run in runs}
            if all(found[run.id].gateway is not None for run in written):
                return list(found.values())
            assert time.monotonic() < deadline, found
            time.sleep(0.5)

    def _sighting(self, run: Run, seen: list[PathRecord]) -> Result:
        network = self.ground.network(run.site)
        for record in seen:
            half = record.evidence.gateway
            if half is not None and (half.source or "").startswith(network):
                verdict, confidence = record.finding.verdict.value, record.finding.confidence
                return Result(run=run, verdict=verdict, confidence=confidence, gateway=half)
        return Result(run=run)


@contextlib.contextmanager
def standing_lab(folder: Path, runs: list[Run]) -> Iterator[Lab]:
    """The ground, the gateway, every box of *runs*, and the agents' machines; all of it gone with the block."""
    with contextlib.ExitStack() as outer, standing() as ground, contextlib.ExitStack() as stack:
        gateway = LabGateway.make(ground, folder, 0)
        company = Maker.create(
            folder, "company", common_name="Example Corp Inspection CA", organization="Example Corp"
        )
        public = Maker.create(
            folder, "public", common_name="Example Public Root", organization="Example Trust Services"
        )
        boxes = Boxes(ground, folder, gateway, company, public)
        outer.callback(boxes.squid.remove)
        extras = {run.site: boxes.build(run.case.name, run.site) for run in runs if run.case.name in BOXES}
        gateway.start()
        boxes.start()
        trusted = folder / "trusted.pem"
        known = [public.file, company.file, *([boxes.mitmproxy.ca] if boxes.mitmproxy.ca.exists() else [])]
        trusted.write_bytes(b"".join(file.read_bytes() for file in known))
        machines = {}
        for store, roots in (("trusted", trusted), ("untrusted", public.file)):
            machines[store] = Machine(ground, folder / "machines", roots, store)
            stack.callback(machines[store].close)
        gateway.ready()
        gateway.project()
        yield Lab(ground, folder, gateway, machines, boxes, public, extras)
