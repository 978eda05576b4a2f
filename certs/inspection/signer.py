"""Whose word a path report is: an enrolled agent's, a token's holder's, or that of somebody with a code."""

import enum
from collections.abc import Callable

import attrs
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from certs import PathCode, Token, key_from_pem

__all__ = ["Signer", "SignerKind", "agent_signer", "code_signer", "is_signed_by", "token_signer"]

_RAW_ED25519 = 32


class SignerKind(enum.StrEnum):
    """What the signature was made with, and so where the gateway finds the public key."""

    AGENT = "agent"
    """An agent's certificate: ECDSA P-256 with SHA-256."""
    TOKEN = "token"  # noqa: S105  # a kind, no secret
    """An enrollment token's seed: Ed25519."""
    CODE = "code"
    """A path code's seed: Ed25519."""


@attrs.frozen(kw_only=True)
class Signer:
    """Who reports. `uid` is the agent's, the token's or the code's; `chain_der` is an agent's own certificate, else empty."""

    kind: SignerKind = attrs.field(converter=SignerKind)
    uid: str
    installation_uid: str
    chain_der: tuple[bytes, ...] = ()
    sign: Callable[[bytes], bytes] = attrs.field(repr=False, eq=False)


def agent_signer(
    agent_uid: str, installation_uid: str, key_pem: bytes, chain_der: tuple[bytes, ...]
) -> Signer:
    """An enrolled agent. Only the first certificate is used: the gateway knows its issuers best.

    Raises:
        KeyFileError: *key_pem* is no P-256 key.
    """
    key = key_from_pem(key_pem)
    return Signer(
        kind=SignerKind.AGENT,
        uid=agent_uid,
        installation_uid=installation_uid,
        chain_der=chain_der[:1],
        sign=lambda message: key.sign(message, ECDSA(hashes.SHA256())),
    )


def token_signer(token: Token, installation_uid: str) -> Signer:
    """Somebody who holds an enrollment token and has not enrolled yet."""
    sign = Ed25519PrivateKey.from_private_bytes(token.seed).sign
    return Signer(kind=SignerKind.TOKEN, uid=token.id, installation_uid=installation_uid, sign=sign)


def code_signer(code: PathCode) -> Signer:
    """Somebody who was given a code. It is for one report, so nothing tells its installations apart."""
    sign = Ed25519PrivateKey.from_private_bytes(code.seed).sign
    return Signer(kind=SignerKind.CODE, uid=code.id, installation_uid="", sign=sign)


def is_signed_by(kind: SignerKind, public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether *signature* of *message* was made with the key of *public_key*, by the algorithm of *kind*.

    Args:
        public_key: DER SubjectPublicKeyInfo, or the 32 bytes of an Ed25519 key.
    """
    try:
        if len(public_key) == _RAW_ED25519:
            key: object = Ed25519PublicKey.from_public_bytes(public_key)
        else:
            key = load_der_public_key(public_key)
        match kind, key:
            case SignerKind.AGENT, EllipticCurvePublicKey(curve=SECP256R1()):
                key.verify(signature, message, ECDSA(hashes.SHA256()))
            case SignerKind.TOKEN | SignerKind.CODE, Ed25519PublicKey():
                key.verify(signature, message)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
