"""A signed statement: one JSON file that a company, or its auditor, can verify with nothing but the provider's root certificate.

    {"format": "fieldgate-usage/1", "statement": {…}, "signedAt": "…", "chain": […], "signature": "…"}

So is the receipt of a company that has left: {"format": "fieldgate-departure/1", "receipt": {…}, …}, under a label of its own.

The signature is Ed25519 over a label and the canonical form (statement.canonical) of everything else, by a key that the root has certified for
statements alone (`certs.signers`). The file is in that form, so there is exactly one text for a statement and its signature, and a file that
was changed is seen to be.
"""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import attrs
from cryptography.exceptions import InvalidSignature

from certs import MAX_SIGNER_CHAIN, STATEMENTS, SignerError, judge_signer
from certs import StatementSigner as Signer
from gateway.billing.statement import Document, canonical
from protocol import Code

FORMAT: Final = "fieldgate-usage/1"
RECEIPT_FORMAT: Final = "fieldgate-departure/1"

FORMATS: Final = {
    FORMAT: (b"fieldgate-usage-statement\0", "statement"),
    RECEIPT_FORMAT: (b"fieldgate-departure-receipt\0", "receipt"),
}
"""What a signature of each is labelled with, and the field that has what is signed."""

# Ten thousand servers take some 400 bytes each.
MAX_BYTES: Final = 64 * 1024 * 1024

FIELDS: Final = {"format", "signedAt", "chain", "signature"}
"""And the one of FORMATS."""


class StatementRefused(Exception):  # noqa: N818  # it is no error of the program's
    """The file is not what it claims to be; the message says what is wrong with it."""

    code = Code.STATEMENT_INVALID


@attrs.frozen(kw_only=True)
class Signed:
    """A statement and who vouches for it since when."""

    statement: Document
    """Or the receipt."""
    signed_at: datetime
    chain: tuple[bytes, ...]
    """DER, the signer's certificate first."""
    signature: bytes
    format: str = FORMAT

    @property
    def data(self) -> bytes:
        """The file."""
        return canonical({**self._said(), "signature": _text(self.signature)}) + b"\n"

    def _said(self) -> Document:
        return {
            "format": self.format, FORMATS[self.format][1]: self.statement, "signedAt": self.signed_at.isoformat(timespec="seconds"),
            "chain": [_text(certificate) for certificate in self.chain],
        }  # fmt: skip

    @property
    def signed_bytes(self) -> bytes:
        """What the signature is over."""
        return FORMATS[self.format][0] + canonical(self._said())

    def verify(self, pins: frozenset[bytes]) -> None:
        """Believe it or not.

        Args:
            pins: of the provider's roots.

        Raises:
            StatementRefused: its signer is nobody's whom a root has certified, or did not sign this.
        """
        try:
            signer = judge_signer(self.chain, pins, self.signed_at, purpose=STATEMENTS)
        except SignerError as error:
            raise StatementRefused(str(error)) from None
        try:
            signer.key.verify(self.signature, self.signed_bytes)
        except InvalidSignature:
            raise StatementRefused(
                "the signature is not over this statement: something in it was changed after it was signed"
            ) from None


def sign(
    statement: Document, signer: Signer, chain: Sequence[bytes], at: datetime, *, form: str = FORMAT
) -> Signed:
    """Vouch for a statement, or for a receipt.

    Args:
        form: one of FORMATS.
        chain: the signer's certificate and what leads from there to a root.
        at: now, to the second.
    """
    unsigned = Signed(
        statement=statement, signed_at=at.astimezone(UTC).replace(microsecond=0), chain=tuple(chain), signature=b"", format=form
    )  # fmt: skip
    return attrs.evolve(unsigned, signature=signer.key.sign(unsigned.signed_bytes))


def read(data: bytes) -> Signed:
    """Read a file, and believe nothing in it yet.

    Raises:
        StatementRefused: it is no signed statement, or not one that was left as it was written.
    """
    if len(data) > MAX_BYTES:
        raise StatementRefused(f"a file of {len(data)} bytes, limit is {MAX_BYTES}")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise StatementRefused("it is no JSON") from None
    form = found.get("format") if isinstance(found, dict) else None
    if not isinstance(form, str) or form not in FORMATS:
        raise StatementRefused(f"it is not of the format {FORMAT}")
    _, field = FORMATS[form]
    if found.keys() != FIELDS | {field}:
        names = ", ".join(sorted(found.keys() ^ (FIELDS | {field})))
        raise StatementRefused(f"it has not the fields that it should have: {names}")
    if not isinstance(found[field], dict) or not isinstance(found["chain"], list):
        raise StatementRefused(f"{field} is no object, or chain no list")
    if not 1 <= len(found["chain"]) <= MAX_SIGNER_CHAIN:
        raise StatementRefused(f"a chain of 1 to {MAX_SIGNER_CHAIN} certificates is needed")
    signed = Signed(
        format=form, statement=found[field], signed_at=_time(found["signedAt"]),
        chain=tuple(_bytes("chain", each) for each in found["chain"]), signature=_bytes("signature", found["signature"]),
    )  # fmt: skip
    if signed.data != data:
        raise StatementRefused("it is not as it was written: something on its way has changed it")
    return signed


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(name: str, value: object) -> bytes:
    try:
        return base64.b64decode(value, validate=True)  # type: ignore[arg-type]  # refused below, whatever it is
    except (TypeError, ValueError):
        raise StatementRefused(f"{name} is no base64") from None


def _time(value: object) -> datetime:
    try:
        at = datetime.fromisoformat(value)  # type: ignore[arg-type]  # refused below, whatever it is
    except (TypeError, ValueError):
        raise StatementRefused("signedAt is no time") from None
    if at.tzinfo is None:
        raise StatementRefused("signedAt has no time zone")
    return at
