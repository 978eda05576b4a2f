"""The licence file: text that a person can read and nobody can change.

    {
     "format": "fieldgate-licence/1",
     "license": { … what certs.licence says … },
     "chain": [ the signer's certificate and what leads from it to the provider's root, DER in base64 ],
     "signature": Ed25519 by the signer over a label and all of the above, in base64
    }

There is exactly one text for a licence and its signer: JSON with an indent of one, keys in this order, nothing escaped that need not be, a
line feed at the end. A file that is not that text to the byte is refused, so that a file is known by its hash, and there is no room for
anything that the signature does not cover.

Whom to believe: see `certs.signers`. The chain is judged at the moment when the licence was issued, so a licence outlives its
signer's certificate; what ends a licence is its own date, a revocation, or that the provider's root changes.
"""

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certs.licence import Licence, LicenceError, LicenceFault, fields_of, licence_of
from certs.signers import LICENCES, MAX_SIGNER_CHAIN, SignerError, judge_signer

FORMAT: Final = "fieldgate-licence/1"

# Thirty-two workloads and a chain of ten have 15 KiB. Escaped once more, as the payload of a command, it stays below that payload's 64 KiB.
MAX_LICENCE_BYTES: Final = 20 * 1024

_LABEL: Final = b"fieldgate licence\0"


@attrs.frozen(kw_only=True)
class LicenceFile:
    """A file that is well formed; whether it is to be believed only `verify` says."""

    licence: Licence
    chain: tuple[bytes, ...]
    """DER, the signer's certificate first."""
    signature: bytes

    @property
    def text(self) -> str:
        """The file."""
        fields = {**_signed_fields(self.licence, self.chain), "signature": _base64(self.signature)}
        return _dump(fields) + "\n"

    def verify(self, pins: frozenset[bytes]) -> datetime:
        """Believe it or not; and since when its signer may sign, to tell an older signer from a newer.

        Args:
            pins: of the provider's roots.

        Raises:
            LicenceError: untrusted or forged.
        """
        try:
            signer = judge_signer(self.chain, pins, self.licence.issued, purpose=LICENCES)
        except SignerError as error:
            raise LicenceError(LicenceFault.UNTRUSTED, str(error)) from None
        try:
            signer.key.verify(self.signature, _signed_bytes(self.licence, self.chain))
        except InvalidSignature:
            message = "the signature is not over this licence: something in the file was changed"
            raise LicenceError(LicenceFault.FORGED, message) from None
        return signer.since


def sign_licence(licence: Licence, key: Ed25519PrivateKey, chain: Sequence[bytes]) -> LicenceFile:
    """Sign it.

    Args:
        key: the signer's.
        chain: its certificate (DER), and what leads from there to a root.

    Raises:
        LicenceError: the file would be too large.
    """
    signature = key.sign(_signed_bytes(licence, chain))
    file = LicenceFile(licence=licence, chain=tuple(chain), signature=signature)
    if len(file.text.encode()) > MAX_LICENCE_BYTES:
        message = f"a licence of more than {MAX_LICENCE_BYTES} bytes: name fewer workloads"
        raise LicenceError(LicenceFault.UNREADABLE, message)
    return file


def read_licence(data: bytes) -> LicenceFile:
    """Read a file, and believe nothing in it yet.

    Raises:
        LicenceError: it is no licence file, or was changed since it was written.
    """
    if len(data) > MAX_LICENCE_BYTES:
        raise _unreadable(f"a file of {len(data)} bytes, limit is {MAX_LICENCE_BYTES}")
    try:
        text = data.decode()
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise _unreadable("not JSON") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise _unreadable(f"not of the format {FORMAT}")
    chain = found.get("chain")
    if not isinstance(chain, list) or not 1 <= len(chain) <= MAX_SIGNER_CHAIN:
        raise _unreadable(f"a chain of 1 to {MAX_SIGNER_CHAIN} certificates needed")
    file = LicenceFile(
        licence=licence_of(found.get("license")),
        chain=tuple(_bytes(each) for each in chain),
        signature=_bytes(found.get("signature")),
    )
    if file.text != text:
        raise _unreadable("the file is not as it was written: something on its way has changed it")
    return file


def _signed_fields(licence: Licence, chain: Sequence[bytes]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "license": fields_of(licence),
        "chain": [_base64(certificate) for certificate in chain],
    }


def _signed_bytes(licence: Licence, chain: Sequence[bytes]) -> bytes:
    return _LABEL + _dump(_signed_fields(licence, chain)).encode()


def _dump(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, indent=1)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(value: object) -> bytes:
    if not isinstance(value, str):
        raise _unreadable("certificates and signature are text in base64")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise _unreadable("certificates and signature are text in base64") from None


def _unreadable(message: str) -> LicenceError:
    return LicenceError(LicenceFault.UNREADABLE, message)
