"""Words of strangers, made harmless for a terminal, a ticket system and a browser.

Subjects, banners, proxies' reasons and alert names come from whoever sits in the path, and a report is pasted into things
that render it: a terminal obeys control sequences, a ticket system reads Markdown and HTML, a browser HTML. Every word of an
evidence, of a finding and of an incident goes through `inert` (text) or `markup` (HTML); there is no other way out.
"""

import html
import re
from typing import Final

__all__ = ["inert", "markup", "visible"]

# What has no width, joins or hides, and still counts as printable: fillers, variation selectors, the grapheme joiner.
_FILLERS: Final = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x180E), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)  # fmt: skip

# What Markdown reads as a link, an image, HTML, emphasis, a table, code or an entity.
_ADDRESS: Final = r"(?<= )\[[0-9A-Fa-f:.]{2,45}\](?=:\d)"  # no link: nothing but digits follows its brackets
_MARKDOWN: Final = re.compile(
    _ADDRESS + r"|[\\`*<>\[\]|~&]|(?<![^\W_])_|_(?![^\W_])|(?<=[A-Za-z]):(?=//)|(?<=[wW][wW][wW])\.|@"
)
_DEFANGED: Final = {":": "[:]", ".": "[.]", "@": "[at]"}


def visible(text: str) -> str:
    """*text* with everything that cannot be seen written out, as in `{U+001B}`: controls, what changes the direction of
    writing, unassigned and private characters, surrogates, spaces that are no space.
    """
    if text.isprintable() and _FILLERS.isdisjoint(text):
        return text
    return "".join(c if c.isprintable() and c not in _FILLERS else f"{{U+{ord(c):04X}}}" for c in text)


def inert(text: str) -> str:
    """For a report in text: also when it is pasted where Markdown is rendered.

    Markup gets a backslash. A link, `www.` or e-mail address, which many systems make clickable by themselves, is broken up
    as reports of incidents do: `http[:]//`, `www[.]`, `[at]`.
    """
    return _MARKDOWN.sub(_defang, visible(text))


def markup(text: str) -> str:
    """For HTML, in text and in attributes."""
    return html.escape(visible(text), quote=True)


def _defang(found: re.Match[str]) -> str:
    word = found[0]
    return word if len(word) > 1 else _DEFANGED.get(word, "\\" + word)
