"""The golden vectors: bytes and their meaning, written down apart from the code that reads them here."""

import json
import re
from enum import IntEnum
from pathlib import Path
from typing import Any

import attrs
import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from certs import ReportKey, Token, read_csr, sign_enrollment
from certs.inspection import AgentSide, LastIo, Verdict, open_answer, open_report
from protocol import (
    MESSAGES,
    NEED_DATA,
    CloudTenant,
    Code,
    Connection,
    EventBatch,
    HeldEvent,
    Job,
    JobEvent,
    Mark,
    Message,
    RemoteProtocolError,
    Removed,
    Repository,
    Role,
    Sequenced,
    Server,
    State,
    Usage,
    Workload,
    batch_id,
    decode,
    encode,
)
from tests.protocol.roles import connection_in
from tests.vectors import make

ROW_CLASSES = {
    cls.__name__: cls
    for cls in (
        CloudTenant,
        HeldEvent,
        Job,
        JobEvent,
        Mark,
        Removed,
        Repository,
        Server,
        Usage,
        Workload,
    )
}

VECTORS = Path(__file__).parent.parent / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def about(entry: dict[str, Any]) -> str:
    return f"{entry.get('name', '')} {entry['about']}".strip()


def plain(value: object) -> Any:
    """A decoded value as the vectors write it."""
    if isinstance(value, IntEnum):
        return value.value
    if isinstance(value, bytes):
        return {"bin": value.hex()}
    if isinstance(value, tuple | list):
        return [plain(entry) for entry in value]
    if attrs.has(type(value)):
        return [plain(entry) for entry in attrs.astuple(value)]  # type: ignore[arg-type]  # an attrs instance
    return value


def split(frame: str) -> tuple[int, bytes]:
    data = bytes.fromhex(frame)
    assert int.from_bytes(data[:4], "big") == len(data) - 5
    return data[4], data[5:]


@pytest.mark.parametrize("name", sorted(make.written()))
def test_files_are_what_their_maker_writes(name: str) -> None:
    """A vector is changed in make.py, where it can be read, and nowhere else."""
    assert (VECTORS / name).read_text(encoding="utf-8") == make.text_of(make.written()[name])


@pytest.mark.parametrize("entry", load("valid.json"), ids=about)
def test_bytes_mean_what_the_vector_says(entry: dict[str, Any]) -> None:
    """Every field of every message is where the vector has it, and means the same."""
    tag, payload = split(entry["frame"])

    message = decode(tag, payload)

    assert type(message).__name__ == entry["name"]
    assert {name: plain(getattr(message, name)) for name in entry["fields"]} == entry["fields"]
    if isinstance(message, Sequenced):
        assert message.invalid == ()
    assert (encode(message) == payload) is entry["exact"]


@pytest.mark.parametrize("entry", load("rows.json"), ids=lambda entry: entry["row"])
def test_cells_mean_what_the_vector_says(entry: dict[str, Any]) -> None:
    """Every cell of every kind of row is where the vector has it."""
    cls = ROW_CLASSES[entry["row"]]
    row = msgpack.unpackb(bytes.fromhex(entry["cells"]), use_list=False)

    named = cls.from_row(row)

    assert {name: plain(value) for name, value in attrs.asdict(named).items()} == entry["fields"]
    assert named.to_row() == row


def test_every_row_has_a_vector() -> None:
    """No kind of row is left out, and no two cells of one have the same value."""
    entries = load("rows.json")
    assert {entry["row"] for entry in entries} == set(ROW_CLASSES)
    for entry in entries:
        values = [json.dumps(value) for value in entry["fields"].values()]
        assert len(set(values)) == len(values)


def test_every_message_has_a_vector() -> None:
    """No message and no field of one is left out."""
    full = {entry["name"]: entry for entry in load("valid.json") if entry["about"] == "every field set"}
    assert set(full) == {cls.__name__ for cls in MESSAGES.values()}
    for name, entry in full.items():
        values = [json.dumps(value) for value in entry["fields"].values()]
        assert len(set(values)) == len(values), (
            f"two fields of {name} have one value: swapping them would show nowhere"
        )


@pytest.mark.parametrize("entry", load("bad_rows.json"), ids=about)
def test_bad_rows_are_set_apart(entry: dict[str, Any]) -> None:
    """A batch with a bad row is accepted, and says which row and which cell is bad."""
    message = decode(*split(entry["frame"]))

    assert isinstance(message, EventBatch)
    assert [{"index": row.index, "field": row.field} for row in message.invalid] == entry["invalid"]
    assert len(message.rows) == message.count == 3


@pytest.mark.parametrize("entry", load("invalid.json"), ids=about)
def test_refusals_carry_their_code(entry: dict[str, Any]) -> None:
    """What breaks the protocol is refused with the code that the vector names, and the batch at fault, if one is."""
    sender = Role(entry["from"])
    receiver = connection_in(
        State(entry["state"]),
        Role.GATEWAY if sender is Role.AGENT else Role.AGENT,
        credit=10_000,
        capabilities=0,
    )
    receiver.receive_data(bytes.fromhex(entry["bytes"]))

    with pytest.raises(RemoteProtocolError) as caught:
        receiver.next_event()

    assert caught.value.code == Code(entry["code"])
    assert (caught.value.epoch, caught.value.first_sequence) == (
        entry.get("epoch", 0),
        entry.get("first_sequence", 0),
    )
    assert receiver.state is State.FAILED


def test_batch_ids_chain() -> None:
    """The id of each batch is what the next one calls its predecessor; a tombstone has the id of what it replaces."""
    for step in load("chain.json")["steps"]:
        message = decode(*split(step["frame"]))
        assert isinstance(message, EventBatch)
        assert message.previous.hex() == step["previous"]
        assert batch_id(message).hex() == step["batch_id"]
        assert (batch_id(message.payload).hex() == step["batch_id"]) is not bool(message.replaces)


def test_a_session_frame_by_frame() -> None:
    """Both sides agree on the state and the credit after every frame of a session."""
    sides = {role: Connection(role) for role in Role}
    for step in load("session.json")["steps"]:
        sender = sides[Role(step["from"])]
        receiver = next(side for side in sides.values() if side is not sender)
        data = bytes.fromhex(step["frame"])
        receiver.receive_data(data)
        event = receiver.next_event()
        if step["name"] is None:
            assert event is NEED_DATA  # an optional type that nobody knows
        else:
            assert isinstance(event, Message)
            assert sender.send(event) == data
        for side in sides.values():
            assert side.state is State(step["state"])
            assert side.credit == step["credit"]


def test_the_path_report_and_its_answer() -> None:
    """What was sealed by another reading of the specification opens, and means what the vector says."""
    vector = {key: bytes.fromhex(text) for key, text in load("path_report.json").items() if is_hex(text)}
    private = load("path_report.json")["report_key_private"]
    key = ReportKey(
        X25519PrivateKey.from_private_bytes(bytes.fromhex(private["x25519"])),
        Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private["ed25519"])),
    )

    report = open_report(vector["sealed"], [key])
    answer = open_answer(vector["answer"], report.answer_key, key.public, report.digest)

    assert key.public.raw == vector["report_key"]
    assert (report.digest, report.answer_key) == (vector["digest"], vector["answer_key"])
    assert (report.signed_bytes, report.signature) == (vector["signed"], vector["signature"])
    assert report.is_by(
        Ed25519PrivateKey.from_private_bytes(vector["token_seed"]).public_key().public_bytes_raw()
    )
    assert (report.kind, report.uid) == ("token", load("path_report.json")["token_id"])
    assert report.counter == 1_764_000_000_000
    assert report.side == AgentSide(
        at_ms=1_764_000_000_001, dialed="gw.example:6180", local="10.1.2.3:49152", resolved=("192.0.2.7",),
        chain=(b"\x30\x03\x02\x01\x00",), verify_codes=((0, 20),), first_bytes=b"", handshake_ms=12.5,
        last_io=LastIo.ALERT, lacking=("exporter",),
    )  # fmt: skip
    assert answer.finding is not None
    assert (answer.code, answer.gateway_time_ms) == (0, 1_764_000_000_002)
    assert answer.finding.verdict is Verdict.INSPECTED_UNTRUSTED


def is_hex(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"([0-9a-f]{2})+", value) is not None


def test_the_enrollment_proof() -> None:
    """The token reads as the vector says, and signs what the vector says."""
    vector = load("enrollment.json")

    token = Token.parse(vector["token"])

    assert token.id == vector["token_id"]
    assert token.seed.hex() == vector["seed"]
    assert [pin.hex() for pin in token.pins] == vector["pins"]
    assert list(token.gateways) == vector["gateways"]
    assert list(token.names) == vector["names"]
    assert token.encode() == vector["token"]
    with_key = Token.parse(vector["token_with_report_key"])
    assert with_key == attrs.evolve(token, report_key=bytes.fromhex(vector["report_key"]))
    assert with_key.encode() == vector["token_with_report_key"]
    csr, exporter = bytes.fromhex(vector["csr"]), bytes.fromhex(vector["exporter"])
    assert len(read_csr(csr).spki_sha256) == 32
    assert sign_enrollment(token.seed, exporter, csr).hex() == vector["signature"]
