"""Write the corpus: the golden vectors, each in the state in which it may come.

python -m tests.fuzz.seeds
"""

import json

from protocol import Role, State
from tests.fuzz.decoder import CORPUS, STATES
from tests.vectors.make import HERE

IN_STATE = {
    "Hello": State.AWAIT_HELLO, "Welcome": State.AWAIT_WELCOME, "Enrolled": State.AWAIT_ENROLLED,
    "PathReport": State.AWAIT_HELLO, "PathVerdict": State.AWAIT_VERDICT,
}  # fmt: skip


def selector(role: Role, state: State) -> bytes:
    """The byte that brings a connection of *role* into *state* and feeds it everything at once."""
    return bytes([(role is Role.AGENT) | STATES.index(state) << 1 | 3 << 5])


def main() -> None:
    CORPUS.mkdir(exist_ok=True)
    for n, entry in enumerate(json.loads((HERE / "valid.json").read_text(encoding="utf-8"))):
        frame = bytes.fromhex(entry["frame"])
        role = Role.AGENT if frame[4] >= 64 else Role.GATEWAY
        start = selector(role, IN_STATE.get(entry["name"], State.OPEN))
        (CORPUS / f"valid-{n:02}-{entry['name'].lower()}.bin").write_bytes(start + frame)
    for n, entry in enumerate(json.loads((HERE / "invalid.json").read_text(encoding="utf-8"))):
        role = Role.GATEWAY if entry["from"] == "agent" else Role.AGENT
        data = bytes.fromhex(entry["bytes"])
        (CORPUS / f"invalid-{n:02}.bin").write_bytes(selector(role, State(entry["state"])) + data)
    for n, entry in enumerate(json.loads((HERE / "bad_rows.json").read_text(encoding="utf-8"))):
        frame = bytes.fromhex(entry["frame"])
        (CORPUS / f"bad-rows-{n:02}.bin").write_bytes(selector(Role.GATEWAY, State.OPEN) + frame)


if __name__ == "__main__":
    main()
