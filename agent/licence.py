"""The licence of the server that the agent looks after: `licence.json` in the state folder.

It is installed only if the provider's root stands behind it (`certs.LicenceFile.verify`), if it is for this company and this installation, and
if nothing newer is known here. What is known is written down with it, in the same file and so in the same moment:

    installed         the licence file, as it came; null for none
    installed_ms      when, by the agent's clock
    signer_since_ms   since when the newest signer that was met may sign; older ones are believed no more
    least             of each licence that was met, the lowest revision that may still be installed; null for never again

So a licence that was revoked or replaced stays away, whoever sends it, and however old the file is that was kept somewhere. The agent does not
judge by it what may run: that is the business of the product, and of whoever counts.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from agent.identity import Identity
from certs import (
    Licence,
    LicenceError,
    LicenceFault,
    fields_of_licence,
    from_ms,
    read_licence,
    to_ms,
    write_private,
)
from protocol import Code

FILE: Final = "licence.json"
VERSION: Final = 1

# A server has one licence, renewed once a year or once a month; the oldest of so many is no danger any more.
REMEMBERED: Final = 1000

CODES: Final = {
    LicenceFault.UNREADABLE: Code.LICENCE_UNREADABLE,
    LicenceFault.UNTRUSTED: Code.LICENCE_UNTRUSTED,
    LicenceFault.FORGED: Code.LICENCE_UNTRUSTED,
    LicenceFault.EXPIRED: Code.LICENCE_EXPIRED,
    LicenceFault.WRONG_COMPANY: Code.LICENCE_WRONG_COMPANY,
    LicenceFault.WRONG_SERVER: Code.LICENCE_WRONG_SERVER,
}


class LicenceRefused(Exception):  # noqa: N818  # named after what it is about
    """The licence is not installed; the one that was there stays."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@attrs.define(kw_only=True)
class Known:
    """What licence.json says."""

    installed: str | None = None
    installed_ms: int = 0
    signer_since_ms: int = 0
    least: dict[str, int | None] = attrs.field(factory=dict)

    @property
    def licence(self) -> Licence | None:
        """What is installed."""
        return None if self.installed is None else read_licence(self.installed.encode()).licence

    def raise_to(self, licence_id: str, revision: int | None) -> None:
        """Nothing below that revision is installed from now on; with None, nothing of that licence."""
        self.least.pop(licence_id, None)
        self.least[licence_id] = revision
        while len(self.least) > REMEMBERED:
            del self.least[next(iter(self.least))]


@attrs.frozen(kw_only=True)
class LicenceDesk:
    """Installs and removes."""

    folder: Path
    """The agent's state folder."""
    identity: Callable[[], Identity]
    now: Callable[[], int]
    """Milliseconds since the epoch."""

    def install(self, text: str, organization_uid: str) -> str:
        """Install a licence file; what was done, in words.

        Args:
            organization_uid: of the company that this server belongs to, as its gateway says.

        Raises:
            LicenceRefused: it is not to be believed, not for here, or older than what is known; or it could not be written down.
        """
        known = read_known(self.folder)
        identity = self.identity()
        try:
            file = read_licence(text.encode())
            since_ms = to_ms(file.verify(frozenset(identity.pins_current + identity.pins_next)))
            if since_ms < known.signer_since_ms:
                raise LicenceError(LicenceFault.UNTRUSTED, "its signer was replaced by a newer one")
            file.licence.require(
                company_uid=organization_uid,
                installation_uid=identity.installation_uid,
                at=from_ms(self.now()),
            )
        except LicenceError as error:
            raise LicenceRefused(CODES[error.fault], str(error)) from None
        licence = file.licence
        least = known.least.get(licence.licence_id, 0)
        if least is None or licence.revision < least:
            raise LicenceRefused(Code.LICENCE_SUPERSEDED, "it was revoked or replaced on this server")
        known.signer_since_ms = since_ms
        known.raise_to(licence.licence_id, licence.revision)
        if licence.replaces is not None:
            known.raise_to(licence.replaces, None)
        before, known.installed = known.installed, text
        if text == before:
            return f"{_named(licence)} was there already"
        known.installed_ms = self.now()
        self._write(known)
        return f"{_named(licence)} installed"

    def remove(self, licence_id: str, *, revoked: bool) -> str:
        """Remove a licence, if it is the one that is installed; what was done, in words.

        Args:
            revoked: never install it again, installed or not.

        Raises:
            LicenceRefused: that could not be written down.
        """
        known = read_known(self.folder)
        licence = known.licence
        was_there = licence is not None and licence.licence_id == licence_id
        if was_there:
            known.installed, known.installed_ms = None, 0
        if revoked:
            known.raise_to(licence_id, None)
        if was_there or revoked:
            self._write(known)
        return "removed" if was_there else "it was not installed"

    def _write(self, known: Known) -> None:
        path = self.folder / FILE
        try:
            write_private(
                path, json.dumps({"version": VERSION, **attrs.asdict(known)}, indent=1).encode() + b"\n"
            )
        except OSError as error:
            raise LicenceRefused(Code.LICENCE_NOT_KEPT, f"cannot write {path}: {error.strerror}") from None


def read_known(folder: Path) -> Known:
    """What licence.json in *folder* says; nothing where there is none.

    Raises:
        LicenceRefused: it cannot be read, is damaged, or was written by a newer agent.
    """
    path = folder / FILE
    try:
        fields = json.loads(path.read_bytes())
        version = fields.pop("version")
        known = Known(**fields)
        known.licence, known.least.items()  # read for their errors
    except FileNotFoundError:
        return Known()
    except OSError as error:
        raise LicenceRefused(Code.LICENCE_NOT_KEPT, f"cannot read {path}: {error.strerror}") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise LicenceRefused(
            Code.LICENCE_NOT_KEPT, f"{path} is damaged: remove it, and have the licence pushed again"
        ) from None
    if version != VERSION:
        raise LicenceRefused(Code.LICENCE_NOT_KEPT, f"{path} was written by a newer agent: run that one")
    return known


def shown(folder: Path) -> dict[str, Any] | str | None:
    """The installed licence for `status`: its fields, why they can't be told, or None for no licence."""
    try:
        licence = read_known(folder).licence
    except LicenceRefused as error:
        return error.message
    if licence is None:
        return None
    fields = fields_of_licence(licence)
    told = ("licenseId", "revision", "product", "edition", "type", "points", "expirationDate", "company")
    return {name: fields[name] for name in told}


def _named(licence: Licence) -> str:
    until = "without end" if licence.expires is None else f"until {licence.expires:%Y-%m-%d}"
    return (
        f"{licence.product} {licence.edition}, {licence.points} points {until}, revision {licence.revision}"
    )
