"""What went wrong since the agent last had a good session: so that a person who looks between two attempts still sees it.

Trouble is forgotten when a session that was opened after it has lasted, or when what it was about is known to be over.
"""

import attrs

from protocol import Code


@attrs.frozen(kw_only=True)
class Trouble:
    """One kind of trouble."""

    code: Code | int
    message: str
    """What was said the last time."""
    last_ms: int
    """When that was."""
    times: int
    """How often it came since the last good session."""
    session: int
    """How many sessions had been opened by then."""


class Troubles:
    """By code, in the order in which they were last heard of."""

    def __init__(self) -> None:
        self._by_code: dict[Code | int, Trouble] = {}
        self._sessions = 0

    @property
    def last(self) -> Trouble | None:
        """The latest; None if all is well."""
        return next(reversed(self._by_code.values()), None)

    def note(self, code: Code | int, message: str, now_ms: int) -> None:
        """It happened, perhaps again."""
        earlier = self._by_code.pop(code, None)
        times = 1 if earlier is None else earlier.times + 1
        self._by_code[code] = Trouble(
            code=code, message=message, last_ms=now_ms, times=times, session=self._sessions
        )

    def over(self, code: Code | int) -> None:
        """What that code was about is over."""
        self._by_code.pop(code, None)

    def opened(self) -> None:
        """A session is open. Whether it is a good one will be seen."""
        self._sessions += 1

    def sustained(self, *, lasting: frozenset[Code] = frozenset()) -> None:
        """The session that was opened last is a good one: what came before it is history, except what is *lasting*."""
        self._by_code = {
            code: trouble
            for code, trouble in self._by_code.items()
            if trouble.session >= self._sessions or code in lasting
        }
