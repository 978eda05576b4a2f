"""Every way a thing can end or fail in Fieldgate, as one stable number each.

A code is the same in the log, on the wire, in a ticket, in the documentation and in `fieldgate explain`. Numbers are
never reused and never change their meaning. The thousands say where to look: 1 configuration, 2 session and enrollment,
3 trust and path, 4 data, 5 commands. What a code means to a person is in the `explain_*` modules, one entry each.
"""

from enum import IntEnum
from typing import Self


class Code(IntEnum):
    """A stable reason; `str(code)` is the form people see, as in ``FG-2107``."""

    CONFIG_UNKNOWN_KEY = 1001
    CONFIG_INVALID_VALUE = 1002
    DATA_FOLDER_MISSING = 1003
    DATA_FOLDER_NEWER = 1004
    DATA_FOLDER_IN_USE = 1005
    PORT_IN_USE = 1006
    OWN_CERTIFICATE_REJECTED = 1007
    STORE_UNREACHABLE = 1008
    JOURNAL_LOCKED = 1009
    STORE_MISSING = 1010
    STORE_OLDER = 1011
    STORE_LOCKED = 1012
    STORE_FULL = 1013
    STORE_DAMAGED = 1014
    SQLITE_TOO_OLD = 1015
    NOT_FOUND = 1016
    CONFLICT = 1017
    AGENT_STATE_UNUSABLE = 1018
    AUTHORITY_UNUSABLE = 1019
    RELOAD_REFUSED = 1020
    RESTART_NEEDED = 1021
    BACKUP_DAMAGED = 1022
    BACKUP_INCOMPLETE = 1023
    RESTORE_TARGET_IN_USE = 1024
    REVOCATIONS_MISSING = 1025
    REVOCATION_LOG_DAMAGED = 1026
    REVOCATION_COPY_BEHIND = 1027
    JOURNAL_SHORTER = 1028
    UPGRADE_REFUSED = 1029
    BUNDLE_WITHHELD = 1030

    GOODBYE = 2001
    GATEWAY_DRAINING = 2002
    HEARTBEATS_MISSED = 2003
    CONNECTION_LOST = 2004
    CONNECTION_RESET = 2005

    HELLO_TIMEOUT = 2101
    PRE_AUTH_BUDGET = 2102
    TOO_MANY_CONNECTIONS = 2103
    SLOW_CONSUMER = 2104
    SUPERSEDED = 2105
    CLONE_HELD = 2106
    CREDIT_EXCEEDED = 2107
    MESSAGE_TOO_BIG = 2108
    MALFORMED_FRAME = 2109
    UNEXPECTED_MESSAGE = 2110
    INVALID_VALUE = 2111
    VERSION_UNSUPPORTED = 2112
    ALPN_MISSING = 2113
    TLS_VERSION = 2114
    NOT_TLS_HTTP = 2115
    NOT_TLS_SSH = 2116
    NOT_TLS = 2117
    SILENT_PEER = 2118
    TLS_HANDSHAKE_FAILED = 2119
    INTERNAL_ERROR = 2120
    UNKNOWN_MESSAGE_TYPE = 2121
    CLAIM_LOST = 2122
    BAD_PROXY_HEADER = 2123
    GATEWAY_STOPPED = 2124
    MEMORY_BUDGET = 2125
    MESSAGE_STALLED = 2126

    TOKEN_UNKNOWN = 2201
    TOKEN_EXPIRED = 2202
    TOKEN_REVOKED = 2203
    TOKEN_USED_UP = 2204
    ENROLLMENT_PROOF_INVALID = 2205
    CSR_INVALID = 2206
    AWAITING_ACCEPTANCE = 2207
    UNVERIFIED_LIMIT = 2208
    AGENT_REJECTED = 2209
    WRONG_LISTENER = 2210
    TOKEN_WRONG_KIND = 2211
    ENROLLMENT_BUSY = 2212

    CLIENT_CERT_MISSING = 3001
    CLIENT_CERT_EXPIRED = 3002
    CLIENT_CERT_BEYOND_GRACE = 3003
    CLIENT_CERT_REVOKED = 3004
    CLIENT_CERT_UNTRUSTED = 3005
    CLIENT_CERT_WRONG_USAGE = 3006
    CLOCK_SKEW = 3007
    GATEWAY_WRONG_NAME = 3008
    GATEWAY_UNTRUSTED = 3009
    GATEWAY_CERT_EXPIRED = 3010
    CLIENT_CERT_NOT_REQUESTED = 3011
    AGENT_UNKNOWN = 3012
    CLIENT_CERT_WRONG_AGENT = 3013
    PROXY_REFUSED = 3014

    REPORT_UNREADABLE = 3101
    REPORT_SIGNER_UNKNOWN = 3102
    REPORT_REPLAYED = 3103
    REPORT_BUDGET = 3104
    CODE_USED = 3105
    PATH_INCIDENT = 3106
    INCIDENT_LIMIT = 3107

    GAP_OPEN = 4001
    GAP_DECLARED_LOST = 4002
    RECORD_QUARANTINED = 4003
    BATCH_UNDECODABLE = 4004
    FORK_FOLLOWED = 4005
    PARKED_OVERFLOW = 4006
    OUTBOX_FULL = 4007
    JOURNAL_FULL = 4008
    FSYNC_FAILED = 4010
    BACK_PRESSURE = 4011
    RETENTION_HELD_BACK = 4012
    VERIFICATION_MISMATCH = 4013
    JOURNAL_GONE = 4014
    JOURNAL_DAMAGED = 4015
    JOURNAL_REWOUND = 4016
    JOURNAL_TWICE = 4017
    STREAMS_HELD = 4018
    TOMBSTONE = 4019
    OUTBOX_UNUSABLE = 4020
    FORMER_OUTBOX = 4021

    COMMAND_UNSUPPORTED = 5001
    COMMAND_INVALID = 5002
    COMMAND_NOT_ALLOWED = 5003
    COMMAND_EXPIRED = 5004
    COMMAND_INTERRUPTED = 5005
    COMMAND_CANCELLED = 5006
    COMMAND_NOT_GIVEN = 5007

    def __str__(self) -> str:
        return f"FG-{self.value}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``FG-2107``, ``fg2107``, ``2107`` or ``CREDIT_EXCEEDED``.

        Raises:
            ValueError: there is no such code.
        """
        name = text.strip().upper().replace("-", "_")
        if name in cls.__members__:
            return cls[name]
        digits = name.removeprefix("FG").lstrip("_")
        if digits.isascii() and digits.isdigit() and int(digits) in cls._value2member_map_:
            return cls(int(digits))
        raise ValueError(f"there is no code {text.strip()!r}")
