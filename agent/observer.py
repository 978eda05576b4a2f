"""Who watches an agent: its log, its status file, a simulator's counters.

One method for each thing worth knowing; here none does anything, so that a watcher names only what it wants.
"""

from collections.abc import Sequence

import attrs

from agent.inspection.keep import Opinion
from agent.marks import Ruling
from agent.stored import Stored
from protocol import Action, Code, Mark, Welcome


def known(code: int) -> Code | int:
    """A code as we know it; a newer gateway may use one that we do not."""
    try:
        return Code(code)
    except ValueError:
        return code


def code_text(code: Code | int) -> str:
    """`FG-2107`, also of a code that we do not know."""
    return f"FG-{int(code)}"


@attrs.frozen(kw_only=True)
class Ending:
    """How a session, or the attempt at one, ended, and what follows."""

    code: Code | int
    message: str
    action: Action = Action.RETRY
    retry_after_s: float = 0.0
    slot_s: float | None = None
    """Set when the gateway drained: when to come back."""
    lasted_s: float = 0.0
    """How long the session was open; 0 if it was not."""
    renewed: bool = False
    """We ended it ourselves, to prove a new certificate at once."""
    reached: bool = True
    """Whether a gateway of ours could be spoken with; if not, `code` says why, and nothing was said."""
    address: str = ""
    """Which one was dialed, if it could not."""
    idle_s: float | None = None
    """Set when an open session ended that nobody had ended: how long nothing had come or gone."""
    closed: bool = False
    """That one ended with a goodbye in TLS, though with no word."""

    @property
    def in_order(self) -> bool:
        """Whether nothing went wrong: it was renewed, drained, or a plain goodbye."""
        return self.renewed or self.slot_s is not None or self.code == Code.GOODBYE


class Observer:
    """Watches and does nothing."""

    def welcomed(self, welcome: Welcome, address: str) -> None:
        """A session is open."""

    def sent(self, batch: Stored) -> None:
        """A batch went out."""

    def durable(self, mark: Mark) -> None:
        """The gateway has it on disk."""

    def released(self, mark: Mark, ruling: Ruling) -> None:
        """The gateway has it in the store, or so it says."""

    def trouble(self, code: Code | int, message: str) -> None:
        """Something needs a person, and the agent goes on."""

    def mended(self, code: Code | int, message: str) -> None:
        """What the `trouble` with that code was about is over."""

    def judged(self, opinion: Opinion, *, is_news: bool) -> None:
        """Something is thought of a path on which no session opens; *is_news*: and that was not known before."""

    def unproven(self, why: str) -> None:
        """A gateway's verdict that was kept is not what it signed, and counts no longer."""

    def reported(self, said: int, refused: Sequence[str], waiting: int) -> None:
        """Reports that were kept have been said, or refused (with the FG code of each); so many wait still."""

    def ended(self, ending: Ending, wait_s: float) -> None:
        """A session, or the attempt at one, is over; the next attempt is due in *wait_s*. Called once for each attempt."""
