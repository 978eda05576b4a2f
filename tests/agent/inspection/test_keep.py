"""What is kept of paths that failed: private, bounded, and never a number twice, whatever the clock, the disk or a kill does."""

import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from agent.inspection.keep import (
    LONGEST_QUIET_MS,
    MOST_KEPT,
    MOST_OPINIONS,
    MOST_SESSIONS,
    QUIET_MS,
    Cut,
    Keep,
    Kept,
    Opinion,
)
from agent.state import StateError
from certs import ReportKey
from tests.agent.inspection.desk import proven
from tests.helpers.gateway import NOW_MS

YEAR_MS = 365 * 24 * 3600 * 1000
MINUTE_MS = 60_000


def kept(counter: int) -> Kept:
    return Kept(
        counter=counter, at_ms=NOW_MS, sealed=bytes(100), answer_key=bytes(32), public=bytes(64), verdict="tcp-blocked",
        address="gw:1",
    )  # fmt: skip


KEY = ReportKey.generate()

OPINION = proven(
    Opinion(
        code=3009, verdict="inspected-untrusted", found="inspected-untrusted", confidence=1, blame="b", reason="r",
        address="gw:1", since_ms=NOW_MS, last_ms=NOW_MS,
    ),
    KEY,
)  # fmt: skip


def test_the_counter_follows_the_clock_and_never_goes_back(tmp_path: Path) -> None:
    """A clock that was a year ahead and was put right, and one that was a year behind: larger each time."""
    keep = Keep(tmp_path)
    moments = [NOW_MS, NOW_MS, NOW_MS + YEAR_MS, NOW_MS, NOW_MS - YEAR_MS, NOW_MS + 2 * YEAR_MS, -5]
    numbers = [keep.next_counter(at) for at in moments]
    assert numbers == [
        NOW_MS,
        NOW_MS + 1,
        NOW_MS + YEAR_MS,
        NOW_MS + YEAR_MS + 1,
        NOW_MS + YEAR_MS + 2,
        NOW_MS + 2 * YEAR_MS,
        NOW_MS + 2 * YEAR_MS + 1,
    ]
    assert Keep(tmp_path).next_counter(0) == numbers[-1] + 1


def test_a_kill_between_number_and_report_uses_the_number_up(tmp_path: Path) -> None:
    """It is on the disk before anybody can seal with it: killed right after, the next process begins behind it."""
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom agent.inspection.keep import Keep\n"
        f"Keep(Path(sys.argv[1])).next_counter({NOW_MS})\nos.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=60)
    assert killed.returncode == -9
    assert Keep(tmp_path).next_counter(NOW_MS) == NOW_MS + 1


def test_a_number_that_cannot_be_stored_is_not_given(tmp_path: Path) -> None:
    """A file in the folder's place: an error, and no number; so is the end of all numbers."""
    (tmp_path / "reports").write_text("")
    with pytest.raises(StateError, match="cannot write"):
        Keep(tmp_path).next_counter(NOW_MS)
    with pytest.raises(StateError, match="last number"):
        Keep(tmp_path / "other").next_counter(2**63)


def test_the_newest_twenty_are_kept(tmp_path: Path) -> None:
    """Oldest first, none of them readable by others; what a gateway has goes."""
    keep = Keep(tmp_path)
    for counter in range(1, MOST_KEPT + 6):
        keep.add(kept(counter))
    assert [each.counter for each in keep.kept()] == list(range(6, MOST_KEPT + 6))
    assert keep.waiting == MOST_KEPT
    keep.remove(6)
    keep.remove(6)
    assert keep.kept()[0] == kept(7)


@pytest.mark.skipif(sys.platform == "win32", reason="modes say nothing there")
def test_everything_is_private(tmp_path: Path) -> None:
    """The folder and each file in it, whatever the umask was."""
    keep = Keep(tmp_path)
    keep.next_counter(NOW_MS)
    keep.add(kept(1))
    keep.think(OPINION)
    keep.say("x", NOW_MS)
    keep.cut(Cut(at_ms=1, lasted_s=1, idle_s=1, close_notify=False))
    assert keep.folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in keep.folder.iterdir()}
    assert len(modes) == 5
    assert set(modes.values()) == {0o600}


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    """Bytes, numbers and words, in a new process as well."""
    keep = Keep(tmp_path)
    assert keep.opinion() is None
    keep.think(OPINION)
    keep.add(kept(3))
    assert Keep(tmp_path).opinion() == OPINION
    assert Keep(tmp_path).kept() == [kept(3)]


def test_each_gateways_verdict_stays_while_others_are_tried(tmp_path: Path) -> None:
    """The newest few, each the last about its gateway; when a session has opened somewhere, all are over."""
    keep = Keep(tmp_path)
    elsewhere = [attrs.evolve(OPINION, address=f"gw-{n}:6180") for n in range(MOST_OPINIONS)]
    keep.think(attrs.evolve(OPINION, code=3011))
    keep.think(OPINION)
    for opinion in elsewhere[:-1]:
        keep.think(opinion)
    assert keep.opinion() == elsewhere[-2]
    assert keep.opinion_of(OPINION.address) == OPINION
    keep.think(elsewhere[-1])
    assert keep.opinion_of(OPINION.address) is None
    assert Keep(tmp_path).opinion_of(elsewhere[0].address) == elsewhere[0]

    over = attrs.evolve(elsewhere[1], over_ms=NOW_MS)
    keep.think(over)
    assert [keep.opinion_of(each.address) for each in elsewhere[:2]] == [None, over]


def test_a_verdict_of_another_gateways_counts_as_little_when_unproven(tmp_path: Path) -> None:
    """It need not be the last one for its signature to be looked at."""
    keep = Keep(tmp_path)
    keep.think(attrs.evolve(OPINION, blame="Nobody."))
    keep.think(attrs.evolve(OPINION, address="gw-2:6180"))
    assert keep.opinion_of(OPINION.address) is None


@pytest.mark.parametrize(
    ("kept_one", "why"),
    [
        (attrs.evolve(OPINION, blame="Nobody."), "the gateway signed another verdict"),
        (attrs.evolve(OPINION, verdict="direct"), "the gateway signed another verdict"),
        (attrs.evolve(OPINION, confidence=0.5), "the gateway signed another verdict"),
        (attrs.evolve(OPINION, reason="?"), "the gateway signed another verdict"),
        (
            attrs.evolve(OPINION, public=ReportKey.generate().public.raw),
            "not signed by the gateway's report key",
        ),
        (attrs.evolve(OPINION, signed=OPINION.signed[:-1] + b"?"), "not signed by the gateway's report key"),
        (attrs.evolve(OPINION, signed=b"\0\xff"), "cut short"),
        (attrs.evolve(OPINION, public=b""), "64 needed"),
    ],
)
def test_a_verdict_that_no_gateway_signed_is_dropped(kept_one: Opinion, why: str, tmp_path: Path) -> None:
    """Whatever is written into the file: the words that are shown as a gateway's are the ones that it signed."""
    keep = Keep(tmp_path)
    keep.think(kept_one)
    assert keep.opinion() is None
    assert why in keep.drop_unproven()
    assert not (keep.folder / "opinion.json").exists()
    assert keep.drop_unproven() == ""


def test_a_verdict_that_is_proven_or_the_agents_own_stays(tmp_path: Path) -> None:
    """Also when the attempts after it have moved its times, and when it is over."""
    keep = Keep(tmp_path)
    assert keep.drop_unproven() == ""
    own = attrs.evolve(OPINION, signed=b"", public=b"")
    for opinion in (attrs.evolve(OPINION, last_ms=NOW_MS + 1, over_ms=NOW_MS + 2, code=3011), own):
        keep.think(opinion)
        assert keep.drop_unproven() == ""
        assert keep.opinion() == opinion


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"code": "x"}', b'{"last": true, "cuts": [1], "said": 3}'],
)
def test_what_is_damaged_counts_as_absent(damage: bytes, tmp_path: Path) -> None:
    """A disk that gives back other bytes stops nothing; a report that can't be read is removed."""
    keep = Keep(tmp_path)
    keep.add(kept(1))
    for name in ("counter.json", "opinion.json", "said.json", "sessions.json", f"{1:019d}.report.json"):
        (keep.folder / name).write_bytes(damage)
    assert keep.opinion() is None
    assert keep.kept() == []
    assert keep.waiting == 0
    assert keep.cuts() == []
    assert keep.may_say("x", NOW_MS)
    keep.say("x", NOW_MS)
    assert keep.next_counter(NOW_MS) == NOW_MS


@pytest.mark.parametrize("name", [each.name for each in attrs.fields(Opinion)])
@pytest.mark.parametrize("value", [None, True, [], {}, "?"])
def test_a_field_of_another_kind_is_damage(name: str, value: object, tmp_path: Path) -> None:
    """Whatever comes back is what its class declares."""
    import json

    keep = Keep(tmp_path)
    keep.think(OPINION)
    path = keep.folder / "opinion.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {name: value}))
    found = keep.opinion()
    if found is not None:
        attribute = attrs.fields_dict(Opinion)[name]
        assert attribute.type is not None
        assert isinstance(getattr(found, name), attribute.type)


def test_the_same_finding_is_said_ever_more_rarely(tmp_path: Path) -> None:
    """After 10 minutes, 20, 40, … at most 4 hours; another one at once; a mended path begins anew, 10 minutes apart all the same."""
    keep, at = Keep(tmp_path), NOW_MS
    said = []
    while at < NOW_MS + 24 * 60 * MINUTE_MS:
        if keep.may_say("inspected x gw:1", at):
            keep.say("inspected x gw:1", at)
            said.append((at - NOW_MS) // MINUTE_MS)
        at += MINUTE_MS
    assert said == [0, 10, 30, 70, 150, 310, 550, 790, 1030, 1270]
    assert keep.may_say("inspected y gw:1", at)
    last = NOW_MS + said[-1] * MINUTE_MS
    assert not keep.may_say("inspected x gw:1", last + LONGEST_QUIET_MS - 1)
    keep.unsay("other:1")
    assert not keep.may_say("inspected x gw:1", last + QUIET_MS)
    keep.unsay("gw:1")
    assert not keep.may_say("inspected x gw:1", last + QUIET_MS - 1)
    assert keep.may_say("inspected x gw:1", last + QUIET_MS)


def test_a_clock_that_was_ahead_silences_nobody(tmp_path: Path) -> None:
    """What was said by a clock of next year was said at an unknown time."""
    keep = Keep(tmp_path)
    keep.say("x", NOW_MS + YEAR_MS)
    assert keep.may_say("x", NOW_MS)


def test_findings_are_forgotten_oldest_first(tmp_path: Path) -> None:
    """A path that shows another box at every attempt fills no disk."""
    keep = Keep(tmp_path)
    for n in range(200):
        keep.say(f"f{n}", NOW_MS)
    assert keep.may_say("f0", NOW_MS)
    assert not keep.may_say("f199", NOW_MS)
    assert (keep.folder / "said.json").stat().st_size < 5000


def test_the_last_twenty_cuts(tmp_path: Path) -> None:
    """Oldest first."""
    keep = Keep(tmp_path)
    for n in range(MOST_SESSIONS + 5):
        keep.cut(Cut(at_ms=n, lasted_s=60.5, idle_s=0, close_notify=True))
    assert [cut.at_ms for cut in keep.cuts()] == list(range(5, MOST_SESSIONS + 5))
    assert keep.cuts()[0].lasted_s == 60.5
