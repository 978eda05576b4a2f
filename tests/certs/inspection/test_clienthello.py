"""A ClientHello is read whole or not at all, however it was cut, and whatever stands in its place."""

import contextlib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.inspection import ClientHello, ClientHelloError, IncompleteHelloError, parse_client_hello
from tests.certs.inspection.hellos import RANDOM, Hello, records, vector

HELLO = Hello(session=bytes(32), ciphers=(0x0A0A, 0x1302, 0x1301), versions=(0x0303, 0x5A5A, 0x0304))
MESSAGE = HELLO.message()

HELLOS = st.builds(
    Hello,
    legacy_version=st.integers(0, 0xFFFF),
    random=st.binary(min_size=32, max_size=32),
    session=st.binary(max_size=32),
    ciphers=st.lists(st.integers(0, 0xFFFF), max_size=20),
    extensions=st.lists(st.sampled_from([0, 10, 13, 16, 21, 43, 0x2A2A, 0xFF01]), unique=True),
    versions=st.lists(st.integers(0, 0xFFFF), max_size=5),
    signature_algorithms=st.lists(st.integers(0, 0xFFFF), max_size=8),
    alpn=st.lists(st.binary(max_size=12), max_size=4),
    server_name=st.binary(max_size=255),
)


def test_what_a_hello_says() -> None:
    read = parse_client_hello(records(MESSAGE))
    assert attrs.evolve(read, ja4="", ja4_raw="") == ClientHello(
        ja4="",
        ja4_raw="",
        versions=("TLSv1.3", "TLSv1.2"),
        alpn=("fieldgate/1",),
        server_name="gateway.test",
        size=len(MESSAGE),
        random=RANDOM,
    )


def test_a_hello_of_old_says_its_version_and_no_more() -> None:
    read = parse_client_hello(Hello(legacy_version=0x0301, extensions=[]).message())
    assert (read.versions, read.alpn, read.server_name) == (("TLSv1",), (), "")


def test_an_unknown_version_is_shown_as_its_number() -> None:
    assert parse_client_hello(Hello(versions=(0x7F1C, 0x0304)).message()).versions == ("0x7f1c", "TLSv1.3")


@given(HELLOS, st.lists(st.integers(1, 200), max_size=6), st.binary(max_size=50))
def test_cutting_into_records_changes_nothing(hello: Hello, cuts: list[int], behind: bytes) -> None:
    message = hello.message()
    assert parse_client_hello(records(message, cuts) + behind) == parse_client_hello(message)


@pytest.mark.parametrize("data", [MESSAGE, records(MESSAGE), records(MESSAGE, [1, 3, 4, 5, 40])])
def test_every_beginning_is_incomplete(data: bytes) -> None:
    """Byte by byte: there is never a wrong answer on the way to the right one."""
    for end in range(len(data)):
        with pytest.raises(IncompleteHelloError):
            parse_client_hello(data[:end])
    assert parse_client_hello(data).size == len(MESSAGE)


@given(st.binary(max_size=600), st.sampled_from([b"", b"\x16", b"\x16\x03\x01", b"\x01", MESSAGE[:4]]))
def test_garbage_raises_only_its_own_error(garbage: bytes, head: bytes) -> None:
    with contextlib.suppress(ClientHelloError):
        assert isinstance(parse_client_hello(head + garbage), ClientHello)


@given(HELLOS, st.data())
def test_a_damaged_hello_is_read_or_refused(hello: Hello, data: st.DataObject) -> None:
    """One byte changed anywhere: a length that lies is found out, not followed."""
    message = bytearray(hello.message())
    message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = parse_client_hello(bytes(message))
    except ClientHelloError:
        return
    assert read.size <= len(message)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"GET / HTTP/1.1\r\n", "not a ClientHello"),
        (b"\x02" + MESSAGE[1:], "not a ClientHello"),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "not a ClientHello"),
        (b"\x16\x02\x00\x00\x04", "not a TLS handshake"),
        (records(MESSAGE[:50]) + b"\x15\x03\x03\x00\x02\x02\x28", "not a TLS handshake"),
        (b"\x16\x03\x01\x00\x00", "a record of 0 bytes"),
        (b"\x16\x03\x01\x40\x01", "a record of 16385 bytes"),
        (b"\x01\x00\x40\x00", "a ClientHello of 16388 bytes, limit is 16384"),
        (b"\x01" + vector(3, MESSAGE[4:] + b"\x00"), "1 bytes behind the extensions"),
        (Hello(ciphers=[1] * 401).message(), "401 cipher suites, limit is 400"),
        (Hello(extensions=[99] * 129).message(), "129 extensions, limit is 128"),
        (Hello(alpn=[b""] * 65).message(), "65 protocols, limit is 64"),
        (Hello(server_name=b"x" * 256).message(), "a server name of 256 bytes, limit is 255"),
    ],
)
def test_what_is_none_is_refused_with_the_reason(data: bytes, says: str) -> None:
    with pytest.raises(ClientHelloError, match=says) as caught:
        parse_client_hello(data)
    assert not isinstance(caught.value, IncompleteHelloError)


@given(st.binary(max_size=255), st.lists(st.binary(max_size=255), max_size=3))
def test_texts_are_printable_ascii_or_escaped(name: bytes, alpn: list[bytes]) -> None:
    """What a stranger put there goes into reports as text."""
    read = parse_client_hello(Hello(server_name=name, alpn=alpn).message())
    for text in (read.server_name, *read.alpn):
        assert text.isascii()
    assert len(read.alpn) == len(alpn)
