"""What the callbacks of a handshake note down about one connection."""

import attrs

__all__ = ["Record"]


@attrs.define(kw_only=True)
class Record:
    """Kept as the connection's app data: OpenSSL's callbacks are per context and must find their connection.

    Attributes:
        verify_codes: (depth, X509_V_ERR code) in the order OpenSSL judged; 0 is "no objection here".
        certificate_requested: the server asked us for a certificate (noted on the client's side only: the
            callback behind it costs 30 µs a handshake, which a gateway does not pay for).
    """

    verify_codes: list[tuple[int, int]] = attrs.field(factory=list)
    certificate_requested: bool = False
