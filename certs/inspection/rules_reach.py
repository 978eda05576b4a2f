"""Facts about whether a gateway was reached at all, and through whom, as questions with their sentences; `facts_reach` answers them."""

from certs.inspection import facts_reach as reach
from certs.inspection.evidence import NearbyKind
from certs.inspection.rules_model import Fact

_LAST_IO = ("agent.last_io",)
_PROXY = ("agent.proxy",)

PROXY_ASKS = Fact(
    name="proxy-asks",
    fields=_PROXY,
    derive=reach.proxy_asks,
    yes="The proxy {proxy} asks for a login (HTTP 407).",
    no="No proxy asked for a login.",
    why="which proxy was used, and what it answered",
)
PROXY_DENIES = Fact(
    name="proxy-denies",
    fields=_PROXY,
    derive=reach.proxy_denies,
    yes="The proxy {proxy} answered the request to connect with: {proxy_answer}.",
    no="No proxy denied the connection.",
    why="which proxy was used, and what it answered",
)
PROXY_CANNOT = Fact(
    name="proxy-cannot",
    fields=_PROXY,
    derive=reach.proxy_cannot,
    yes="The proxy {proxy} answered with {proxy_answer}: it did not get through to {dialed} itself.",
    no="No proxy said that it did not get through.",
    why="which proxy was used, and what it answered",
)
PROXY_FAILS = Fact(
    name="proxy-fails",
    fields=(*_PROXY, "agent.tcp_error", *_LAST_IO),
    derive=reach.proxy_fails,
    yes="The proxy {proxy} was to be used, and {proxy_fault}.",
    no="No proxy failed.",
    why="which proxy was used, and how the connection to it ended",
)
PROXY_WAITS = Fact(
    name="proxy-waits",
    fields=(*_PROXY, *_LAST_IO),
    derive=reach.proxy_waits,
    yes="The proxy took the connection and kept silent: it may still have been waiting for the gateway.",
    no="The proxy did not keep silent: it did not work at all.",
    why="how the connection to the proxy ended",
)
TCP_FAILED = Fact(
    name="tcp-failed",
    fields=("agent.tcp_error", *_LAST_IO),
    derive=reach.tcp_failed,
    yes="TCP to {tcp_to} did not come up: {tcp_error}.",
    no="TCP came up.",
    why="how the TCP connection ended",
)
UNREACHED = Fact(
    name="unreached",
    fields=_LAST_IO,
    derive=reach.unreached,
    yes="Nothing came from {dialed} that tells who is there: {last_io}.",
    no="Something came that tells who is there.",
    why="how the connection ended",
)
GATEWAY_UP = Fact(
    name="gateway-up",
    fields=("agent.probes", "gateway.last_io"),
    derive=reach.gateway_up,
    yes="The gateway was up at that time: {up}.",
    no="Nothing that is known to be the gateway answers on another port of the address either: it may be down.",
    why="a connection to another port of the gateway, to know whether it is up",
)
UNRESOLVED = Fact(
    name="unresolved",
    fields=_LAST_IO,
    derive=reach.unresolved,
    yes="The name in {dialed} does not resolve on the agent's server.",
    no="The name resolves.",
    why="whether the name resolves",
)
DIALED_LISTED = Fact(
    name="dialed-listed",
    fields=("expected.gateways",),
    derive=reach.dialed_listed,
    yes="The address {dialed} is one that the provider publishes.",
    no="The address {dialed} is none that the provider publishes: there may be no gateway at all.",
    why="the provider's list of addresses, to exclude a wrong one in the agent's settings",
)
NO_GATEWAYS_ANSWER = Fact(
    name="no-gateways-answer",
    fields=("agent.chain", "agent.certificate_requested"),
    derive=reach.no_gateways_answer,
    yes="Who answered there does not answer as a gateway: its certificate is issued by {issuer}, and {asked}.",
    no="Who answered there has the provider's certificate and asks for the agent's, as a gateway does.",
    why="who answered",
)
ISSUER_NAMED = Fact(
    name="issuer-named",
    fields=("agent.chain",),
    derive=reach.issuer_named,
    yes="The issuer's name is one that a product for TLS inspection signs with: {issuer}.",
    no="The issuer's name is that of no product for TLS inspection that is known: {issuer}.",
    why="who issued the certificate that arrived",
)
LONG_OVER = Fact(
    name="long-over",
    fields=("agent.chain",),
    derive=reach.long_over,
    yes="By the clock of the agent's server the certificate has been over for {over_for}; a gateway with such a one would have no agents left.",
    no="By the clock of the agent's server the certificate is not long over.",
    why="when the certificate ends",
)
HEADER_NEAR = Fact(
    name="header-near",
    fields=("gateway.nearby",),
    derive=lambda seen: seen.near(NearbyKind.PROXY_HEADER),
    yes="The gateway turned a connection of this address away for its PROXY header: {nearby}.",
    no="The gateway turned no connection of this address away for its PROXY header.",
    why="whether the gateway and the balancer before it agree on the PROXY protocol",
)
