"""What an agent keeps of paths that failed: `reports/` in its state folder, private to its user, bounded, each file whole or absent.

    counter.json        the last report's number: written before that report is sealed, so that none has it twice
    opinion.json        what is thought of the path, and whose word that is; beside it, of the ways to other gateways
    said.json           which finding was reported when, and how often
    sessions.json       how the last sessions ended that nobody had ended
    NUMBER.report.json  what no gateway has heard yet, oldest first; the newest 20

A file that is damaged counts as one that is not there: nothing here is worth stopping for. So does a gateway's verdict that its
signature does not prove.
"""

import base64
import json
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from agent.state import StateError
from certs import REPORT_PUBLIC_SIZE, ReportPublic, make_private_folder, write_private

__all__ = ["MOST_KEPT", "MOST_OPINIONS", "MOST_SESSIONS", "Cut", "Keep", "Kept", "Opinion"]

MOST_KEPT: Final = 20
MOST_SESSIONS: Final = 20
_MOST_SAID: Final = 50

# Of the ways to so many gateways; a signed answer may have 60 kB.
MOST_OPINIONS: Final = 8

# One report for each finding in so much time, twice as much each time that the finding is the same still.
QUIET_MS: Final = 10 * 60 * 1000
LONGEST_QUIET_MS: Final = 4 * 3600 * 1000

_COUNTER_LIMIT: Final = 2**63 - 1

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Cut:
    """How an authenticated session ended that neither side had decided to end."""

    at_ms: int
    lasted_s: float
    idle_s: float
    """How long nothing had come or gone."""
    close_notify: bool


@attrs.frozen(kw_only=True)
class Opinion:
    """What is thought of the path, for people.

    Attributes:
        code: of the attempt, an FG code.
        verdict: of `certs.inspection.Verdict`.
        found: the verdict that this agent came to by itself; `glimpsed`: before its control experiments.
        blame: one line.
        address: which gateway was dialed.
        since_ms: since when no session opens there; `last_ms`: when that was tried last.
        over_ms: when a session opened there again; None while it lasts.
        signed: of a gateway's own word, with its proof (`SignedAnswer`); empty if the agent alone says it.
        public: the report key that proves it.
    """

    code: int
    verdict: str
    found: str
    confidence: float
    blame: str
    reason: str
    address: str
    since_ms: int
    last_ms: int
    over_ms: int | None = None
    glimpsed: str = ""
    signed: bytes = attrs.field(default=b"", repr=False)
    public: bytes = attrs.field(default=b"", repr=False)

    @property
    def by_gateway(self) -> bool:
        """Whether a gateway said it, and signed."""
        return bool(self.signed)

    @property
    def is_of_sessions(self) -> bool:
        """Whether it is about sessions that end, and not about a path on which none opens."""
        return self.verdict == "session-cut"

    def says_the_same(self, other: "Opinion") -> bool:
        """Whether a person who has read the one needs not read the other."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("verdict", "blame", "address", "over_ms", "by_gateway")
        )


@attrs.frozen(kw_only=True)
class Kept:
    """A report that no gateway is known to have, as it was sealed."""

    counter: int
    at_ms: int
    sealed: bytes = attrs.field(repr=False)
    answer_key: bytes = attrs.field(repr=False)
    public: bytes = attrs.field(repr=False)
    verdict: str
    address: str


class Keep:
    """The folder. Every method that writes raises StateError if it can't."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "reports"

    # -- the counter -------------------------------------------------------------------------------------------

    def next_counter(self, now_ms: int) -> int:
        """A number that no report had, and no report will have: it is on the disk.

        Raises:
            StateError: it can't be written, so that nothing may be sealed; or the numbers are used up.
        """
        last = _whole_number(self._read("counter.json").get("last"))
        counter = max(last + 1, now_ms, 1)
        if counter > _COUNTER_LIMIT:
            raise StateError(f"{self.folder / 'counter.json'} has the last number that there is: remove it")
        self._write("counter.json", {"last": counter})
        return counter

    # -- what could not be said --------------------------------------------------------------------------------

    def add(self, report: Kept) -> None:
        """Keep it, before it is said anywhere; the oldest beyond `MOST_KEPT` go."""
        self._write(_name(report.counter), _packed(report))
        for path in self._paths()[:-MOST_KEPT]:
            self._remove(path)

    def kept(self) -> list[Kept]:
        """All that there are, oldest first; what is damaged goes."""
        found = []
        for path in self._paths():
            report = _unpacked(Kept, self._read(path.name))
            if report is not None and len(report.public) == REPORT_PUBLIC_SIZE:
                found.append(report)
            else:
                self._remove(path)
        return found

    @property
    def waiting(self) -> int:
        """How many there are."""
        return len(self._paths())

    def remove(self, counter: int) -> None:
        """A gateway has it, or it will never be any good."""
        self._remove(self.folder / _name(counter))

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.report.json"))

    # -- what is thought ---------------------------------------------------------------------------------------

    def opinion(self) -> Opinion | None:
        """The last one; none if it is said to be a gateway's, and that gateway's signature does not prove it."""
        opinion = _unpacked(Opinion, self._read("opinion.json"))
        return None if opinion is not None and _unproven(opinion) else opinion

    def opinion_of(self, address: str) -> Opinion | None:
        """The last one about the way to that gateway, likewise; the last of all may be about another."""
        found = (each for each in self._opinions() if each.address == address)
        opinion = next(found, None)
        return None if opinion is not None and _unproven(opinion) else opinion

    def drop_unproven(self) -> str:
        """Remove what `opinion` does not believe; why, or "" where there is no such thing.

        Raises:
            StateError: it can't be removed.
        """
        opinion = _unpacked(Opinion, self._read("opinion.json"))
        why = "" if opinion is None else _unproven(opinion)
        if why:
            self._remove(self.folder / "opinion.json")
        return why

    def think(self, opinion: Opinion) -> None:
        """Keep it. One that is over ends those about other gateways, too: a session has opened."""
        others = [each for each in self._opinions() if each.address != opinion.address][: MOST_OPINIONS - 1]
        kept = [] if opinion.over_ms is not None else [_packed(each) for each in others]
        self._write("opinion.json", _packed(opinion) | {"others": kept})

    def _opinions(self) -> list[Opinion]:
        """The last one, and before it the last ones about other gateways, the newest first."""
        last = self._read("opinion.json")
        others = last.get("others")
        found = (_unpacked(Opinion, each) for each in (last, *(others if isinstance(others, list) else ())))
        return [each for each in found if each is not None]

    # -- how often it is said ----------------------------------------------------------------------------------

    def may_say(self, finding: str, now_ms: int) -> bool:
        """Whether it is time to report *finding* (or again)."""
        last_ms, times = _said(self._read("said.json").get(finding))
        quiet_ms = min(QUIET_MS * 2 ** min(times - 1, 10), LONGEST_QUIET_MS) if times else 0
        # A last time that is still to come is one by a clock that was wrong.
        return not last_ms <= now_ms < last_ms + quiet_ms

    def say(self, finding: str, now_ms: int) -> None:
        """It is being reported."""
        said = self._read("said.json")
        _, times = _said(said.pop(finding, None))
        said[finding] = [now_ms, times + 1]
        self._write("said.json", dict(list(said.items())[-_MOST_SAID:]))

    def unsay(self, address: str) -> None:
        """The path to *address* is good: what is found there from now on is news. Ten minutes apart all the same."""
        said = self._read("said.json")
        mended = {
            finding: [_said(value)[0], min(_said(value)[1], 1)] if finding.endswith(f" {address}") else value
            for finding, value in said.items()
        }
        if mended != said:
            self._write("said.json", mended)

    # -- sessions ----------------------------------------------------------------------------------------------

    def cuts(self) -> list[Cut]:
        """The last ones, oldest first."""
        listed = self._read("sessions.json").get("cuts")
        found = (_unpacked(Cut, each) for each in (listed if isinstance(listed, list) else ()))
        return [each for each in found if each is not None]

    def cut(self, cut: Cut) -> list[Cut]:
        """Another one; all that are kept."""
        cuts = [*self.cuts(), cut][-MOST_SESSIONS:]
        self._write("sessions.json", {"cuts": [attrs.asdict(each) for each in cuts]})
        return cuts

    # -- files -------------------------------------------------------------------------------------------------

    def _read(self, name: str) -> dict[str, Any]:
        try:
            fields = json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError):
            return {}
        return fields if isinstance(fields, dict) else {}

    def _write(self, name: str, fields: dict[str, Any]) -> None:
        try:
            make_private_folder(self.folder)
            write_private(self.folder / name, json.dumps(fields).encode() + b"\n")
        except OSError as error:
            raise StateError(f"cannot write {self.folder / name}: {error.strerror}") from error

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"cannot remove {path}: {error.strerror}") from error


def _unproven(opinion: Opinion) -> str:
    """Why a gateway's word in it does not count; "" if it does, or if there is none."""
    if not opinion.signed:
        return ""
    from certs.inspection import SealError, SignedAnswer  # not for an agent whose paths are good

    try:
        finding = SignedAnswer.from_bytes(opinion.signed).verify(ReportPublic(opinion.public)).finding
    except (SealError, ValueError) as error:  # ValueError: no report key
        return str(error)
    said = finding and (finding.verdict.value, finding.confidence, finding.blame, finding.reason)
    if said != (opinion.verdict, opinion.confidence, opinion.blame, opinion.reason):
        return "the gateway signed another verdict"
    return ""


def _name(counter: int) -> str:
    return f"{counter:019d}.report.json"


def _whole_number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _said(value: object) -> tuple[int, int]:
    """When last, and how often."""
    if isinstance(value, list) and len(value) == 2:
        return _whole_number(value[0]), max(_whole_number(value[1]), 0)
    return 0, 0


def _packed(value: "Kept | Opinion") -> dict[str, Any]:
    fields = attrs.asdict(value)
    return {
        name: base64.b64encode(each).decode("ascii") if isinstance(each, bytes) else each
        for name, each in fields.items()
    }


def _unpacked(cls: type[T], fields: object) -> T | None:
    """One of *cls*, if that is what *fields* are."""
    if not isinstance(fields, dict):
        return None
    values = {}
    for each in attrs.fields(cls):  # type: ignore[arg-type]  # an attrs class, whichever
        value = fields.get(each.name, each.default)
        try:
            if each.type is bytes and isinstance(value, str):
                value = base64.b64decode(value, validate=True)
        except ValueError:
            return None
        if each.type is float and type(value) is int:
            value = float(value)
        if isinstance(value, bool) is not (each.type is bool) or not isinstance(value, each.type):
            return None
        values[each.name] = value
    return cls(**values)
