"""Who probes, and what they know of the gateway: an enrolled agent, somebody with a token or a code, or a stranger.

A probe borrows an agent's certificate, pins and history, and writes nothing into its folder: the agent may be running.
"""

import json
from pathlib import Path
from typing import Any, Final

import attrs

from agent.identity import Keeper
from agent.inspection.keep import Keep
from agent.inspection.probes import GATEWAY_PORT
from agent.path import PathError, split_address
from agent.state import StateFolder
from certs import Anchors, PathCode, Token, to_ms
from certs.inspection import AgentSide, Expected, SessionEnd
from protocol import Code
from transport import Context, client_context

__all__ = ["STRANGER", "Asker", "agent_asker", "pasted_asker"]


@attrs.frozen(kw_only=True)
class Asker:
    """What is known before anything is dialed.

    Attributes:
        label: for a report's reader.
        anchors: whom to trust; None if nobody ever told.
        gateways: `host:port`, best first.
        sessions: how an agent's last sessions were cut, if that is what it complains of.
        clock_offset_ms: this clock minus a gateway's, as the last session told.
    """

    label: str = ""
    anchors: Anchors | None = None
    gateways: tuple[str, ...] = ()
    chain_pem: bytes | None = None
    key_pem: bytes | None = attrs.field(default=None, repr=False)
    certificate_not_after_ms: int | None = None
    clock_offset_ms: int | None = None
    sessions: tuple[SessionEnd, ...] = ()

    @property
    def enrolled(self) -> bool:
        """Whether there is an agent's certificate to show."""
        return self.key_pem is not None

    @property
    def expected(self) -> Expected:
        """What is right, as far as it is known."""
        if self.anchors is None:
            return Expected()
        return Expected(pins=self.anchors.pins, names=self.anchors.names, gateways=self.gateways)

    def context(self) -> Context:
        """What to dial with."""
        return client_context(self.chain_pem, self.key_pem)

    def known(self, side: AgentSide) -> AgentSide:
        """*side* with what is known of the agent itself."""
        return attrs.evolve(
            side,
            certificate_not_after_ms=self.certificate_not_after_ms,
            clock_offset_ms=self.clock_offset_ms,
            sessions=self.sessions,
        )

    def address(self, target: str | None) -> str:
        """`host:port` for what a person typed: a port of the provider's gateways where one is known for the host.

        Raises:
            PathError: it is no address, or none was typed and no gateway is known.
        """
        if target is None:
            if not self.gateways:
                raise PathError(Code.CONFIG_INVALID_VALUE, "which gateway? HOST or HOST:PORT")
            return self.gateways[0]
        target = target.strip()
        in_brackets = target.startswith("[") and target.endswith("]")
        bare = target[1:-1] if in_brackets else target
        if not in_brackets and (bare.count(":") == 1 or "[" in bare or "]" in bare):
            split_address(target)
            return target
        bracketed = f"[{bare}]" if ":" in bare else bare
        known = (each for each in self.gateways if each.rpartition(":")[0].lower() == bracketed.lower())
        address = next(known, f"{bracketed}:{GATEWAY_PORT}")
        split_address(address)
        return address


STRANGER: Final = Asker()


def agent_asker(folder: Path) -> Asker:
    """The agent that is enrolled in *folder*.

    Raises:
        StateError: there is none, or it can't be read.
    """
    keeper: Keeper = StateFolder.load(folder)
    identity, credential = keeper.identity, keeper.credential
    keep = Keep(folder)
    opinion = keep.opinion()
    complains = opinion is not None and opinion.is_of_sessions and opinion.over_ms is None
    return Asker(
        label=f"{identity.host_name} ({identity.agent_uid})",
        anchors=identity.anchors(),
        gateways=identity.gateways,
        chain_pem=credential.chain_pem,
        key_pem=credential.key_pem,
        certificate_not_after_ms=to_ms(credential.expires),
        clock_offset_ms=_offset_ms(folder / "status.json"),
        sessions=tuple(SessionEnd(**attrs.asdict(cut)) for cut in keep.cuts()) if complains else (),
    )


def pasted_asker(pasted: Token | PathCode) -> Asker:
    """Somebody who was given a token or a code."""
    return Asker(
        anchors=Anchors(pins=frozenset(pasted.pins), names=frozenset(pasted.names)), gateways=pasted.gateways
    )


def _offset_ms(status: Path) -> int | None:
    try:
        fields: Any = json.loads(status.read_bytes())
    except (OSError, ValueError):
        return None
    offset = fields.get("clock_offset_ms") if isinstance(fields, dict) else None
    return offset if isinstance(offset, int) and not isinstance(offset, bool) else None
