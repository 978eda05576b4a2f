"""What to do about each verdict in general: whom to call, what to change, how to test it and how to undo it.

`kind` says which words of a product fit in their place, if the product is known.
"""

import enum
from typing import Final

import attrs

from certs.inspection import playbooks_common as common
from certs.inspection.finding import Verdict
from certs.inspection.playbooks_model import Recipe

__all__ = ["BY_KIND", "GENERAL", "General", "Kind"]


class Kind(enum.Enum):
    """What a product would have to do."""

    NONE = "nothing"
    EXEMPT = "exempt"
    ALLOW = "allow"
    SESSION = "session"


@attrs.frozen(kw_only=True)
class General:
    """`call` has one word in braces, `{box}`: the product's name, or what stands for it. `fix` comes before the words of `kind`,
    which are the product's, or those of `BY_KIND`.
    """

    kind: Kind = Kind.NONE
    call: str
    fix: tuple[Recipe, ...] = ()
    find: tuple[Recipe, ...] = common.FIND
    test: tuple[Recipe, ...] = common.TEST_TLS
    undo: tuple[Recipe, ...] = ()
    safe: tuple[Recipe, ...] = ()
    beware: tuple[Recipe, ...] = ()


_FIREWALL: Final = "Whoever runs the {box} at the customer's site (the firewall or network team)."
_PROVIDER: Final = (
    "The service provider that runs the gateway. Nobody at the customer's site has to do anything."
)
_SERVER: Final = "Whoever looks after the agent's server. Not the network team, and not the provider."
_NOBODY: Final = "Nobody."


def _say(*texts: str) -> tuple[Recipe, ...]:
    return tuple(Recipe(text=text) for text in texts)


_EXEMPT: Final = General(
    kind=Kind.EXEMPT,
    call=_FIREWALL,
    safe=common.SAFE,
    beware=_say(
        "Installing the device's CA certificate on the server is no cure: the agent trusts the provider's CA alone, and many devices "
        "re-sign servers with a private CA by a second CA, which is meant to be refused."
    ),
)
_ALLOW: Final = General(
    kind=Kind.ALLOW,
    call=_FIREWALL,
    test=common.TEST_TCP,
    safe=common.SAFE_ALLOW,
)
_PROVIDERS: Final = General(call=_PROVIDER, find=common.FIND_ON_SERVER, test=(common.PROBE,))
_CLEAN: Final = General(call=_NOBODY, fix=_say("Nothing to do."), find=(), test=(common.PROBE,))

BY_KIND: Final = {
    Kind.NONE: ((), ()),
    Kind.EXEMPT: (common.EXEMPT, common.UNEXEMPT),
    Kind.ALLOW: (common.ALLOW, common.UNALLOW),
    Kind.SESSION: (
        _say(
            "Raise that limit for the gateway's addresses alone. Agents send a heartbeat every 30 seconds, so that no idle limit above a minute is met."
        ),
        _say("Put the former limit back."),
    ),
}
"""Change and how to take it back, in general words."""

GENERAL: Final[dict[Verdict, General]] = {
    Verdict.DIRECT: _CLEAN,
    Verdict.PROXIED_INTACT: attrs.evolve(
        _CLEAN,
        fix=_say("Nothing to do: whatever relays the connection does not open it, and may stay as it is."),
    ),
    Verdict.CLOCK_SKEW: General(
        call=_SERVER,
        fix=(
            Recipe(text="See how far the clock is off, and whether anything keeps it. Windows:", lines=("w32tm /query /status", "w32tm /resync /rediscover")),
            Recipe(text="Linux with systemd, then with chrony:", lines=("timedatectl set-ntp true", "timedatectl timesync-status", "chronyc makestep")),
            Recipe(text="A virtual machine that was reverted to a snapshot, or whose host has a wrong clock, gets it wrong again: set the host's clock too."),
        ),
        find=common.FIND_ON_SERVER,
        test=(common.PROBE,),
        undo=_say("Nothing to undo: a right clock serves everything on the server."),
    ),
    Verdict.AGENT_CERT_EXPIRED: General(
        call=_SERVER,
        fix=(
            Recipe(text="Start the agent and leave it running: within half a year of the expiry it renews its certificate by itself."),
            Recipe(text="Later than that: a new token from the provider, and enroll again.", lines=("fieldgate-agent enroll fgt1_…",)),
        ),
        find=common.FIND_ON_SERVER,
        test=(common.PROBE,),
        undo=_say("Nothing to undo."),
    ),
    Verdict.AGENT_CERT_ABSENT: General(
        call=_SERVER,
        fix=(
            Recipe(text="Enroll the agent with a token of the provider's.", lines=("fieldgate-agent enroll fgt1_…",)),
            Recipe(text="If it was enrolled before: look whether its state folder is the right one, and can be read by the account that it runs under.", lines=("fieldgate-agent status",)),
        ),
        find=common.FIND_ON_SERVER,
        test=(common.PROBE,),
        undo=_say("Nothing to undo. The provider can revoke the agent at any time."),
    ),
    Verdict.AGENT_REFUSED: attrs.evolve(
        _PROVIDERS,
        fix=(Recipe(text="The gateway's answer carries a code (FG-…) that says why it refused this agent and what ends that.", lines=("fieldgate explain FG-…",)),),
        undo=_say("Whatever the provider did to this agent (revoke, re-accept) is in its audit log, and is undone there."),
    ),
    Verdict.WRONG_ADDRESS: General(
        call="Whoever gave the agent (or the probe) that address. Not the network team.",
        fix=(
            Recipe(text="Compare the address, name and port, with those that the provider publishes: {gateways}, port {ports}. `fieldgate endpoints` lists them at the provider's."),
            Recipe(text="Look again without an address: the probe then takes the first that the token or the agent knows.", lines=("fieldgate-agent probe --token fgt1_…", "fieldgate-agent probe --state FOLDER")),
            Recipe(text="If the address is right after all: the provider has to publish it (`advertise` in the gateway's settings)."),
        ),
        find=common.FIND_ON_SERVER,
        test=(common.PROBE,),
        undo=_say("Nothing to undo."),
    ),
    Verdict.GATEWAY_CERT_ROTATED: attrs.evolve(
        _PROVIDERS,
        fix=_say(
            "If the agent connects, nothing: the certificate was renewed as planned.",
            "If it refuses the gateway, it was off while the provider's CA changed. Serve both chains until it has come back, or enroll it again with a new token, which carries the new pin.",
        ),
        undo=_say("A rotation that was too early is taken back by serving the former chain beside the new one."),
    ),
    Verdict.WRONG_SAN: attrs.evolve(
        _PROVIDERS,
        fix=(Recipe(text="Compare the names in the certificate (below) with the name that is dialed, and mend whichever is wrong: put the name into the gateway's settings (`names`) and renew its certificate, or give agents the right name.", lines=("fieldgate ca rotate --gateway",)),),
        undo=_say("The former certificate stays valid until its end, and can be served again."),
    ),
    Verdict.CERT_EXPIRED: attrs.evolve(
        _PROVIDERS,
        fix=(
            Recipe(text="First, on the agent's server: is its clock right? One that is ahead makes every certificate look expired.", lines=("timedatectl", "w32tm /query /status")),
            Recipe(text="Renew the gateway's certificate; running gateways take it up by themselves. Then find out why it was not renewed in time.", lines=("fieldgate ca rotate --gateway",)),),
        undo=_say("Nothing to undo: the former certificate is of no use any more."),
    ),
    Verdict.PROVIDER_FAULT: attrs.evolve(
        _PROVIDERS,
        fix=(
            Recipe(text="Both halves agree that the gateway itself is at fault, as the first line says. Look at what the gateways serve, and when it ends.", lines=("fieldgate doctor", "fieldgate ca show")),
            Recipe(text="Where it is the certificate (expired, another name, incomplete chain): renew it. Running gateways take it up by themselves.", lines=("fieldgate ca rotate --gateway",)),
            Recipe(text="Where the gateway turned the address away or could not keep up: its log says why, at {at} UTC."),
            Recipe(text="Where it is the PROXY header: a listener with `proxy_from` wants one (version 2) of every balancer named there, and of nobody else; a listener without it wants none. Make the balancer and the gateway's settings say the same."),
        ),
        undo=_say("Nothing at the customer's site was changed, so nothing there is to be undone. An exemption that was asked for because of this can be taken back."),
    ),
    Verdict.GATEWAY_RESTART: attrs.evolve(
        _PROVIDERS,
        call="Nobody. The provider restarted a gateway, and the agent comes back by itself.",
        fix=_say("Wait a few minutes. If it lasts, ask the provider."),
    ),
    Verdict.INSPECTED_UNTRUSTED: _EXEMPT,
    Verdict.INSPECTED_TRUSTED_ROOT: _EXEMPT,
    Verdict.INSPECTED_WITH_OUR_KEY: attrs.evolve(
        _EXEMPT,
        call="First the provider: somebody has a copy of its gateway's private key, or a certificate from its CA. Then whoever runs the {box}.",
        fix=(
            Recipe(text="Provider: find out who was given the gateway's key (inbound inspection, a web application firewall, a load balancer that ends TLS). Forward TCP there instead."),
            Recipe(text="Provider: treat the key as lost, and replace it.", lines=("fieldgate ca rotate --gateway",)),
        ),
    ),
    Verdict.CLIENT_CERT_STRIPPED: _EXEMPT,
    Verdict.DOWNGRADED: attrs.evolve(
        _EXEMPT,
        fix=(Recipe(text="Sessions need TLS 1.3 from end to end. A device that lowers the version takes part in the handshake; exempt the gateway's addresses from it."),),
    ),
    Verdict.ALPN_CHANGED: attrs.evolve(
        _EXEMPT,
        fix=(Recipe(text="Sessions need the application protocol `fieldgate/1` (ALPN) from end to end. A device that removes it takes part in the handshake; exempt the gateway's addresses from it."),),
    ),
    Verdict.PAYLOAD_DROPPED: attrs.evolve(
        _ALLOW,
        fix=(Recipe(text="Something lets TLS come up and drops what it does not know as HTTP. Allow what is in it, too: by port, with no application control and no protocol enforcement."),),
        test=common.TEST_TLS,
    ),
    Verdict.BLOCKED_BY_RESET: attrs.evolve(
        _ALLOW,
        fix=(Recipe(text="TCP to the port is allowed, and the TLS in it is not: the device recognises the application (or the name in the hello) and resets the connection."),),
        test=common.TEST_TLS,
    ),
    Verdict.TCP_BLOCKED: attrs.evolve(
        _ALLOW,
        beware=_say("If the gateway's own log has nothing of this attempt and other customers connect, the block is at this site or at its internet provider."),
    ),
    Verdict.HTTP_ANSWER: attrs.evolve(
        _ALLOW,
        fix=(Recipe(text="A page came in the gateway's place. It usually names the product, the rule and the category; its first bytes are below. Open it in a browser on the server to read the rest.", lines=("curl -kiv --max-time 10 https://{to_url}:{port}/",)),),
        test=common.TEST_TLS,
    ),
    Verdict.CAPTIVE_PORTAL: attrs.evolve(
        _ALLOW,
        kind=Kind.NONE,
        call="Whoever runs the guest or hotspot network that this server is in.",
        fix=_say(
            "A server does not belong in a network with a login page: move it, or exempt its address from the portal.",
            "For the moment, log it in with a browser on the server itself. The login ends after some hours.",
        ),
        undo=_say("Take the server's address off the portal's exemption list."),
    ),
    Verdict.PROXY_AUTH: General(
        call="Whoever runs the web proxy at the customer's site.",
        fix=(
            Recipe(text="Either let the backup server pass the proxy without a login, for these destinations alone:", lines=("source       {source}", "destination  {name}, {gateways}", "port         {ports}/tcp, method CONNECT", "action       allow without authentication, do not decrypt")),
            Recipe(text="Or give the agent an account of its own for the proxy, in its settings.", lines=('proxy = "http://USER:PASSWORD@PROXY:PORT"',)),
        ),
        find=(Recipe(text="In the proxy's access log: a CONNECT answered with 407.", lines=("time    {at} UTC", "client  {source}, port {source_port}", "entry   CONNECT {name}:{port}   status 407")),),
        undo=_say("Delete the rule or the account."),
        safe=common.SAFE_ALLOW,
    ),
    Verdict.PROXY_DENIED: General(
        call="Whoever runs the web proxy at the customer's site.",
        fix=(
            Recipe(text="Allow CONNECT to these destinations and ports. Many proxies allow it to 443 alone.", lines=("source       {source}", "destination  {name}, {gateways}", "port         {ports}/tcp, method CONNECT", "action       allow, do not decrypt")),
            Recipe(text="In squid:", lines=("acl fieldgate_host dst {gateways_spaced}", "acl fieldgate_port port {ports_spaced}", "http_access allow CONNECT fieldgate_host fieldgate_port"), version="squid 5 and 6; above the line `http_access deny CONNECT !SSL_ports`", source="squid.conf.documented"),
        ),
        find=(Recipe(text="In the proxy's access log: a CONNECT that was denied.", lines=("time    {at} UTC", "client  {source}, port {source_port}", "entry   CONNECT {name}:{port}   status 403 or TCP_DENIED")),),
        undo=_say("Delete the rule."),
        safe=common.SAFE_ALLOW,
    ),
    Verdict.PROXY_DOWN: General(
        call="Whoever runs the web proxy at the customer's site, or set it in the agent.",
        fix=(
            Recipe(text="See where the agent got the proxy from, and whether it is meant: {proxy}.", lines=("fieldgate-agent status", "env | grep -i proxy")),
            Recipe(text="See whether the proxy takes connections from this server. (Linux, then Windows PowerShell.)", lines=("curl -v --max-time 10 -x http://{proxy} https://{name}:{port}/", "Test-NetConnection {proxy_host} -Port {proxy_port}")),
            Recipe(text="If the server may go without a proxy, say so in the agent's settings.", lines=('proxy = "none"',)),
        ),
        find=(Recipe(text="In the proxy's own log, and in that of whatever stands between it and this server: connections of this server's.", lines=("time         {from} to {until} UTC", "source       {source}", "destination  {proxy}")),),
        undo=_say("Put back what you changed in the proxy's or the agent's settings."),
    ),
    Verdict.WRONG_SERVICE: General(
        call="Whoever set the agent's address, then whoever runs DNS and port forwarding at the customer's site.",
        fix=(
            Recipe(text="See where the name leads from this server, and compare with the provider's addresses: {gateways}.", lines=("nslookup {name}", "nslookup {name} 9.9.9.9")),
            Recipe(text="If the addresses agree, look for a port forwarding or a transparent proxy for port {port} on the way."),
        ),
        undo=_say("Put back what you changed; nothing else is affected."),
    ),
    Verdict.HELLO_TOO_LARGE: attrs.evolve(
        _EXEMPT,
        call=_FIREWALL,
        fix=(
            Recipe(text="Update the device: versions before 2024 often read only the first segment of a TLS hello, and post-quantum key shares need two."),
            Recipe(text="Until then, exempt the gateway's addresses from whatever reads hellos (TLS inspection, SNI filter, application control)."),
            Recipe(text="If hellos of 1,400 bytes fail too, it is the path's MTU: let ICMP type 3 code 4 (fragmentation needed) pass, or clamp the MSS.", lines=("ping -M do -s 1472 {to}", "ping -f -l 1472 {to}")),
        ),
        test=(common.PROBE,),
        beware=(),
    ),
    Verdict.DNS_MISMATCH: General(
        call="Whoever runs DNS (or the DNS filter) at the customer's site.",
        fix=(
            Recipe(text="Compare the site's answer with a public resolver's. The provider's addresses: {gateways}.", lines=("nslookup {name}", "nslookup {name} 9.9.9.9")),
            Recipe(text="Exempt the name from DNS filtering, or correct the site's own zone for it."),
        ),
        find=(Recipe(text="In the log of the site's resolver or DNS filter: a query for {name} from {source}, shortly before {at} UTC."),),
        test=(common.PROBE,),
        undo=_say("Take the name off the filter's exceptions."),
        safe=common.SAFE_ALLOW,
    ),
    Verdict.SESSION_CUT: General(
        kind=Kind.SESSION,
        call=_FIREWALL,
        fix=_say(
            "Find the limit that is as long as the sessions lasted (see the evidence): a session TTL, an idle timeout, a maximum age, a nightly re-authentication or a policy that is pushed at fixed hours.",
        ),
        safe=common.SAFE_ALLOW,
        test=_say("Leave the agent running for longer than the former limit: its status then shows one session that is older than that."),
    ),
    Verdict.NOT_REACHED: General(
        call="First the provider: whether the gateway was up at that time, and whether others connect. Only then whoever runs the network.",
        fix=(
            Recipe(text="Provider: was the gateway up at {at} UTC, does the balancer before it know a live one, do other agents connect? Its log says whether anything of this attempt came.", lines=("fieldgate status", "fieldgate doctor")),
            Recipe(text="At the customer's site, from another network (a phone's, say): if it is the same there, it is the provider's side.", lines=("nc -vz -w 5 {to} {port}", "Test-NetConnection {to} -Port {port}")),
            Recipe(text="If the provider's side is well, the port has to be open:", lines=("source       {source}", "destination  {name}, {gateways}", "port         {ports}/tcp, outbound", "action       allow, by port and not by application; do not decrypt")),
        ),
        test=common.TEST_TCP,
        undo=_say("Delete the rule, if one was made."),
        safe=common.SAFE_ALLOW,
    ),
    Verdict.HELLO_FOREIGN: General(
        call="Nobody yet. If an agent is behind that address: whoever looks after its server.",
        fix=(Recipe(text="Have somebody run the probe on a server behind that address. Only the agent's half tells inspection from a scanner.", lines=("fieldgate-agent probe {name}:{port}",)),),
        find=(Recipe(text="In the gateway's log, and in the log of whatever stands at {source}, at {at} UTC."),),
        test=(common.PROBE,),
    ),
    Verdict.NOT_AN_AGENT: attrs.evolve(_CLEAN, test=()),
    Verdict.UNEXPLAINED: General(
        call="The provider, with this report. It does not say yet who is at fault.",
        fix=(Recipe(text="Run the probe on the server, if possible with a code from the provider that adds the gateway's half.", lines=("fieldgate-agent probe {name}:{port} --gateway-view CODE",)),),
        test=(common.PROBE,),
    ),
}  # fmt: skip
