"""Documents: what was written is read, what a stranger writes is bounded, and the schema says the same as the reader."""

import json
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.inspection import (
    MAX_DOCUMENT_BYTES,
    AgentSide,
    ClientHello,
    DocumentError,
    Evidence,
    Expected,
    Finding,
    GatewaySide,
    LastIo,
    PathRecord,
    ProxyUse,
    Verdict,
    agent_side_from_document,
    document_from_json,
    document_schema,
    document_to_json,
    evidence_from_document,
    finding_from_document,
    gateway_side_from_document,
    to_document,
)
from certs.inspection.document import from_document
from tests.certs.inspection.documents import HOSTILE, INSTANCES, instances_of

READERS = {
    AgentSide: agent_side_from_document,
    GatewaySide: gateway_side_from_document,
    Evidence: evidence_from_document,
    Finding: finding_from_document,
}
SCHEMAS = {cls: document_schema(cls) for cls in READERS}
SIDE = AgentSide(at_ms=1, dialed="gw.example:6180")


@given(INSTANCES)
def test_what_is_written_is_read(value: Any) -> None:
    """By way of bytes, because that is how it travels."""
    data = document_to_json(to_document(value))

    assert from_document(type(value), document_from_json(data)) == value


@pytest.mark.parametrize("cls", list(READERS), ids=lambda cls: cls.__name__)
@given(data=st.data())
@settings(max_examples=25)
def test_each_class_has_its_reader(cls: Any, data: st.DataObject) -> None:
    value = data.draw(instances_of(cls))

    assert READERS[cls](json.loads(json.dumps(to_document(value)))) == value


def test_the_form_is_the_documented_one() -> None:
    """Frozen: stored evidence is judged again years later."""
    side = attrs.evolve(
        SIDE, chain=(b"\x00\xff",), first_bytes=b"", verify_codes=((0, 20),), last_io=LastIo.ALERT, connect_ms=1.0
    )  # fmt: skip

    document = to_document(Evidence(agent=side, expected=Expected(pins=frozenset({b"b", b"a"}))))

    assert document["version"] == 1
    assert document["gateway"] is None
    assert document["expected"]["pins"] == ["YQ==", "Yg=="]
    assert "version" not in document["agent"]
    assert {key: document["agent"][key] for key in ("chain", "first_bytes", "verify_codes", "last_io", "hello", "at_ms")} == {
        "chain": ["AP8="], "first_bytes": "", "verify_codes": [[0, 20]], "last_io": "alert", "hello": None, "at_ms": 1,
    }  # fmt: skip


def test_a_missing_key_takes_its_default_and_a_new_one_is_ignored() -> None:
    """An older peer says less, a newer one more."""
    document = {"version": 1, "at_ms": 1, "dialed": "gw.example:6180", "of_a_later_version": {"deep": [1]}}

    assert agent_side_from_document(document) == SIDE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "of another version than 1"),
        ({"version": True}, "of another version than 1"),
        ({"version": 1.0}, "of another version than 1"),
        ({"version": None}, "of another version than 1"),
        ({"at_ms": True}, r"AgentSide\.at_ms: expected an integer"),
        ({"at_ms": 1.0}, r"AgentSide\.at_ms: expected an integer"),
        ({"at_ms": -1}, r"AgentSide\.at_ms: expected an integer"),
        ({"at_ms": 253_402_300_800_000}, r"AgentSide\.at_ms: expected an integer"),
        ({"at_ms": None}, r"AgentSide\.at_ms: expected an integer"),
        ({"enrolled": 1}, r"AgentSide\.enrolled: expected true or false"),
        ({"dialed": 5}, r"AgentSide\.dialed: expected text"),
        ({"dialed": "x" * 256}, r"AgentSide\.dialed: expected text of at most 255"),
        ({"dialed": "a\0"}, r"AgentSide\.dialed: text with NUL or a surrogate"),
        ({"dialed": "\ud800"}, r"AgentSide\.dialed: text with NUL or a surrogate"),
        ({"connect_ms": float("nan")}, r"AgentSide\.connect_ms: expected a number"),
        ({"connect_ms": float("inf")}, r"AgentSide\.connect_ms: expected a number"),
        ({"connect_ms": 10**400}, r"AgentSide\.connect_ms: expected a number"),
        ({"connect_ms": False}, r"AgentSide\.connect_ms: expected a number"),
        ({"chain": "AAAA"}, r"AgentSide\.chain: expected a list of at most 16"),
        ({"chain": ["AAAA"] * 17}, r"AgentSide\.chain: expected a list of at most 16"),
        ({"chain": ["AAA"]}, r"AgentSide\.chain\[0\]: not base64"),
        ({"chain": ["AAAA", "AAB="]}, r"AgentSide\.chain\[1\]: not base64 in its one form"),
        ({"chain": ["AA\nAA"]}, r"AgentSide\.chain\[0\]: not base64"),
        ({"chain": ["ü"]}, r"AgentSide\.chain\[0\]: not base64"),
        ({"first_bytes": "A" * 164}, r"AgentSide\.first_bytes: expected base64 of at most 120 bytes"),
        ({"verify_codes": [[0]]}, r"AgentSide\.verify_codes\[0\]: expected a list of 2"),
        ({"verify_codes": [[0, True]]}, r"AgentSide\.verify_codes\[0\]: expected an integer"),
        ({"last_io": "exploded"}, r"AgentSide\.last_io: no LastIo"),
        ({"last_io": ["reset"]}, r"AgentSide\.last_io: expected a LastIo"),
        ({"hello": []}, r"AgentSide\.hello: expected an object"),
        ({"hello": {"ja4": ""}}, r"AgentSide\.hello: alpn is missing"),
        (
            {"negotiated": {"version": "", "alpn": "", "cipher": 1}},
            r"AgentSide\.negotiated\.cipher: expected",
        ),
        ({str(n): n for n in range(70)}, "expected an object of at most 64 keys"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value)[:40],
)
def test_what_is_wrong_is_said(change: dict[str, Any], words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        agent_side_from_document(to_document(SIDE) | change)


@pytest.mark.parametrize("document", [None, 1, "text", [], [("version", 1)], True])
def test_only_an_object_is_a_document(document: object) -> None:
    with pytest.raises(DocumentError, match="no object"):
        evidence_from_document(document)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON: UnicodeDecodeError"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"{}{}", "not JSON"),
        (b"[]", "no object"),
        (b"[" * 100_000, "not JSON: RecursionError"),
        (b'{"a":' * 100_000, "not JSON: RecursionError"),
        (b'{"a":NaN}', "NaN is no number of JSON"),
        (b'{"a":-Infinity}', "-Infinity is no number of JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a":1,"a":1}', "a key twice"),
        (b'{"a":{"b":1,"b":2}}', "a key twice"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), "document of 524289 bytes, limit is 524288"),
    ],
    ids=range(13),
)
def test_hostile_json_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        document_from_json(data)


@given(st.binary(max_size=200))
def test_garbage_raises_only_document_error(data: bytes) -> None:
    with pytest.raises(DocumentError):
        evidence_from_document(document_from_json(data))


@given(INSTANCES, st.data())
@settings(max_examples=300)
def test_a_hostile_value_anywhere_raises_only_document_error(value: Any, data: st.DataObject) -> None:
    """And what is accepted all the same is within the schema, and is written again as a document."""
    document = json.loads(json.dumps(to_document(value)))
    spoil(document, data)

    try:
        read = from_document(type(value), document)
    except DocumentError:
        return
    again = to_document(read)
    assert from_document(type(value), again) == read
    if type(value) in READERS:
        assert fits(document, SCHEMAS[type(value)])


@pytest.mark.parametrize("number", [2**63 - 1, 2**63 - 511])
def test_a_number_that_grows_when_it_is_read_is_refused(number: int) -> None:
    """As a float it is 2**63, which no document holds: a report would be taken, and could not be written down."""
    document = to_document(SIDE) | {"connect_ms": number}

    with pytest.raises(DocumentError, match="expected a number from 0"):
        agent_side_from_document(document)
    assert agent_side_from_document(document | {"connect_ms": 2**63 - 1024}).connect_ms == 2**63 - 1024


def spoil(document: dict[str, Any], data: st.DataObject) -> None:
    """Put something hostile into one place, however deep."""
    at: Any = document
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        inner = at[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.integers(0, 2)) == 0:
            at[key] = data.draw(HOSTILE)
            return
        at = inner


# -- what strangers made long --------------------------------------------------------------------------------------


def test_what_a_stranger_made_long_is_cut_instead_of_refused() -> None:
    """A proxy's reason, a hello's ciphers: evidence that can't be written down helps nobody."""
    proxy = ProxyUse(url="http://proxy\0:3128", source="config", used=True, reason="r\udcff" * 5000)
    hello = ClientHello(
        ja4="t", ja4_raw="1301," * 5000, versions=("v",) * 100, alpn=("a",) * 1000, server_name="", size=9
    )
    side = attrs.evolve(SIDE, proxy=proxy, hello=hello, verify_codes=((0, 20),) * 500)  # fmt: skip

    document = to_document(side)
    read = agent_side_from_document(document)

    assert read.proxy is not None
    assert read.hello is not None
    assert read.proxy.url == "http://proxy�:3128"
    assert read.proxy.reason == ("r�" * 128)[:255]
    assert len(read.hello.ja4_raw) == 2000
    assert len(read.hello.alpn) == 32
    assert len(read.verify_codes or ()) == 64
    assert to_document(read) == document


@pytest.mark.parametrize(
    "wrong",
    [
        attrs.evolve(SIDE, at_ms=-1),
        attrs.evolve(SIDE, at_ms=True),
        attrs.evolve(SIDE, connect_ms=float("nan")),
        attrs.evolve(SIDE, client_random=bytes(65)),
        attrs.evolve(SIDE, chain=[b"a list"]),  # type: ignore[arg-type]  # what a bug would do
        attrs.evolve(SIDE, dialed=None),  # type: ignore[arg-type]  # likewise
        attrs.evolve(SIDE, last_io="reset"),  # type: ignore[arg-type]  # likewise
        attrs.evolve(SIDE, proxy=SIDE),  # type: ignore[arg-type]  # likewise
        Evidence(expected=Expected(pins={b"a set"})),  # type: ignore[arg-type]  # likewise
    ],
)
def test_what_no_class_declares_is_not_written(wrong: Any) -> None:
    with pytest.raises(DocumentError):
        to_document(wrong)


def test_a_document_has_an_end() -> None:
    chain = (bytes(100 * 1024),) * 4
    with pytest.raises(DocumentError, match="limit is 524288"):
        document_to_json(to_document(attrs.evolve(SIDE, chain=chain)))


# -- the schema ----------------------------------------------------------------------------------------------------


@given(st.one_of([instances_of(cls) for cls in READERS]))
def test_every_document_is_within_the_schema(value: Any) -> None:
    assert fits(json.loads(json.dumps(to_document(value))), SCHEMAS[type(value)])


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    """It is generated from the same declarations; this is that it says something."""
    schema = SCHEMAS[AgentSide]
    for change in ({"at_ms": True}, {"at_ms": -1}, {"chain": ["A"] * 17}, {"last_io": "x"}, {"version": 2}):
        assert not fits(to_document(SIDE) | change, schema)
    assert schema["$defs"]["AgentSide"]["required"] == ["at_ms", "dialed"]
    assert set(SCHEMAS[Evidence]["$defs"]) > set(schema["$defs"]) > {"AgentSide", "Alert", "SessionEnd"}
    assert json.dumps(document_schema()) == json.dumps(SCHEMAS[Evidence])


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """A validator for the words of JSON schema that ours uses; any other word is a KeyError."""
    definitions = schema["$defs"]

    def within(value: Any, schema: dict[str, Any]) -> bool:
        if "$ref" in schema:
            schema = definitions[schema["$ref"].removeprefix("#/$defs/")]
        return all(WORDS[word](value, rule, within, schema) for word, rule in schema.items())

    return within(value, schema)


def is_type(value: Any, name: str, *_: Any) -> bool:
    if name in ("integer", "number"):
        return type(value) is int or (name == "number" and type(value) is float)
    return isinstance(
        value,
        {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}[name],
    )


def has_items(value: Any, rule: Any, within: Any, schema: dict[str, Any]) -> bool:
    if not isinstance(value, list):
        return True
    rest = value[len(schema.get("prefixItems", ())) :]
    return not rest if rule is False else all(within(entry, rule) for entry in rest)


WORDS: dict[str, Any] = {
    "$schema": lambda *_: True,
    "title": lambda *_: True,
    "$defs": lambda *_: True,
    "contentEncoding": lambda *_: True,
    "type": is_type,
    "const": lambda v, r, *_: v == r and type(v) is type(r),
    "enum": lambda v, r, *_: v in r,
    "anyOf": lambda v, r, within, _: any(within(v, s) for s in r),
    "allOf": lambda v, r, within, _: all(within(v, s) for s in r),
    "properties": lambda v, r, within, _: not isinstance(v, dict) or all(within(v[k], s) for k, s in r.items() if k in v),
    "required": lambda v, r, *_: not isinstance(v, dict) or set(r) <= set(v),
    "prefixItems": lambda v, r, within, _: not isinstance(v, list) or all(map(within, v, r)),
    "items": has_items,
    "minItems": lambda v, r, *_: not isinstance(v, list) or len(v) >= r,
    "maxItems": lambda v, r, *_: not isinstance(v, list) or len(v) <= r,
    "uniqueItems": lambda v, *_: not isinstance(v, list) or len(set(v)) == len(v),
    "maxLength": lambda v, r, *_: not isinstance(v, str) or len(v) <= r,
    "minimum": lambda v, r, *_: not isinstance(v, int | float) or v >= r,
    "maximum": lambda v, r, *_: not isinstance(v, int | float) or v <= r,
}  # fmt: skip


# -- records -------------------------------------------------------------------------------------------------------


@given(instances_of(PathRecord))
def test_a_record_is_read_from_the_journal_as_it_was_written(record: PathRecord) -> None:
    assert PathRecord.decode(record.encode()) == record


def test_a_record_takes_plain_words() -> None:
    """The kinds are text to who writes them, and to a table."""
    finding = Finding(verdict=Verdict.DIRECT, confidence=1, blame="b", reason="r")
    record = PathRecord(
        kind="report", signer_kind="agent", signer_uid="a", at_ms=5, delivered_by="443", evidence=Evidence(), finding=finding
    )  # fmt: skip

    assert (record.kind, record.signer_kind, record.delivered_by) == ("report", "agent", "443")
    assert PathRecord.decode(record.encode()) == record
    with pytest.raises(ValueError, match="carrier pigeon"):
        attrs.evolve(record, delivered_by="carrier pigeon")


@given(st.binary(max_size=100))
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError):
        PathRecord.decode(data)
