"""Whether this computer would trust a chain: by its own root store, which is not ours.

An inspecting firewall whose root was installed here is trusted by every browser on this server, and still is not the
provider. Knowing the one from the other names the people to call.
"""

import contextlib
import ssl
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from certs import Anchors, NameVerdict, Usage, judge_chain
from transport import chain_is_trusted

# Where the distributions keep all roots in one file: a Python that brings its own OpenSSL may look elsewhere.
_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Red Hat
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/var/lib/ca-certificates/ca-bundle.pem",  # SUSE
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",  # Alpine, the BSDs
)


def trusted_by_system(chain: Sequence[bytes], host: str, *, at: datetime) -> bool | None:
    """Whether the operating system's root store accepts *chain* for *host*; None where there is none to read.

    Args:
        chain: DER, leaf first, as presented.
        host: a name or an address.
        at: now, for the name's judgement; the store judges by this computer's clock.
    """
    roots = tuple(system_roots())
    if not roots:
        return None
    named = judge_chain(chain, Anchors(pins=frozenset()), name=host, usage=Usage.SERVER, at=at).name
    return named is NameVerdict.OK and chain_is_trusted(chain, roots)


def system_roots() -> Iterator[bytes]:
    """The certificates (DER) of the operating system's root store; none where it can't be read from here (macOS)."""
    if sys.platform == "win32":
        yield from (der for der, encoding, _ in ssl.enum_certificates("ROOT") if encoding == "x509_asn")
    elif sys.platform != "darwin":  # whose keychain has no file; what OpenSSL finds there is its own
        yield from _file_roots()


def _file_roots() -> Iterator[bytes]:
    found = ssl.get_default_verify_paths()
    for bundle in dict.fromkeys((found.cafile, *_BUNDLES)):
        if bundle is not None and (ders := _read_bundle(Path(bundle))):
            yield from ders
            return
    for path in sorted(Path(found.capath).glob("*.0")) if found.capath else ():
        yield from _read_bundle(path)


def _read_bundle(path: Path) -> list[bytes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(OSError):  # ssl.SSLError is one: no PEM
        context.load_verify_locations(path)
    return context.get_ca_certs(binary_form=True)
