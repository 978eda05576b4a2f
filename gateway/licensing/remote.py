"""A licensing authority at another place, over HTTPS: docs/pulse-api.md says what is said.

What a deed fails by decides what becomes of it. A plain no (400, 404, 409, 422) is the authority's answer, and final. Anything else leaves open
whether the deed was done, or is not the deed's fault: no connection, no time, an untrusted certificate, a token that is not taken, an answer
that cannot be read or is about something else. Then it counts as unreachable, and is asked again under the same key.

A connection lives for one request: none is ever found to have died meanwhile. Redirects are not followed, because the token would go to
somebody whom nobody named. Proxies of the environment are not used.
"""

import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import attrs

from gateway.licensing.authority import Catalogue, LicenceChange, LicenceOrder
from gateway.licensing.forms import (
    Form,
    FormError,
    change_fields,
    order_fields,
    terms_of,
)
from gateway.licensing.refusals import AuthorityRefused, AuthorityUnreachable
from gateway.outgoing import Connection, NoTokenError, limited, seconds_of, token_of
from gateway.store import LicenceContract, LicenceProduct, LicenceTerms, LicenceWorkload
from protocol import printable

__all__ = ["RemoteAuthority"]

TIMEOUT_S: Final = 20.0
MAX_ANSWER_BYTES: Final = 1024 * 1024
PAGE: Final = 100
MOST_PAGES: Final = 100
# The authority has understood, and says no.
REFUSALS: Final = frozenset({400, 404, 409, 422})
SHOWN: Final = 300

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Answer:
    """What came back."""

    status: int
    retry_after: str | None
    body: bytes


@attrs.frozen(kw_only=True)
class RemoteAuthority:
    """A licensing authority."""

    url: str
    token_file: Path
    ca: Path | None = None
    """CAs (PEM) that it is trusted by; None for the system's."""
    timeout_s: float = TIMEOUT_S
    """For one request as a whole."""
    name: str = attrs.field(default="remote", init=False)

    def catalogue(self) -> Catalogue:
        """Everything it offers.

        Raises:
            AuthorityRefused: it said no.
            AuthorityUnreachable: it did not answer, or not so that it could be read.
        """
        return Catalogue(
            products=[self._read(product_of, each) for each in self._pages("/products")],
            contracts=[self._read(contract_of, each) for each in self._pages("/contracts")],
        )

    def generate(
        self, order: LicenceOrder, *, key: str, now_ms: int
    ) -> LicenceTerms:  # it has a clock of its own
        """Make a licence. Raises as `catalogue` does."""
        fields = order_fields(order)
        del fields["shared"]  # where it is installed is ours alone
        terms = self._licence("/licenses", fields, key)
        said = (terms.product_uid, terms.kind, terms.organization_uid, terms.expires_ms)
        wanted = (order.product_uid, order.kind, order.organization_uid, order.expires_ms)
        counts = tuple((each.uid, each.count) for each in terms.workloads)
        if said != wanted or sorted(counts) != sorted(order.counts):
            raise self._strange(f"licence {terms.uid} is not the one that was asked for")
        return terms

    def change(
        self, licence_uid: str, change: LicenceChange, *, key: str, now_ms: int
    ) -> LicenceTerms:  # likewise
        """The next revision of a licence. Raises as `catalogue` does."""
        return self._of(
            licence_uid, self._licence(f"{path_of(licence_uid)}/change", change_fields(change), key)
        )

    def revoke(self, licence_uid: str, why: str, *, key: str, now_ms: int) -> LicenceTerms:  # likewise
        """End a licence. Raises as `catalogue` does."""
        return self._of(licence_uid, self._licence(f"{path_of(licence_uid)}/revoke", {"reason": why}, key))

    def submit(self, document: dict[str, Any], *, key: str, now_ms: int) -> str:  # it has a clock of its own
        """Tell it the usage of a month. Raises as `catalogue` does."""
        said = self._data(self._call("POST", "/usage", document, key))
        return self._read(lambda fields: Form.of(fields, "a receipt").uid("receiptId"), said)

    def _of(self, licence_uid: str, terms: LicenceTerms) -> LicenceTerms:
        if terms.uid != licence_uid:
            raise self._strange(f"it is about licence {terms.uid}, and was asked about {licence_uid}")
        return terms

    def _licence(self, path: str, fields: dict[str, Any], key: str) -> LicenceTerms:
        form = self._data(self._call("POST", path, fields, key))
        return self._read(terms_of, form)

    def _pages(self, path: str) -> Iterator[object]:
        for page in range(MOST_PAGES):
            found = self._data(self._call("GET", f"{path}?limit={PAGE}&offset={page * PAGE}"))
            if not isinstance(found, list):
                raise self._strange("data is no list")
            yield from found
            if len(found) < PAGE:
                return
        raise self._strange(f"more than {MOST_PAGES * PAGE} entries")

    # -- one request -------------------------------------------------------------------------------------------

    def _call(self, method: str, path: str, fields: dict[str, Any] | None = None, key: str = "") -> Answer:
        parts = urlsplit(self.url)
        try:
            headers = {"Accept": "application/json", "User-Agent": "fieldgate"}
            headers["Authorization"] = f"Bearer {token_of(self.token_file)}"
            tls = ssl.create_default_context(cafile=self.ca)
        except NoTokenError as error:
            raise AuthorityUnreachable(str(error)) from None
        except (OSError, ssl.SSLError) as error:
            raise AuthorityUnreachable(f"{self.ca}: no certificates can be read from it: {error}") from None
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        body = None
        if fields is not None:
            body = json.dumps(fields).encode()
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
        connection = Connection(str(parts.hostname), parts.port or 443, timeout=self.timeout_s, context=tls)
        try:
            with limited(connection, self.timeout_s) as over:
                connection.request(method, parts.path.rstrip("/") + path, body, headers)
                answer = connection.getresponse()
                said = answer.read(MAX_ANSWER_BYTES + 1)
                if over.is_set():
                    raise TimeoutError
                return Answer(status=answer.status, retry_after=answer.headers["Retry-After"], body=said)
        except ssl.SSLCertVerificationError as error:
            raise AuthorityUnreachable(f"{parts.hostname} is not trusted: {error.verify_message}") from None
        except TimeoutError:
            raise AuthorityUnreachable(f"{parts.hostname}: no answer within {self.timeout_s:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise AuthorityUnreachable(f"{parts.hostname}: {error or type(error).__name__}") from None
        finally:
            connection.close()

    def _data(self, answer: Answer) -> object:
        """What a 2xx says."""
        if len(answer.body) > MAX_ANSWER_BYTES:
            raise self._strange(f"more than {MAX_ANSWER_BYTES} bytes")
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        if not 200 <= answer.status < 300:
            message = printable(f"the authority answered {answer.status}{_said(found)}")
            if answer.status in REFUSALS:
                raise AuthorityRefused(message)
            raise AuthorityUnreachable(message, retry_after_s=seconds_of(answer.retry_after))
        if not isinstance(found, dict) or "data" not in found:
            raise self._strange("no JSON object with data")
        return found["data"]

    def _read(self, read: Callable[[object], T], fields: object) -> T:
        try:
            return read(fields)
        except FormError as error:
            raise self._strange(str(error)) from None

    def _strange(self, what: str) -> AuthorityUnreachable:
        return AuthorityUnreachable(f"the authority's answer can't be used: {what}")


def product_of(fields: object) -> LicenceProduct:
    """A product, as the authority says it.

    Raises:
        FormError: something is missing or out of its bounds.
    """
    form = Form.of(fields, "a product")
    workloads = [Form.of(each, "a workload") for each in form.list("workloads", 32)]
    return LicenceProduct(
        uid=form.uid("productId"), name=form.text("name"), edition=form.text("edition"), authority="remote",
        workloads=[
            LicenceWorkload(
                uid=each.uid("workloadId"), name=each.text("name"), multiplier=each.number("multiplier", 1, 10_000)
            )
            for each in workloads
        ],
    )  # fmt: skip


def contract_of(fields: object) -> LicenceContract:
    """A contract, as the authority says it.

    Raises:
        FormError: something is missing or out of its bounds.
    """
    form = Form.of(fields, "a contract")
    return LicenceContract(
        uid=form.uid("contractId"), name=form.text("name"), kind=form.kind("type"),
        points=form.optional_number("points", 0, 10**12), begins_ms=form.time("startDate"),
        ends_ms=form.optional_time("endDate"), reports_automatically=form.flag("automaticReporting"), authority="remote",
    )  # fmt: skip


def path_of(licence_uid: str) -> str:
    """Where a licence is."""
    return f"/licenses/{quote(licence_uid, safe='')}"


def _said(found: object) -> str:
    """The first message of an error body."""
    match found:
        case {"errors": [{"message": str(message)}, *_]}:
            return f": {message[:SHOWN]}"
    return ""
