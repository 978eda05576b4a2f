"""The commands by which licences come to servers."""

from typing import Annotated, ClassVar, Final

import attrs

from protocol.fields import KeyUid
from protocol.instruction import Instruction
from protocol.kinds import Flag, Text

# As certs.MAX_LICENCE_BYTES: escaped once more it is within the payload's 64 KiB.
LICENCE_CHARS: Final = 20 * 1024


@attrs.frozen(kw_only=True)
class InstallLicence(Instruction):
    """Install a licence, in the place of the one that the server has."""

    kind: ClassVar[str] = "install-licence"

    licence: Annotated[str, Text(LICENCE_CHARS, at_least=1), "the licence file"]
    organization_uid: Annotated[KeyUid, "the organization that the agent belongs to"]


@attrs.frozen(kw_only=True)
class RemoveLicence(Instruction):
    """Remove a licence, if the server has it."""

    kind: ClassVar[str] = "remove-licence"

    licence_uid: Annotated[KeyUid, "the licence's id"]
    revoked: Annotated[bool, Flag(), "whether it is never to be installed again"] = False
