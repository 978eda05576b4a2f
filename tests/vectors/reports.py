"""A path report and its answer, sealed by hand: HPKE as RFC 9180 spells it, with an ephemeral key that everybody knows.

Nothing of the packages under test is used, so that docs/protocol.md and the code are held against a third reading.
"""

import base64
import hashlib
import hmac
import json
import struct
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

EXCHANGE, SIGNING = bytes(range(0x11, 0x31)), bytes(range(0x31, 0x51))
EPHEMERAL, TOKEN_SEED, ANSWER_KEY = bytes(range(0x51, 0x71)), bytes(range(32)), bytes(range(0x71, 0x91))
NONCE = bytes(range(0x91, 0x9D))
TOKEN_ID = "4b6ef2d4-29ce-4d1f-8b6e-2f0d5d4d3f10"
TIME = 1_764_000_000_000
STEP = 4096


def extract(salt: bytes, key: bytes) -> bytes:
    return hmac.digest(salt, key, "sha256")


def expand(key: bytes, info: bytes, size: int) -> bytes:
    made, block, n = b"", b"", 1
    while len(made) < size:
        block = hmac.digest(key, block + info + bytes([n]), "sha256")
        made, n = made + block, n + 1
    return made[:size]


def labeled_extract(suite: bytes, salt: bytes, label: bytes, key: bytes) -> bytes:
    return extract(salt, b"HPKE-v1" + suite + label + key)


def labeled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
    return expand(key, struct.pack(">H", size) + b"HPKE-v1" + suite + label + info, size)


def hpke_seal(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Mode base, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, empty associated data: enc ‖ ciphertext."""
    ephemeral = X25519PrivateKey.from_private_bytes(EPHEMERAL)
    enc = ephemeral.public_key().public_bytes_raw()
    kem = b"KEM" + struct.pack(">H", 0x0020)
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    prk = labeled_extract(kem, b"", b"eae_prk", shared)
    secret = labeled_expand(kem, prk, b"shared_secret", enc + public, 32)
    suite = b"HPKE" + struct.pack(">HHH", 0x0020, 0x0001, 0x0001)
    context = (
        b"\x00"
        + labeled_extract(suite, b"", b"psk_id_hash", b"")
        + labeled_extract(suite, b"", b"info_hash", info)
    )
    scheduled = labeled_extract(suite, secret, b"secret", b"")
    key = labeled_expand(suite, scheduled, b"key", context, 16)
    nonce = labeled_expand(suite, scheduled, b"base_nonce", context, 12)
    return enc + AESGCM(key).encrypt(nonce, plaintext, b"")


def envelope(signature: bytes, body: bytes) -> bytes:
    content = struct.pack(">H", len(signature)) + signature + body
    whole = b"\x00" + struct.pack(">I", len(content)) + content
    return whole + bytes(-len(whole) % STEP)


def text_of(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def path_report() -> dict[str, Any]:
    """Everything that is secret on the wire, and what crosses it."""
    exchange = X25519PrivateKey.from_private_bytes(EXCHANGE).public_key().public_bytes_raw()
    signing = Ed25519PrivateKey.from_private_bytes(SIGNING)
    report_key = exchange + signing.public_key().public_bytes_raw()
    key_hash = hashlib.sha256(report_key).digest()
    body = text_of({
        "version": 1, "kind": "token", "uid": TOKEN_ID, "installation_uid": "install-1", "chain": [], "counter": TIME,
        "answer_key": base64.b64encode(ANSWER_KEY).decode(),
        "side": {
            "at_ms": TIME + 1, "dialed": "gw.example:6180", "local": "10.1.2.3:49152", "resolved": ["192.0.2.7"],
            "chain": [base64.b64encode(b"\x30\x03\x02\x01\x00").decode()], "verify_codes": [[0, 20]],
            "first_bytes": "", "handshake_ms": 12.5, "last_io": "alert", "lacking": ["exporter"],
            "a key of a later version": {"x": [1]},
        },
    })  # fmt: skip
    signed = b"fieldgate path report 1\0" + key_hash + body
    signature = Ed25519PrivateKey.from_private_bytes(TOKEN_SEED).sign(signed)
    sealed = key_hash[:8] + hpke_seal(exchange, b"fieldgate path report 1", envelope(signature, body))
    digest = hashlib.sha256(sealed).digest()
    said = text_of({
        "version": 1, "code": 0, "gateway_time_ms": TIME + 2, "gateway": None,
        "finding": {
            "verdict": "inspected-untrusted", "confidence": 0.95, "blame": "A firewall opens the TLS.",
            "reason": "The chain is not the provider's.",
        },
    })  # fmt: skip
    prefix = b"fieldgate path answer 1\0" + digest
    answer = NONCE + AESGCM(ANSWER_KEY).encrypt(NONCE, envelope(signing.sign(prefix + said), said), prefix)
    return {
        "report_key": report_key.hex(),
        "report_key_private": {"x25519": EXCHANGE.hex(), "ed25519": SIGNING.hex()},
        "token_id": TOKEN_ID,
        "token_seed": TOKEN_SEED.hex(),
        "ephemeral_private": EPHEMERAL.hex(),
        "body": body.decode(),
        "signed": signed.hex(),
        "signature": signature.hex(),
        "sealed": sealed.hex(),
        "digest": digest.hex(),
        "answer_key": ANSWER_KEY.hex(),
        "answer_body": said.decode(),
        "answer": answer.hex(),
    }
