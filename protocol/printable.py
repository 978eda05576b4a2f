"""What the other side says, made fit to be printed.

A host name, a message, a name that somebody typed: text with rules for its length and its encoding, and none for what a
terminal makes of it. Printed as it came it could colour the screen, rename the window, or write over the line above.
"""


def printable(text: str) -> str:
    r"""*text* with whatever is no letter, digit, sign or space written as its escape: ESC becomes ``\x1b``.

    That goes for line breaks too, so that one thing said stays on one line, and for marks that turn the reading direction.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
