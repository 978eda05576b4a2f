"""`fieldgate-agent probe`: for a person at the customer's site, with or without an agent there."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, TypeVar

import trio
from cyclopts import Parameter

from agent.exits import UNUSABLE, CommandError
from agent.observer import code_text
from agent.options import Json, Proxied
from agent.path import PathError
from agent.probe.asker import STRANGER, Asker, agent_asker, pasted_asker
from agent.probe.examine import Examined, examine
from agent.probe.outcome import exit_code_of, meta_of
from agent.probe.terminal import Terminal
from agent.proxies import Proxies, ProxySettingError
from certs import PathCode, Token, TokenError
from certs.inspection import render_json, render_text
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
    token: Annotated[str | None, Parameter(env_var="FIELDGATE_TOKEN", negative="")] = None,
    gateway_view: Annotated[str | None, Parameter(negative="")] = None,
    proxy: Proxied = None,
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
        good for one probe.
    """
    pasted = _parsed(Token.parse, token)
    code = _parsed(PathCode.parse, gateway_view)
    asker = _asker(state, pasted, code)
    try:
        proxies = Proxies.settle(proxy, state, os.environ)
        address = asker.address(target)
    except ProxySettingError as error:
        raise CommandError(f"--proxy: {error}", UNUSABLE) from None
    except PathError as error:
        raise CommandError(str(error), UNUSABLE) from None
    terminal = Terminal()

    async def look() -> Examined:
        examined = await examine(address, asker, proxies, code=code, progress=terminal.show)
        terminal.end(examined.steps)
        return examined

    examined = trio.run(look)
    _write(examined, asker, json_=json_)
    return exit_code_of(examined)


def _write(examined: Examined, asker: Asker, *, json_: bool) -> None:
    meta = meta_of(examined, asker)
    if json_:
        sys.stdout.write(render_json(examined.evidence, examined.finding, meta=meta))
    else:
        sys.stdout.write(render_text(examined.evidence, examined.finding, meta=meta, certificates=False))
    if examined.note:
        sys.stdout.flush()
        sys.stderr.write(f"fieldgate-agent: {examined.note}\n")


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
