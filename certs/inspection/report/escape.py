"""Words of strangers, made harmless for a terminal, a ticket system and a browser.

Subjects, banners, proxies' reasons and alert names come from whoever sits in the path, and a report is pasted into things
that render it: a terminal obeys control sequences, a ticket system reads Markdown and HTML, a browser HTML. Every word of an
evidence, of a finding and of an incident goes through `inert` (text) or `markup` (HTML); there is no other way out.
"""

import html
import re
from typing import Final

__all__ = ["inert", "markup", "visible"]

# Control characters, soft hyphen, what changes the direction of writing, has no width, or joins and hides (tags, variation
# selectors); surrogates, which no encoding takes.
_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)

# What Markdown reads as a link, an image, HTML, emphasis, a table, code or an entity.
_MARKDOWN: Final = re.compile(r"[\\`*<>\[\]|~&]|(?<!\w)_|_(?!\w)|(?<=[A-Za-z]):(?=//)|(?<=[wW][wW][wW])\.|@")
_DEFANGED: Final = {":": "[:]", ".": "[.]", "@": "[at]"}


def visible(text: str) -> str:
    """*text* with everything that cannot be seen written out, as in `{U+001B}`."""
    return _INVISIBLE.sub(lambda found: f"{{U+{ord(found[0]):04X}}}", text)


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
    return _DEFANGED.get(found[0], "\\" + found[0])
