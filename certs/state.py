"""What an authority consists of, as plain values.

Roots are listed oldest first. More than one *unretired* root means that a rotation is under way: the oldest of them is
the current pin, the newer one the next, and the newest already signs the issuers. A *retired* root is pinned by nobody who
was told, but still serves the cross-signed chain for agents that were switched off meanwhile.
"""

import enum
from datetime import datetime

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certs.chain import parse_certificate, spki_sha256
from certs.report_keys import ReportKey


class Role(enum.StrEnum):
    """What a certificate of the authority is for."""

    CURRENT_ROOT = "current root"
    NEXT_ROOT = "next root"
    RETIRED_ROOT = "retired root"
    GATEWAY_ISSUER = "gateway issuer"
    AGENT_ISSUER = "agent issuer"
    RETIRED_AGENT_ISSUER = "retired agent issuer"
    GATEWAY = "gateway"


class AuthorityError(Exception):
    """The authority cannot do this, or its folder cannot be used; the message says what to do."""


class KeyOfflineError(AuthorityError):
    """It takes a private key that is not on this machine."""


@attrs.frozen(kw_only=True)
class Holding:
    """A certificate (DER) and, unless it is kept elsewhere, its private key. `label` names its files."""

    label: str
    certificate: bytes
    key: ec.EllipticCurvePrivateKey | None = attrs.field(repr=False, eq=False, default=None)

    @property
    def x509(self) -> x509.Certificate:
        """The certificate, parsed."""
        return parse_certificate(self.certificate)

    @property
    def pin(self) -> bytes:
        """SHA-256 of the key's SubjectPublicKeyInfo."""
        return spki_sha256(self.certificate)

    def signing_key(self) -> ec.EllipticCurvePrivateKey:
        """The key.

        Raises:
            KeyOfflineError: it is not here.
        """
        if self.key is None:
            raise KeyOfflineError(
                f"the private key {self.label}.key is not in the authority's folder: bring it back for this"
            )
        return self.key


@attrs.frozen(kw_only=True)
class Root:
    """A root: `cross` is its name and key signed by the root before it, `retired` the end of its rotation."""

    holding: Holding
    cross: bytes | None = None
    retired: datetime | None = None


@attrs.frozen(kw_only=True)
class RetiredIssuer:
    """An agent issuer that signs no more; what it signed is accepted until it has expired."""

    holding: Holding
    retired: datetime


@attrs.frozen(kw_only=True)
class ReportHolding:
    """A report key; a retired one still opens what agents sealed to it that have not heard of the current one."""

    label: str
    key: ReportKey
    retired: datetime | None = None


@attrs.frozen(kw_only=True)
class AuthorityEntry:
    """One certificate of an authority, for people who look: `until` is when it ends or stops being needed."""

    role: Role
    label: str
    certificate: bytes
    key_here: bool
    until: datetime


@attrs.frozen(kw_only=True)
class AuthorityState:
    """An authority between two changes.

    `version` counts changes, `saved_version` is the one in the folder. `gateway` is the gateway's own certificate, None
    until there are names for it. `report_keys` has the current one first; there is none in a folder from before path reports.
    """

    name: str
    version: int
    saved_version: int
    roots: tuple[Root, ...]
    gateway_issuer: Holding
    agent_issuer: Holding
    retired_agent_issuers: tuple[RetiredIssuer, ...] = ()
    gateway: Holding | None = None
    report_keys: tuple[ReportHolding, ...] = ()
