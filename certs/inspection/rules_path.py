"""Facts about the path below and around TLS, as questions with their sentences; `facts_path` answers them."""

from certs.inspection import facts_path as path
from certs.inspection.evidence import LastIo, NearbyKind
from certs.inspection.rules_model import Fact

_LAST_IO = ("agent.last_io",)
_FIRST_BYTES = ("agent.first_bytes",)
_BOTH_HELLOS = ("agent.hello", "gateway.hello", "gateway.join")
_NEARBY = ("gateway.nearby",)

NOT_TLS = Fact(
    name="not-tls",
    fields=_FIRST_BYTES,
    derive=path.not_tls,
    yes="What came back was not TLS: {first_line}",
    no="Nothing but TLS came back.",
    why="the first bytes that came back tell a foreign service from a firewall",
)
HTTP = Fact(
    name="http",
    fields=_FIRST_BYTES,
    derive=path.http,
    yes="An HTTP answer came where TLS was expected: {first_line}",
    no="No HTTP answer came.",
    why="the first bytes that came back",
)
PORTAL = Fact(
    name="portal",
    fields=_FIRST_BYTES,
    derive=path.portal,
    yes="It redirects to a page of its own: {location}",
    no="It is not a redirection to a login page.",
    why="the first bytes that came back",
)
RESET = Fact(
    name="reset",
    fields=_LAST_IO,
    derive=path.ended(LastIo.RESET, LastIo.EOF),
    yes="The connection was cut by a {cut}.",
    no="The connection was not cut.",
    why="how the connection ended",
)
SWALLOWED = Fact(
    name="swallowed",
    fields=_LAST_IO,
    derive=path.ended(LastIo.HANDSHAKE_TIMEOUT),
    yes="The TLS handshake got no answer until it timed out.",
    no="The handshake did not time out.",
    why="how the connection ended",
)
HANDSHAKE_FAILED = Fact(
    name="handshake-failed",
    fields=_LAST_IO,
    derive=path.ended(LastIo.HANDSHAKE_TIMEOUT, LastIo.RESET, LastIo.EOF),
    yes="The handshake with a hello of {hello_size} bytes failed without an answer.",
    no="The handshake did not fail without an answer.",
    why="how the connection ended",
)
BROKEN = Fact(
    name="broken",
    fields=_LAST_IO,
    derive=path.broken,
    yes="The connection broke off: {last_io}.",
    no="The connection did not break off.",
    why="how the connection ended",
)
HANDSHAKEN = Fact(
    name="handshaken",
    fields=("agent.handshake_complete",),
    derive=path.handshaken,
    yes="The TLS handshake completed.",
    no="The TLS handshake did not complete.",
    why="whether the TLS handshake completed",
)
NOTHING_CAME = Fact(
    name="nothing-came",
    fields=("agent.received_bytes",),
    derive=path.nothing_came,
    yes="Not one byte came back after the hello.",
    no="Some bytes came back after the hello.",
    why="whether anything came back after the hello",
)
ANSWERED = Fact(
    name="answered",
    fields=("agent.answered",),
    derive=lambda seen: None if seen.agent is None else seen.agent.answered,
    yes="What the agent said after the handshake was answered.",
    no="What the agent said after the handshake was not answered.",
    why="whether anything was answered after the handshake",
)
GATEWAY_GOT_HELLO = Fact(
    name="gateway-got-hello",
    fields=("gateway.first_bytes",),
    derive=path.gateway_got_hello,
    yes="The hello reached the gateway.",
    no="The gateway saw a TCP connection, and no hello on it.",
    why="whether the hello reached the gateway",
)
GATEWAY_ENDED = Fact(
    name="gateway-ended",
    fields=("gateway.last_io",),
    derive=path.gateway_ended,
    yes="The gateway itself ended the connection.",
    no="The gateway did not end the connection: it was cut at its side too.",
    why="whether it was the gateway that hung up",
)
GATEWAY_SILENT = Fact(
    name="gateway-silent",
    fields=("gateway.application_bytes",),
    derive=path.gateway_silent,
    yes="The gateway completed a handshake, and not one byte came after it.",
    no="Data reached the gateway after the handshake.",
    why="whether what the agent said reached the gateway",
)
RESTART_NEAR = Fact(
    name="restart-near",
    fields=_NEARBY,
    derive=lambda seen: seen.near(NearbyKind.RESTART, NearbyKind.DRAIN),
    yes="The gateway was restarting or draining at that moment: {nearby}.",
    no="The gateway was not restarting at that moment.",
    why="whether the gateway was restarting at that moment",
)
BAN_NEAR = Fact(
    name="ban-near",
    fields=_NEARBY,
    derive=lambda seen: seen.near(NearbyKind.BAN),
    yes="The gateway had banned this address at that moment: {nearby}.",
    no="The gateway had not banned this address.",
    why="whether the gateway had banned this address",
)
OVERLOAD_NEAR = Fact(
    name="overload-near",
    fields=_NEARBY,
    derive=lambda seen: seen.near(NearbyKind.OVERLOAD),
    yes="The gateway was overloaded at that moment: {nearby}.",
    no="The gateway was not overloaded.",
    why="whether the gateway was overloaded",
)
VERSION_LOWERED = Fact(
    name="version-lowered",
    fields=("agent.hello", "gateway.hello", "agent.negotiated"),
    derive=path.lowered,
    yes="The agent offered {offered_version}, and {arrived_version} was what came of it.",
    no="The TLS version is the one that the agent offered.",
    why="which TLS versions were offered, and which arrived",
)
ALPN_LOST = Fact(
    name="alpn-lost",
    fields=("agent.hello", "gateway.hello", "agent.negotiated"),
    derive=path.alpn_lost,
    yes="The agent offered the protocol fieldgate/1 in ALPN, and {arrived_alpn} was what came of it.",
    no="The agent's ALPN offer arrived.",
    why="which ALPN protocols were offered, and which arrived",
)
HELLOS_COMPARED = Fact(
    name="hellos-compared",
    fields=_BOTH_HELLOS,
    derive=path.both_hellos,
    yes="The hello that the agent sent was compared with the one that the gateway received.",
    no="The hellos could not be compared.",
    why="the hello as it arrived, to compare with the one that was sent",
)
SMALL_PASSES = Fact(
    name="small-passes",
    fields=("agent.probes",),
    derive=path.small_passes,
    yes="The same handshake with a small hello passes.",
    no="A small hello does not pass either.",
    why="a handshake with a small hello, as a control probe",
)
LARGE_FAILS = Fact(
    name="large-fails",
    fields=("agent.probes",),
    derive=path.large_fails,
    yes="A hello of more than one TCP segment fails again when it is tried again.",
    no="A large hello passes when it is tried again.",
    why="a second handshake with a large hello, as a control probe",
)
HELLO_IS_BIG = Fact(
    name="hello-is-big",
    fields=("agent.hello",),
    derive=path.hello_is_big,
    yes="The hello of {hello_size} bytes does not fit one TCP segment.",
    no="The hello of {hello_size} bytes fits one TCP segment.",
    why="how large the hello was",
)
HTTP_PASSES = Fact(
    name="http-passes",
    fields=("agent.probes",),
    derive=lambda seen: seen.probe("http"),
    yes="An HTTP request over the same path is answered: only what is not HTTP gets lost.",
    no="An HTTP request over the same path is not answered either.",
    why="an HTTP request over the same path, as a control probe",
)
PLAIN_PASSES = Fact(
    name="plain-passes",
    fields=("agent.probes",),
    derive=lambda seen: seen.probe("plain-payload"),
    yes="The same bytes without TLS pass.",
    no="The same bytes without TLS do not pass either.",
    why="the same bytes without TLS, as a control probe",
)
DNS_OTHER = Fact(
    name="dns-other",
    fields=("agent.resolved", "expected.gateways"),
    derive=path.dns_other,
    yes="The name resolves to {resolved} here, and none of these is an address of the provider's.",
    no="The name resolves to an address of the provider's.",
    why="the addresses that the name resolves to here, to compare with the provider's",
)
REGULAR_CUTS = Fact(
    name="regular-cuts",
    fields=("agent.sessions",),
    derive=path.regular_cuts,
    yes="The last sessions were all cut at the same {cut_what}, {cut_after}, and neither side said goodbye.",
    no="The last sessions were not cut at a regular age or idle time.",
    why="how the last sessions ended",
)
IN_BETWEEN = Fact(
    name="in-between",
    fields=("gateway.source", "agent.local", "gateway.syn"),
    derive=path.in_between,
    yes="Something relays the connection without opening it: {between}.",
    no="The gateway sees the very address and timing of the agent's server.",
    why="the address and timing that the gateway saw",
)
ALONE = Fact(
    name="alone",
    fields=(),
    derive=path.alone,
    yes="Nobody reported this connection: it is what the gateway saw of {source} by itself.",
    no="The agent reported this connection.",
    why="",
)
SAID_NOTHING = Fact(
    name="said-nothing",
    fields=("gateway.first_bytes",),
    derive=path.said_nothing,
    yes="It connected, said nothing, and went.",
    no="It said something.",
    why="what the stranger sent",
)
SAID_OTHER = Fact(
    name="said-other",
    fields=("gateway.first_bytes",),
    derive=path.said_other,
    yes="It spoke a protocol that is not ours.",
    no="It spoke TLS, or nothing.",
    why="what the stranger sent",
)
HELLO_FOREIGN = Fact(
    name="hello-foreign",
    fields=("gateway.hello",),
    derive=path.hello_foreign,
    yes="Its hello does not ask for our protocol, as every agent's does.",
    no="Its hello asks for our protocol.",
    why="the hello that arrived",
)
STRANGER_WENT = Fact(
    name="stranger-went",
    fields=("gateway.hello", "gateway.last_io"),
    derive=path.stranger_went,
    yes="It went without a word after its hello or its handshake.",
    no="It said something after its handshake.",
    why="how the stranger's connection went on",
)
OWN_PROXY = Fact(
    name="own-proxy",
    fields=("gateway.through_own_proxy",),
    derive=lambda seen: seen.own_proxy,
    yes="It came from a balancer of the provider's own.",
    no="It did not come from a balancer of the provider's own.",
    why="whether the provider's own balancer is in the path",
)
ALERT_CAME = Fact(
    name="alert-came",
    fields=("agent.alerts",),
    derive=path.alert_came,
    yes="In the certificate's place came {alert}.",
    no="No alert came in the certificate's place.",
    why="which TLS alerts were sent",
)
