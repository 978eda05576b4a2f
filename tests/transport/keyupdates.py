"""TLS 1.3 records without data, made by hand: key updates as a hostile peer would send them (RFC 8446, 4.6.3 and 7.2)."""

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEY_UPDATE = b"\x18\x00\x00\x01\x00"  # handshake type, length, "update not requested"
HANDSHAKE, APPLICATION_DATA = 22, 23


def _expand_label(secret: bytes, label: bytes, length: int) -> bytes:
    label = b"tls13 " + label
    info = length.to_bytes(2) + bytes([len(label)]) + label + b"\x00"
    return HKDFExpand(algorithm=SHA384(), length=length, info=info).derive(secret)


def _seal(secret: bytes, content: bytes, content_type: int) -> bytes:
    """The first record under *secret*, so its nonce is the IV itself."""
    inner = content + bytes([content_type])
    head = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2)
    key, iv = _expand_label(secret, b"key", 32), _expand_label(secret, b"iv", 12)
    return head + AESGCM(key).encrypt(iv, inner, head)


def key_updates(secret: bytes, count: int, last_words: bytes) -> bytes:
    """*count* updates of the client's first application secret (SHA-384), then *last_words* as data."""
    records = bytearray()
    for _ in range(count):
        records += _seal(secret, KEY_UPDATE, HANDSHAKE)
        secret = _expand_label(secret, b"traffic upd", 48)
    return bytes(records + _seal(secret, last_words, APPLICATION_DATA))
