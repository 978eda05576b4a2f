"""Licences: made by an authority, signed, brought to the servers, judged by their use.

    authority   what a licensing authority does; embedded and remote are the two that there are
    press       signs licence files
    pushing     brings them to agents, as commands
    office      all of it, for the command line, REST and the clock
    submitting  tells the authority of a month's usage
    run         what is due by the clock
    judging     what the use of a licence comes to
    measuring   what servers have listed becomes the use of their licences

What is known of licences is in `gateway.store` (licences, licence_catalogue, licence_servers). docs/licensing.md is for people.
"""

from gateway.licensing.authority import Catalogue, LicenceAuthority, LicenceChange, LicenceOrder
from gateway.licensing.embedded import EmbeddedAuthority
from gateway.licensing.judging import Policy, UseVerdict, judge_use
from gateway.licensing.making import open_office, open_submitter, policy_of
from gateway.licensing.measuring import Measured, Measurer, measured
from gateway.licensing.office import LicenceOffice, Outcome
from gateway.licensing.press import LicencePress
from gateway.licensing.pushing import LicencePusher
from gateway.licensing.refusals import (
    AuthorityRefused,
    AuthorityUnreachable,
    LicenceFileRefused,
    SignerMissing,
    TermsInvalid,
)
from gateway.licensing.remote import RemoteAuthority
from gateway.licensing.run import run_office
from gateway.licensing.submitting import Submitter

__all__ = [
    "AuthorityRefused",
    "AuthorityUnreachable",
    "Catalogue",
    "EmbeddedAuthority",
    "LicenceAuthority",
    "LicenceChange",
    "LicenceFileRefused",
    "LicenceOffice",
    "LicenceOrder",
    "LicencePress",
    "LicencePusher",
    "Measured",
    "Measurer",
    "Outcome",
    "Policy",
    "RemoteAuthority",
    "SignerMissing",
    "Submitter",
    "TermsInvalid",
    "UseVerdict",
    "judge_use",
    "measured",
    "open_office",
    "open_submitter",
    "policy_of",
    "run_office",
]
