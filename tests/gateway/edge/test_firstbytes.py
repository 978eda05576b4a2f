"""Told by its first bytes, on as few as decide it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.firstbytes import CODES, DECIDED_BYTES, HTTP_ANSWER, FirstBytes, classify
from protocol import Code

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 32

OPENINGS = [
    (HELLO, FirstBytes.TLS),
    (b"\x16\x03\x03\x40\x00\x01\x00\x40\x00", FirstBytes.TLS),
    (b"\x16\x03\x01\x40\x00\x01\x01\x00\x00", FirstBytes.TLS_OVERSIZED),
    (b"\x16\x03\x01\x40\x00\x01\x00\x40\x01", FirstBytes.TLS_OVERSIZED),
    (b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n", FirstBytes.HTTP),
    (b"CONNECT gateway:6180 HTTP/1.1\r\n", FirstBytes.HTTP),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FirstBytes.HTTP),
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", FirstBytes.SSH),
    (b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", FirstBytes.PROXY),
    (b"PROXY TCP4 198.51.100.7 10.0.0.1 5 6180\r\n", FirstBytes.PROXY),
    (b"\x03\x00\x00\x13\x0e\xe0\x00\x00", FirstBytes.OTHER),  # RDP
    (b"\x80\x2e\x01\x00\x02\x00\x15", FirstBytes.OTHER),  # an SSL 2 hello
    (b"\x16\x02\x00\x00\x10\x01\x00\x00\x0c", FirstBytes.OTHER),
    (b"\x16\x03\x01\x00\x10\x02\x00\x00\x0c", FirstBytes.OTHER),  # a ServerHello
    (b"EHLO mail.example.net\r\n", FirstBytes.OTHER),
    (b"GETTING", FirstBytes.OTHER),
]


@pytest.mark.parametrize(("opening", "kind"), OPENINGS)
def test_openings_are_told_apart_by_twelve_bytes(opening: bytes, kind: FirstBytes) -> None:
    assert classify(opening) is kind
    assert classify(opening[:DECIDED_BYTES]) is kind


@given(st.sampled_from([opening for opening, _ in OPENINGS]) | st.binary(max_size=20), st.binary(max_size=20))
def test_more_bytes_never_change_an_answer(opening: bytes, more: bytes) -> None:
    """Cut anywhere, it is undecided or already what it will be; twelve bytes always decide."""
    data = opening + more
    final = classify(data)
    for cut in range(len(data)):
        assert classify(data[:cut]) in (FirstBytes.UNDECIDED, final)
    if len(data) >= DECIDED_BYTES:
        assert final is not FirstBytes.UNDECIDED


def test_every_opening_but_tls_has_a_reason() -> None:
    assert set(CODES) == set(FirstBytes) - {FirstBytes.TLS, FirstBytes.UNDECIDED}


def test_the_http_answer_is_one_that_a_browser_shows() -> None:
    """And it carries the code, so that whoever sees it can look it up."""
    head, _, body = HTTP_ANSWER.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert f"Content-Length: {len(body)}".encode() in head
    assert str(Code.NOT_TLS_HTTP).encode() in body
