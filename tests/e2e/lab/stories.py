"""What happens in the lab: the sites of one gateway all at once, and the gateways that have a story of their own."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from agent.state import StateFolder
from certs import spki_sha256
from tests.e2e.lab.cases import Run
from tests.e2e.lab.forging import Pems
from tests.e2e.lab.gateways import NAME, SECOND, LabGateway
from tests.e2e.lab.lab import Lab, Result
from tests.e2e.lab.meddling import HELD_S
from tests.e2e.lab.middleboxes import forsaken

__all__ = ["STORIES", "play"]

LIMIT_S = 150.0
SHORT_S = 20.0

Said = dict[str, Any]


def play(lab: Lab, runs: list[Run]) -> list[Result]:
    """Everything, once."""
    alone = [run for run in runs if run.who == "nobody"]
    told = [(names, [run for run in runs if run.case.name in names]) for names in STORIES]
    apart = {run.id for _, of_story in told for run in of_story}
    common = [run for run in runs if run.who != "nobody" and run.id not in apart]
    for run in alone:
        if run.case.name != "health-check":
            lab.machine(run).said(
                "stranger", kind=run.case.name, host=lab.ground.beside(run.site), port=lab.ground.port,
                source=lab.ground.agent_source(run.site),
            )  # fmt: skip
    stories = [
        (STORIES[names], of_story, LabGateway.make(lab.ground, lab.folder, number))
        for number, (names, of_story) in enumerate(told, 1)
        if of_story
    ]
    for _, of_story, gateway in stories:
        for run in of_story:
            address = gateway.reached_at(run.site)
            lab.extras[run.site] = {"resolve": {NAME: address, SECOND: address}}
    results = _together(lab, common)
    for story, of_story, gateway in stories:
        results += story(lab, gateway, of_story)
    results += lab.sighted(alone)
    held = [result for result in results if result.run.case.name == "delays-reports"]
    until(lambda: all(len(lab.looked_back(result).verdicts) > 1 for result in held), limit_s=HELD_S * 2)
    until(lab.is_projected)
    return [lab.looked_back(result) for result in results]


def _together(lab: Lab, runs: list[Run]) -> list[Result]:
    enroll(lab, lab.gateway, runs)
    waiting = {}
    for run in runs:
        person = lab.person(run, lab.gateway)
        if run.case.name == "revoked":
            uid = StateFolder.load(lab.folder_of(run)).identity.agent_uid
            lab.gateway.command("agent", "revoke", uid, "--why", "the server was sold")
            waiting[run.id] = lab.ask("refused", run, person)
        elif run.case.name == "session-cut":
            waiting[run.id] = lab.ask("cut", run, person, good=f"{SECOND}:{lab.ground.port}", patient=True)
        else:
            waiting[run.id] = lab.ask(looking(run), run, person)
    return lab.results(runs, lab.gateway, answers(waiting))


def enroll(lab: Lab, gateway: LabGateway, runs: list[Run], **token: Any) -> None:
    """Everybody who is to be enrolled."""
    text = gateway.token(**token).encode()
    for future in [lab.enroll(run, gateway, text) for run in runs if run.enrolled]:
        future.result(LIMIT_S)


def answers(waiting: dict[str, "Future[Any]"]) -> Said:
    """What came of attempts."""
    return {name: future.result(LIMIT_S) for name, future in waiting.items()}


def attempts(lab: Lab, gateway: LabGateway, runs: list[Run], **token: Any) -> Said:
    """Everybody's attempt."""
    return answers({run.id: lab.ask(looking(run), run, lab.person(run, gateway, **token)) for run in runs})


def looking(run: Run) -> str:
    """How whoever reports looks at the path."""
    return "probe" if run.who == "probe" else "attempt"


def told(lab: Lab, gateway: LabGateway, runs: list[Run], **token: Any) -> list[Result]:
    """Everybody's attempt, and what came of it."""
    return lab.results(runs, gateway, attempts(lab, gateway, runs, **token))


def named(runs: list[Run], case: str) -> list[Run]:
    """Those of one case."""
    return [run for run in runs if run.case.name == case]


def _rotation(lab: Lab, gateway: LabGateway, runs: list[Run]) -> list[Result]:
    """A new leaf under running agents, then a new root while they are off."""
    gateway.start()
    gateway.ready()
    enroll(lab, gateway, runs)
    results = []
    for case, step in (("gateway-certificate-rotated", "--gateway"), ("ca-rotated", "--ca")):
        before = _seen_leaf(lab, gateway, runs[0])
        gateway.command("ca", "rotate", step)
        until(lambda leaf=before: _seen_leaf(lab, gateway, runs[0]) != leaf)  # type: ignore[misc]  # a default
        results += told(lab, gateway, named(runs, case))
    return results


def _seen_leaf(lab: Lab, gateway: LabGateway, run: Run) -> bytes:
    """What an agent is shown now."""
    attempts(lab, gateway, [run])
    side = gateway.records()[-1].evidence.agent
    assert side is not None
    assert side.chain is not None
    return side.chain[0]


def until(happened: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Return once it has."""
    deadline = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < deadline


def _replaced(lab: Lab, gateway: LabGateway, runs: list[Run]) -> list[Result]:
    """A root that was replaced so long ago that the old one is served no more."""
    authority = gateway.provider.authority
    old = authority.pins_current()
    now, year = datetime.now(UTC), timedelta(days=365)
    rotated = (
        authority.rotate_ca(now - 2 * year).finish_ca(now - year).rotate_gateway(now, names=(NAME, SECOND))
    )
    gateway.provider.authority = rotated.save(gateway.provider.data / "ca")
    gateway.start()
    gateway.ready()
    enroll(lab, gateway, runs)
    for run in runs:
        if run.enrolled:
            keeper = StateFolder.load(lab.folder_of(run))
            keeper.change(attrs.evolve(keeper.identity, pins_current=old, pins_next=()))
    return told(lab, gateway, runs, pins=old)


def _public(lab: Lab, gateway: LabGateway, runs: list[Run]) -> list[Result]:
    """A certificate of a public CA: renewed while agents are off, then not renewed in time."""
    files = Pems(lab.folder / "public-leaf.pem", lab.folder / "public-leaf-key.pem")
    lab.public.leaf("public-leaf", (NAME, SECOND))
    gateway.extra = [
        f'certificate = "{files.chain}"', f'certificate_key = "{files.key}"', f'certificate_issuers = "{lab.public.file}"',
    ]  # fmt: skip
    gateway.start()
    gateway.ready()
    pin = spki_sha256(lab.public.der)
    known = {"pins": (*gateway.provider.authority.pins_current(), pin), "names": (NAME, SECOND)}
    enroll(lab, gateway, runs, **known)
    lab.public.leaf("public-leaf", (NAME, SECOND))
    gateway.restart()
    results = told(lab, gateway, named(runs, "public-certificate-renewed"), **known)
    end = datetime.now(UTC) + timedelta(seconds=SHORT_S)
    lab.public.leaf("public-leaf", (NAME, SECOND), end=end)
    gateway.restart()
    until(lambda: datetime.now(UTC) > end + timedelta(seconds=1), limit_s=2 * SHORT_S)
    return results + told(lab, gateway, named(runs, "expired"), **known)


def _careless(lab: Lab, gateway: LabGateway, runs: list[Run]) -> list[Result]:
    """A gateway that was well when agents enrolled, and then sends its leaf alone."""
    gateway.start()
    gateway.ready()
    enroll(lab, gateway, runs)
    gateway.restart(module="tests.e2e.lab.careless")
    return told(lab, gateway, runs)


def _restarting(lab: Lab, gateway: LabGateway, runs: list[Run]) -> list[Result]:
    """A gateway that is killed and comes back."""
    gateway.start()
    gateway.ready()
    enroll(lab, gateway, runs)
    people = {run.id: lab.person(run, gateway) for run in runs}
    assert gateway.process is not None
    gateway.process.popen.kill()
    gateway.process.popen.wait()
    waiting = {run.id: lab.ask("attempt", run, people[run.id], persist_s=30.0, patient=True) for run in runs}
    gateway.start()
    gateway.ready()
    return lab.results(runs, gateway, answers(waiting))


def _misnamed(lab: Lab, gateway: LabGateway, runs: list[Run]) -> list[Result]:
    """A gateway that publishes two names and has a certificate for one."""
    provider = gateway.provider
    gateway.names = (NAME,)
    provider.authority = provider.authority.rotate_gateway(datetime.now(UTC), names=gateway.names).save(
        provider.data / "ca"
    )
    gateway.start()
    gateway.ready()
    enroll(lab, gateway, runs)
    for run in runs:
        lab.extras[run.site]["dial"] = f"{SECOND}:{lab.ground.port}"
    return told(lab, gateway, runs)


def _stopped(lab: Lab, gateway: LabGateway, runs: list[Run]) -> list[Result]:
    """A gateway that is stopped; then a balancer before it that is not."""
    gateway.start()
    gateway.ready()
    enroll(lab, gateway, runs)
    assert gateway.process is not None
    gateway.process.end()
    results = told(lab, gateway, named(runs, "gateway-stopped"))
    forsaken(lab.ground, lab.folder, gateway.host)()
    return results + told(lab, gateway, named(runs, "stopped-behind-balancer"))


Story = Callable[[Lab, LabGateway, list[Run]], list[Result]]

STORIES: dict[tuple[str, ...], Story] = {
    ("gateway-certificate-rotated", "ca-rotated"): _rotation,
    ("ca-replaced",): _replaced,
    ("public-certificate-renewed", "expired"): _public,
    ("incomplete-chain",): _careless,
    ("gateway-restart",): _restarting,
    ("wrong-san",): _misnamed,
    ("gateway-stopped", "stopped-behind-balancer"): _stopped,
}
"""By the cases that each tells."""
