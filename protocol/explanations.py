"""What every code means to a person: the table behind the documentation and `fieldgate explain`."""

from typing import Final

import attrs

from protocol.codes import Code


@attrs.frozen
class Explanation:
    """A code in words.

    Attributes:
        title: what happened, in a few words.
        meaning: why, and what it implies.
        action: what the reader does about it.
    """

    title: str
    meaning: str
    action: str


CODES: Final[dict[Code, Explanation]] = {
    code: Explanation(code.name.replace("_", " ").lower(), "", "") for code in Code
}
