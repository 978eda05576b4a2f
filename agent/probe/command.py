"""`fieldgate-agent probe`: for a person at the customer's site, with or without an agent there."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Final, TypeVar

import trio
from cyclopts import Parameter

from agent.exits import INTERRUPTED, UNUSABLE, CommandError
from agent.observer import code_text
from agent.options import Json, Proxied
from agent.path import PathError
from agent.probe.asker import STRANGER, Asker, agent_asker, pasted_asker
from agent.probe.examine import Examined, examine
from agent.probe.outcome import exit_code_of
from agent.probe.outlet import Outlet
from agent.probe.rounds import look_again, look_once
from agent.probe.terminal import Terminal
from agent.proxies import Proxies, ProxySettingError
from certs import PathCode, Token, TokenError
from protocol import Code

_STDIN: Final = "-"

P = TypeVar("P", Token, PathCode)


def probe(
    target: Annotated[str | None, Parameter(name="HOST[:PORT]", negative="")] = None,
    /,
    *,
    state: Annotated[
        Path | None,
        Parameter(
            name=("--state", "-s"),
            env_var="FIELDGATE_AGENT_STATE",
            negative="",
            help="The folder of an agent that is enrolled here, to look with its eyes.",
        ),
    ] = None,
    token: Annotated[
        str | None, Parameter(env_var="FIELDGATE_TOKEN", negative="", allow_leading_hyphen=True)
    ] = None,
    gateway_view: Annotated[str | None, Parameter(negative="", allow_leading_hyphen=True)] = None,
    proxy: Proxied = None,
    watch: Annotated[bool, Parameter(negative="")] = False,
    until_clean: Annotated[bool, Parameter(negative="")] = False,
    html: Annotated[Path | None, Parameter(negative="")] = None,
    bundle: Annotated[Path | None, Parameter(negative="")] = None,
    json_: Json = False,
) -> int:
    """Look at the way to a gateway, and say who is in it.

    It ends in one line that says who broke the connection, how sure that is, what to type on that product, how to find this
    session in its log, and how to undo it; then comes what was seen. Exit code 0: clean; 10: a box opens the TLS; 11: the
    network; 12: the provider; 13: this server; 14: not clear.

    Parameters
    ----------
    target
        The gateway, HOST or HOST:PORT; default: the first that the agent, the token or the code knows.
    token
        An enrollment token, for its CA and gateways; it is not used up. - reads it from standard input.
    gateway_view
        A code from the provider (fieldgate inspection code): what the gateway saw of this very connection is added. It is
        good for one probe. - reads it from standard input.
    watch
        Look again every ten seconds, until Ctrl-C: a line for each look, green once the path is mended. The exit code is
        that of the last look.
    until_clean
        End a --watch as soon as the path is clean.
    html
        Write the report to this file as well, one page with nothing to load.
    bundle
        Write everything that was seen to this zip file as well, for the provider: no key, token or password is in it.
    """
    if until_clean and not watch:
        raise CommandError("--until-clean ends a --watch", UNUSABLE)
    if watch and gateway_view is not None:
        raise CommandError("--gateway-view is good for one probe: leave --watch out", UNUSABLE)
    pasted = _parsed(Token.parse, token)
    code = _parsed(PathCode.parse, gateway_view)
    if code is not None and code.report_public is None:
        raise CommandError("--gateway-view: the code has no report key: ask for a new one", UNUSABLE)
    asker = _asker(state, pasted, code)
    try:
        proxies = Proxies.settle(proxy, state, os.environ)
        address = asker.address(target)
    except ProxySettingError as error:
        raise CommandError(f"--proxy: {error}", UNUSABLE) from None
    except PathError as error:
        raise CommandError(str(error), UNUSABLE) from None
    outlet = Outlet(
        asker=asker, proxies=proxies, state=state, as_json=json_, html=html, bundle=bundle
    )  # fmt: skip
    outlet.check()
    terminal = Terminal(colour=not os.environ.get("NO_COLOR"))

    async def look() -> Examined:
        examined = await examine(address, asker, proxies, code=code, progress=terminal.show)
        terminal.end(examined.steps)
        terminal.brief = True  # another look shows the same steps
        return examined

    if watch:
        last = trio.run(partial(look_again, look, outlet.again, until_clean=until_clean))
    else:
        last = trio.run(look_once, look, outlet.once)
    return INTERRUPTED if last is None else exit_code_of(last)


def _asker(state: Path | None, token: Token | None, code: PathCode | None) -> Asker:
    """The one that knows most: an agent, a token, a code, nobody."""
    if state is not None:
        return agent_asker(state)
    pasted = token or code
    return STRANGER if pasted is None else pasted_asker(pasted)


def _parsed(parse: Callable[[str], P], text: str | None) -> P | None:
    if text is None:
        return None
    try:
        return parse(sys.stdin.read() if text == _STDIN else text)
    except TokenError as error:
        raise CommandError(f"{code_text(Code.TOKEN_UNKNOWN)}: {error}", UNUSABLE) from None
