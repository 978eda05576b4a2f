"""The last sieve: whatever looks like a secret or an address is taken out of a text, wherever it came from.

The parts of a bundle are made so that none gets in. This is for the message of an error that quotes what it could not parse.
"""

import ipaddress
import re

__all__ = ["scrubbed"]

_PATTERNS = (
    (re.compile(r"-----BEGIN [^-]*-----.*?(-----END [^-]*-----|\Z)", re.DOTALL), "[removed: PEM]"),
    (re.compile(r"\bfg[a-z]\d_[A-Za-z0-9_-]{8,}"), "[removed: token]"),
    (re.compile(r"(?<=://)[^\s/@\"']*@"), "[removed]@"),
    (re.compile(r"(?i)\b(pass\w*|secret|token|pwd|api_?key)(\s*[=:]\s*)([\"']?)[^\s\"'&,;]+"), r"\1\2\3[removed]"),
    (re.compile(r"(?i)\b(authorization|proxy-authorization|basic|bearer)(:?\s+)(basic |bearer )?[A-Za-z0-9+/=._~-]{6,}"), r"\1\2[removed]"),
)  # fmt: skip
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%\w+)?)"
)


def scrubbed(text: str) -> str:
    """*text* without keys, tokens, passwords and addresses."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return _ADDRESS.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    """Loopback says nothing of anybody."""
    try:
        address = ipaddress.ip_address(found[0].partition("%")[0])
    except ValueError:
        return found[0]
    return found[0] if address.is_loopback or address.is_unspecified else "[address]"
