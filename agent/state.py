"""The state folder: everything an agent remembers, in a few files that are whole or absent.

    identity.json          who it is, its gateways, whom it trusts
    credential.pem         key and certificate chain, in one file so that they cannot disagree
    credential-next.pem    a renewed one that is not yet proven
    nonces.json            of the last two Welcomes
    enrollment.key         while enrolling: the key, so that a second try is the same agent and the same installation
    outbox.sqlite          what is not yet in the store (`agent.spool`)
    outbox-former-1.sqlite what a former identity of this machine had not delivered (`agent.former`)
    licence.json           the server's licence, and which are not installed any more (`agent.licence`)
    status.json            what `fieldgate-agent status` shows
    agent.toml             what a person has set (`agent.settings`)
    logs/                  the agent's own log (`agent.logfile`)
    transfers/             the archive that collect-logs sends (`agent.archive`)
    collectors/            what collectors keep (docs/collectors.md)
    reports/               of paths that failed (`agent.inspection.keep`)

Every file is replaced atomically and readable by its owner only; a kill at any moment leaves the old content or the new.
"""

import json
import uuid
from pathlib import Path
from typing import Any, Final, Self

import attrs

from agent.identity import Credential, Identity, Keeper
from certs import (
    CertificateError,
    KeyFileError,
    ReportPublic,
    generate_key,
    is_exposed,
    key_from_pem,
    key_to_pem,
    make_private_folder,
    pin_of_key,
    write_private,
)
from protocol import AgentType

# 2: with report keys.
VERSION: Final = 2


class StateError(Exception):
    """The state folder cannot be used; the message says what to do."""


class NotEnrolledError(StateError):
    """There is no agent in this folder yet."""


class StateFolder(Keeper):
    """A keeper that writes everything down before it counts."""

    __slots__ = ("folder",)

    def __init__(
        self,
        folder: Path,
        identity: Identity,
        credential: Credential,
        *,
        pending: Credential | None = None,
        nonces: tuple[bytes, ...] = (),
    ) -> None:
        super().__init__(identity, credential, pending=pending, nonces=nonces)
        self.folder = folder

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read an enrolled agent's folder.

        Raises:
            NotEnrolledError: nobody has enrolled here.
            StateError: a file is damaged, of a newer version, readable by others, or cannot be read.
        """
        path = folder / "identity.json"
        try:
            if not path.exists():
                raise NotEnrolledError(
                    f"no agent in {folder}: enroll it first, with fieldgate-agent enroll --token TOKEN --state {folder}"
                )
            credential = _read_credential(folder / "credential.pem")
            if credential is None:
                raise StateError(f"{folder / 'credential.pem'} is missing: enroll again with a new token")
            nonces = _read_nonces(folder / "nonces.json")
            return cls(
                folder,
                _identity(path),
                credential,
                pending=_read_credential(folder / "credential-next.pem"),
                nonces=nonces,
            )
        except OSError as error:
            raise StateError(f"cannot read {folder}: {error.strerror}") from error

    @classmethod
    def create(cls, folder: Path, identity: Identity, credential: Credential) -> Self:
        """Make an agent's folder after it has enrolled. The identity comes last: with it, the agent exists.

        Raises:
            StateError: the folder cannot be written.
        """
        keeper = cls(folder, identity, credential)
        try:
            for stale in ("identity.json", "credential-next.pem", "nonces.json"):
                (folder / stale).unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"cannot write {folder}: {error.strerror}") from error
        keeper._write("credential.pem", credential.pem)
        keeper.change(identity)
        keeper._remove("enrollment.key")
        return keeper

    def change(self, identity: Identity) -> None:
        """Write identity.json.

        Raises:
            StateError: it cannot be written.
        """
        fields = attrs.asdict(identity, recurse=False)
        fields |= {
            name: [pin.hex() for pin in fields[name]] for name in ("pins_current", "pins_next", "report_keys")
        }
        self._write("identity.json", _dump({"version": VERSION, **fields}))
        super().change(identity)

    def remember(self, nonce: bytes) -> None:
        """Write nonces.json.

        Raises:
            StateError: it cannot be written.
        """
        super().remember(nonce)
        self._write("nonces.json", _dump({"nonces": [kept.hex() for kept in self.nonces]}))

    def await_proof(self, credential: Credential) -> None:
        """Write credential-next.pem.

        Raises:
            StateError: it cannot be written.
        """
        self._write("credential-next.pem", credential.pem)
        super().await_proof(credential)

    def proven(self) -> None:
        """Replace credential.pem, then remove credential-next.pem; after a kill in between both are the same.

        Raises:
            StateError: it cannot be written.
        """
        if self.pending is not None:
            self._write("credential.pem", self.pending.pem)
            self._remove("credential-next.pem")
        super().proven()

    def disproven(self) -> None:
        """Remove credential-next.pem; whatever comes of that, this process goes back to the old one.

        Raises:
            StateError: it cannot be removed.
        """
        super().disproven()
        self._remove("credential-next.pem")

    def _write(self, name: str, data: bytes) -> None:
        try:
            write_private(self.folder / name, data)
        except OSError as error:
            raise StateError(f"cannot write {self.folder / name}: {error.strerror}") from error

    def _remove(self, name: str) -> None:
        try:
            (self.folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"cannot remove {self.folder / name}: {error.strerror}") from error


def enrollment_key(folder: Path) -> bytes:
    """The key to enroll with, as PEM: the one of an earlier try that was cut short, or a new one, written down.

    Raises:
        StateError: the folder cannot be written, or the file is damaged.
    """
    path = folder / "enrollment.key"
    try:
        make_private_folder(folder)
        if path.exists():
            pem = path.read_bytes()
            key_from_pem(pem)
            return pem
        pem = key_to_pem(generate_key())
        write_private(path, pem)
    except OSError as error:
        raise StateError(f"cannot write {folder}: {error.strerror}") from error
    except KeyFileError as error:
        raise StateError(f"{path}: {error}: remove it and enroll again") from error
    return pem


def installation_uid(folder: Path) -> str:
    """The installation's id: the one it had before, if it enrolled before and that can be read; else a new one.

    A new one follows from the enrollment key. So it is the same from the first try on, until one succeeds: what is
    reported of a try that something in the path has broken, is this installation's own.

    Raises:
        StateError: as for `enrollment_key`.
    """
    try:
        return _identity(folder / "identity.json").installation_uid
    except (OSError, StateError):
        key = key_from_pem(enrollment_key(folder))
        return str(uuid.uuid5(uuid.NAMESPACE_OID, pin_of_key(key.public_key()).hex()))


def _identity(path: Path) -> Identity:
    fields = _read_json(path)
    version = fields.pop("version", None)
    if isinstance(version, int) and version > VERSION:
        raise StateError(f"{path} was written by a newer agent (version {version}): run that one")
    try:
        for name in ("pins_current", "pins_next"):
            fields[name] = tuple(bytes.fromhex(pin) for pin in fields[name])
        # Not there in a folder of version 1.
        told = [bytes.fromhex(key) for key in fields.get("report_keys", ())]
        fields["report_keys"] = tuple(ReportPublic(key).raw for key in told)
        for name in ("gateways", "names"):
            fields[name] = tuple(fields[name])
        fields["agent_type"] = AgentType(fields["agent_type"])
        return Identity(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(
            f"{path} is damaged ({error}): restore it, or enroll again with a new token"
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        fields = json.loads(path.read_bytes())
    except ValueError as error:
        raise StateError(
            f"{path} is damaged ({error}): restore it, or enroll again with a new token"
        ) from error
    if not isinstance(fields, dict):
        raise StateError(f"{path} is damaged: restore it, or enroll again with a new token")
    return fields


def _read_nonces(path: Path) -> tuple[bytes, ...]:
    """Without them the gateway takes a moment to see that we are no clone; that is no reason to stop."""
    try:
        return tuple(bytes.fromhex(text) for text in _read_json(path).get("nonces", ()))
    except (StateError, TypeError, ValueError):
        return ()


def _read_credential(path: Path) -> Credential | None:
    if not path.exists():
        return None
    if is_exposed(path):
        raise StateError(
            f"{path} can be read by others: chmod 600 {path}, and enroll again if somebody may have read it"
        )
    try:
        return Credential.parse(path.read_bytes())
    except (CertificateError, KeyFileError) as error:
        raise StateError(
            f"{path} is damaged ({error}): restore it, or enroll again with a new token"
        ) from error


def _dump(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, indent=1).encode() + b"\n"
