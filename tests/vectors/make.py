"""Write the golden vectors: frames, spelled out by hand, and what they mean.

    python -m tests.vectors.make

Nothing here is computed by the package under test: names, order and values are written down once more, so that a field that
moves in the code makes a test fail. Within a message no two fields have the same value, for the same reason.
"""

import base64
import json
import struct
import uuid
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgpack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.vectors.reports import path_report

HERE = Path(__file__).parent

NONCE, OLD_NONCE = bytes(range(0x10, 0x20)), bytes(range(0x20, 0x30))
PIN, NEXT_PIN = bytes(range(0x40, 0x60)), bytes(range(0x60, 0x80))
REPORT_KEY, OLD_REPORT_KEY = bytes(range(0x30, 0x70)), bytes(range(0xA0, 0xE0))
EPOCH, NEXT_EPOCH = 0x1122334455667788, 0x0102030405060708
TIME = 1_764_000_000_000
NONE = bytes(16)

# A real request for a P-256 key that nobody has kept; ECDSA signatures differ each time, so it is written down.
CSR = bytes.fromhex(
    "3081cd307502010030133111300f06035504030c086261636b757030313059301306072a8648ce3d020106082a8648ce3d03"
    "0107034200043471fea904c8bd39898ebb100b5fbd89ae2c2c6c99a1bed4d10b870e982997eaebd405b4290ef92026689dc0"
    "0d2759c28ac81c278aa35c9a007ef07555c1b14ca000300a06082a8648ce3d040302034800304502210082d49e0d52b32880"
    "9e582ccc6fcbd543272ce27c12874da1b730dca2c9496a05022036373ea8f65d6827ea14b3a589de856f5dd1b34ef8130d4d"
    "e8260d29fe7b5eb4"
)


def frame(tag: int, payload: bytes) -> bytes:
    return struct.pack(">IB", len(payload), tag) + payload


def pack(values: Any) -> bytes:
    packed: bytes = msgpack.packb(values)
    return packed


def shown(value: Any) -> Any:
    """A value as JSON has it: bytes become {"bin": hex}."""
    if isinstance(value, bytes):
        return {"bin": value.hex()}
    if isinstance(value, list | tuple):
        return [shown(entry) for entry in value]
    return value


EVENTS = [
    [TIME + 1, 1, "job-1", "run-1", "", 1, 1, 0, 0, 0, 0, "Job started"],
    [TIME + 2, 4, "job-1", "run-1", "vm-7", 3, 2, 61_000, 10_737_418_240, 734_003_200, -2147024784, "Wenig Platz: 4 % frei é 試"],
    [TIME + 3, 2, "job-1", "run-1", "", 4, 1, 2**62, 2**63 - 1, 2**40, 7, "x" * 1024],
]  # fmt: skip

MESSAGES: list[tuple[str, int, dict[str, Any]]] = [
    ("Hello", 1, {
        "minor": 0, "capabilities": 6, "agent_uid": "agent-1", "installation_uid": "install-1", "host_name": "backup01",
        "agent_version": "0.1.0", "platform": "Windows Server 2022 x64", "agent_type": 1, "nonces": [NONCE, OLD_NONCE],
        "epoch": EPOCH, "next_sequence": 120, "released_sequence": 101, "agent_time_ms": TIME, "synthetic": True,
        "gateway_list_revision": 3, "trust_revision": 4,
    }),
    ("Enroll", 2, {
        "token_id": "4b6ef2d4-29ce-4d1f-8b6e-2f0d5d4d3f10", "csr": b"\x30\x03\x02\x01\x00", "signature": bytes(range(64)),
        "installation_uid": "install-1", "host_name": "backup01", "agent_version": "0.1.0", "platform": "linux",
        "agent_type": 2, "agent_time_ms": TIME, "synthetic": True,
    }),
    ("Heartbeat", 3, {"agent_time_ms": TIME, "health": 2, "outbox_records": 17, "outbox_bytes": 4096}),
    ("Inventory", 4, {
        "epoch": EPOCH, "first_sequence": 5, "count": 1, "previous": NONCE, "replaces": b"", "revision": 9, "mode": 2, "part": 3,
        "final": True,
        "servers": [["srv-1", "backup01", 1, "12.3", "Windows Server 2022", 16, 68_719_476_736]],
        "repositories": [["repo-1", "srv-1", "Main", "ReFS", 100_000_000_000_000, 42_000_000_000_000]],
        "workloads": [["vm-7", "srv-2", "sql01", 2, "job-1", 500_000_000_000, 14, TIME]],
        "jobs": [["job-1", "srv-1", "Daily", "backup", "daily 22:00", "repo-1", False, 3, TIME + 1, TIME + 2]],
        "cloud_tenants": [["ct-1", "ACME", True, 1_000, 2_000, 3, 4, 5, TIME + 3]],
        "removed": [[4, "job-0"], [3, "vm-6"]],
    }),
    ("EventBatch", 5, {
        "epoch": EPOCH, "first_sequence": 6, "count": 3, "previous": NONCE, "replaces": b"", "rows": EVENTS,
    }),
    ("UsageReport", 6, {
        "epoch": EPOCH, "first_sequence": 10, "count": 1, "previous": NONCE, "replaces": b"",
        "rows": [[1, "ct-1", "ACME", 1, 2**45, TIME], [4, "vm-7", "sql01", 4, 14, TIME + 1]],
        "complete": False, "incomplete_why": "repository repo-2 did not answer",
    }),
    ("CommandProgress", 7, {"command_uid": "cmd-1", "percent": 40, "message": "restoring"}),
    ("CommandResult", 8, {
        "epoch": EPOCH, "first_sequence": 9, "count": 1, "previous": NONCE, "replaces": b"", "command_uid": "cmd-1",
        "fence": 77, "outcome": 3, "code": -5, "message": "interrupted", "finished_ms": TIME,
    }),
    ("PathReport", 9, {"sealed": bytes(range(1, 81))}),
    ("Goodbye", 10, {"code": 4004, "message": "not msgpack", "epoch": EPOCH, "first_sequence": 41}),
    ("BulkOpen", 11, {
        "transfer_uid": "file-1", "command_uid": "cmd-2", "name": "logs.zip", "size_bytes": 300_000, "sha256": PIN,
    }),
    ("BulkChunk", 12, {"transfer_uid": "file-1", "offset": 131_072, "data": bytes(range(100))}),
    ("VerifyRequest", 13, {"after_epoch": EPOCH, "after_sequence": 41, "rows": 1000, "after_stream": 3}),
    ("Welcome", 64, {
        "minor": 0, "capabilities": 2, "session_uid": "session-1", "nonce": NONCE, "heartbeat_s": 30, "credit": 1_048_576,
        "gateway_time_ms": TIME, "standing": 3, "code": 3002,
        "durable": [[EPOCH, 120, OLD_NONCE, 1]], "released": [[EPOCH, 101, NONCE, 1], [NEXT_EPOCH, 7, NONE, 3]],
    }),
    ("Enrolled", 65, {
        "agent_uid": "agent-1", "certificate_chain": [b"\x30\x01\x00", b"\x30\x02\x00\x00"], "standing": 2, "code": 2202,
        "pins_current": [PIN], "pins_next": [NEXT_PIN], "gateways": ["gw1.example:6180", "[2001:db8::1]:443"],
        "gateway_time_ms": TIME, "trust_revision": 4, "names": ["gw.example"],
        "report_keys": [REPORT_KEY, OLD_REPORT_KEY],
    }),
    ("Ack", 66, {"durability": 2, "durable": [[EPOCH, 120, OLD_NONCE, 1]], "released": [[EPOCH, 101, NONCE, 50]]}),
    ("Credit", 67, {"bytes": 65_536}),
    ("Command", 68, {"command_uid": "cmd-1", "kind": "restore", "fence": 77, "ttl_ms": 600_000, "payload": b"\x00\x01"}),
    ("Resync", 69, {"scope": 3, "epoch": EPOCH, "from_sequence": 33}),
    ("GatewayList", 70, {"revision": 3, "gateways": ["gw1.example:6180", "gw2.example:6180"]}),
    ("TrustUpdate", 71, {
        "revision": 4, "pins_current": [PIN], "pins_next": [NEXT_PIN], "names": ["gw.example"], "report_keys": [REPORT_KEY],
    }),
    ("Rejected", 72, {
        "code": 2106, "message": "another machine is connected", "gateway_time_ms": TIME, "action": 1,
        "retry_after_ms": 600_000, "epoch": EPOCH, "first_sequence": 41,
    }),
    ("Drain", 73, {"reconnect_in_ms": 4_200, "window_ms": 60_000}),
    ("PathVerdict", 74, {"sealed": bytes(range(0x90, 0xF0))}),
    ("BulkCredit", 75, {
        "transfer_uid": "file-1", "offset": 131_072, "credit": 524_288, "code": 5002, "message": "too large",
    }),
    ("VerifyRows", 76, {
        "rows": [[*EVENTS[1], EPOCH, 42, 3, TIME + 9]], "more": True, "marks": [[EPOCH, 120, OLD_NONCE, 1]],
    }),
    ("CancelCommand", 77, {"command_uid": "cmd-1", "fence": 78}),
    ("Notice", 128, {"code": 2106, "message": "another machine tries to connect with this identity"}),
]  # fmt: skip


def fields_of(name: str) -> tuple[int, dict[str, Any]]:
    return next((tag, fields) for known, tag, fields in MESSAGES if known == name)


def valid() -> Iterator[dict[str, Any]]:
    """Each message once; then the same in other words, or from an older or newer peer."""
    for name, tag, fields in MESSAGES:
        yield entry(name, tag, fields, "every field set")
    older: list[tuple[str, int, dict[str, Any]]] = [
        ("Hello", 13, {"synthetic": False, "gateway_list_revision": 0, "trust_revision": 0}),
        ("Heartbeat", 2, {"outbox_records": 0, "outbox_bytes": 0}),
        ("Goodbye", 1, {"message": "", "epoch": 0, "first_sequence": 0}),
        ("Enrolled", 10, {"report_keys": []}),
        ("TrustUpdate", 4, {"report_keys": []}),
        ("Welcome", 8, {"code": 0, "durable": [], "released": []}),
        ("Rejected", 4, {"retry_after_ms": 0, "epoch": 0, "first_sequence": 0}),
        ("UsageReport", 7, {"incomplete_why": ""}),
        ("VerifyRequest", 3, {"after_stream": 0}),
        ("BulkCredit", 3, {"code": 0, "message": ""}),
        ("VerifyRows", 2, {"marks": []}),
    ]
    for name, keep, missing in older:
        tag, fields = fields_of(name)
        said = dict(list(fields.items())[:keep])
        yield entry(name, tag, said, "from an older peer: trailing fields missing", means=said | missing)
    for name in ("Hello", "Ack", "EventBatch"):
        tag, fields = fields_of(name)
        payload = pack([*fields.values(), "from the future", [1, 2]])
        yield entry(name, tag, fields, "from a newer peer: unknown trailing fields", payload=payload)
    tag, fields = fields_of("EventBatch")
    short = [EVENTS[0][:6], [*EVENTS[1], "new cell"], EVENTS[2]]
    yield entry(
        "EventBatch", tag, fields | {"rows": short}, "rows of an older and of a newer peer",
        means=fields | {"rows": [[*EVENTS[0][:6], 0, 0, 0, 0, 0, ""], *EVENTS[1:]]},
    )  # fmt: skip
    yield entry(
        "EventBatch", tag, fields | {"count": 3, "replaces": OLD_NONCE, "rows": []},
        "a tombstone: no rows, the numbers and the predecessor of the batch that it replaces",
    )  # fmt: skip
    yield entry(
        "Heartbeat", 3, {"agent_time_ms": 7, "health": 1, "outbox_records": 2, "outbox_bytes": 3},
        "integers in their longest form: any msgpack form of a value is good",
        payload=b"\x94" + b"\xcf" + (7).to_bytes(8, "big") + b"\xd3" + (1).to_bytes(8, "big") + b"\xce\0\0\0\2" + b"\xcd\0\3",
    )  # fmt: skip


def entry(
    name: str,
    tag: int,
    fields: dict[str, Any],
    about: str,
    *,
    means: dict[str, Any] | None = None,
    payload: bytes = b"",
) -> dict[str, Any]:
    data = payload or pack(list(fields.values()))
    means = means or fields
    return {
        "name": name,
        "about": about,
        "frame": frame(tag, data).hex(),
        "fields": {key: shown(value) for key, value in means.items()},
        # Whether writing the fields again gives the same bytes.
        "exact": data == pack(list(means.values())),
    }


def bad_rows() -> Iterator[dict[str, Any]]:
    """Batches that are accepted, with rows that are set apart."""
    good = EVENTS[1]
    for column, value, about in [
        (0, -1, "a time before 1970"),
        (0, 253_402_300_800_000, "a time after the year 9999"),
        (0, True, "a bool for an integer"),
        (0, 1.5, "a float for an integer"),
        (1, 99, "an enum value that does not exist"),
        (1, True, "a bool for an enum value, though 1 would be one"),
        (2, 5, "an integer for text"),
        (2, "u" * 65, "text that is too long"),
        (4, "a\0b", "NUL in text"),
        (8, 2**63, "an integer that needs 65 bits"),
        (9, -1, "a negative size"),
        (10, float("nan"), "not a number"),
        (11, None, "nothing for text"),
        (11, ["x"], "an array in a cell"),
        (11, b"x", "bytes for text"),
        (11, "y" * 1025, "a message that is too long"),
    ]:
        row = [*good[:column], value, *good[column + 1 :]]
        yield bad(about, [EVENTS[0], row, EVENTS[2]], column)
    yield bad("a row that is no array", [EVENTS[0], "row", EVENTS[2]], None)
    yield bad("a row that is too short", [EVENTS[0], good[:5], EVENTS[2]], None)
    payload = batch_payload([EVENTS[0], [*good[:11], "SURROGATE"], EVENTS[2]]).replace(
        b"\xa9SURROGATE", b"\xa9ab\xed\xa0\x80wxyz"
    )
    yield bad("a surrogate, which is not UTF-8", [], 11, payload)


def batch_payload(rows: list[Any]) -> bytes:
    return pack([EPOCH, 6, len(rows), NONCE, b"", rows])


ROWS: dict[str, dict[str, Any]] = {
    "CloudTenant": {
        "uid": "ct-1", "name": "ACME", "enabled": False, "quota_bytes": 1_000, "used_bytes": 2_000, "vm_backups": 3,
        "server_backups": 4, "workstation_backups": 5, "lease_expires_ms": TIME,
    },
    "HeldEvent": {
        "time_ms": TIME, "kind": 4, "job_uid": "job-1", "session_uid": "run-1", "workload_uid": "vm-7", "status": 3,
        "attempt": 2, "duration_ms": 61_000, "processed_bytes": 70_000, "transferred_bytes": 80_000, "code": -9, "message": "m",
        "epoch": EPOCH, "sequence": 42, "stream_id": 5, "received_ms": TIME + 7,
    },
    "Job": {
        "uid": "job-1", "server_uid": "srv-1", "name": "Daily", "kind": "backup", "schedule": "daily 22:00",
        "repository_uid": "repo-1", "enabled": False, "last_status": 3, "last_run_ms": TIME + 1, "next_run_ms": TIME + 2,
    },
    "JobEvent": {
        "time_ms": TIME, "kind": 4, "job_uid": "job-1", "session_uid": "run-1", "workload_uid": "vm-7", "status": 3,
        "attempt": 2, "duration_ms": 61_000, "processed_bytes": 70_000, "transferred_bytes": 80_000, "code": -9, "message": "m",
    },
    "Mark": {"epoch": EPOCH, "next_sequence": 120, "batch_id": NONCE, "first_sequence": 101},
    "Removed": {"kind": 4, "uid": "job-0"},
    "Repository": {
        "uid": "repo-1", "server_uid": "srv-1", "name": "Main", "kind": "ReFS", "capacity_bytes": 2**46, "free_bytes": 2**45,
    },
    "Server": {
        "uid": "srv-1", "name": "backup01", "kind": 2, "version": "12.3", "os": "Windows Server 2022", "cores": 16,
        "memory_bytes": 2**36,
    },
    "Usage": {
        "subject_kind": 5, "subject_uid": "user-3", "name": "Ada", "metric": 1, "value": 2**40, "observed_ms": TIME,
    },
    "Workload": {
        "uid": "vm-7", "server_uid": "srv-2", "name": "sql01", "kind": 3, "job_uid": "job-1", "size_bytes": 2**39,
        "restore_points": 14, "latest_restore_point_ms": TIME,
    },
}  # fmt: skip

FIELD_NAMES = list(ROWS["JobEvent"])


def rows() -> Iterator[dict[str, Any]]:
    """Each kind of row once, with the names of its cells."""
    for name, cells in ROWS.items():
        yield {
            "row": name,
            "cells": pack(list(cells.values())).hex(),
            "fields": {key: shown(value) for key, value in cells.items()},
        }


def bad(about: str, rows: list[Any], column: int | None, payload: bytes = b"") -> dict[str, Any]:
    return {
        "about": about,
        "frame": frame(5, payload or batch_payload(rows)).hex(),
        "invalid": [{"index": 1, "field": FIELD_NAMES[column] if column is not None else ""}],
    }


def invalid() -> Iterator[dict[str, Any]]:
    """Frames that end a session, who sent them in which state, and the code of the refusal."""
    hello_tag, hello = fields_of("Hello")
    hello_values = list(hello.values())
    beat = [TIME, 2, 17, 4096]
    yield wrong("a type that does not exist", "agent", "open", frame(127, b"\x90"), 2121)
    for number, lacking in [(6, "USAGE"), (11, "BULK"), (12, "BULK"), (13, "VERIFY")]:
        yield wrong(
            f"type {number} without {lacking}, which was not agreed",
            "agent",
            "open",
            frame(number, b"\x90"),
            2110,
        )
    for number, lacking in [(75, "BULK"), (76, "VERIFY"), (77, "COMMANDS")]:
        yield wrong(
            f"type {number} without {lacking}, which was not agreed",
            "gateway",
            "open",
            frame(number, b"\x90"),
            2110,
        )
    yield wrong(
        "Hello of more than 4 KiB: the header alone is enough",
        "agent",
        "await-hello",
        struct.pack(">IB", 4097, 1),
        2108,
    )
    yield wrong(
        "an optional type of more than 4 KiB before the session",
        "agent",
        "await-hello",
        struct.pack(">IB", 4097, 200),
        2108,
    )
    yield wrong("a frame of 4 GiB", "agent", "open", struct.pack(">IB", 2**32 - 1, 5), 2108)
    yield wrong("a batch before Hello", "agent", "await-hello", struct.pack(">IB", 100, 5), 2110)
    yield wrong("a second Hello", "agent", "open", frame(1, pack(hello_values)), 2110)
    yield wrong("what only a gateway says", "agent", "open", frame(66, pack([1, [], []])), 2110)
    yield wrong("what only an agent says", "gateway", "open", frame(3, pack(beat)), 2110)
    yield wrong(
        "a batch beyond the credit of 10,000 bytes", "agent", "open", struct.pack(">IB", 10_001, 5), 2107
    )
    yield wrong(
        "a PathReport of more than 32 KiB", "agent", "await-hello", struct.pack(">IB", 2**15 + 1, 9), 2108
    )
    yield wrong("a PathReport within a session", "agent", "open", struct.pack(">IB", 100, 9), 2110)
    yield wrong("a verdict that nobody asked for", "gateway", "open", struct.pack(">IB", 100, 74), 2110)
    yield wrong(
        "a PathReport that holds nothing", "agent", "await-hello", frame(9, pack([bytes(range(63))])), 2111
    )
    yield wrong("no payload", "agent", "open", frame(3, b""), 2109)
    yield wrong("bytes after the array", "agent", "open", frame(3, pack(beat) + b"\0"), 2109)
    yield wrong("half an array", "agent", "open", frame(3, pack(beat)[:-1]), 2109)
    yield wrong("a map instead of an array", "agent", "open", frame(3, pack({0: 1})), 2109)
    yield wrong("an integer instead of an array", "agent", "open", frame(3, b"\x01"), 2109)
    yield wrong("a map in a field", "agent", "open", frame(3, b"\x94\x01\x02\x03\x80"), 2109)
    yield wrong("an extension type", "agent", "open", frame(3, b"\x94\x01\x02\x03\xd4\x01\x00"), 2109)
    yield wrong("a timestamp", "agent", "open", frame(3, b"\x94\xd6\xff\0\0\0\1\x02\x03\x04"), 2109)
    yield wrong("arrays 2,000 deep", "agent", "open", frame(3, b"\x91" * 2000), 2109)
    yield wrong("too few fields", "agent", "open", frame(3, pack(beat[:1])), 2109)
    yield wrong("a bool for an integer", "agent", "open", frame(3, pack([True, *beat[1:]])), 2111)
    yield wrong("a float for an integer", "agent", "open", frame(3, pack([1.0, *beat[1:]])), 2111)
    yield wrong(
        "an enum value that does not exist", "agent", "open", frame(3, pack([TIME, 4, 17, 4096])), 2111
    )
    yield wrong("text for an integer", "agent", "open", frame(3, pack([TIME, 2, "17", 4096])), 2111)
    yield wrong("65 bits", "agent", "open", frame(3, pack([TIME, 2, 2**63, 4096])), 2111)
    for position, value, about in [
        (2, "a\0", "NUL in text"),
        (3, "u" * 65, "text that is too long"),
        (8, [NONCE] * 3, "three nonces"),
        (8, [b"short"], "a nonce of 5 bytes"),
        (9, 0, "epoch 0"),
        (13, 1, "an integer for a bool"),
    ]:
        values = [*hello_values[:position], value, *hello_values[position + 1 :]]
        yield wrong(about, "agent", "await-hello", frame(hello_tag, pack(values)), 2111)
    latin = pack([0, 0, "agent-1", "install-1", "b\u00fcro", *hello_values[5:]]).replace(
        "b\u00fcro".encode(), b"b\xfcrox"
    )
    yield wrong("text that is not UTF-8", "agent", "await-hello", frame(hello_tag, latin), 2111)
    batches: list[tuple[str, list[Any]]] = [
        ("a batch whose count is not the number of its rows", [EPOCH, 6, 2, NONCE, b"", EVENTS[:1]]),
        ("a batch without rows that is no tombstone", [EPOCH, 6, 1, NONCE, b"", []]),
        ("a tombstone with rows", [EPOCH, 6, 1, NONCE, OLD_NONCE, EVENTS[:1]]),
        ("a batch whose previous has 15 bytes", [EPOCH, 6, 1, NONCE[1:], b"", EVENTS[:1]]),
        ("a batch whose rows are text", [EPOCH, 6, 1, NONCE, b"", "rows"]),
        ("numbers beyond 2^63-1", [EPOCH, 2**63 - 1, 1, NONCE, b"", EVENTS[:1]]),
    ]
    for about, values in batches:
        yield wrong(
            about, "agent", "open", frame(5, pack(values)), 4004, epoch=EPOCH, first_sequence=values[1]
        )
    cut = pack([EPOCH, 6, 1, NONCE, b"", EVENTS[:1]])[:-3]
    yield wrong(
        "a batch that is cut short", "agent", "open", frame(5, cut), 4004, epoch=EPOCH, first_sequence=6
    )
    many = pack([EPOCH, 6, 1, NONCE, b""]).replace(b"\x95", b"\x96", 1) + b"\xdc\x10\x01" + b"\xc0" * 4097
    yield wrong(
        "an array of 4,097 entries", "agent", "open", frame(5, many), 4004, epoch=EPOCH, first_sequence=6
    )
    yield wrong(
        "a batch of noise", "agent", "open", frame(5, b"\xc1\xff\x00"), 4004, epoch=0, first_sequence=0
    )
    yield wrong("an inventory that is a tombstone", "agent", "open",
                frame(4, pack([EPOCH, 5, 1, NONCE, OLD_NONCE, 9, 1, 0, True])), 4004, epoch=EPOCH, first_sequence=5)  # fmt: skip


def wrong(about: str, sender: str, state: str, data: bytes, code: int, **more: int) -> dict[str, Any]:
    return {"about": about, "from": sender, "state": state, "bytes": data.hex(), "code": code, **more}


def chain() -> dict[str, Any]:
    """Batches of one agent as they are cut, and what identifies them."""
    steps = []
    previous = NONE

    def cut(epoch: int, first: int, rows: list[Any], about: str) -> bytes:
        nonlocal previous
        payload = pack([epoch, first, len(rows), previous, b"", rows])
        own = sha256(payload).digest()[:16]
        steps.append(
            {
                "about": about,
                "frame": frame(5, payload).hex(),
                "previous": previous.hex(),
                "batch_id": own.hex(),
            }
        )
        previous = own
        return own

    cut(EPOCH, 1, EVENTS[:1], "the first batch of an agent: no predecessor")
    second = cut(EPOCH, 2, EVENTS[1:], "the next one names it")
    cut(NEXT_EPOCH, 1, EVENTS[:2], "the first batch of a new epoch names the last one of the epoch before")
    tombstone = pack([EPOCH, 2, 2, bytes.fromhex(steps[0]["batch_id"]), second, []])
    steps.append({
        "about": "a tombstone for the second: other bytes, the same id, so the third still fits",
        "frame": frame(5, tombstone).hex(),
        "previous": steps[0]["batch_id"],
        "batch_id": second.hex(),
    })  # fmt: skip
    return {"steps": steps}


def session() -> dict[str, Any]:
    """A whole session, frame by frame, with the state and the credit that it leads to."""
    steps: list[dict[str, Any]] = []

    def say(sender: str, name: str, state: str, left: int, **changes: Any) -> None:
        tag, fields = fields_of(name)
        data = frame(tag, pack(list((fields | changes).values())))
        steps.append({"from": sender, "name": name, "frame": data.hex(), "state": state, "credit": left})

    size = len(batch_payload(EVENTS))
    say("agent", "Hello", "await-welcome", 0, capabilities=15 + 64)
    say("gateway", "Welcome", "open", 5_000, credit=5_000, standing=1, code=0, capabilities=15)
    say("gateway", "GatewayList", "open", 5_000)
    say("agent", "EventBatch", "open", 5_000 - size)
    say("agent", "Heartbeat", "open", 5_000 - size)
    say("gateway", "Ack", "open", 5_000 - size)
    say("gateway", "Credit", "open", 5_000, bytes=size)
    steps.append(
        {
            "from": "gateway",
            "name": None,
            "frame": frame(200, b"skip me").hex(),
            "state": "open",
            "credit": 5_000,
        }
    )
    say("gateway", "Command", "open", 5_000)
    say("agent", "CommandProgress", "open", 5_000)
    say("gateway", "CancelCommand", "open", 5_000)
    left = 5_000
    for name in ("CommandResult", "UsageReport"):
        left -= len(pack(list(fields_of(name)[1].values())))
        say("agent", name, "open", left)
    say("gateway", "Credit", "open", 5_000, bytes=5_000 - left)
    say("agent", "BulkOpen", "open", 5_000)
    say("gateway", "BulkCredit", "open", 5_000, code=0, message="")
    say("agent", "BulkChunk", "open", 5_000)
    say("agent", "VerifyRequest", "open", 5_000)
    say("gateway", "VerifyRows", "open", 5_000)
    say("agent", "Enroll", "open", 5_000, token_id="", signature=b"")
    say("gateway", "Enrolled", "open", 5_000)
    say("gateway", "Drain", "draining", 5_000)
    say("agent", "EventBatch", "draining", 5_000 - size)
    say("gateway", "Ack", "draining", 5_000 - size)
    say("agent", "Goodbye", "closed", 5_000 - size)
    return {"steps": steps}


def enrollment() -> dict[str, Any]:
    """A token, and the proof that its holder gives on one TLS connection."""
    token_id, seed, exporter = (
        uuid.UUID("4b6ef2d4-29ce-4d1f-8b6e-2f0d5d4d3f10"),
        bytes(range(32)),
        bytes(range(0x80, 0xA0)),
    )
    gateways, names = ["gw1.example:6180", "[2001:db8::1]:443"], ["gw.example"]
    body = token_id.bytes + seed + b"\x01" + PIN + listed(gateways) + listed(names)
    signed = b"fieldgate enroll 1\0" + exporter + CSR
    return {
        "token": pasted(body),
        "token_with_report_key": pasted(body + b"\x01\x00\x40" + REPORT_KEY),
        "report_key": REPORT_KEY.hex(),
        "token_id": str(token_id),
        "seed": seed.hex(),
        "pins": [PIN.hex()],
        "gateways": gateways,
        "names": names,
        "exporter": exporter.hex(),
        "csr": CSR.hex(),
        "signed": signed.hex(),
        "signature": Ed25519PrivateKey.from_private_bytes(seed).sign(signed).hex(),
    }


def pasted(body: bytes) -> str:
    framed = struct.pack(">H", len(body) + 4) + body
    framed += sha256(framed).digest()[:4]
    return "fgt1_" + base64.urlsafe_b64encode(framed).decode().rstrip("=")


def listed(texts: list[str]) -> bytes:
    return bytes([len(texts)]) + b"".join(bytes([len(text)]) + text.encode() for text in texts)


def written() -> dict[str, Any]:
    """Every file and what belongs in it."""
    return {
        "valid.json": list(valid()),
        "rows.json": list(rows()),
        "bad_rows.json": list(bad_rows()),
        "invalid.json": list(invalid()),
        "chain.json": chain(),
        "session.json": session(),
        "enrollment.json": enrollment(),
        "path_report.json": path_report(),
    }


def text_of(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    for name, content in written().items():
        (HERE / name).write_text(text_of(content), encoding="utf-8")


if __name__ == "__main__":
    main()
