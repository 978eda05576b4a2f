"""The string that people paste: what comes back, what is told of a bad paste, what never leaks."""

import base64
import contextlib
import hashlib
import struct
import textwrap
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs import PathCode, ReportPublic, Token, TokenError

TOKEN = Token(
    id="3b5c4a52-7a0f-4a39-9a0c-6f0a4f0d9a11",
    seed=bytes(range(32)),
    pins=(b"\xaa" * 32,),
    gateways=("gateway.example:6180", "[2001:db8::1]:443"),
    names=("gateway.example",),
)
TEXT = TOKEN.encode()

texts = st.lists(st.text(st.characters(codec="utf-8"), max_size=60), min_size=1, max_size=5).map(tuple)
KEY = ReportPublic(bytes(range(100, 164)))
FIELDS: dict[str, Any] = {
    "id": st.uuids().map(str),
    "seed": st.binary(min_size=32, max_size=32),
    "pins": st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4).map(tuple),
    "gateways": texts,
    "names": texts,
    "report_key": st.just(b"") | st.binary(min_size=64, max_size=64),
}
tokens = st.builds(Token, **FIELDS)
codes = st.builds(PathCode, **FIELDS)


def sealed(body: bytes, prefix: str = "fgt1_") -> str:
    """A token with a good length and checksum around any body."""
    framed = struct.pack("!H", len(body) + 4) + body
    framed += hashlib.sha256(framed).digest()[:4]
    return prefix + base64.urlsafe_b64encode(framed).rstrip(b"=").decode()


@given(tokens)
def test_round_trip(token: Token) -> None:
    assert Token.parse(token.encode()) == token


@given(codes)
def test_round_trip_of_a_code(code: PathCode) -> None:
    assert PathCode.parse(code.encode()) == code


def test_the_report_key_is_a_section_that_older_parsers_ignore() -> None:
    """Bytes between the names and the checksum always were for later versions."""
    token = attrs.evolve(TOKEN, report_key=KEY.raw)
    body = base64.urlsafe_b64decode(token.encode()[5:] + "==")[2:-4]

    assert token.report_public == KEY
    assert TOKEN.report_public is None
    assert body == base64.urlsafe_b64decode(TEXT[5:] + "==")[2:-4] + b"\x01\x00\x40" + KEY.raw


@pytest.mark.parametrize(
    "sections",
    [
        b"\x02\x00\x01x" + b"\x01\x00\x40" + KEY.raw,
        b"\x01\x00\x40" + KEY.raw + b"\x03\x00",
        b"\x01\x00\x40" + KEY.raw + b"\x03\x01\x00too short",
    ],
)
def test_sections_of_later_versions_are_skipped(sections: bytes) -> None:
    body = base64.urlsafe_b64decode(TEXT[5:] + "==")[2:-4]

    assert Token.parse(sealed(body + sections)) == attrs.evolve(TOKEN, report_key=KEY.raw)


@pytest.mark.parametrize("section", [b"\x01\x00\x40" + KEY.raw[:-1], b"\x01\x00\x3f" + KEY.raw[:-1]])
def test_a_report_key_of_another_form_is_of_a_later_version(section: bytes) -> None:
    body = base64.urlsafe_b64decode(TEXT[5:] + "==")[2:-4]

    assert Token.parse(sealed(body + section)) == TOKEN


def test_a_code_is_no_token_and_a_token_no_code() -> None:
    """Each says what it is for, so that a person sees what was pasted where."""
    code = PathCode.create(seed=bytes(32), pins=[b"p" * 32], gateways=["g:1"], report_key=KEY.raw)

    assert code.encode().startswith("fgc1_")
    with pytest.raises(TokenError, match="not an enrollment token: one begins with fgt1_"):
        Token.parse(code.encode())
    with pytest.raises(TokenError, match="not a code for the gateway's view: one begins with fgc1_"):
        PathCode.parse(TEXT)
    with pytest.raises(TokenError, match="the code is cut short"):
        PathCode.parse(code.encode()[:-10])
    with pytest.raises(TokenError, match="the code is of another version"):
        PathCode.parse("fgc2_AAAA")


def test_format_is_the_documented_one() -> None:
    """Frozen: tokens are in people's mailboxes."""
    assert TEXT == (
        "fgt1_AI47XEpSeg9KOZoMbwpPDZoRAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8Bqqqqqqqqqqqqqqqqqqqqqqqqq"
        "qqqqqqqqqqqqqqqqqoCFGdhdGV3YXkuZXhhbXBsZTo2MTgwEVsyMDAxOmRiODo6MV06NDQzAQ9nYXRld2F5LmV4YW1wbGWEdKdg"
    )


def test_mail_may_wrap_and_quote_it() -> None:
    wrapped = "\r\n  ".join(textwrap.wrap(TEXT, 40))

    assert Token.parse(f'  "{wrapped}"\n') == TOKEN


def test_bytes_of_later_versions_are_ignored() -> None:
    body = base64.urlsafe_b64decode(TEXT[5:] + "==")[2:-4]

    assert Token.parse(sealed(body + b"later")) == TOKEN


@pytest.mark.parametrize("kept", range(len("fgt1_") + 1, len(TEXT)))
def test_every_cut_is_told_as_a_cut(kept: int) -> None:
    with pytest.raises(TokenError, match="cut short"):
        Token.parse(TEXT[:kept])


def test_cut_says_how_much_is_missing() -> None:
    with pytest.raises(TokenError, match=rf"100 of {len(TEXT)} characters, copy all of it"):
        Token.parse(TEXT[:100])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not an enrollment token: one begins with fgt1_"),
        ("hunter2", "not an enrollment token"),
        ("fgt2_AAAA", "of another version"),
        ("fgt1_", "cut short"),
        ("fgt1_!!!!", "damaged: it has characters that no token has"),
        ("fgt1_ü", "damaged: it has characters that no token has"),
        (TEXT + "AAAA", "damaged: it is longer than it says"),
        (
            TEXT[:60] + ("A" if TEXT[60] != "A" else "B") + TEXT[61:],
            "its checksum does not match, copy it again",
        ),
        ("fgt1_" + "A" * 20_000, "token of 20005 characters, limit is 17408"),
        (sealed(b"short"), "damaged: a field is missing"),
        (sealed(b"a token id, 16 b" + bytes(32) + b"\x00\x00\x00"), "names no gateway or no root"),
        (sealed(b"a token id, 16 b" + bytes(32) + b"\x00\x01\x02\xff\xff\x00"), "a name in it is not text"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(TokenError, match=words):
        Token.parse(text)


@given(
    st.one_of(
        st.text(),
        st.text(alphabet="fgt1_-ABCabc019", max_size=80).map("fgt1_".__add__),
        st.binary().map(sealed),
    )
)
def test_garbage_raises_only_token_error(text: str) -> None:
    with contextlib.suppress(TokenError):
        Token.parse(text)


def test_secret_is_in_no_repr_and_no_error() -> None:
    secret = TOKEN.seed.hex()

    assert "seed" not in repr(TOKEN)
    assert secret not in repr(TOKEN)
    assert TEXT not in repr(TOKEN)
    for broken in (TEXT[:-3], TEXT + "AAAA", TEXT[:-4] + "AAAA"):
        with pytest.raises(TokenError) as raised:
            Token.parse(broken)
        assert TEXT[5:60] not in str(raised.value)


def test_new_tokens_have_new_ids() -> None:
    made = [Token.create(seed=bytes(32), pins=[b"p" * 32], gateways=["g:1"]) for _ in range(2)]

    assert made[0].id != made[1].id
    assert made[0].names == ()


@pytest.mark.parametrize(
    "token",
    [
        Token.create(seed=b"short", pins=[b"p" * 32], gateways=["g:1"]),
        Token.create(seed=bytes(32), pins=[b"short"], gateways=["g:1"]),
        Token.create(seed=bytes(32), pins=[b"p" * 32], gateways=["g:1"], report_key=b"short"),
        Token.create(seed=bytes(32), pins=[b"p" * 32], gateways=["g" * 256]),
        Token.create(seed=bytes(32), pins=[b"p" * 32], gateways=["g:1"] * 256),
        Token.create(seed=bytes(32), pins=[b"p" * 32], gateways=["g" * 250] * 200),
    ],
)
def test_token_that_nobody_could_read_is_not_made(token: Token) -> None:
    with pytest.raises(TokenError):
        token.encode()
