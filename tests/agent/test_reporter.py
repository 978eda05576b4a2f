"""Paths that fail: looked into beside the back-off and never in its way, reported once, and shown with whose word it is."""

import functools
import ipaddress
import itertools
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import structlog
import trio
from cryptography import x509
from trio.testing import MockClock

from agent.backoff import Backoff
from agent.cli import main
from agent.client import Client
from agent.identity import Keeper
from agent.inspection import probes
from agent.inspection.keep import Keep, Opinion
from agent.observer import Ending
from agent.reporter import Reporter
from agent.state import StateFolder, enrollment_key
from agent.status import status
from agent.watch import Watch
from certs import ReportKey, ReportPublic
from certs.inspection import LastIo, SignedAnswer, Verdict, open_report, unarmour
from protocol import Code, Goodbye, Message, PathReport, PathVerdict, Rejected
from tests.agent.inspection.desk import Desk, proven, rejected
from tests.agent.inspection.peers import listening, resetting, silent
from tests.agent.rig import Rig, make_keeper
from tests.certs.inspection.scenes import box_ca, signed
from tests.helpers.gateway import NOW_MS, Gateway, Peer

MINUTE_S = 60.0

KEPT = Opinion(
    code=3009, verdict="inspected-untrusted", found="inspected-untrusted", confidence=0.9, blame="A box did it.",
    reason="r", address="gw:1", since_ms=NOW_MS, last_ms=NOW_MS,
)  # fmt: skip


@attrs.define(eq=False)
class Site:
    """An agent of *gateway* with a reporter, and the provider's desk."""

    rig: Rig
    desk: Desk
    keep: Keep
    reporter: Reporter

    @classmethod
    def make(cls, gateway: Gateway, folder: Path, desk: Desk, *addresses: str) -> "Site":
        gateways = addresses or (gateway.address,)
        rig = Rig.make(gateway, folder, gateways=gateways, report_keys=(desk.key.public.raw,))
        rig.facilities.now = now_ms
        rig.client = Client(rig.facilities, draw=lambda: 0.5, backoff=Backoff(ceiling_s=60))
        rig.pump_s = 600
        keep = Keep(folder)
        rig.facilities.reporter = reporter = Reporter(
            rig.keeper, keep, now=now_ms, observer=rig.recorder, draw=lambda: 0.5
        )
        return cls(rig, desk, keep, reporter)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Site"]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.reporter.run)
            async with self.rig.running():
                yield self
            nursery.cancel_scope.cancel()

    async def until(self, what: str, count: int = 1) -> Any:
        return await self.rig.recorder.until(what, count)

    async def settled(self, condition: Callable[[], object]) -> None:
        """Wait for what sets no event."""
        with trio.fail_after(600):
            while not condition():  # noqa: ASYNC110  # as it says
                await trio.sleep(0.5)

    @property
    def news(self) -> list[Opinion]:
        return [each for each in self.rig.recorder.of("news") if isinstance(each, Opinion)]


def now_ms() -> int:
    return NOW_MS + round(trio.current_time() * 1000) % 10**9


@functools.cache
def forged() -> tuple[bytes, bytes]:
    """What an inspecting box shows for 127.0.0.1."""
    ca = box_ca(("CN", "FortiGate CA"), ("O", "Fortinet"))
    leaf = signed((("CN", "127.0.0.1"),), ca, names=[x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))])
    return leaf.pem + ca.pem, leaf.key_pem


def box_of(desk: Desk) -> Gateway:
    """A box that opens the TLS, and carries what is said to it to the provider's *desk*."""
    box = Gateway.make()
    box.request_client_cert = False
    box.chains = [forged()]

    async def carried(peer: Peer, message: Message) -> None:
        assert isinstance(message, PathReport), message
        answer = desk.answer(message.sealed)
        await peer.dismiss(answer if isinstance(answer, Rejected) else PathVerdict(sealed=answer))

    box.on_message = carried
    return box


async def test_a_box_carries_the_report_that_is_about_it(clock: MockClock, tmp_path: Path) -> None:
    """On the very connection that was refused: no second dial; the gateway's signed verdict takes the place of ours."""
    desk = Desk()
    async with Gateway.make().listening() as ours, box_of(desk).listening() as box:
        site = Site.make(ours, tmp_path, desk, box.address)
        async with site.running():
            while not site.news or not site.news[-1].by_gateway:
                await site.until("news", len(site.news) + 1)
        dials = len(box.peers)
        attempts = len(site.rig.recorder.of("ended"))

    first, second = site.news
    (report,) = desk.opened
    assert dials == attempts
    assert report.side.carried is True
    assert report.side.handshake_complete is True
    assert report.is_by_its_certificate()
    assert report.uid == site.rig.keeper.identity.agent_uid
    assert (first.code, first.verdict, first.by_gateway) == (
        Code.GATEWAY_UNTRUSTED,
        Verdict.INSPECTED_UNTRUSTED.value,
        False,
    )
    assert (second.verdict, second.address, second.since_ms) == (first.verdict, box.address, first.since_ms)
    answer = SignedAnswer.from_bytes(second.signed).verify(ReportPublic(second.public))
    assert answer.finding is not None
    assert answer.finding.blame == second.blame
    assert site.keep.opinion() == second
    assert site.keep.waiting == 0


async def test_a_gateways_word_outlives_attempts_at_another(clock: MockClock, tmp_path: Path) -> None:
    """Two gateways by turns, a verdict of each: what an agent finds by itself, again and again, does not take its place."""
    desk = Desk()
    async with (
        Gateway.make().listening() as ours,
        box_of(desk).listening() as one,
        box_of(desk).listening() as other,
    ):
        site = Site.make(ours, tmp_path, desk, one.address, other.address)
        async with site.running():
            await site.until("ended", 6)

    assert len(desk.opened) == 2
    assert {each.address for each in site.news} == {one.address, other.address}
    assert [each.by_gateway for each in site.news[:4]] == [False, True, False, True]
    assert all(each.by_gateway for each in site.news[4:])
    last = site.keep.opinion()
    assert last is not None
    assert last.by_gateway


async def test_a_first_look_does_not_undo_what_control_experiments_showed(
    clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway shows itself on another port, so that a box cuts this one; each new attempt alone could not tell."""
    ours = Gateway.make()
    async with ours.listening(), listening(resetting, 3600) as cut:
        monkeypatch.setattr(probes, "OTHER_PORT", ours.port)
        site = Site.make(ours, tmp_path, Desk(), cut)
        async with site.running():
            await site.until("ended", 5)

    verdicts = [each.verdict for each in site.news]
    assert Verdict.BLOCKED_BY_RESET.value in verdicts
    after = verdicts[verdicts.index(Verdict.BLOCKED_BY_RESET.value) :]
    assert set(after) == {Verdict.BLOCKED_BY_RESET.value}
    opinion = site.keep.opinion()
    assert opinion is not None
    assert (opinion.found, opinion.glimpsed) == (Verdict.BLOCKED_BY_RESET.value, Verdict.NOT_REACHED.value)


def test_a_restarted_agent_shows_only_what_a_gateway_signed(tmp_path: Path) -> None:
    """A kept verdict with other words than the signed ones is gone at the next start, and the log says why."""
    gateway, key = Gateway.make(), ReportKey.generate()
    keep, watch = Keep(tmp_path), Watch(tmp_path / "status.json", now=lambda: NOW_MS)
    keep.think(proven(KEPT, key))
    whole = Reporter(make_keeper(gateway), keep, now=lambda: NOW_MS, observer=watch, draw=lambda: 0.5)
    assert whole.opinion is not None
    assert whole.status(connected=False)["path_said_by"] == "gateway"

    keep.think(proven(attrs.evolve(KEPT, blame="The provider did it."), key, signs=KEPT))
    with structlog.testing.capture_logs() as log:
        changed = Reporter(make_keeper(gateway), keep, now=lambda: NOW_MS, observer=watch, draw=lambda: 0.5)

    assert changed.opinion is None
    assert changed.status(connected=False) == {}
    (line,) = log
    assert (line["event"], line["log_level"]) == ("kept verdict dropped", "warning")
    assert line["reason"] == "the gateway signed another verdict"


async def test_the_same_finding_is_no_loop(clock: MockClock, tmp_path: Path) -> None:
    """Attempts go on; the box hears of it at most every ten minutes, ever more rarely."""
    desk = Desk()
    async with Gateway.make().listening() as ours, box_of(desk).listening() as box:
        site = Site.make(ours, tmp_path, desk, box.address)
        async with site.running():
            await trio.sleep(25 * MINUTE_S)
        attempts = len(site.rig.recorder.of("ended"))
    assert attempts > 10
    assert len(desk.opened) == 2
    assert len(site.news) == 2
    opinion = site.keep.opinion()
    assert opinion is not None
    assert opinion.by_gateway
    assert opinion.last_ms - opinion.since_ms > 20 * MINUTE_S * 1000
    counters = [each.counter for each in desk.opened]
    assert counters == sorted(set(counters))


async def test_a_gateway_that_restarts_is_no_news(clock: MockClock, tmp_path: Path) -> None:
    """Two attempts that merely reach nobody say nothing to anybody; a third is looked into."""
    desk = Desk()
    ours = Gateway.make()
    async with ours.listening():
        port = ours.port
    site = Site.make(ours, tmp_path, desk, f"127.0.0.1:{port}")
    async with site.running():
        await site.until("ended", 2)
        assert site.rig.recorder.of("news") == []
        await site.until("news")
        assert len(site.rig.recorder.of("ended")) <= 3
        async with ours.listening(port):
            await site.until("welcomed")
            await site.until("news", 2)

    assert [(each.verdict, each.over_ms is None) for each in site.news] == [
        ("not-reached", True),
        ("not-reached", False),
    ]


async def test_what_found_no_way_is_said_later(clock: MockClock, tmp_path: Path) -> None:
    """Kept on the disk before it is said, and said when a session has opened, on a connection of its own; then it is gone."""
    desk = Desk()
    ours = Gateway.make()
    async with ours.listening():
        port = ours.port

    async def said(peer: Peer, message: Message) -> None:
        if isinstance(message, PathReport):
            answer = desk.answer(message.sealed)
            await peer.dismiss(answer if isinstance(answer, Rejected) else PathVerdict(sealed=answer))
        else:
            await ours.acknowledge(peer, message)

    ours.on_message = said
    site = Site.make(ours, tmp_path, desk, f"127.0.0.1:{port}")
    async with site.running():
        await site.until("news")
        await site.settled(lambda: site.keep.waiting)
        assert desk.opened == []
        desk.refusal = rejected(Code.REPORT_BUDGET)
        async with ours.listening(port):
            await site.until("reported")
            assert site.keep.waiting == 1
            desk.refusal = None
            assert await site.until("reported", 2) == (1, (), 0)

    (report,) = desk.opened
    assert report.side.tcp_error == "ECONNREFUSED"
    assert report.side.carried is False
    opinion = site.keep.opinion()
    assert opinion is not None
    assert opinion.by_gateway
    assert opinion.over_ms is not None


@pytest.mark.parametrize(
    ("code", "in_clear"),
    [(Code.REPORT_SIGNER_UNKNOWN, False), (Code.CODE_USED, False), (Code.REPORT_UNREADABLE, True)],
)
async def test_what_will_never_be_any_good_is_not_kept(
    clock: MockClock, tmp_path: Path, code: Code, in_clear: bool
) -> None:
    """The gateway's own word over a good path: the report goes, and the log says why."""
    desk = Desk()
    ours = Gateway.make()
    async with ours.listening():
        port = ours.port
    if in_clear:
        desk.refusal = rejected(code)
    else:
        desk.answers = lambda desk, opened: desk.sealed_answer(opened, code)

    async def said(peer: Peer, message: Message) -> None:
        if isinstance(message, PathReport):
            answer = desk.answer(message.sealed)
            await peer.dismiss(answer if isinstance(answer, Rejected) else PathVerdict(sealed=answer))

    ours.on_message = said
    site = Site.make(ours, tmp_path, desk, f"127.0.0.1:{port}")
    async with site.running():
        await site.until("news")
        await site.settled(lambda: site.keep.waiting)
        async with ours.listening(port):
            assert await site.until("reported") == (0, (f"FG-{int(code)}",), 0)


async def test_an_older_gateway_is_not_asked_twice_in_a_session(clock: MockClock, tmp_path: Path) -> None:
    """One that knows no reports refuses the message: kept for another day."""
    desk = Desk(refusal=rejected(Code.UNKNOWN_MESSAGE_TYPE))
    ours = Gateway.make()
    async with ours.listening():
        port = ours.port

    async def said(peer: Peer, message: Message) -> None:
        if isinstance(message, PathReport):
            answer = desk.answer(message.sealed)
            assert isinstance(answer, Rejected)
            await peer.dismiss(answer)

    ours.on_message = said
    site = Site.make(ours, tmp_path, desk, f"127.0.0.1:{port}")
    async with site.running():
        await site.until("news")
        await site.settled(lambda: site.keep.waiting)
        async with ours.listening(port):
            assert await site.until("reported") == (0, (), 1)
            await trio.sleep(30 * MINUTE_S)
    assert len(desk.sealed) == 1


async def test_a_black_hole_delays_no_attempt(clock: MockClock, tmp_path: Path) -> None:
    """Looking and delivering take their time, and the attempts theirs: each begins when the back-off said."""
    desk = Desk()
    async with listening(silent, 3600) as hole:
        waits: list[tuple[float, float]] = []
        site = Site.make(Gateway.make(), tmp_path, desk, hole)
        note = site.rig.recorder.ended

        def ended(ending: Ending, wait_s: float) -> None:
            waits.append((trio.current_time(), wait_s))
            note(ending, wait_s)

        site.rig.recorder.ended = ended  # type: ignore[method-assign]  # to be told of it
        with trio.move_on_after(5 * MINUTE_S):
            async with site.running():
                await trio.sleep_forever()
    for (before, wait_s), (after, _) in itertools.pairwise(waits):
        assert after - before - wait_s == pytest.approx(15, abs=1)  # an attempt on a black hole: DIAL_S
    assert len(waits) >= 5
    assert site.keep.waiting == 1
    opinion = site.keep.opinion()
    assert opinion is not None
    assert opinion.verdict == Verdict.NOT_REACHED.value


async def test_a_good_gateway_brings_what_another_address_showed(clock: MockClock, tmp_path: Path) -> None:
    """The first address leads to a box that carries nothing, the second to the gateway: a session, and a report all the same."""
    desk = Desk()
    ours, box = Gateway.make(), Gateway.make()

    async def said(peer: Peer, message: Message) -> None:
        if isinstance(message, PathReport):
            answer = desk.answer(message.sealed)
            assert isinstance(answer, bytes)
            await peer.dismiss(PathVerdict(sealed=answer))

    async def swallowed(peer: Peer, message: Message) -> None:
        assert isinstance(message, PathReport)

    ours.on_message, box.on_message = said, swallowed
    async with ours.listening(), box.listening():
        site = Site.make(ours, tmp_path, desk, box.address, ours.address)
        async with site.running():
            assert await site.until("welcomed") == ours.address
            await desk.until(1)
            await site.settled(lambda: not site.keep.waiting)
    (report,) = desk.opened
    assert report.side.dialed == box.address
    assert (report.side.carried, report.side.answered) == (False, False)
    assert {probe.name for probe in report.side.probes} >= {"http"}


async def test_a_path_that_is_good_and_answers_nothing(clock: MockClock, tmp_path: Path) -> None:
    """TLS comes up, all is right, and our Hello is swallowed: the third time it is a finding."""
    desk = Desk()
    ours = Gateway.make()
    ours.mute = True
    async with ours.listening():
        site = Site.make(ours, tmp_path, desk)
        async with site.running():
            await site.until("news")
            await site.settled(lambda: site.keep.waiting)
    (kept,) = site.keep.kept()
    side = open_report(kept.sealed, [desk.key]).side
    assert site.news[0].code == Code.HELLO_TIMEOUT
    assert (side.answered, side.last_io, side.handshake_complete) == (False, LastIo.ANSWER_TIMEOUT, True)
    assert side.exporter is not None
    assert side.trusted_by_pins is True


async def test_sessions_that_are_cut_alike_are_a_finding(clock: MockClock, tmp_path: Path) -> None:
    """Five minutes each, without a goodbye: said over the next good path. A session that outlives them ends it."""
    desk = Desk()
    ours = Gateway.make()

    async def said(peer: Peer, message: Message) -> None:
        if isinstance(message, PathReport):
            answer = desk.answer(message.sealed)
            assert isinstance(answer, bytes)
            await peer.dismiss(PathVerdict(sealed=answer))
        else:
            await ours.acknowledge(peer, message)

    ours.on_message = said
    async with ours.listening():
        site = Site.make(ours, tmp_path, desk)
        async with site.running():
            for n in range(12):
                peer = await ours.peer(n)
                if desk.opened:
                    break
                await trio.sleep(300)
                peer.stream.abort()
                await site.until("ended", n + 1)
            assert 3 <= n < 12
            assert len(site.keep.cuts()) == n
            (report,) = desk.opened
            await site.settled(lambda: site.reporter.opinion and site.reporter.opinion.by_gateway)
            assert site.reporter.opinion is not None
            assert site.reporter.opinion.over_ms is None
            await trio.sleep(1000)
            await peer.say(Goodbye(code=Code.GOODBYE, message="done"))
            await site.until("news", 3)
    assert report.side.authenticated is True
    assert {round(cut.lasted_s) for cut in report.side.sessions} == {300}
    assert 3 <= len(report.side.sessions) <= n
    assert [each.verdict for each in site.news] == ["session-cut"] * 3
    assert site.news[-1].over_ms is not None


async def test_a_refusal_of_the_gateways_is_no_matter_of_the_path(clock: MockClock, tmp_path: Path) -> None:
    """Rejected over a good path: the gateway knows it better."""
    desk = Desk()
    ours = Gateway.make()
    ours.welcome = lambda _: rejected(Code.AGENT_UNKNOWN)
    async with ours.listening():
        site = Site.make(ours, tmp_path, desk)
        async with site.running():
            await trio.sleep(10 * MINUTE_S)
    assert site.news == []
    assert not site.keep.folder.exists()


async def test_an_agent_that_was_never_told_a_key_judges_alone(clock: MockClock, tmp_path: Path) -> None:
    """Enrolled before there were reports: the verdict is shown, nothing is said, nothing kept."""
    desk = Desk()
    async with box_of(desk).listening() as box:
        site = Site.make(Gateway.make(), tmp_path, desk, box.address)
        site.rig.keeper.identity = attrs.evolve(site.rig.keeper.identity, report_keys=())
        async with site.running():
            await site.until("news")
            await trio.sleep(MINUTE_S)
        assert [message for peer in box.peers for message in peer.heard] == []
    assert site.keep.waiting == 0
    assert site.news[0].verdict == Verdict.INSPECTED_UNTRUSTED.value


@pytest.mark.skipif(sys.platform == "win32", reason="modes say nothing there")
async def test_a_folder_that_cannot_be_written_says_nothing(clock: MockClock, tmp_path: Path) -> None:
    """No number, no report; trouble, and the attempts go on."""
    desk = Desk()
    (tmp_path / "reports").write_text("no folder")
    async with box_of(desk).listening() as box:
        site = Site.make(Gateway.make(), tmp_path, desk, box.address)
        async with site.running():
            code, _ = await site.until("trouble")
            await site.until("ended", 3)
    assert code is Code.AGENT_STATE_UNUSABLE
    assert desk.sealed == []


async def test_a_fault_of_the_judgement_ends_no_agent(
    clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is judged comes from strangers: trouble, and the attempts go on."""

    def judge(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("agent.inspection.teller.judge", judge)
    async with box_of(Desk()).listening() as box:
        site = Site.make(Gateway.make(), tmp_path, Desk(), box.address)
        async with site.running():
            assert await site.until("trouble") == (
                Code.INTERNAL_ERROR,
                "no path report: ZeroDivisionError: a bug",
            )
            await site.until("ended", 3)


async def test_a_simulated_agent_keeps_nothing(clock: MockClock, tmp_path: Path) -> None:
    """Without a reporter an agent does as before: it says goodbye to the stranger, and not a byte more."""
    async with box_of(Desk()).listening() as box:
        rig = Rig.make(Gateway.make(), tmp_path, gateways=(box.address,))
        assert type(rig.keeper) is Keeper
        assert rig.facilities.reporter is None
        async with rig.running():
            await rig.recorder.until("ended", 2)
        assert [message for peer in box.peers for message in peer.heard] == []
    assert not (tmp_path / "reports").exists()


# -- what a person sees ----------------------------------------------------------------------------------------


def shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, dict[str, Any]]:
    """`fieldgate-agent status`, as text and as JSON."""
    status(state=folder)
    text = capsys.readouterr().out
    status(state=folder, json_=True)
    return text, json.loads(capsys.readouterr().out)


async def test_the_status_says_who_is_to_blame_and_who_says_so(
    clock: MockClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The blame, how sure, whose word, since when; then that the path is direct, and what it was."""
    desk = Desk()
    ours = Gateway.make()
    async with ours.listening(), box_of(desk).listening() as box:
        site = Site.make(ours, tmp_path, desk, box.address)
        enrollment_key(tmp_path)
        StateFolder.create(tmp_path, site.rig.keeper.identity, site.rig.keeper.credential)
        watch = Watch(tmp_path / "status.json", now_ms)
        watch.attach(site.rig.facilities)
        site.reporter._observer = site.rig.facilities.observer = watch
        with structlog.testing.capture_logs() as log:
            async with site.running():
                await desk.until(1)
                await trio.sleep(1)
                text, fields = shown(tmp_path, capsys)
                site.rig.keeper.identity = attrs.evolve(site.rig.keeper.identity, gateways=(ours.address,))
                await ours.peer()
                await trio.sleep(1)
                mended, mended_fields = shown(tmp_path, capsys)

    opinion = site.reporter.opinion
    assert opinion is not None
    assert fields["path_verdict"] == "inspected-untrusted"
    assert (fields["path_said_by"], fields["path_code"]) == ("gateway", "FG-3009")
    assert fields["path_blame"] == opinion.blame
    assert fields["path_confidence"] == round(opinion.confidence, 2)
    assert f"path blame             {opinion.blame}" in text
    assert "the gateway, from both ends, signed" in text
    assert (mended_fields["path_verdict"], mended_fields["path_said_by"]) == ("direct", "session")
    assert mended_fields["path_was"].startswith("inspected-untrusted: ")
    assert "path was until" in mended
    lines = [line for line in log if line["event"] == "path verdict"]
    assert [(line["code"], line["said_by"]) for line in lines] == [
        ("FG-3009", "agent"),
        ("FG-3009", "gateway"),
    ]
    assert [line["event"] for line in log].count("path is good again") == 1


async def test_a_report_can_be_mailed(
    clock: MockClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Armoured, between words that say what it is and what to do with it; only the provider opens it."""
    desk = Desk()
    folder = tmp_path / "agent"
    folder.mkdir()
    assert main(["report", "--state", str(folder)]) == 1
    assert "no report waits here" in capsys.readouterr().err
    async with listening(silent, 3600) as hole:
        site = Site.make(Gateway.make(), folder, desk, hole)
        async with site.running():
            await site.settled(lambda: site.keep.waiting)
    (kept,) = site.keep.kept()
    letter = tmp_path / "letter.txt"

    assert main(["report", str(letter), "--state", str(folder)]) == 0
    assert "fieldgate inspection import" in capsys.readouterr().out
    assert main(["report", "--state", str(folder)]) == 0
    assert capsys.readouterr().out == letter.read_text()
    assert unarmour(letter.read_text()) == kept.sealed
    assert hole in letter.read_text()
    assert main(["report", str(tmp_path / "no" / "such"), "--state", str(folder)]) == 2
    assert open_report(kept.sealed, [desk.key]).is_by_its_certificate()


def test_a_welcome_is_all_that_a_good_path_costs(tmp_path: Path) -> None:
    """No file, no task, and no module of the judgement: an agent whose paths are good never loads it."""
    import subprocess

    program = (
        "import sys, agent.commands, agent.service, agent.client\n"
        "sys.exit(any(name.startswith(('certs.inspection', 'agent.inspection.report')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
