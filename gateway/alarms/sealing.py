"""Secrets of webhooks at rest: whoever has the store alone, or a copy of it, can't sign in our name.

AES-256-GCM with a key in the data folder, and with the receiver's uid as what it belongs to: a sealed secret that is moved to another receiver
does not open. The key is made when the first secret is sealed. Several machines that run management share it, as they share `ca/`.
"""

import base64
import binascii
import os
import secrets
from pathlib import Path
from typing import Final

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KEY_FILE", "NotOpenedError", "Seal"]

KEY_FILE: Final = "webhooks.key"
SEALED: Final = "sealed1:"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


class NotOpenedError(ValueError):
    """A sealed secret can't be opened: the key is missing, or another one."""


@attrs.frozen
class Seal:
    """Seals with the key at *path*."""

    path: Path

    def close(self, secret: str, *, about: str) -> str:
        """What may lie in the store instead of the secret.

        Raises:
            OSError: the key can't be read or made.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self._key(make=True)).encrypt(nonce, secret.encode(), about.encode())
        return SEALED + base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, *, about: str) -> str:
        """The secret.

        Raises:
            NotOpenedError: this key did not seal it, or not for *about*.
            OSError: the key can't be read.
        """
        try:
            raw = base64.b64decode(sealed.removeprefix(SEALED), validate=True)
            return AESGCM(self._key()).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], about.encode()).decode()
        except (InvalidTag, ValueError, binascii.Error, FileNotFoundError):
            raise NotOpenedError(f"{self.path.name} is not the key that its secret was sealed with") from None

    def _key(self, *, make: bool = False) -> bytes:
        if make and not self.path.exists():
            self._make()
        key = self.path.read_bytes()
        if len(key) != KEY_BYTES:
            raise NotOpenedError(f"{self.path} is no key")
        return key

    def _make(self) -> None:
        """Whole or not at all, and the first of two that do it at once counts."""
        half = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(half, self.path)
            except FileExistsError:
                return
        finally:
            half.unlink()
