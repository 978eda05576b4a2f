"""What stands in the path of each case, as data and in a few lines each; and all of it started at once."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from tests.e2e.lab.forging import Maker, Pems
from tests.e2e.lab.gateways import NAME, SECOND, LabGateway
from tests.e2e.lab.ground import BOX, Ground, Namespaces
from tests.e2e.lab.middleboxes import Haproxy, Mitmproxy, Squid
from tests.helpers.edges import wall_ms

__all__ = ["BOXES", "Boxes"]

SEGMENT = 1460
CUT_AFTER_S = 1.2

Extras = dict[str, Any]

PATIENT: Extras = {"patient": True}
"""It takes until something times out."""


@attrs.define(eq=False)
class Boxes:
    """Everything that stands between the agents and the gateway."""

    ground: Ground
    folder: Path
    gateway: LabGateway
    company: Maker
    public: Maker
    mitmproxy: Mitmproxy = attrs.field(init=False)
    squid: Squid = attrs.field(init=False)
    haproxy: Haproxy = attrs.field(init=False)
    forged: Pems = attrs.field(init=False)
    own: Pems = attrs.field(init=False)
    splices_at: int | None = attrs.field(default=None, init=False)
    splicing: Extras = attrs.field(factory=dict, init=False)
    _plans: list[dict[str, Any]] = attrs.field(factory=list, init=False)
    _diverted: list[int] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        """What the boxes need before the first is built."""
        self.mitmproxy = Mitmproxy(self.ground, self.folder / "mitmproxy")
        self.haproxy = Haproxy(self.ground)
        self.squid = Squid(self.ground, self.folder, self.company, NAME)
        self.forged = self.company.leaf("forged", (NAME, SECOND))
        ((chain, key),) = self.gateway.provider.authority.gateway_chains()
        self.own = Pems(self.folder / "own.pem", self.folder / "own-key.pem")
        self.own.chain.write_bytes(chain)
        self.own.key.write_bytes(key)

    def build(self, case: str, site: int) -> Extras:
        """What an attempt has to know besides the usual: the box of *case* stands before *site*."""
        resolve = {NAME: self.ground.at(site), SECOND: self.ground.beside(site)}
        return {"resolve": resolve, "source": self.ground.agent_source(site)} | BOXES[case](self, site)

    def relay(self, site: int, kind: str, *, own: bool = False, **more: Any) -> Extras:
        """A relay of ours."""
        self.divert(site)
        self._plans.append(
            {
                "kind": kind,
                "listen": self.ground.box(site),
                "upstream": (self.ground.upstream(site), self.ground.port),
                "source": self.ground.box_source(site, own=own),
                **more,
            }
        )
        return {}

    def opening(self, site: int, pems: Pems, **more: Any) -> Extras:
        """A relay of ours that ends the TLS."""
        return self.relay(site, "opening", chain=str(pems.chain), key=str(pems.key), server_name=NAME, **more)

    def record_of(self, site: int) -> Path:
        """Where a box that meddles writes down all that it reads."""
        return self.folder / f"read-at-{site}"

    def divert(self, site: int) -> None:
        """Lead the site's connections through its box."""
        self._diverted.append(site)

    def beside(self, site: int, *, translated: bool = True) -> Extras:
        """No box: the site's agents reach the gateway itself."""
        if translated:
            self.ground.translate(site)
        address = self.ground.beside(site)
        return {"resolve": {NAME: address, SECOND: address}}

    def dialing(self, site: int, name: str, address: str) -> Extras:
        """The site's agents dial *name*, which leads to *address*; the gateway itself is where it always is."""
        known = self.beside(site, translated=False)["resolve"]
        return {"resolve": known | {name: address}, "dial": f"{name}:{self.ground.port}"}

    def start(self) -> None:
        """Start them, and lead the sites' connections through them."""
        plan = self.folder / "relays.json"
        plan.write_text(json.dumps(self._plans), encoding="utf-8")
        relay = self.ground.start(
            BOX, sys.executable, "-m", "tests.e2e.lab.relay", str(plan), log=self.folder / "relays.log"
        )
        for started in (self.mitmproxy.start(), self.squid.start(), self.haproxy.start(self.folder)):
            started()
        relay.wait_for_word("ready")
        self.ground.divert(self._diverted)


Build = Callable[[Boxes, int], Extras]


def _mitmproxy(boxes: Boxes, site: int) -> Extras:
    boxes.divert(site)
    boxes.mitmproxy.stand(site)
    return {}


def _squid(*steps: str, trusting: bool = True) -> Build:
    def build(boxes: Boxes, site: int) -> Extras:
        boxes.divert(site)
        return boxes.squid.intercept(site, *steps, trusting=trusting)

    return build


def _squid_splice(boxes: Boxes, site: int) -> Extras:
    """One box for all who are spliced: squid compares the address with what it resolves the name to, and knows one."""
    if boxes.splices_at is None:
        boxes.splices_at = site
        boxes.divert(site)
        boxes.squid.resolves_to = boxes.ground.upstream(site)
        boxes.splicing = boxes.squid.intercept(site, "peek@first", "splice@")
    first = boxes.splices_at
    return {"resolve": {NAME: boxes.ground.at(first), SECOND: boxes.ground.beside(first)}} | boxes.splicing


def _squid_proxy(answers: str = "") -> Build:
    return lambda boxes, site: boxes.squid.proxy(site, answers)


def _haproxy(*, announce: bool = False, wanted: bool = True) -> Build:
    def build(boxes: Boxes, site: int) -> Extras:
        boxes.divert(site)
        boxes.haproxy.balance(site, announce=announce, wanted=wanted)
        if announce and wanted:
            boxes.gateway.balancers.append(f"{boxes.ground.seen_as(site)}/32")
        return {}

    return build


def _haproxy_tls(boxes: Boxes, site: int) -> Extras:
    boxes.divert(site)
    boxes.haproxy.terminate(site, boxes.forged)
    return {}


def _other_server(boxes: Boxes, site: int) -> Extras:
    boxes.divert(site)
    boxes.haproxy.serve(site, boxes.company.leaf("www", ("www.example.org",)))
    return {}


def _own_web_server(boxes: Boxes, site: int) -> Extras:
    name = "portal.example.test"
    boxes.divert(site)
    boxes.haproxy.serve(site, boxes.public.leaf("portal", (name,)))
    return boxes.dialing(site, name, boxes.ground.at(site))


def _header_wanted(boxes: Boxes, site: int) -> Extras:
    source = boxes.ground.box_source(site) or boxes.ground.seen_as(site)
    boxes.gateway.balancers.append(f"{source}/32")
    return boxes.relay(site, "plain", upstream=(boxes.ground.upstream(site), boxes.ground.announced))


def _proxy_503(boxes: Boxes, site: int) -> Extras:
    boxes.squid.lost = SECOND
    return boxes.squid.proxy(site) | {"dial": f"{SECOND}:{boxes.ground.port}"}


def _proxy_down(boxes: Boxes, site: int) -> Extras:
    """Where a box would be, and none is."""
    host, port = boxes.ground.box(site)
    return boxes.beside(site) | {"proxy": f"http://{boxes.ground.proxy_address(host)}:{port}"}


def _health_check(boxes: Boxes, site: int) -> Extras:
    boxes.ground.translate(site)
    boxes.haproxy.check(site)
    return {}


def _dropped(boxes: Boxes, site: int) -> Extras:
    if isinstance(boxes.ground, Namespaces):
        boxes.ground.drop(site)
        return dict(PATIENT)
    return boxes.relay(site, "deaf") | PATIENT


def _refused(boxes: Boxes, site: int) -> Extras:
    boxes.divert(site)  # to where nobody listens
    return {}


def _nat(boxes: Boxes, site: int) -> Extras:
    if isinstance(boxes.ground, Namespaces):
        return boxes.beside(site)
    return boxes.relay(site, "plain", own=True)


def _no_dns(boxes: Boxes, site: int) -> Extras:
    boxes.ground.translate(site)
    return {"resolve": {SECOND: boxes.ground.beside(site)}}


def _unlisted(boxes: Boxes, site: int) -> Extras:
    return boxes.dialing(site, "former.example.test", boxes.ground.beside(site))


DAY_S = 24 * 3600


def _skewed(ahead_s: int) -> Build:
    return lambda boxes, site: boxes.beside(site, translated=False) | {"ahead_s": ahead_s}


def _beside(boxes: Boxes, site: int) -> Extras:
    return boxes.beside(site, translated=False)


def _translated(boxes: Boxes, site: int) -> Extras:
    return boxes.beside(site)


def _answering(answer: str) -> Build:
    return lambda boxes, site: boxes.relay(site, "answering", answer=answer)


def _forging(**more: Any) -> Build:
    return lambda boxes, site: boxes.opening(site, boxes.forged, **more)


def _meddling(how: str, extras: Extras | None = None) -> Build:
    """A box that finds path reports in what it opens."""

    def build(boxes: Boxes, site: int) -> Extras:
        more = {
            "meddle": how,
            "record": str(boxes.record_of(site)),
            "victim": str(boxes.folder / "agents" / f"{site}"),
            "at_ms": wall_ms(),
            "dialed": f"{NAME}:{boxes.ground.port}",
        }
        return boxes.opening(site, boxes.forged, **more) | (extras or {})

    return build


def _own_key(**more: Any) -> Build:
    return lambda boxes, site: boxes.opening(site, boxes.own, **more)


BOXES: dict[str, Build] = {
    "mitmproxy": _mitmproxy,
    "squid-bump": _squid("bump@"),
    "squid-stare-bump": _squid("stare@first", "stare@second", "bump@third"),
    "squid-distrusts": _squid("stare@first", "stare@second", "bump@third", trusting=False),
    "squid-splice": _squid_splice,
    "squid-connect": _squid_proxy(),
    "proxy-407": _squid_proxy("407"),
    "proxy-403": _squid_proxy("403"),
    "proxy-503": _proxy_503,
    "proxy-down": _proxy_down,
    "haproxy": _haproxy(),
    "haproxy-announced": _haproxy(announce=True),
    "header-unwanted": _haproxy(announce=True, wanted=False),
    "header-wanted": _header_wanted,
    "haproxy-tls": _haproxy_tls,
    "other-server": _other_server,
    "own-web-server": _own_web_server,
    "health-check": _health_check,
    "same-ja4": _forging(),
    "asks-for-certificate": _forging(asks=True),
    "opens-and-lowers": _forging(tls12=True),
    "opens-without-alpn": _forging(alpn=False),
    "opens-and-drops": lambda boxes, site: boxes.opening(site, boxes.forged, drops=True) | PATIENT,
    "rewrites-reports": _meddling("rewrites"),
    "replays-reports": _meddling("replays"),
    "delays-reports": _meddling("delays", PATIENT),
    "forges-reports": _meddling("forges"),
    "own-key": _own_key(),
    "own-key-asks": _own_key(asks=True),
    "certificate-stripped": lambda boxes, site: boxes.opening(site, boxes.own, drops=True) | PATIENT,
    "lowers-version": lambda boxes, site: boxes.relay(site, "rewritten", rewrite="version"),
    "strips-alpn": lambda boxes, site: boxes.relay(site, "rewritten", rewrite="alpn"),
    "reset": lambda boxes, site: boxes.relay(site, "reset"),
    "alert": _answering("alert"),
    "portal": _answering("portal"),
    "block-page": _answering("blocked"),
    "ssh": _answering("ssh"),
    "black-hole": lambda boxes, site: boxes.relay(site, "black-hole") | PATIENT,
    "dropped": _dropped,
    "refused": _refused,
    "large-hello": lambda boxes, site: boxes.relay(site, "small-hellos", limit=SEGMENT) | PATIENT,
    "payload-dropped": lambda boxes, site: boxes.relay(site, "handshakes-only") | PATIENT,
    "session-cut": lambda boxes, site: boxes.relay(site, "cut", age_s=CUT_AFTER_S),
    "no-dns": _no_dns,
    "direct": _beside,
    "nat": _nat,
    "clock-ahead": _skewed(200 * DAY_S),
    "clock-behind": _skewed(-200 * DAY_S),
    "clock-far-ahead": _skewed(400 * DAY_S),
    "unlisted-address": _unlisted,
    "revoked": _beside,
    "port-scanner": _translated,
    "http-scanner": _translated,
    "tls-scanner": _translated,
}
"""By case. The cases that are not here have a gateway of their own and no box."""
