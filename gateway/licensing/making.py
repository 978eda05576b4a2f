"""An office by the gateway's settings."""

from collections.abc import Callable

from gateway.config import Config
from gateway.licensing.embedded import EmbeddedAuthority
from gateway.licensing.office import LicenceOffice
from gateway.licensing.press import LicencePress
from gateway.licensing.pushing import LicencePusher
from gateway.onboarding import missing_before_licence
from gateway.store import Conflict, Store
from protocol import Code

__all__ = ["open_office"]


class NotReady(Conflict):  # named after the state that it reports
    """The company is not to have a licence yet; the text names each missing step."""

    code = Code.LICENCE_OUT_OF_ORDER


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
        authority=EmbeddedAuthority(store),
        pusher=LicencePusher(store=store, press=press, ring=ring),
        ready=ready,
    )
