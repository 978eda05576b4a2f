"""Whether this computer would trust a chain is asked of its own store, and "there is none" is no "no"."""

import ssl
from pathlib import Path

import pytest

from agent.inspection import roots
from agent.inspection.roots import system_roots, trusted_by_system
from tests.certs.pki import NOW
from tests.transport.pki import chain, ders

PEM, _ = chain("gateway.test")
CHAIN = ders(PEM)


def install(monkeypatch: pytest.MonkeyPatch, *, file: Path | None = None, folder: Path | None = None) -> None:
    """Make these the operating system's."""
    found = ssl.get_default_verify_paths()._replace(
        cafile=str(file) if file else None,  # type: ignore[arg-type]  # typeshed has only str
        capath=str(folder) if folder else None,  # type: ignore[arg-type]  # likewise
    )
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: found)
    monkeypatch.setattr(roots, "_BUNDLES", ())


def root_pem() -> bytes:
    return PEM[PEM.rindex(b"-----BEGIN CERTIFICATE") :]


def test_a_chain_to_an_installed_root_is_trusted_for_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "roots.pem"
    bundle.write_bytes(root_pem())
    install(monkeypatch, file=bundle)
    assert list(system_roots()) == CHAIN[2:]
    assert trusted_by_system(CHAIN, "gateway.test", at=NOW) is True
    assert trusted_by_system(CHAIN[:2], "gateway.test", at=NOW) is True
    assert trusted_by_system(CHAIN, "other.test", at=NOW) is False
    assert trusted_by_system(CHAIN[:1], "gateway.test", at=NOW) is False
    assert (
        trusted_by_system(ders(chain("elsewhere.test", kind="rsa")[0])[:1], "elsewhere.test", at=NOW) is False
    )


def test_a_folder_of_hashed_roots_counts_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "0a1b2c3d.0").write_bytes(root_pem())
    (tmp_path / "readme.0").write_bytes(b"none")
    install(monkeypatch, folder=tmp_path)
    assert trusted_by_system(CHAIN, "gateway.test", at=NOW) is True


@pytest.mark.parametrize("content", [None, b"", b"no certificate in here"])
def test_without_a_store_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    bundle = tmp_path / "roots.pem"
    if content is not None:
        bundle.write_bytes(content)
    install(monkeypatch, file=bundle)
    assert trusted_by_system(CHAIN, "gateway.test", at=NOW) is None


@pytest.mark.parametrize("leaf", [b"", b"\x30\x00", CHAIN[0][:-40], CHAIN[0] + b"\0"])
def test_what_is_no_certificate_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, leaf: bytes
) -> None:
    bundle = tmp_path / "roots.pem"
    bundle.write_bytes(root_pem())
    install(monkeypatch, file=bundle)
    assert trusted_by_system((leaf, *CHAIN[1:]), "gateway.test", at=NOW) is False
