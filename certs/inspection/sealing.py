"""Path reports, sealed: the box on the path carries them and reads nothing.

    report   key id (8) ‖ HPKE ciphertext              RFC 9180, base mode: X25519, HKDF-SHA256, AES-128-GCM; info below
    inside   an envelope (see `envelope`): the sender's signature and a JSON body
    signed   REPORT_PREFIX ‖ SHA-256(the gateway's public report key) ‖ body
    body     version, kind, uid, installation_uid, chain, counter, answer_key, side

The signature is inside the seal, so that nobody on the path learns who reports, and names the gateway's key, so that who may open
a report can't send it on to another provider in the sender's name. Whoever holds the gateway's public key can seal something;
whose word it is, `OpenedReport.is_by` tells. How the answer comes back is in `answers`.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Final

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from certs import CertificateError, ReportKey, ReportPublic, agent_uid_of, public_key_of
from certs.inspection.document import (
    MAX_CERTIFICATE_BYTES,
    MAX_CHAIN,
    DocumentError,
    document_from_json,
    document_to_json,
    from_document,
    to_document,
)
from certs.inspection.envelope import EnvelopeError, pack, unpack
from certs.inspection.evidence import AgentSide
from certs.inspection.signer import Signer, SignerKind, is_signed_by

__all__ = [
    "MAX_REPORT_BYTES",
    "OpenedReport",
    "SealError",
    "open_report",
    "report_digest",
    "seal_report",
]

SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
INFO: Final = b"fieldgate path report 1"
REPORT_PREFIX: Final = b"fieldgate path report 1\x00"

# What a PathReport holds.
MAX_REPORT_BYTES: Final = 31 * 1024

_KEY_ID: Final = 8
_TAG: Final = 16
_SEAL: Final = 32 + _TAG  # HPKE's encapsulated key, and the AEAD's tag
_ANSWER_KEY: Final = 32


class SealError(ValueError):
    """It can't be sealed, or not be opened, or is not what it claims to be. Any other exception is a bug here."""


@attrs.frozen(kw_only=True)
class ReportBody:
    """What a report says, inside its seal and its signature."""

    kind: SignerKind
    uid: str
    installation_uid: str
    chain: tuple[bytes, ...]
    counter: int
    answer_key: bytes
    side: AgentSide


@attrs.frozen(kw_only=True)
class OpenedReport:
    """A report that was sealed to us. Nothing in it is to be believed before `is_by` or `is_by_its_certificate` said yes.

    Attributes:
        chain_der: an agent's own certificate, not judged yet; else empty.
        counter: rises with every report of a signer's installation; each is good for once.
        answer_key: for `seal_answer`, as are `report_key`, which opened it, and `digest`.
        signed_bytes: what `signature` is of.
    """

    kind: SignerKind
    uid: str
    installation_uid: str
    chain_der: tuple[bytes, ...]
    counter: int
    answer_key: bytes = attrs.field(repr=False)
    side: AgentSide
    signature: bytes = attrs.field(repr=False)
    signed_bytes: bytes = attrs.field(repr=False)
    digest: bytes
    report_key: ReportKey = attrs.field(repr=False)

    def is_by(self, public_key: bytes) -> bool:
        """Whether the holder of that key signed it.

        Args:
            public_key: of the token or code that `uid` names: DER SubjectPublicKeyInfo, or the 32 bytes that a store keeps.
        """
        return is_signed_by(self.kind, public_key, self.signature, self.signed_bytes)

    def is_by_its_certificate(self) -> bool:
        """Whether an agent signed it whose certificate it carries, and that certificate is the one of `uid`.

        Who issued the certificate is for `judge_chain` to say.
        """
        if self.kind is not SignerKind.AGENT or not self.chain_der:
            return False
        try:
            return agent_uid_of(self.chain_der[0]) == self.uid and self.is_by(
                public_key_of(self.chain_der[0])
            )
        except CertificateError:
            return False


def report_digest(sealed: bytes) -> bytes:
    """What an answer is bound to: SHA-256 of the sealed report, 32 bytes."""
    return hashlib.sha256(sealed).digest()


def seal_report(side: AgentSide, signer: Signer, public: ReportPublic, counter: int) -> tuple[bytes, bytes]:
    """A report that only the holder of *public*'s private half can read, and the key that its answer opens with.

    A chain that doesn't fit is cut from its end, and "chain" is then among the side's `lacking`: who made it long would
    otherwise have kept us silent.

    Args:
        counter: larger than any before of this signer and installation, and stored before it is used.

    Returns:
        The sealed report, at most `MAX_REPORT_BYTES`, and the 32-byte answer key.

    Raises:
        SealError: it doesn't fit even without its chain, or a field of *side* is not what its class declares.
    """
    answer_key = os.urandom(_ANSWER_KEY)
    fault = ""
    for shortened in _ever_shorter(side):
        body = ReportBody(
            kind=signer.kind, uid=signer.uid, installation_uid=signer.installation_uid, chain=signer.chain_der,
            counter=counter, answer_key=answer_key, side=shortened,
        )  # fmt: skip
        try:
            said = document_to_json(to_document(body))
            signature = signer.sign(_signed(public, said))
            plaintext = pack(signature, said, MAX_REPORT_BYTES - _KEY_ID - _SEAL)
        except DocumentError as error:
            raise SealError(f"no report can be made of this: {error}") from None
        except EnvelopeError as error:
            fault = str(error)
            continue
        try:
            return public.key_id + SUITE.encrypt(plaintext, public.exchange, INFO), answer_key
        except ValueError:  # a key that is no point to do anything with
            raise SealError("the gateway's report key can't be sealed to") from None
    raise SealError(f"a report that is too long: {fault}")


def _ever_shorter(side: AgentSide) -> Iterator[AgentSide]:
    chain = side.chain or ()
    held = chain[:MAX_CHAIN]
    readable = next((n for n, der in enumerate(held) if len(der) > MAX_CERTIFICATE_BYTES), len(held))
    if readable == len(chain):
        yield side
        readable -= 1
    for kept in range(readable, -1, -1):
        yield attrs.evolve(side, chain=chain[:kept] or None, lacking=(*side.lacking, "chain"))


def open_report(sealed: bytes, keys: Iterable[ReportKey]) -> OpenedReport:
    """Open what a stranger sent.

    Args:
        keys: of the gateway, retired ones among them.

    Raises:
        SealError: sealed to another key, changed on its way, or no report.
    """
    key_id, ciphertext = sealed[:_KEY_ID], sealed[_KEY_ID:]
    key = next((key for key in keys if key.public.key_id == key_id), None)
    if key is None:
        raise SealError("sealed to a key that is not ours")
    if len(sealed) > MAX_REPORT_BYTES:
        raise SealError(f"report of {len(sealed)} bytes, limit is {MAX_REPORT_BYTES}")
    try:
        signature, said = unpack(SUITE.decrypt(ciphertext, key.exchange, INFO))
        body = from_document(ReportBody, document_from_json(said))
    except InvalidTag:
        raise SealError("no report of ours: the seal is broken") from None
    except ValueError as error:  # of the envelope, the document, or a key in it that is no point
        raise SealError(f"no report of ours: {error}") from None
    if len(body.answer_key) != _ANSWER_KEY:
        raise SealError("no report of ours: its answer key has another length")
    return OpenedReport(
        kind=body.kind, uid=body.uid, installation_uid=body.installation_uid, chain_der=body.chain, counter=body.counter,
        answer_key=body.answer_key, side=body.side, signature=signature, signed_bytes=_signed(key.public, said),
        digest=report_digest(sealed), report_key=key,
    )  # fmt: skip


def _signed(public: ReportPublic, body: bytes) -> bytes:
    return REPORT_PREFIX + hashlib.sha256(public.raw).digest() + body
