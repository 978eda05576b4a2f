"""JA4, the fingerprint of a ClientHello, by FoxIO's definition for TLS over TCP.

Definition: github.com/FoxIO-LLC/ja4, technical_details/JA4.md; JA4 itself (not the rest of JA4+) is free under BSD-3-Clause.
It supports a judgement and never decides one: our own changes with ALPN, with the length of the hello, and with OpenSSL's
version, and a relay that is written in Python has our agent's.
"""

import hashlib
from collections.abc import Sequence

import attrs

__all__ = ["Offer", "is_grease", "ja4_of"]

SERVER_NAME, SIGNATURE_ALGORITHMS, ALPN, SUPPORTED_VERSIONS = 0, 13, 16, 43

_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3"}
_NOTHING = "0" * 12
_MOST = 99  # two digits


def is_grease(value: int) -> bool:
    """Whether a cipher suite, extension, version or algorithm is one of RFC 8701's sixteen that mean nothing."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


@attrs.frozen(kw_only=True)
class Offer:
    """What a ClientHello lists, in its own order, without GREASE."""

    version: int
    """The highest one offered."""
    ciphers: Sequence[int]
    extensions: Sequence[int]
    signature_algorithms: Sequence[int]
    alpn: Sequence[bytes]


def ja4_of(offer: Offer) -> tuple[str, str]:
    """(JA4, JA4_r): the hashed form, and the raw form that the hashes are made from."""
    head = "".join((
        "t",
        _VERSIONS.get(offer.version, "00"),
        "d" if SERVER_NAME in offer.extensions else "i",
        f"{min(len(offer.ciphers), _MOST):02}",
        f"{min(len(offer.extensions), _MOST):02}",
        _ends(offer.alpn[0] if offer.alpn else b""),
    ))  # fmt: skip
    ciphers = _listed(sorted(offer.ciphers))
    rest = _listed(sorted(e for e in offer.extensions if e not in (SERVER_NAME, ALPN)))
    if offer.signature_algorithms:
        rest += "_" + _listed(offer.signature_algorithms)
    return f"{head}_{_hashed(ciphers)}_{_hashed(rest)}", f"{head}_{ciphers}_{rest}"


def _ends(protocol: bytes) -> str:
    """First and last character of the first protocol; of its hexadecimal form if one of them is not alphanumeric."""
    if not protocol:
        return "00"
    ends = protocol[:1] + protocol[-1:]
    if ends.isalnum():  # of bytes: ASCII's own
        return ends.decode("ascii")
    digits = protocol.hex()
    return digits[0] + digits[-1]


def _listed(values: Sequence[int]) -> str:
    return ",".join(f"{value:04x}" for value in values)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12] if text else _NOTHING
