"""The authority's folder: files that are never changed, and one manifest that says which of them count.

    authority.json            the manifest, and the only file that is ever replaced
    root-1.pem  root-1.key    certificates, and private keys (0600); the number is the version that made them
    root-4.cross.pem          root-4 signed by the root before it
    gateway-issuer-1.pem …    agent-issuer-1.pem …    gateway-3.pem …
    report-1.key              report keys, which have no certificate

A change writes its new files first and the manifest last, so a kill at any moment leaves the old authority or the new
one, and perhaps files that nobody refers to, which the next change removes. Two changes at once exclude each other by
a lock, and by the version they started from. A key file that is missing is a key that is offline: take a root's key
away, and everything works that does not need it.
"""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from certs.chain import CertificateError, chain_from_pem, chain_to_pem, from_ms, parse_certificate, to_ms
from certs.keys import KeyFileError, key_from_pem, key_to_pem, pin_of_key
from certs.keystore import make_private_folder, sync_folder, write_private, write_public
from certs.report_keys import ReportKey
from certs.state import AuthorityError, AuthorityState, Holding, ReportHolding, RetiredIssuer, Root

MANIFEST = "authority.json"
FORMAT = 1

_OURS = re.compile(r"(root|gateway|gateway-issuer|agent-issuer|report)-\d+(\.cross)?\.(pem|key)")


def load_state(folder: Path) -> AuthorityState:
    """Read the authority in *folder*.

    Raises:
        AuthorityError: there is none, or a file of it is missing, damaged, or does not belong to another.
    """
    for last_try in (False, True):
        manifest = _read_manifest(folder)
        try:
            return _state_of(folder, manifest)
        except FileNotFoundError as exc:
            # A change in another process may have removed the files of the manifest that we had just read.
            if last_try or _read_manifest(folder)["version"] == manifest["version"]:
                raise AuthorityError(
                    f"{exc.filename} is missing: restore the folder {folder} from a backup"
                ) from exc
    raise AssertionError("the second try returns or raises")


def save_state(state: AuthorityState, folder: Path) -> AuthorityState:
    """Write *state*, and return it as the saved one.

    Raises:
        AuthorityError: the folder holds another authority, or another process changed it meanwhile.
        OSError: as the file system says; the folder then still holds the old authority.
    """
    make_private_folder(folder)
    with _lock(folder):
        found = _read_manifest(folder)["version"] if (folder / MANIFEST).exists() else 0
        if found != state.saved_version:
            if state.saved_version == 0:
                raise AuthorityError(f"{folder} holds an authority already")
            raise AuthorityError(
                f"the authority in {folder} was changed by another process meanwhile: try again"
            )
        written = {MANIFEST}
        for holding in _holdings(state):
            _write_once(folder / f"{holding.label}.pem", chain_to_pem([holding.certificate]), private=False)
            if holding.key is not None:
                _write_once(folder / f"{holding.label}.key", key_to_pem(holding.key), private=True)
            written |= {f"{holding.label}.pem", f"{holding.label}.key"}
        for root in state.roots:
            if root.cross is not None:
                _write_once(
                    folder / _cross_name(root.holding.label), chain_to_pem([root.cross]), private=False
                )
                written.add(_cross_name(root.holding.label))
        for report in state.report_keys:
            _write_once(folder / f"{report.label}.key", report.key.to_pem(), private=True)
            written.add(f"{report.label}.key")
        write_public(folder / MANIFEST, json.dumps(_manifest_of(state), indent=2).encode() + b"\n")
        _remove_all_but(folder, written, retired={h.label for h in _keyless(state)})
    return attrs.evolve(state, saved_version=state.version)


def _holdings(state: AuthorityState) -> Iterator[Holding]:
    yield from (root.holding for root in state.roots)
    yield state.gateway_issuer
    yield state.agent_issuer
    yield from _keyless(state, roots=False)
    if state.gateway is not None:
        yield state.gateway


def _keyless(state: AuthorityState, *, roots: bool = True) -> Iterator[Holding]:
    """Those whose key has done its last work, and should not lie about."""
    if roots:
        yield from (root.holding for root in state.roots if root.retired is not None)
    yield from (issuer.holding for issuer in state.retired_agent_issuers)


def _manifest_of(state: AuthorityState) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": state.version,
        "name": state.name,
        "roots": [
            {
                "label": root.holding.label,
                "cross_signed": root.cross is not None,
                "retired_ms": to_ms(root.retired) if root.retired is not None else None,
            }
            for root in state.roots
        ],
        "gateway_issuer": state.gateway_issuer.label,
        "agent_issuer": state.agent_issuer.label,
        "retired_agent_issuers": [
            {"label": issuer.holding.label, "retired_ms": to_ms(issuer.retired)}
            for issuer in state.retired_agent_issuers
        ],
        "gateway": state.gateway.label if state.gateway is not None else None,
        "report_keys": [
            {
                "label": report.label,
                "retired_ms": to_ms(report.retired) if report.retired is not None else None,
            }
            for report in state.report_keys
        ],
    }


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        found = manifest["format"]
    except FileNotFoundError as exc:
        raise AuthorityError(
            f"no authority in {folder}: restore the folder from a backup; it is made by `fieldgate init`, once"
        ) from exc
    except (ValueError, TypeError, KeyError) as exc:
        raise AuthorityError(f"{path} is damaged: restore it from a backup") from exc
    if found != FORMAT:
        raise AuthorityError(f"{path} has format {found}, and this version reads {FORMAT}: update Fieldgate")
    return dict(manifest)


def _state_of(folder: Path, manifest: dict[str, Any]) -> AuthorityState:
    try:
        return AuthorityState(
            name=manifest["name"],
            version=manifest["version"],
            saved_version=manifest["version"],
            roots=tuple(_load_root(folder, entry) for entry in manifest["roots"]),
            gateway_issuer=_load_holding(folder, manifest["gateway_issuer"]),
            agent_issuer=_load_holding(folder, manifest["agent_issuer"]),
            retired_agent_issuers=tuple(
                RetiredIssuer(
                    holding=_load_holding(folder, entry["label"]), retired=from_ms(entry["retired_ms"])
                )
                for entry in manifest["retired_agent_issuers"]
            ),
            gateway=_load_holding(folder, manifest["gateway"]) if manifest["gateway"] is not None else None,
            # Not there in a folder from before path reports.
            report_keys=tuple(_load_report_key(folder, entry) for entry in manifest.get("report_keys", [])),
        )
    except (KeyError, TypeError) as exc:
        raise AuthorityError(f"{folder / MANIFEST} is damaged: restore it from a backup") from exc


def _load_root(folder: Path, entry: dict[str, Any]) -> Root:
    holding = _load_holding(folder, entry["label"])
    cross = _read_certificate(folder / _cross_name(holding.label)) if entry["cross_signed"] else None
    retired = from_ms(entry["retired_ms"]) if entry["retired_ms"] is not None else None
    return Root(holding=holding, cross=cross, retired=retired)


def _load_holding(folder: Path, label: str) -> Holding:
    certificate = _read_certificate(folder / f"{label}.pem")
    key_path = folder / f"{label}.key"
    try:
        key = key_from_pem(key_path.read_bytes())
    except FileNotFoundError:
        return Holding(label=label, certificate=certificate)
    except KeyFileError as exc:
        raise AuthorityError(f"{key_path}: {exc}") from exc
    holding = Holding(label=label, certificate=certificate, key=key)
    if pin_of_key(key.public_key()) != holding.pin:
        raise AuthorityError(f"{key_path} is not the key of {label}.pem")
    return holding


def _load_report_key(folder: Path, entry: dict[str, Any]) -> ReportHolding:
    path = folder / f"{entry['label']}.key"
    try:
        key = ReportKey.from_pem(path.read_bytes())
    except KeyFileError as exc:
        raise AuthorityError(f"{path}: {exc}") from exc
    retired = from_ms(entry["retired_ms"]) if entry["retired_ms"] is not None else None
    return ReportHolding(label=entry["label"], key=key, retired=retired)


def _read_certificate(path: Path) -> bytes:
    try:
        (der,) = chain_from_pem(path.read_bytes())
        parse_certificate(der)
    except CertificateError as exc:
        raise AuthorityError(f"{path}: {exc}") from exc
    except ValueError as exc:
        raise AuthorityError(f"{path} holds more than one certificate") from exc
    return der


def _cross_name(label: str) -> str:
    return f"{label}.cross.pem"


def _write_once(path: Path, data: bytes, *, private: bool) -> None:
    """Write a file that the manifest does not refer to yet; one with the same bytes is there already."""
    if path.exists() and path.read_bytes() == data:
        return
    (write_private if private else write_public)(path, data)


def _remove_all_but(folder: Path, kept: set[str], *, retired: set[str]) -> None:
    """Remove what the manifest no longer refers to, keys of retired CAs among it."""
    for path in folder.iterdir():
        superseded = path.name not in kept or (path.suffix == ".key" and path.stem in retired)
        if superseded and _OURS.fullmatch(path.name):
            path.unlink(missing_ok=True)
    sync_folder(folder)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Held while a change is written. On Windows, where no gateway runs, the version check alone protects."""
    if sys.platform == "win32":
        yield
        return
    import fcntl  # POSIX only

    with (folder / "lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise AuthorityError(f"another process is changing the authority in {folder}: try again") from exc
        yield
