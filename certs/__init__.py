"""Who is who: the provider's authority, certificates, tokens, and the one judgement of a presented chain.

Pure but for the authority's folder: no socket, no clock, no log. Times are UTC datetimes and always explicit.
"""

from certs.authority import Authority
from certs.bundle import TrustBundle
from certs.chain import (
    CertificateError,
    CertificateFacts,
    agent_uid_of,
    certificate_sha256,
    chain_from_pem,
    chain_to_pem,
    from_ms,
    public_key_of,
    read_certificate,
    serial_of,
    spki_sha256,
    to_ms,
)
from certs.csr import MAX_CSR_BYTES, Csr, CsrError, make_csr, read_csr
from certs.diagnosis import ChainVerdict, Usage
from certs.enrollment import EXPORTER_BYTES, EXPORTER_LABEL, sign_enrollment, verify_enrollment
from certs.keys import KeyFileError, generate_key, key_from_pem, key_to_pem, pin_of_key
from certs.keystore import is_exposed, make_private_folder, write_private, write_public
from certs.licence import (
    Licence,
    LicenceError,
    LicenceFault,
    LicenceKind,
    LicensedWorkload,
)
from certs.licence import fields_of as fields_of_licence
from certs.licence_file import MAX_LICENCE_BYTES, LicenceFile, read_licence, sign_licence
from certs.names import could_be_dns_name
from certs.own import OwnCertificate, OwnCertificateError, check_certificate, own_issuer_pins
from certs.problems import Problem, ProblemKind
from certs.profiles import FIELDGATE_UNIT, RENEWAL_GRACE, renewal_due
from certs.report_keys import MAX_REPORT_KEYS, REPORT_PUBLIC_SIZE, ReportKey, ReportPublic
from certs.signers import (
    MAX_SIGNER_CHAIN,
    STATEMENTS,
    LicenceSigner,
    SignerError,
    StatementSigner,
    judge_signer,
)
from certs.state import AuthorityEntry, AuthorityError, KeyOfflineError, Role
from certs.token import PathCode, Token, TokenError
from certs.trust import Anchors, NameVerdict, TimeVerdict, TrustResult, judge_chain

__all__ = [
    "EXPORTER_BYTES",
    "EXPORTER_LABEL",
    "FIELDGATE_UNIT",
    "MAX_CSR_BYTES",
    "MAX_LICENCE_BYTES",
    "MAX_REPORT_KEYS",
    "MAX_SIGNER_CHAIN",
    "RENEWAL_GRACE",
    "REPORT_PUBLIC_SIZE",
    "STATEMENTS",
    "Anchors",
    "Authority",
    "AuthorityEntry",
    "AuthorityError",
    "CertificateError",
    "CertificateFacts",
    "ChainVerdict",
    "Csr",
    "CsrError",
    "KeyFileError",
    "KeyOfflineError",
    "Licence",
    "LicenceError",
    "LicenceFault",
    "LicenceFile",
    "LicenceKind",
    "LicenceSigner",
    "LicensedWorkload",
    "NameVerdict",
    "OwnCertificate",
    "OwnCertificateError",
    "PathCode",
    "Problem",
    "ProblemKind",
    "ReportKey",
    "ReportPublic",
    "Role",
    "SignerError",
    "StatementSigner",
    "TimeVerdict",
    "Token",
    "TokenError",
    "TrustBundle",
    "TrustResult",
    "Usage",
    "agent_uid_of",
    "certificate_sha256",
    "chain_from_pem",
    "chain_to_pem",
    "check_certificate",
    "could_be_dns_name",
    "fields_of_licence",
    "from_ms",
    "generate_key",
    "is_exposed",
    "judge_chain",
    "judge_signer",
    "key_from_pem",
    "key_to_pem",
    "make_csr",
    "make_private_folder",
    "own_issuer_pins",
    "pin_of_key",
    "public_key_of",
    "read_certificate",
    "read_csr",
    "read_licence",
    "renewal_due",
    "serial_of",
    "sign_enrollment",
    "sign_licence",
    "spki_sha256",
    "to_ms",
    "verify_enrollment",
    "write_private",
    "write_public",
]
