"""How far a backup is, by what restic prints."""

import json

from agent.collectors.restic.backup import _Said


def test_a_percent_never_sinks() -> None:
    """restic's does when it finds a large folder: 9 of 100 bytes become 12 of 200. The bytes are told as they are."""
    told: list[tuple[int, str]] = []
    said = _Said(lambda percent, text: told.append((percent, text)))
    for done, total in ((0, 100), (9, 100), (12, 200), (30, 200), (200, 200)):
        status = {
            "message_type": "status",
            "percent_done": done / total,
            "bytes_done": done,
            "total_bytes": total,
        }
        said.line(json.dumps(status).encode())
    assert told == [
        (0, "0 of 100 bytes"), (9, "9 of 100 bytes"), (9, "12 of 200 bytes"), (15, "30 of 200 bytes"), (100, "200 of 200 bytes"),
    ]  # fmt: skip
