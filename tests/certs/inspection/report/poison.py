"""Every text of an object replaced by what a stranger would like to see in a report."""

import enum
from typing import Any

import attrs

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</pre></td></table><h1>All is well</h1>",
    "</style><style>body{display:none}",
    "--><!--",
    "&lt;b&gt; &#60; &colon;",
    "[click](http://evil.example/)",
    "![x](https://evil.example/pixel.png)",
    "<http://evil.example/>",
    "http://evil.example/login",
    "see www.evil.example/x",
    "security@evil.example",
    "`code` **bold** __bold__ ~~gone~~ | cell | cell",
    "a\n\n# Heading\n\n- item\n\n    code\n\n---\n",
    "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "\u202egpj.exe\u2066\u200b\ufeff\U000e0041",
    "\r\nHTTP/1.1 200 OK\r\n\r\n",
    "$(reboot);`reboot`|reboot\nreboot",
    "203.0.113.10; reboot",
    "203.0.113.10:22\nreboot",
    "[::1%reboot]:6180",
    "fe80::1%$(reboot)",
    "{source.__class__} {0} {n}",
    "\ud800\x00",
    "=cmd|'/c reboot'!A1",
)


def poisoned(value: Any, word: str) -> Any:
    """*value* with *word* in place of each of its texts, at any depth."""
    if isinstance(value, str) and not isinstance(value, enum.Enum):
        return word
    if isinstance(value, tuple | frozenset):
        return type(value)(poisoned(entry, word) for entry in value)
    if attrs.has(type(value)):
        changes = {f.name: poisoned(getattr(value, f.name), word) for f in attrs.fields(type(value))}
        return attrs.evolve(value, **changes)
    return value
