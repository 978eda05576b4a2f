"""Rules about boxes that block, divert or alter a connection without opening it; then what is left: clean, or unexplained."""

from certs.inspection import rules_path as path
from certs.inspection import rules_reach as reach
from certs.inspection import rules_truth as truth
from certs.inspection.finding import Verdict
from certs.inspection.rules_model import FLOOR, Rule, guard, need, support

# What a gateway received is beyond doubt; what was agreed on says something of a box only where a gateway's key answered.
ALTERED = (
    Rule(
        verdict=Verdict.DOWNGRADED,
        base=0.95,
        clauses=(need(path.VERSION_LOWERED), need(path.HELLOS_COMPARED)),
        blame="{box} lowers the TLS version.",
        reason="The agent offered {offered_version}, and {arrived_version} reached the gateway.",
    ),
    Rule(
        verdict=Verdict.DOWNGRADED,
        base=0.95,
        clauses=(
            need(path.VERSION_LOWERED),
            need(truth.KEY_OURS),
            support(path.HELLOS_COMPARED, unknown=0.1, against=0.1),
        ),
        blame="{box} lowers the TLS version.",
        reason="The agent offered {offered_version}, which every gateway speaks, and {arrived_version} came of it.",
    ),
    Rule(
        verdict=Verdict.ALPN_CHANGED,
        base=0.95,
        clauses=(need(path.ALPN_LOST), need(path.HELLOS_COMPARED)),
        blame="{box} alters the application protocol (ALPN) in the TLS handshake.",
        reason="The agent offered fieldgate/1, and {arrived_alpn} reached the gateway.",
    ),
    Rule(
        verdict=Verdict.ALPN_CHANGED,
        base=0.95,
        clauses=(
            need(path.ALPN_LOST),
            need(truth.KEY_OURS),
            support(path.HELLOS_COMPARED, unknown=0.1, against=0.1),
        ),
        blame="{box} alters the application protocol (ALPN) in the TLS handshake.",
        reason="The agent offered fieldgate/1, which every gateway accepts, and {arrived_alpn} came of it.",
    ),
)

NETWORK = (
    Rule(
        verdict=Verdict.CAPTIVE_PORTAL,
        base=0.97,
        clauses=(
            need(path.HTTP),
            need(path.PORTAL),
            support(reach.DIALED_LISTED, unknown=0.02, against=0.2),
        ),
        blame="A portal answers in the gateway's place and wants a login: {location}.",
        reason="Where TLS was expected came an HTTP answer that sends a browser to another page.",
    ),
    Rule(
        verdict=Verdict.HTTP_ANSWER,
        base=0.97,
        clauses=(need(path.HTTP), support(reach.DIALED_LISTED, unknown=0.02, against=0.2)),
        blame="{box_or_server} answers with HTTP in the gateway's place.",
        reason="Where TLS was expected came: {first_line}. That is a block page or another server, and never the gateway.",
    ),
    Rule(
        verdict=Verdict.WRONG_SERVICE,
        base=0.97,
        clauses=(need(path.NOT_TLS), support(reach.DIALED_LISTED, unknown=0.02, against=0.1)),
        blame="Another service answers at {dialed}.",
        reason="Where TLS was expected came: {first_line}. The port is forwarded elsewhere, or the address is wrong.",
    ),
    *ALTERED,
    Rule(
        verdict=Verdict.HELLO_TOO_LARGE,
        base=0.95,
        clauses=(
            need(path.HANDSHAKE_FAILED),
            need(path.SMALL_PASSES),
            guard(path.HANDSHAKEN, False),
            guard(path.HELLO_IS_BIG, unknown=0.1),
            guard(path.LARGE_FAILS, unknown=0.1),
            support(path.NOTHING_CAME, unknown=0.02, against=0.1),
            guard(path.RESTART_NEAR, False, unknown=0.02),
        ),
        blame="{box} drops TLS hellos that do not fit one packet.",
        reason="A small hello passes and a large one does not. Post-quantum key shares make them that large; a device that "
        "reads only the first segment, or a path with a smaller MTU that hides it, loses them.",
    ),
    Rule(
        verdict=Verdict.PAYLOAD_DROPPED,
        base=0.9,
        clauses=(
            need(path.HANDSHAKEN),
            need(path.BROKEN),
            guard(truth.KEY_OURS, unknown=0.2),
            guard(path.ANSWERED, False, unknown=0.1),
            guard(path.RESTART_NEAR, False, unknown=0.05),
            guard(path.OVERLOAD_NEAR, False, unknown=0.05),
            support(path.GATEWAY_SILENT, unknown=0.1, against=0.2),
            support(path.HTTP_PASSES, unknown=0.1, against=0.1),
            support(path.PLAIN_PASSES, unknown=0, against=0),
        ),
        blame="{box} lets the TLS handshake through and drops what follows.",
        reason="The handshake completed, and nothing that the agent said afterwards was answered.",
    ),
    Rule(
        verdict=Verdict.DNS_MISMATCH,
        base=0.75,
        clauses=(
            need(path.DNS_OTHER),
            guard(truth.KEY_OURS),
            guard(path.GATEWAY_GOT_HELLO, False, unknown=0.05),
            guard(truth.ONE_TLS, False),
            need(path.BROKEN),
        ),
        blame="The name resolves to another address than the provider's at this site ({resolved}).",
        reason="The customer's DNS answers with an address that is not the provider's. A split-horizon zone does that on purpose, "
        "a sinkhole or a filter by policy.",
    ),
    Rule(
        verdict=Verdict.DNS_MISMATCH,
        base=0.85,
        clauses=(need(reach.UNRESOLVED), support(reach.DIALED_LISTED, unknown=0.05, against=0.2)),
        blame="The gateway's name does not resolve at this site.",
        reason="The customer's DNS has no answer for the name in {dialed}: filtered, or not forwarded.",
    ),
    Rule(
        verdict=Verdict.BLOCKED_BY_RESET,
        base=0.95,
        clauses=(
            need(path.RESET),
            need(reach.GATEWAY_UP),
            guard(path.HANDSHAKEN, False, unknown=0.05),
            guard(reach.TCP_FAILED, False),
            guard(path.GATEWAY_ENDED, False, unknown=0.25),
            guard(path.RESTART_NEAR, False, unknown=0.1),
            support(path.GATEWAY_GOT_HELLO, False, unknown=0.05, against=0.1),
            support(path.NOTHING_CAME, unknown=0.05, against=0.1),
        ),
        blame="{box} cuts the connection as soon as it sees the TLS hello.",
        reason="The agent sent its hello, and the connection was cut by a {cut}.",
    ),
    Rule(
        verdict=Verdict.BLOCKED_BY_RESET,
        base=0.9,
        clauses=(
            need(path.ALERT_CAME),
            need(reach.GATEWAY_UP),
            guard(path.HANDSHAKEN, False, unknown=0.05),
            guard(truth.KEY_OURS, False),
            guard(truth.ONE_TLS, False),
            guard(path.GATEWAY_ENDED, False, unknown=0.3),
            guard(path.RESTART_NEAR, False, unknown=0.05),
            support(path.GATEWAY_GOT_HELLO, False, unknown=0.05, against=0.1),
        ),
        blame="{box} answers the TLS hello with an alert and hangs up.",
        reason="The agent sent its hello, and {alert} came back in place of a certificate.",
    ),
    Rule(
        verdict=Verdict.TCP_BLOCKED,
        base=0.85,
        clauses=(
            need(reach.TCP_FAILED),
            need(reach.GATEWAY_UP),
            guard(path.RESTART_NEAR, False, unknown=0.05),
            support(reach.DIALED_LISTED, unknown=0.0, against=0.1),
        ),
        blame="{box} does not let TCP through to {dialed}.",
        reason="The connection never came up: {tcp_error}.",
    ),
    Rule(
        verdict=Verdict.TCP_BLOCKED,
        base=0.8,
        clauses=(
            need(path.SWALLOWED),
            need(reach.GATEWAY_UP),
            guard(path.HANDSHAKEN, False),
            guard(path.NOTHING_CAME, unknown=0.1),
            guard(path.RESTART_NEAR, False, unknown=0.05),
            guard(path.OVERLOAD_NEAR, False, unknown=0.05),
            guard(path.GATEWAY_GOT_HELLO, False, unknown=0.1),
        ),
        blame="{box} swallows what the agent sends to {dialed}.",
        reason="TCP came up, and then not one byte came back.",
    ),
)

CUTS = (
    Rule(
        verdict=Verdict.SESSION_CUT,
        base=0.85,
        clauses=(need(path.REGULAR_CUTS), guard(path.RESTART_NEAR, False, unknown=0.05)),
        blame="{box} cuts long connections at a fixed {cut_what} of {cut_after}.",
        reason="Sessions end alike, without a goodbye from either side. The gateway has no such limit.",
    ),
)

CLEAN = (
    Rule(
        verdict=Verdict.PROXIED_INTACT,
        base=0.95,
        clauses=(
            need(truth.ONE_TLS),
            need(path.IN_BETWEEN),
            guard(truth.HALVES_DIFFER, False),
            support(truth.SAME_EXPORTER, unknown=0.05, against=0.3),
        ),
        blame="Nobody opens the TLS; a relay, a balancer or address translation passes it on as it is.",
        reason="Both ends are on one TLS connection, though not with one address or at one distance. "
        "Address translation, a splicing proxy and the provider's own balancer look the same, and none of them decrypts.",
    ),
    Rule(
        verdict=Verdict.DIRECT,
        base=1.0,
        clauses=(need(truth.AUTHENTICATED), guard(truth.HALVES_DIFFER, False)),
        blame="Nobody opens the TLS: the path is direct.",
        reason="The gateway opened a session for the agent's certificate, which no box that decrypts can pass.",
    ),
    Rule(
        verdict=Verdict.DIRECT,
        base=1.0,
        clauses=(
            need(truth.ONE_TLS),
            guard(truth.HALVES_DIFFER, False),
            support(truth.SAME_EXPORTER, unknown=0.1, against=0.3),
        ),
        blame="Nobody opens the TLS: the path is direct.",
        reason="Agent and gateway are on one and the same TLS connection.",
    ),
    Rule(
        verdict=Verdict.DIRECT,
        base=1.0,
        clauses=(
            need(path.HANDSHAKEN),
            need(truth.CERTIFICATE_REQUESTED),
            need(truth.NAME_OK),
            need(truth.VALID_NOW),
            guard(truth.CHAIN_OURS, unknown=0.3),
            guard(path.BROKEN, False),
            guard(path.ANSWERED),
            guard(truth.HALVES_DIFFER, False, unknown=0.2),
        ),
        blame="Nothing looks wrong from the agent's side: the path seems to be direct.",
        reason="The certificate is for the right name and in time, and a client certificate was asked for.",
    ),
)

STRANGERS = (
    Rule(
        verdict=Verdict.NOT_AN_AGENT,
        base=0.9,
        clauses=(need(path.ALONE), need(path.OWN_PROXY), guard(path.STRANGER_WENT)),
        blame="A health check of the provider's own balancer; nothing is wrong.",
        reason="It came from an address of the provider's, and went without a word.",
    ),
    Rule(
        verdict=Verdict.NOT_AN_AGENT,
        base=0.9,
        clauses=(need(path.ALONE), need(path.SAID_NOTHING), support(path.BROKEN, unknown=0.1, against=0.1)),
        blame="Somebody looked whether the port is open: a health check or a port scanner, and no agent.",
        reason="It connected and sent nothing. An agent sends its TLS hello at once.",
    ),
    Rule(
        verdict=Verdict.NOT_AN_AGENT,
        base=0.9,
        clauses=(need(path.ALONE), need(path.SAID_OTHER)),
        blame="Somebody tried another protocol on the gateway's port: a scanner, and no agent.",
        reason="What came first was not TLS.",
    ),
    Rule(
        verdict=Verdict.DIRECT,
        base=0.8,
        clauses=(need(path.ALONE), need(truth.GATEWAY_GOT_CERTIFICATE), need(path.STRANGER_WENT)),
        blame="An agent at {source} came to the gateway and went without a word; nobody opened its TLS.",
        reason="A client certificate came, and its key signs the whole handshake: no box that decrypts can do that. An agent goes "
        "when it does not accept the gateway's certificate, because its clock is wrong or it has not heard of a new CA.",
    ),
    Rule(
        verdict=Verdict.HELLO_FOREIGN,
        base=0.5,
        clauses=(
            need(path.ALONE),
            need(path.STRANGER_WENT),
            support(path.HELLO_FOREIGN, unknown=0, against=0.1),
        ),
        blame="Somebody at {source} opens TLS to the gateway and says nothing.",
        reason="A box that inspects does this when the agent behind it refuses its forged certificate. Scanners and health checks "
        "do it too; an agent's own report would tell.",
    ),
)

UNEXPLAINED = Rule(
    verdict=Verdict.UNEXPLAINED,
    base=FLOOR,
    clauses=(
        support(truth.ONE_TLS, unknown=0.01, against=0),
        support(truth.CHAIN_OURS, unknown=0.01, against=0),
        support(path.BROKEN, unknown=0.01, against=0),
        support(path.GATEWAY_GOT_HELLO, unknown=0.01, against=0),
    ),
    blame="What was seen does not tell who broke the connection.",
    reason="No explanation fits what was observed.",
)
