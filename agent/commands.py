"""`fieldgate-agent enroll` and `run`."""

import math
import os
import sys
from pathlib import Path
from typing import Annotated, Final

import structlog
import trio
from cyclopts import Parameter

from agent.client import Stopped
from agent.enrollment import Applicant, Enrollment, EnrollmentError, enroll
from agent.exits import FAILED, REFUSED, UNUSABLE, CommandError
from agent.host import Host
from agent.inspection.keep import Keep
from agent.logfile import LogFile
from agent.observer import code_text
from agent.options import Proxied, State
from agent.path import PathError, Refusal
from agent.proxies import Proxies, ProxySettingError
from agent.service import Ready, ServiceOptions, nobody, now_ms, serve_agent
from agent.settings import write_example
from agent.spool import Spool
from agent.state import NotEnrolledError, StateError, StateFolder, enrollment_key, installation_uid
from agent.watch import LogFormat, configure_logs
from certs import Token, TokenError
from protocol import AgentType, Code, Standing, printable

ENROLL_TRIES: Final = 5
_STDIN: Final = "-"


def enroll_command(
    *,
    token: Annotated[str, Parameter(env_var="FIELDGATE_TOKEN", allow_leading_hyphen=True)],
    state: State,
    site: Annotated[bool, Parameter(negative="")] = False,
    synthetic: Annotated[bool, Parameter(negative="")] = False,
    host_name: str | None = None,
    again: Annotated[bool, Parameter(negative="")] = False,
    proxy: Proxied = None,
) -> int:
    """Enroll this server with a token from the provider. Once; `run` needs no token.

    Parameters
    ----------
    token
        The string that the provider gave you, or - to read it from standard input.
    site
        This is a cloud-connect server of the provider's.
    synthetic
        Play a synthetic backup server; needs a token made for simulation.
    host_name
        The name to report; default: this machine's.
    again
        Enroll anew although an agent is enrolled here: it becomes another agent, and what the old one had not yet
        delivered is put aside, for nobody else may send it.
    """
    try:
        parsed = Token.parse(sys.stdin.read() if token == _STDIN else token)
    except TokenError as error:
        raise CommandError(f"{code_text(Code.TOKEN_UNKNOWN)}: {error}", UNUSABLE) from None
    _forbid_accident(state, again=again)
    proxies = _proxies(proxy, state)
    agent_type = AgentType.SITE if site else AgentType.CLIENT
    applicant = Applicant(
        installation_uid=installation_uid(state), host_name=(host_name or Host("").host_name)[:255],
        agent_type=agent_type, synthetic=synthetic, key_pem=enrollment_key(state),
    )  # fmt: skip
    enrollment = trio.run(_enroll_patiently, parsed, applicant, state, proxies)
    identity = enrollment.identity
    StateFolder.create(state, identity, enrollment.credential)
    write_example(state)
    gateways = printable(", ".join(identity.gateways))
    sys.stdout.write(f"enrolled as {printable(identity.agent_uid)}; gateways: {gateways}\n")
    if enrollment.answer.standing is not Standing.VERIFIED:
        code = code_text(enrollment.answer.code)
        sys.stdout.write(
            f"{code}: the provider has to accept this agent before it may report (fieldgate agent accept)\n"
        )
    sys.stdout.write(f"start it: fieldgate-agent run --state {state}\n")
    return 0


def _forbid_accident(state: Path, *, again: bool) -> None:
    """An enrolled agent is replaced only by who says so, and never while it runs.

    Raises:
        CommandError: one is enrolled here.
        OutboxError: one is running here, or its outbox is damaged.
        StateError: one is enrolled here and damaged.
    """
    try:
        keeper = StateFolder.load(state)
    except NotEnrolledError:
        return
    except StateError:
        if not again:
            raise
    else:
        if not again:
            raise CommandError(
                f"{state} is already enrolled as {keeper.identity.agent_uid}: fieldgate-agent run --state {state}\n"
                "(--again makes it another agent; what this one had not yet delivered is put aside and not sent)",
                UNUSABLE,
            )
    if (outbox := state / "outbox.sqlite").exists():
        # Refused while an agent runs on it, which would write its files over those of the new one.
        Spool.open(outbox).close()


async def _enroll_patiently(token: Token, applicant: Applicant, state: Path, proxies: Proxies) -> Enrollment:
    """Enroll; where the gateway is only busy, a few times."""
    for left in reversed(range(ENROLL_TRIES)):
        refused: list[Refusal] = []
        try:
            return await enroll(token, applicant, now=now_ms, proxies=proxies, refused=refused)
        except EnrollmentError as error:
            if error.retry_after_s is None or not left:
                raise CommandError(str(error), REFUSED) from None
            await trio.sleep(max(1.0, min(error.retry_after_s, 60.0)))
        except PathError as error:
            found = await _look_into(refused, token, applicant, state, proxies)
            raise CommandError(
                f"{error}\n{found}nothing secret was sent; fieldgate explain {error.code}", FAILED
            ) from None
        finally:
            for each in refused:
                await each.aclose()
    raise AssertionError("the last try returns or raises")


async def _look_into(
    refused: list[Refusal], token: Token, applicant: Applicant, state: Path, proxies: Proxies
) -> str:
    """What is in the way, for a person; it is told to the provider as well, if there is any way to do that."""
    if not refused:
        return ""
    from agent.inspection.report import tell  # a path that failed
    from agent.inspection.teller import token_teller
    from certs.inspection import SealError

    keep = Keep(state)
    teller = token_teller(token, applicant.installation_uid, keep, now=now_ms, proxies=proxies)
    told = next((each for each in refused if not each.says_little), refused[0])
    try:
        opinion = await tell(teller, told)
    except (StateError, SealError) as error:
        return f"{error}\n"
    whose = (
        "the provider's gateway says so, and signed it" if opinion.by_gateway else "as seen from here alone"
    )
    waiting = (
        f"the provider has not heard of it: send them what fieldgate-agent report --state {state} prints\n"
        if keep.waiting
        else ""
    )
    return f"{opinion.blame} ({opinion.verdict}, {opinion.confidence:.0%}, {whose})\n{waiting}"


def _proxies(option: str | None, state: Path) -> Proxies:
    try:
        return Proxies.settle(option, state, os.environ)
    except ProxySettingError as error:
        raise CommandError(f"--proxy: {error}", UNUSABLE) from None


def run(
    *,
    state: State,
    rate: float = ServiceOptions().rate,
    reconnect_s: float = ServiceOptions().reconnect_s,
    outbox_mib: int = ServiceOptions().outbox_bytes >> 20,
    log_format: Annotated[LogFormat, Parameter(env_var="FIELDGATE_AGENT_LOG")] = "auto",
    proxy: Proxied = None,
) -> int:
    """Run the agent until SIGTERM or Ctrl-C.

    Parameters
    ----------
    rate
        Events a second at which a synthetic agent catches up with its history.
    reconnect_s
        Ceiling of the first, random wait before connecting again; it doubles with every failure.
    outbox_mib
        Limit of the outbox on disk; at it, collection pauses.
    log_format
        "json", "console", "journald", "syslog" (a line with its priority, without and with the time), or "auto": journald where
        standard error is the journal, console at a terminal.
    """
    return start_agent(
        state, rate=rate, reconnect_s=reconnect_s, outbox_mib=outbox_mib, log_format=log_format, proxy=proxy
    )


def start_agent(
    state: Path,
    *,
    rate: float = ServiceOptions().rate,
    reconnect_s: float = ServiceOptions().reconnect_s,
    outbox_mib: int = ServiceOptions().outbox_bytes >> 20,
    log_format: LogFormat = "auto",
    proxy: str | None = None,
    ready: Ready = nobody,
) -> int:
    """What `run` does, for whoever stops the agent by other means than a signal.

    Args:
        ready: is given what stops the agent, in its trio, once it can be stopped.

    Raises:
        CommandError: an option can't be used, or a gateway said no.
        StateError, OutboxError: as `serve_agent` says.
    """
    if not 0 < rate < math.inf or not 0 <= reconnect_s < math.inf or outbox_mib < 1:
        raise CommandError(
            "--rate must be positive, --reconnect-s not negative, --outbox-mib at least 1, and each a number",
            UNUSABLE,
        )
    proxies = _proxies(proxy, state)
    configure_logs(log_format, LogFile(state))
    if proxies.ignored:
        structlog.get_logger().warning(
            "proxy ignored", code=code_text(Code.CONFIG_INVALID_VALUE), reason=proxies.ignored
        )
    options = ServiceOptions(
        rate=rate, reconnect_s=reconnect_s, outbox_bytes=outbox_mib << 20, proxies=proxies
    )
    farewell = trio.run(serve_agent, state, options, ready)
    if farewell.why is Stopped.ASKED:
        return 0
    last = farewell.last
    reason = f"{code_text(last.code)}: {printable(last.message)}" if last else ""
    if farewell.why is Stopped.REENROLL:
        advice = f"enroll it again: fieldgate-agent enroll --again --state {state} --token TOKEN"
    else:
        advice = "only the provider can change that; starting the agent again does not"
    raise CommandError(f"{reason}\n{advice}", REFUSED)
