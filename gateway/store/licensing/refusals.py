"""Why licensing says no, each with a code of its own: the text says what is in the way and what to do about it."""

from gateway.store.errors import Conflict, NotFound
from protocol import Code

__all__ = [
    "ContractEnded",
    "ContractExhausted",
    "LicenceNotAssigned",
    "LicenceNotShared",
    "LicenceOfAnother",
    "LicenceRevoked",
    "ProductUnknown",
]


class ProductUnknown(NotFound):
    """There is no such product, or it has no such workload."""

    code = Code.LICENCE_PRODUCT_UNKNOWN


class ContractExhausted(Conflict):
    """The contract has not so many points left."""

    code = Code.LICENCE_CONTRACT_EXHAUSTED


class ContractEnded(Conflict):
    """The contract has not begun, is over, or would be over before the licence is."""

    code = Code.LICENCE_CONTRACT_ENDED


class LicenceNotAssigned(Conflict):
    """It is nobody's yet."""

    code = Code.LICENCE_NOT_ASSIGNED


class LicenceOfAnother(Conflict):
    """The server is not of the company that has the licence."""

    code = Code.LICENCE_OF_ANOTHER


class LicenceNotShared(Conflict):
    """It is on another server already, and was not made to be on several."""

    code = Code.LICENCE_NOT_SHARED


class LicenceRevoked(Conflict):
    """It was revoked: nothing is done with it any more."""

    code = Code.LICENCE_REVOKED
