"""An office by the gateway's settings."""

from collections.abc import Callable
from pathlib import Path

from gateway.config import Config
from gateway.licensing.authority import LicenceAuthority
from gateway.licensing.embedded import EmbeddedAuthority
from gateway.licensing.judging import Policy
from gateway.licensing.office import LicenceOffice
from gateway.licensing.press import LicencePress
from gateway.licensing.pushing import LicencePusher
from gateway.licensing.remote import RemoteAuthority
from gateway.licensing.submitting import Submitter
from gateway.onboarding import missing_before_licence
from gateway.store import Conflict, Store
from protocol import Code

__all__ = ["open_office", "open_submitter", "policy_of"]


class NotReady(Conflict):  # named after the state that it reports
    """The company is not to have a licence yet; the text names each missing step."""

    code = Code.LICENCE_OUT_OF_ORDER


def authority_of(store: Store, config: Config) -> LicenceAuthority:
    """Who makes licences, by the settings."""
    licensing = config.licensing
    if not licensing.url:
        return EmbeddedAuthority(store)
    return RemoteAuthority(
        url=licensing.url,
        token_file=Path(licensing.token_file),
        ca=Path(licensing.ca) if licensing.ca else None,
    )


def policy_of(config: Config) -> Policy:
    """When to warn, by the settings."""
    licensing = config.licensing
    return Policy(
        warning_percent=licensing.warning_percent, grace_days=licensing.grace_days, expiry_days=licensing.expiry_days
    )  # fmt: skip


def open_submitter(store: Store, config: Config) -> Submitter:
    """Who tells the authority of a month's usage."""
    return Submitter(store=store, authority=authority_of(store, config))


def open_office(store: Store, config: Config, *, ring: Callable[[], None]) -> LicenceOffice:
    """The office of a provider.

    Args:
        ring: tells the edges that there are changes to read.
    """

    def ready(company_uid: str) -> None:
        if missing := missing_before_licence(store, company_uid):
            raise NotReady("; ".join(f"{step.says}: {step.command}" for step in missing))

    press = LicencePress(config.data / "ca")
    return LicenceOffice(
        store=store,
        authority=authority_of(store, config),
        pusher=LicencePusher(store=store, press=press, ring=ring),
        ready=ready,
    )
