"""Who reports: an enrolled agent, or somebody with an enrollment token; with all that judging and reporting takes."""

from collections.abc import Callable

import attrs

from agent.identity import Keeper
from agent.inspection.deliver import Report
from agent.inspection.keep import Keep, Opinion
from agent.proxies import Proxies
from certs import Anchors, ReportPublic, Token, chain_from_pem, to_ms
from certs.inspection import (
    AgentSide,
    Evidence,
    Expected,
    Finding,
    SessionEnd,
    Signer,
    agent_signer,
    judge,
    token_signer,
)
from transport import Context, client_context

__all__ = ["Show", "Teller", "agent_teller", "token_teller"]

Show = Callable[[Opinion], None]


@attrs.frozen(kw_only=True)
class Teller:
    """Who reports, and what it takes.

    Attributes:
        public: what reports are sealed to; None if nobody ever told: then the agent judges alone.
        context: that paths are dialed with.
        clock_offset_ms: this clock minus a gateway's, if a session told.
        show: is given every opinion.
    """

    signer: Signer
    public: ReportPublic | None
    keep: Keep
    now: Callable[[], int]
    gateways: tuple[str, ...]
    anchors: Anchors
    expected: Expected
    context: Context
    proxies: Proxies
    enrolled: bool
    certificate_not_after_ms: int | None = None
    clock_offset_ms: int | None = None
    show: Show = lambda _: None

    def known(self, side: AgentSide) -> AgentSide:
        """*side* with what is known of the agent itself."""
        return attrs.evolve(
            side,
            certificate_not_after_ms=self.certificate_not_after_ms,
            clock_offset_ms=self.clock_offset_ms,
            sessions=tuple(SessionEnd(**attrs.asdict(cut)) for cut in self.keep.cuts()),
        )

    def judge(self, side: AgentSide) -> Finding:
        """What this agent makes of it alone."""
        return judge(Evidence(agent=side, expected=self.expected))

    def seal(self, side: AgentSide) -> Report:
        """A report with a number of its own.

        Raises:
            StateError: the number can't be written down.
            SealError: it can't be put in a report.
        """
        assert self.public is not None  # noqa: S101  # asked for by who has looked
        return Report.seal(side, self.signer, self.public, self.keep.next_counter(self.now()))


def agent_teller(
    keeper: Keeper,
    keep: Keep,
    *,
    now: Callable[[], int],
    proxies: Proxies,
    clock_offset_ms: int | None,
    show: Show,
) -> Teller:
    """An enrolled agent."""
    identity, credential = keeper.identity, keeper.credential
    chain = tuple(chain_from_pem(credential.chain_pem))
    anchors = identity.anchors()
    return Teller(
        signer=agent_signer(identity.agent_uid, identity.installation_uid, credential.key_pem, chain),
        public=ReportPublic(identity.report_keys[0]) if identity.report_keys else None,
        keep=keep,
        now=now,
        gateways=identity.gateways,
        anchors=anchors,
        expected=Expected(pins=anchors.pins, names=anchors.names, gateways=identity.gateways),
        context=client_context(credential.chain_pem, credential.key_pem),
        proxies=proxies,
        enrolled=True,
        certificate_not_after_ms=to_ms(credential.expires),
        clock_offset_ms=clock_offset_ms,
        show=show,
    )


def token_teller(
    token: Token, installation_uid: str, keep: Keep, *, now: Callable[[], int], proxies: Proxies
) -> Teller:
    """Somebody who wants to enroll."""
    anchors = Anchors(pins=frozenset(token.pins), names=frozenset(token.names))
    return Teller(
        signer=token_signer(token, installation_uid),
        public=token.report_public,
        keep=keep,
        now=now,
        gateways=token.gateways,
        anchors=anchors,
        expected=Expected(pins=anchors.pins, names=anchors.names, gateways=token.gateways),
        context=client_context(),
        proxies=proxies,
        enrolled=False,
    )
