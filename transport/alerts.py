"""TLS alerts by number and by name (RFC 8446, 6; RFC 5246, 7.2), named as OpenSSL's long strings name them."""

import attrs

__all__ = ["Alert", "alert_named"]

_NAMES = {
    0: "close notify",
    10: "unexpected message",
    20: "bad record mac",
    21: "decryption failed",
    22: "record overflow",
    30: "decompression failure",
    40: "handshake failure",
    41: "no certificate",
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate unknown",
    47: "illegal parameter",
    48: "unknown CA",
    49: "access denied",
    50: "decode error",
    51: "decrypt error",
    60: "export restriction",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    90: "user canceled",
    100: "no renegotiation",
    109: "missing extension",
    110: "unsupported extension",
    111: "certificate unobtainable",
    112: "unrecognized name",
    113: "bad certificate status response",
    114: "bad certificate hash value",
    115: "unknown PSK identity",
    116: "certificate required",
    120: "no application protocol",
    121: "ech required",
}
_NUMBERS = {name.casefold(): number for number, name in _NAMES.items()} | {
    "user cancelled": 90
}  # OpenSSL spells both

_FATAL = 2


@attrs.frozen
class Alert:
    """One alert. `sent`: by the side that noted it; else that side received it."""

    sent: bool
    level: int
    description: int

    @property
    def name(self) -> str:
        """OpenSSL's long string, as in "unknown CA"; empty for a number that nobody has named."""
        return _NAMES.get(self.description, "")


def alert_named(name: str) -> Alert | None:
    """The fatal alert that OpenSSL's error text says was received; None if the text names none that is known."""
    number = _NUMBERS.get(name.casefold())
    return None if number is None else Alert(sent=False, level=_FATAL, description=number)
