"""All rules, in the order of suspicion. The first one that applies is the verdict.

Clock, rotation, wrong name, expiry, the provider's own fault, the agent's own certificate, a proxy, an address that the provider
does not list; then interception; then what the network does to a connection that it does not open; then what nobody can tell from
here; then nothing wrong at all. Most alarms of inspection that other products'
users report are one of the first. A gateway's own refusal outranks them all, since it says what it is.

To add a verdict, add a row; `rules_model` says how a row is weighed.
"""

from typing import Final

from certs.inspection.facts import Seen
from certs.inspection.rules_clock import CLOCK
from certs.inspection.rules_inspection import INSPECTION
from certs.inspection.rules_model import Rule, Weighed, weigh
from certs.inspection.rules_network import CLEAN, CUTS, NETWORK, STRANGERS, UNEXPLAINED
from certs.inspection.rules_provider import AGENT, EXPIRY, NAMES, PROVIDER, REFUSAL, RENEWED, ROTATION
from certs.inspection.rules_unreached import ADDRESS, PROXY, UNREACHED

__all__ = ["PROBES", "RULES", "first_that_applies"]

PROBES: Final = (
    "small-hello",
    "large-hello",
    "hello-1200",
    "hello-1400",
    "hello-1600",
    "other-port",
    "http",
    "plain-payload",
)
"""Names of control probes: a whole handshake with a hello of some size, a connection to another port of the gateway, an HTTP
request in the same TLS, and the same bytes without TLS."""

RULES: Final[tuple[Rule, ...]] = (
    *REFUSAL,
    *CLOCK,
    *ROTATION,
    *NAMES,
    *EXPIRY,
    *PROVIDER,
    *AGENT,
    *PROXY,
    *ADDRESS,
    *INSPECTION,
    *NETWORK,
    *UNREACHED,
    *CUTS,
    *RENEWED,
    *CLEAN,
    *STRANGERS,
    UNEXPLAINED,
)


def first_that_applies(seen: Seen) -> Weighed:
    """The rule that decides, weighed."""
    for rule in RULES[:-1]:
        weighed = weigh(rule, seen)
        if weighed is not None:
            return weighed
    last = weigh(UNEXPLAINED, seen)
    assert last is not None, "a rule without a requirement always applies"  # noqa: S101  # the table's last row
    return last
