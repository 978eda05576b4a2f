"""Answers: only the gateway makes one, only the reporter reads it, and it is to that report and no other."""

import attrs
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from certs import ReportKey, Token
from certs.inspection import (
    AgentSide,
    Answer,
    Finding,
    GatewaySide,
    SealError,
    SignedAnswer,
    Verdict,
    open_answer,
    open_report,
    report_digest,
    seal_answer,
    seal_report,
    token_signer,
    unseal_answer,
)
from certs.inspection.answers import ANSWER_PREFIX
from certs.inspection.envelope import pack
from tests.certs.inspection.documents import instances_of

KEY, STRANGER = ReportKey.generate(), ReportKey.generate()
TOKEN = Token.create(seed=bytes(range(32)), pins=[b"p" * 32], gateways=["gw.example:6180"])
FINDING = Finding(verdict=Verdict.INSPECTED_UNTRUSTED, confidence=0.95, blame="The firewall opens the TLS.", reason="It does.")  # fmt: skip
ANSWER = Answer(
    code=0, gateway_time_ms=5, finding=FINDING, gateway=GatewaySide(at_ms=4, source="192.0.2.9:1024")
)


def report(dialed: str = "gw.example:6180") -> tuple[bytes, bytes]:
    """A sealed report and its answer key."""
    return seal_report(AgentSide(at_ms=1, dialed=dialed), token_signer(TOKEN, "i"), KEY.public, 7)


@given(instances_of(Answer))
@settings(max_examples=60)
def test_the_reporter_reads_what_the_gateway_says(answer: Answer) -> None:
    sealed, answer_key = report()
    opened = open_report(sealed, [KEY])

    data = seal_answer(answer, opened.report_key, opened.answer_key, opened.digest)

    assert open_answer(data, answer_key, KEY.public, report_digest(sealed)) == answer


def test_an_answer_is_kept_with_its_proof() -> None:
    """In a file, after the gateway's key was rotated, by somebody else: it can be verified as long as the key is known."""
    sealed, answer_key = report()
    data = seal_answer(ANSWER, KEY, answer_key, report_digest(sealed))

    kept = unseal_answer(data, answer_key, report_digest(sealed)).to_bytes()

    again = SignedAnswer.from_bytes(kept)
    assert again.verify(KEY.public) == ANSWER
    assert again.digest == report_digest(sealed)
    with pytest.raises(SealError, match="not signed by the gateway's report key"):
        again.verify(STRANGER.public)
    with pytest.raises(SealError, match="not signed by the gateway's report key"):
        attrs.evolve(again, digest=report_digest(b"another report")).verify(KEY.public)
    with pytest.raises(SealError, match="cut short"):
        SignedAnswer.from_bytes(kept[:95])
    for at in range(len(kept)):
        changed = bytearray(kept)
        changed[at] ^= 1 << at % 8
        with pytest.raises(SealError):
            SignedAnswer.from_bytes(bytes(changed)).verify(KEY.public)


def test_no_byte_of_an_answer_can_be_changed() -> None:
    sealed, answer_key = report()
    digest = report_digest(sealed)
    data = seal_answer(ANSWER, KEY, answer_key, digest)

    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        with pytest.raises(SealError):
            open_answer(bytes(changed), answer_key, KEY.public, digest)
    for size in range(0, len(data), 7):
        with pytest.raises(SealError):
            open_answer(data[:size], answer_key, KEY.public, digest)


def test_who_has_not_the_answer_key_reads_nothing() -> None:
    sealed, answer_key = report()
    digest = report_digest(sealed)
    first, second = (seal_answer(ANSWER, KEY, answer_key, digest) for _ in range(2))

    assert b"firewall" not in first
    assert b"192.0.2.9" not in first
    assert first[:12] != second[:12]  # a nonce is never used twice under one key
    assert first[12:] != second[12:]
    with pytest.raises(SealError, match="the seal is broken"):
        open_answer(first, bytes(32), KEY.public, digest)


def test_who_has_not_the_report_key_forges_nothing() -> None:
    """Even with the answer key, which only the reporter has: so it can't show others an answer of its own making."""
    sealed, answer_key = report()
    digest = report_digest(sealed)
    by_stranger = seal_answer(ANSWER, STRANGER, answer_key, digest)
    unsigned = bytes(12) + AESGCM(answer_key).encrypt(
        bytes(12), pack(b"", b"{}", 2000), ANSWER_PREFIX + digest
    )

    for forged in (by_stranger, unsigned):
        with pytest.raises(SealError, match="not signed by the gateway's report key"):
            open_answer(forged, answer_key, KEY.public, digest)


def test_an_answer_is_to_one_report() -> None:
    """An answer to another report, of another day, is none; not even under the same key."""
    first, second = report(), report("gw.example:443")
    data = seal_answer(ANSWER, KEY, first[1], report_digest(first[0]))

    for answer_key in (first[1], second[1]):
        with pytest.raises(SealError, match="no answer to this report"):
            open_answer(data, answer_key, KEY.public, report_digest(second[0]))


def test_a_signature_is_of_an_answer_and_not_of_a_report() -> None:
    """The two prefixes keep the gateway's words apart from anything else that it may ever sign."""
    digest = report_digest(report()[0])
    body = b'{"version":1,"code":0,"gateway_time_ms":5}'
    signature = KEY.signing.sign(b"fieldgate path report 1\0" + digest + body)
    crossed = SignedAnswer(digest=digest, signature=signature, body=body)

    with pytest.raises(SealError, match="not signed"):
        crossed.verify(KEY.public)
    good = attrs.evolve(crossed, signature=KEY.signing.sign(ANSWER_PREFIX + digest + body))
    assert good.verify(KEY.public) == Answer(code=0, gateway_time_ms=5)


@given(st.binary(max_size=200))
def test_garbage_raises_only_seal_error(data: bytes) -> None:
    with pytest.raises(SealError):
        open_answer(data, bytes(32), KEY.public, bytes(32))


@given(st.binary(max_size=200))
def test_a_signed_answer_that_is_none_is_refused(body: bytes) -> None:
    """A gateway of a later version may say what we can't read."""
    digest = bytes(32)
    signed = SignedAnswer(digest=digest, signature=KEY.signing.sign(ANSWER_PREFIX + digest + body), body=body)

    with pytest.raises(SealError, match="the answer can't be read"):
        signed.verify(KEY.public)


def test_an_answer_has_an_end() -> None:
    with pytest.raises(SealError, match="limit is 61440"):
        open_answer(bytes(61_441), bytes(32), KEY.public, bytes(32))
    with pytest.raises(SealError, match="no answer can be made of this"):
        seal_answer(attrs.evolve(ANSWER, code=-1), KEY, bytes(32), bytes(32))
    long = attrs.evolve(FINDING, evidence=tuple(f"{n}" * 2000 for n in range(64)))
    sealed = seal_answer(attrs.evolve(ANSWER, finding=long), KEY, bytes(32), bytes(32))
    assert len(sealed) == 61_440
    opened = open_answer(sealed, bytes(32), KEY.public, bytes(32))
    assert opened.finding is not None
    assert len(opened.finding.evidence) == 64
