"""The last sieve before a text leaves the process: whatever looks like a secret is taken out, wherever it came from.

What the agent logs has none in it to begin with. This is for the words of others that it quotes: a proxy's answer, a program's error.
"""

import re
from typing import Final

_PATTERNS: Final = (
    (re.compile(r"-----BEGIN [^-]*-----.*?(-----END [^-]*-----|\Z)", re.DOTALL), "[removed: PEM]"),
    (re.compile(r"\bfg[a-z]\d_[A-Za-z0-9_-]{8,}"), "[removed: token]"),
    (re.compile(r"(?<=://)[^\s/@\"']*@"), "[removed]@"),
    (
        re.compile(r"(?i)(pass\w*|secret|token|pwd|api_?key)(\\?[\"']?\s*[=:]\s*)(\\?[\"']?)[^\s\"'&,;\\]+"),
        r"\1\2\3[removed]",
    ),
    (
        re.compile(
            r"(?i)\b(authorization|proxy-authorization|basic|bearer)(\\?[\"']?:?\s+\\?[\"']?)(basic |bearer )?[A-Za-z0-9+/=._~-]{6,}"
        ),
        r"\1\2[removed]",
    ),
)


def scrubbed(text: str) -> str:
    """*text* without keys, tokens and passwords."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text
