"""The form of an explanation: what a code means to a person, and what that person does about it."""

import attrs


@attrs.frozen
class Explanation:
    """A code in words.

    Attributes:
        title: what happened, in a few words.
        meaning: why, and what it implies.
        action: what the reader does about it; whole sentences, the likely cause first.
    """

    title: str
    meaning: str
    action: str
