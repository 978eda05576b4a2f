"""Why licensing says no outside of the store's tables, each with a code of its own."""

from gateway.store import Conflict
from protocol import Code

__all__ = ["AuthorityRefused", "AuthorityUnreachable", "LicenceFileRefused", "SignerMissing", "TermsInvalid"]


class AuthorityUnreachable(Conflict):
    """The authority did not answer, or not so that it could be used."""

    code = Code.LICENCE_AUTHORITY_UNREACHABLE

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """What it asked to wait; 0 if it said nothing."""


class AuthorityRefused(Conflict):
    """The authority said no."""

    code = Code.LICENCE_AUTHORITY_REFUSED


class SignerMissing(Conflict):
    """There is no key to sign licences with."""

    code = Code.LICENCE_SIGNER_MISSING


class LicenceFileRefused(Conflict):
    """A file that was handed in is no licence of this provider's."""

    code = Code.LICENCE_FILE_REFUSED


class TermsInvalid(Conflict):
    """A licence cannot say that."""

    code = Code.LICENCE_TERMS_INVALID
