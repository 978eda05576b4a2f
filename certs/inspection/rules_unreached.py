"""Rules for attempts that reached no gateway, as far as anybody can tell: the proxy, the address, or nobody knows whose fault.

From one side a gateway that is stopped, a balancer with nothing behind it and a firewall that drops look alike. So a box is blamed
(`rules_network`) only where the gateway showed itself at that time (`GATEWAY_UP`); what is left is called `not-reached`, and names
both who may be at fault. Whoever dials an address that the provider does not list is told so first.
"""

from certs.inspection import rules_path as path
from certs.inspection import rules_reach as reach
from certs.inspection import rules_truth as truth
from certs.inspection.finding import Verdict
from certs.inspection.rules_model import Rule, guard, need, support

PROXY = (
    Rule(
        verdict=Verdict.PROXY_AUTH,
        base=1.0,
        clauses=(need(reach.PROXY_ASKS),),
        blame="The proxy {proxy} wants a login for the agent.",
        reason="It answered the request to connect with 407: it let nothing through to the gateway.",
    ),
    Rule(
        verdict=Verdict.PROXY_DENIED,
        base=1.0,
        clauses=(need(reach.PROXY_DENIES),),
        blame="The proxy {proxy} does not let the agent through to {dialed}.",
        reason="It answered the request to connect with: {proxy_answer}.",
    ),
    Rule(
        verdict=Verdict.PROXY_DOWN,
        base=0.95,
        clauses=(need(reach.PROXY_FAILS), support(reach.PROXY_WAITS, False, unknown=0, against=0.3)),
        blame="{probably}the proxy {proxy} does not do its work: {proxy_fault}.",
        reason="The agent goes through that proxy, and got no answer from it. Nothing of this attempt is known to have come to the "
        "gateway, and nothing is known against it.",
    ),
    Rule(
        verdict=Verdict.NOT_REACHED,
        base=0.45,
        clauses=(
            need(reach.PROXY_CANNOT),
            support(reach.GATEWAY_UP, False, unknown=0.05, against=0.05),
            guard(path.RESTART_NEAR, False, unknown=0.05),
        ),
        blame="The proxy {proxy} could not reach {dialed}: the gateway is down, or something between the two keeps them apart.",
        reason="It answered the request to connect with: {proxy_answer}. That speaks of the other side and not of the proxy's own "
        "rules. From here nobody can tell whether the provider's gateway was down.",
    ),
)

ADDRESS = (
    Rule(
        verdict=Verdict.WRONG_ADDRESS,
        base=0.7,
        clauses=(
            need(reach.DIALED_LISTED, False),
            need(reach.NO_GATEWAYS_ANSWER),
            guard(truth.ONE_TLS, False),
            guard(truth.REACHED, False, unknown=0.05),
            guard(reach.ISSUER_NAMED, False),
        ),
        blame="{probably}another server answers at {dialed}, which is no address of the provider's.",
        reason="The provider publishes {listed}, and not {dialed}. What answered there is not known to be a gateway: a web server "
        "of the provider's or another machine looks like this, and so does a box that opens the TLS. Dial a published address.",
    ),
    Rule(
        verdict=Verdict.WRONG_ADDRESS,
        base=0.65,
        clauses=(
            need(reach.DIALED_LISTED, False),
            need(reach.UNREACHED),
            guard(reach.GATEWAY_UP, False, unknown=0.05),
            guard(path.RESTART_NEAR, False),
        ),
        blame="{probably}no gateway is at {dialed}: it is no address of the provider's.",
        reason="The provider publishes {listed}, and not {dialed}. Nothing came from there that tells who is there.",
    ),
)

UNREACHED = (
    Rule(
        verdict=Verdict.NOT_REACHED,
        base=0.5,
        clauses=(
            need(reach.UNREACHED),
            need(path.GATEWAY_GOT_HELLO),
            guard(path.RESTART_NEAR, False),
            guard(path.OVERLOAD_NEAR, False),
        ),
        blame="The agent's hello reached the gateway, and no answer came back: the gateway did not give it in time, or it got lost.",
        reason="The gateway received a hello of this site's at that time, and for the agent {last_io}. A gateway that hangs and a box "
        "that swallows its answer look alike.",
    ),
    Rule(
        verdict=Verdict.NOT_REACHED,
        base=0.45,
        clauses=(
            need(reach.UNREACHED),
            guard(reach.GATEWAY_UP, False, unknown=0.05),
            guard(path.RESTART_NEAR, False, unknown=0.05),
            support(reach.DIALED_LISTED, unknown=0.05, against=0.05),
        ),
        blame="The gateway at {dialed} is down, or a box in the path keeps the agent away from it: one side cannot tell which.",
        reason="Nothing came that tells who is there: {last_io}. A gateway that is stopped, a balancer of the provider's without a "
        "gateway behind it, and a firewall look alike from here.",
    ),
)
