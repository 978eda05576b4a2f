"""Signs licence files, with the key beside the authority's. A file is signed when it is sent or fetched: so it names the server that it is for,
and the signer is always the current one.
"""

from datetime import datetime
from pathlib import Path

import attrs

from certs import (
    Authority,
    AuthorityError,
    Licence,
    LicenceError,
    LicenceFile,
    LicenceKind,
    LicenceSigner,
    LicensedWorkload,
    from_ms,
    read_licence,
    sign_licence,
)
from gateway.licensing.refusals import LicenceFileRefused, SignerMissing, TermsInvalid
from gateway.store import LicenceNotAssigned, LicenceTerms, Store

__all__ = ["LicencePress"]


@attrs.frozen
class LicencePress:
    """The signer in the authority's folder."""

    _ca: Path

    def print(
        self, terms: LicenceTerms, *, company: str, installation_uid: str | None, now_ms: int
    ) -> LicenceFile:
        """The file of a licence.

        Args:
            company: the name of the company that has it.
            installation_uid: of the one agent that it is for; None for a shared one.

        Raises:
            LicenceNotAssigned: it is nobody's yet.
            SignerMissing: there is no key to sign with.
            TermsInvalid: no file can say that.
        """
        if terms.organization_uid is None:
            raise LicenceNotAssigned(f"licence {terms.uid} is nobody's yet: assign it to a company first")
        now = from_ms(now_ms)
        authority, signer = self._signer(now)
        try:
            licence = Licence(
                licence_id=terms.uid, revision=terms.revision, replaces=terms.replaces, product_id=terms.product_uid,
                product=terms.product, edition=terms.edition, kind=LicenceKind(terms.kind.value),
                contract_id=terms.contract_uid, workloads=tuple(
                    LicensedWorkload(
                        workload_id=each.uid, name=each.name, count=each.count, multiplier=each.multiplier
                    )
                    for each in terms.workloads
                ),
                issued=now, expires=_time(terms.expires_ms), support_until=_time(terms.support_ms),
                company_uid=terms.organization_uid, company=company.strip()[:128], installation_uid=installation_uid,
            )  # fmt: skip
            return sign_licence(licence, signer.key, signer.chain(authority))
        except LicenceError as error:
            raise TermsInvalid(f"licence {terms.uid}: {error}") from None

    def print_for(self, store: Store, licence_uid: str, *, now_ms: int) -> LicenceFile:
        """The file of a licence, for the server that it is on, if it is on one alone.

        Raises: as `print` does, and
            NotFound: there is no such licence.
        """
        found = store.licences.get(licence_uid)
        servers = [] if found.shared else store.licence_servers.of_licence(licence_uid)
        installation_uid = None
        if servers:
            installation_uid = store.agents.get(servers[0].agent_uid, now_ms=now_ms).installation_uid
        owner = found.terms.organization_uid
        company = "" if owner is None else store.organizations.find(owner).name
        return self.print(found.terms, company=company, installation_uid=installation_uid, now_ms=now_ms)

    def read(self, data: bytes) -> LicenceFile:
        """A file that somebody handed in, if one of our signers has signed it.

        Raises:
            LicenceFileRefused: it is none, was changed, or another provider's.
            SignerMissing: the authority can't be read.
        """
        try:
            file = read_licence(data)
            authority = self._authority()
            file.verify(frozenset(authority.pins_current() + authority.pins_next()))
        except LicenceError as error:
            raise LicenceFileRefused(str(error)) from None
        return file

    def _signer(self, now: datetime) -> tuple[Authority, LicenceSigner]:
        authority = self._authority()
        try:
            signer = LicenceSigner.load(self._ca)
            if signer is None or signer.until <= now:
                signer = LicenceSigner.create(authority, now)
                signer.save(self._ca)
        except AuthorityError as error:
            raise SignerMissing(str(error)) from None
        except OSError as error:
            raise SignerMissing(f"cannot write {self._ca}: {error.strerror}") from None
        return authority, signer

    def _authority(self) -> Authority:
        try:
            return Authority.load(self._ca)
        except AuthorityError as error:
            raise SignerMissing(str(error)) from None


def _time(time_ms: int | None) -> datetime | None:
    return None if time_ms is None else from_ms(time_ms)
