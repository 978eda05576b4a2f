"""What a playbook is, and how the words of one session get into it.

A *recipe* is a step as a table holds it: a sentence, and what to type, with words in braces (`{gateway}`, `{source_port}`).
A line that names one of the gateways stands once for each of them, of IPv4 where there are both; a group of lines (a tuple in
`lines`) is repeated as a whole.
A *step* is a recipe with the words of one session filled in. Recipes are data in `playbooks_*`; nobody outside sees them.

What a person may type comes from strangers' words as little as possible: addresses and ports are taken only where they parse
as such, a name only where it is a DNS name, and whatever is not known stays a word in capitals (GATEWAY-ADDRESS).
"""

import ipaddress
import re
from collections.abc import Iterator
from datetime import timedelta

import attrs

from certs.inspection.evidence import Evidence, Join, ProxyUse
from certs.inspection.facts_read import address_of, host_of, moment
from certs.inspection.finding import Verdict

__all__ = ["Playbook", "Recipe", "Step", "Whereabouts", "fill_steps", "whereabouts"]

_MAX_GATEWAYS = 8
"""More addresses than these are told of, and not typed."""

_WINDOW = timedelta(minutes=2)
"""Around the attempt, for a log whose clock is another one."""

_DNS_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*")


@attrs.frozen(kw_only=True)
class Step:
    """One thing to do.

    Attributes:
        text: a sentence or two.
        lines: what to type, or where to click, in the product's own words.
        version: of the product that the words were read for; empty where they are ours.
        source: where they were read.
    """

    text: str
    lines: tuple[str, ...] = ()
    version: str = ""
    source: str = ""


@attrs.frozen(kw_only=True)
class Playbook:
    """What to do about one verdict, on one product where it is known.

    Attributes:
        slug: of the product; empty if the words are general.
        product: its name.
        call: whom to call.
        fix: the smallest change that mends it.
        find: this very session in that product's log.
        test: whether it is mended.
        undo: take the change back.
        safe: why nothing is lost by it.
        beware: what that product does besides, to a gateway whose CA it does not know.
    """

    verdict: Verdict
    slug: str = ""
    product: str = ""
    call: str
    fix: tuple[Step, ...]
    find: tuple[Step, ...] = ()
    test: tuple[Step, ...] = ()
    undo: tuple[Step, ...] = ()
    safe: tuple[Step, ...] = ()
    beware: tuple[Step, ...] = ()


@attrs.frozen(kw_only=True)
class Recipe:
    """A step with words in braces; see the module."""

    text: str
    lines: tuple[str | tuple[str, ...], ...] = ()
    version: str = ""
    source: str = ""


@attrs.frozen(kw_only=True)
class Whereabouts:
    """Where and when one session was, in words that are safe to type.

    Attributes:
        gateways: addresses, the one that was dialed first.
        ports: of the gateway, the one that was dialed first.
        words: for the braces of a recipe, but for `gateway` and `n`.
    """

    gateways: tuple[str, ...]
    ports: tuple[str, ...]
    words: dict[str, str]


def whereabouts(evidence: Evidence | None = None) -> Whereabouts:
    """Of the session that *evidence* tells of, as a device in front of the agent saw it."""
    evidence = evidence or Evidence()
    agent, gateway = evidence.agent, evidence.gateway
    dialed = "" if agent is None else agent.dialed
    source = None if agent is None else agent.local
    if agent is None and gateway is not None:
        source = gateway.source
    gateways, ports = _gateways(evidence), _ports(evidence)
    times = _times(evidence)
    words = {
        "name": _name(dialed),
        "to": gateways[0],
        "to_url": f"[{gateways[0]}]" if ":" in gateways[0] else gateways[0],
        "gateways": ", ".join(gateways),
        "port": ports[0],
        "quoted_gateways": " ".join(f'"fieldgate-gateway-{n}"' for n, _ in enumerate(_typed(gateways), 1)),
        "gateways_spaced": " ".join(gateways),
        "ports": ", ".join(ports),
        "ports_spaced": " ".join(ports),
        **_proxy(agent.proxy if agent is not None else None),
        "source": _source(source),
        "source_port": _port_of(source) or "SOURCE-PORT",
        **times,
    }
    return Whereabouts(gateways=gateways, ports=ports, words=words)


def fill_steps(recipes: tuple[Recipe, ...], where: Whereabouts) -> tuple[Step, ...]:
    """The recipes for one session."""
    return tuple(
        Step(
            text=recipe.text.format(**where.words),
            lines=tuple(_filled_lines(recipe, where)),
            version=recipe.version,
            source=recipe.source,
        )
        for recipe in recipes
    )


def _filled_lines(recipe: Recipe, where: Whereabouts) -> Iterator[str]:
    for entry in recipe.lines:
        group = (entry,) if isinstance(entry, str) else entry
        each = (
            _typed(where.gateways) if any("{gateway}" in line or "{n}" in line for line in group) else ("",)
        )
        for n, gateway in enumerate(each, 1):
            for line in group:
                yield line.format(gateway=gateway, n=n, **where.words)


def _name(dialed: str) -> str:
    """What was dialed, for a command that takes `host:port`."""
    name, address = host_of(dialed), address_of(dialed)
    if isinstance(address, ipaddress.IPv6Address) and _is_plain(address):
        return f"[{address}]"
    return name if len(name) <= 253 and _DNS_NAME.fullmatch(name) else "GATEWAY-NAME"


def _proxy(proxy: ProxyUse | None) -> dict[str, str]:
    """Of the proxy that was used: what an administrator has written, if it can be typed."""
    endpoint = proxy.url.removeprefix("http://") if proxy is not None and proxy.used else ""
    host, port, address = host_of(endpoint), _port_of(endpoint), address_of(endpoint)
    plain = _is_plain(address) if address is not None else len(host) <= 253 and _DNS_NAME.fullmatch(host)
    if not port or not plain:
        host, port = "PROXY", "PORT"
    return {
        "proxy": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "proxy_host": host,
        "proxy_port": port,
    }


def _source(endpoint: str | None) -> str:
    address = address_of(endpoint)
    return "AGENT-ADDRESS" if address is None or not _is_plain(address) else str(address)


def _typed(gateways: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(gateway for gateway in gateways if ":" not in gateway) or gateways


def _times(evidence: Evidence) -> dict[str, str]:
    agent, gateway = evidence.agent, evidence.gateway
    if gateway is not None and (agent is None or gateway.join is Join.CARRYING):
        at = moment(gateway.at_ms)
    elif agent is not None:
        at = moment(agent.at_ms - (agent.clock_offset_ms or 0))
    else:
        return dict.fromkeys(("at", "from", "until"), "YYYY-MM-DD HH:MM:SS") | dict.fromkeys(
            ("from_slashes", "until_slashes"), "YYYY/MM/DD HH:MM:SS"
        )
    try:
        start, end = at - _WINDOW, at + _WINDOW
    except OverflowError:
        start = end = at
    return {
        "at": f"{at:%Y-%m-%d %H:%M:%S}",
        "from": f"{start:%Y-%m-%d %H:%M:%S}",
        "until": f"{end:%Y-%m-%d %H:%M:%S}",
        "from_slashes": f"{start:%Y/%m/%d %H:%M:%S}",
        "until_slashes": f"{end:%Y/%m/%d %H:%M:%S}",
    }


def _gateways(evidence: Evidence) -> tuple[str, ...]:
    """Addresses of the provider's, the one that this session went to first; the agent's word where there is no better."""
    agent = evidence.agent
    listed = [a for a in (address_of(entry) for entry in evidence.expected.gateways) if a is not None]
    proxied = agent is not None and agent.proxy is not None and agent.proxy.used
    remote = None if agent is None or proxied else address_of(agent.remote) or address_of(agent.dialed)
    told = [] if agent is None else [address_of(entry) for entry in agent.resolved or ()]
    known = listed or [a for a in (remote, *told) if a is not None]
    ordered = sorted(dict.fromkeys(known), key=lambda a: (a != remote, a.version))
    return tuple(str(a) for a in ordered[:_MAX_GATEWAYS] if _is_plain(a)) or ("GATEWAY-ADDRESS",)


def _is_plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Without a zone (`%eth0`), in which a stranger may write what he likes."""
    return isinstance(address, ipaddress.IPv4Address) or address.scope_id is None


def _ports(evidence: Evidence) -> tuple[str, ...]:
    agent, gateway = evidence.agent, evidence.gateway
    first = _port_of(agent.dialed if agent is not None else gateway.listener if gateway is not None else None)
    listed = [port for port in (_port_of(entry) for entry in evidence.expected.gateways) if port]
    return tuple(dict.fromkeys(port for port in (first, *sorted(listed, key=int)) if port)) or ("6180",)


def _port_of(endpoint: str | None) -> str:
    _, _, port = (endpoint or "").rpartition(":")
    plain = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65_536
    return str(int(port)) if plain else ""
