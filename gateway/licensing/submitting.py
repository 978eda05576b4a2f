"""Month's end: what was used is told to the licensing authority.

Whatever month is final, and every correction of one, becomes a submission in the store before anybody is asked. While the authority can't be
reached it stays there, and is sent again under its key: so nothing is lost, and nothing counted twice. Unless every contract says that usage is
reported automatically, a person looks at it first.
"""

import hashlib
import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from gateway.licensing.authority import LicenceAuthority
from gateway.licensing.forms import said
from gateway.licensing.office import FIRST_RETRY_S, LONGEST_RETRY_S
from gateway.licensing.refusals import AuthorityRefused, AuthorityUnreachable
from gateway.store import LicenceSubmission, Store

__all__ = ["Submitter"]

_SUBMISSIONS: Final = uuid.UUID("8b1f1d3e-0f5c-4b3a-8c53-6a4d0e1c7d26")
"""The name space of submissions' ids (RFC 9562, version 5): one for each statement."""


@attrs.frozen(kw_only=True)
class Submitter:
    """Makes submissions of statements, and sends them."""

    store: Store
    authority: LicenceAuthority

    def work(self, now_ms: int) -> list[LicenceSubmission]:
        """What is due; the submissions that the authority was asked to take, as they are now.

        Raises:
            StoreError: the store can't be used.
        """
        submissions = self.store.licence_submissions
        if due := submissions.due():
            self._make(due, now_ms)
        asked = []
        for each in submissions.pending():
            if each.next_ms > now_ms:
                continue
            is_there = self._send(each, now_ms)
            asked.append(submissions.get(each.uid))
            if not is_there:
                break  # the others wait their turn
        return asked

    def _make(self, statement_uids: Sequence[str], now_ms: int) -> None:
        contracts = [each.contract for each in self.store.licence_catalogue.contracts()]
        if not contracts:
            return  # nobody is to be told
        held = not all(contract.reports_automatically for contract in contracts)
        for statement_uid in statement_uids:
            _, file = self.store.statements.document(statement_uid)
            document = self._document(statement_uid, file)
            self.store.licence_submissions.add(
                statement_uid, document, authority=self.authority.name, held=held, now_ms=now_ms
            )

    def _document(self, statement_uid: str, file: bytes) -> dict[str, Any]:
        """Of a signed statement what is under licences of the provider's: companies by their ids alone."""
        statement = json.loads(file)["statement"]
        period = statement["period"]
        kinds = ("None", "Foreign")
        used = {
            company["uid"]: [line for line in company["workloads"] if line["licence"] not in kinds]
            for company in statement["companies"]
        }
        licensed = [uid for uid, lines in used.items() if lines]
        since_ms = round(datetime.fromisoformat(period["from"]).timestamp() * 1000)
        licences = self.store.licence_submissions.licences_of(licensed, since_ms=since_ms)
        return {
            "submissionId": str(uuid.uuid5(_SUBMISSIONS, statement_uid)),
            "month": period["month"],
            "number": statement.get("number", 0),
            "from": period["from"],
            "to": period["to"],
            "statementSha256": hashlib.sha256(file).hexdigest(),
            "companies": [
                {
                    "companyUid": uid,
                    "licenses": [
                        {
                            "licenseId": each.terms.uid, "contractId": each.terms.contract_uid,
                            "productId": each.terms.product_uid, "type": each.terms.kind.value, "points": each.terms.points,
                            "revokedDate": said(each.revoked_ms),
                        }
                        for each in licences
                        if each.terms.organization_uid == uid
                    ],
                    "workloads": used[uid],
                }
                for uid in sorted(licensed)
            ],
        }  # fmt: skip

    def _send(self, submission: LicenceSubmission, now_ms: int) -> bool:
        """Ask the authority to take it; false if it is not there."""
        submissions = self.store.licence_submissions
        try:
            receipt = self.authority.submit(submission.document, key=submission.key, now_ms=now_ms)
        except AuthorityUnreachable as error:
            wait_s = max(min(FIRST_RETRY_S * 2**submission.attempts, LONGEST_RETRY_S), error.retry_after_s)
            submissions.postpone(
                submission, next_ms=now_ms + round(wait_s * 1000), code=error.code.value, message=str(error)
            )
            return False
        except AuthorityRefused as error:
            submissions.refuse(submission, code=error.code.value, message=str(error), now_ms=now_ms)
            return True
        submissions.accept(submission, receipt, authority=self.authority.name, now_ms=now_ms)
        return True
