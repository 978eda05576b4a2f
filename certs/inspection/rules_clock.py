"""Rules that suspect the clock of the agent's server, before anything else is suspected."""

from certs.inspection import rules_reach as reach
from certs.inspection import rules_truth as truth
from certs.inspection.finding import Verdict
from certs.inspection.rules_model import Rule, guard, need, support

CLOCK = (
    Rule(
        verdict=Verdict.CLOCK_SKEW,
        base=0.99,
        clauses=(
            need(truth.CHAIN_OURS),
            need(truth.CLOCK_OFF),
            guard(truth.ONE_TLS, unknown=0.02),
            support(truth.NAME_OK, unknown=0, against=0.01),
        ),
        blame="The clock of the agent's server is wrong ({offset}); {clean}.",
        reason="The certificate is the provider's own and in order; only the server's clock makes it look invalid.",
    ),
    Rule(
        verdict=Verdict.CLOCK_SKEW,
        base=0.97,
        clauses=(
            need(truth.CHAIN_OURS),
            need(truth.EARLY),
            guard(truth.CLOCK_OFF, unknown=0.2),
            guard(truth.ONE_TLS, unknown=0.02),
        ),
        blame="{probably}the clock of the agent's server is behind; {clean}.",
        reason="The certificate is the provider's own, and looks as if its time had not begun.",
    ),
    Rule(
        verdict=Verdict.CLOCK_SKEW,
        base=0.87,
        clauses=(
            need(truth.CHAIN_OURS),
            need(reach.LONG_OVER),
            guard(truth.CLOCK_OFF, unknown=0.2),
            guard(truth.ONE_TLS, unknown=0.02),
        ),
        blame="{probably}the clock of the agent's server is far ahead; {clean}.",
        reason="The certificate is the provider's own, and by this server's clock it is {validity}. A gateway that had sent an expired "
        "certificate for {over_for} would have no agents left; a second clock would tell for certain.",
    ),
)
