"""What a gateway answers to a path report: for the reporter's eyes alone, and provably the gateway's.

    answer   nonce (12) ‖ AES-256-GCM ciphertext       key: the report's answer_key; associated data: ANSWER_PREFIX ‖ digest
    inside   an envelope: the report key's Ed25519 signature and a JSON body
    signed   ANSWER_PREFIX ‖ digest ‖ body             digest: SHA-256 of the sealed report
    body     version, code, gateway_time_ms, finding, gateway

The answer key is random and in the sealed part of the report: whoever else is on the path reads no answer and makes none. What the
gateway says is signed as well, so that it can be kept and shown to others, and the reporter can't make it up.
"""

import os
from typing import Final, Self

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from certs import ReportKey, ReportPublic
from certs.inspection.document import (
    DocumentError,
    document_from_json,
    document_to_json,
    from_document,
    to_document,
)
from certs.inspection.envelope import EnvelopeError, pack, unpack
from certs.inspection.evidence import GatewaySide
from certs.inspection.finding import Finding
from certs.inspection.sealing import SealError

__all__ = ["MAX_ANSWER_BYTES", "Answer", "SignedAnswer", "open_answer", "seal_answer", "unseal_answer"]

ANSWER_PREFIX: Final = b"fieldgate path answer 1\x00"

# What a PathVerdict holds.
MAX_ANSWER_BYTES: Final = 60 * 1024

_TAG: Final = 16
_NONCE: Final = 12
_DIGEST: Final = 32
_ED25519: Final = 64


@attrs.frozen(kw_only=True)
class Answer:
    """What a gateway says to a report.

    Attributes:
        code: 0, or the FG code of a refusal.
        gateway: its half, as far as this reporter may see it.
    """

    code: int
    gateway_time_ms: int
    finding: Finding | None = None
    gateway: GatewaySide | None = None


@attrs.frozen(kw_only=True)
class SignedAnswer:
    """An answer with its proof, for keeping: whoever has the gateway's public key can verify it again."""

    digest: bytes
    """SHA-256 of the sealed report that it answers."""
    signature: bytes
    body: bytes

    def verify(self, public: ReportPublic) -> Answer:
        """What it says.

        Raises:
            SealError: *public* did not sign it, or it can't be read.
        """
        if not public.verify(self.signature, ANSWER_PREFIX + self.digest + self.body):
            raise SealError("the answer is not signed by the gateway's report key")
        try:
            return from_document(Answer, document_from_json(self.body))
        except DocumentError as error:
            raise SealError(f"the answer can't be read: {error}") from None

    def to_bytes(self) -> bytes:
        """For a file."""
        return self.digest + self.signature + self.body

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse of `to_bytes`.

        Raises:
            SealError: cut short.
        """
        if len(data) < _DIGEST + _ED25519:
            raise SealError("an answer that is cut short")
        end = _DIGEST + _ED25519
        return cls(digest=data[:_DIGEST], signature=data[_DIGEST:end], body=data[end:])


def seal_answer(answer: Answer, report_key: ReportKey, answer_key: bytes, digest: bytes) -> bytes:
    """An answer that only the reporter can read. Each call gives other bytes.

    Args:
        report_key: the one that opened the report.
        digest: of the sealed report.

    Raises:
        SealError: more than `MAX_ANSWER_BYTES`, or a field is not what its class declares.
    """
    try:
        said = document_to_json(to_document(answer))
        signature = report_key.signing.sign(ANSWER_PREFIX + digest + said)
        plaintext = pack(signature, said, MAX_ANSWER_BYTES - _NONCE - _TAG)
    except (DocumentError, EnvelopeError) as error:
        raise SealError(f"no answer can be made of this: {error}") from None
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(answer_key).encrypt(nonce, plaintext, ANSWER_PREFIX + digest)


def unseal_answer(data: bytes, answer_key: bytes, digest: bytes) -> SignedAnswer:
    """The answer to the report of *digest*, with its proof, for keeping. It counts once `SignedAnswer.verify` has read it.

    Raises:
        SealError: not for this report, changed on its way, or no answer.
    """
    if len(data) > MAX_ANSWER_BYTES:
        raise SealError(f"answer of {len(data)} bytes, limit is {MAX_ANSWER_BYTES}")
    try:
        plaintext = AESGCM(answer_key).decrypt(data[:_NONCE], data[_NONCE:], ANSWER_PREFIX + digest)
        signature, body = unpack(plaintext)
    except InvalidTag:
        raise SealError("no answer to this report: the seal is broken") from None
    except ValueError as error:
        raise SealError(f"no answer to this report: {error}") from None
    return SignedAnswer(digest=digest, signature=signature, body=body)


def open_answer(data: bytes, answer_key: bytes, public: ReportPublic, digest: bytes) -> Answer:
    """What the gateway says to the report of *digest*.

    Args:
        public: the key that the report was sealed to.

    Raises:
        SealError: not for this report, not by this gateway, changed on its way, or no answer.
    """
    return unseal_answer(data, answer_key, digest).verify(public)
