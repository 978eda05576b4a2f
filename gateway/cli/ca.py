"""The certificate authority: what there is and when it ends, rotations and who has heard of them, what to hand out.

A change is written into the authority's folder first and announced to the edges afterwards. An edge that misses the
announcement reads the folder at its next start; what it serves until then is still valid.
"""

import contextlib
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from certs import (
    Authority,
    LicenceSigner,
    ReportPublic,
    TrustBundle,
    chain_to_pem,
    from_ms,
    is_exposed,
    read_certificate,
    to_ms,
    write_public,
)
from gateway.cli.agents import agent_revoke
from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import FAILED, UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import rows, say, when
from gateway.minting import announced_trust
from gateway.store import Agent, Standing, TrustChanged

__all__ = ["ca_app"]

# An edge reads the change within a second or two and tells live sessions at once; a heartbeat comes every 30 s.
TOLD_AFTER_MS = 60_000
NAMED = 10

Flag = Annotated[bool, Parameter(negative="")]

ca_app = App(name="ca")
ca_app.command(agent_revoke, name="revoke")


@ca_app.command(name="show")
def ca_show(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show every certificate, where its key is, how long it lasts, what agents trust, and how far a rotation is."""
    with open_provider(data) as provider:
        authority = Authority.load(provider.folder.ca)
        entries = list(_entries(provider, authority))
        bundle = announced_trust(provider.config, authority)
        trust = _trust(bundle)
        told, waiting = _roll_out(provider, authority)
        own = provider.config.certificate
    began = authority.rotation_began()
    if json_:
        rotation = None if began is None else {
            "began_ms": to_ms(began), "told": told, "not_told": [agent.uid for agent in waiting],
        }  # fmt: skip
        body = {"certificates": entries, "trust": trust, "own_certificate": own or None, "rotation": rotation}
        sys.stdout.write(json.dumps(body, indent=2) + "\n")
        return
    rows(
        entries,
        {"role": "ROLE", "file": "FILE", "key": "PRIVATE KEY", "until_ms": "UNTIL", "names": "NAMES", "spki_sha256": "KEY'S SHA-256"},
        as_json=False,
        empty="",
        show={"until_ms": when, "names": ", ".join},
    )  # fmt: skip
    say(
        "",
        f"Agents trust {len(bundle.pins_current)} root now and {len(bundle.pins_next)} next; revision {bundle.revision}",
    )
    if bundle.names:
        say(f"The leaf must be for {' or '.join(bundle.names)}")
    if bundle.report_keys:
        count = len(bundle.report_keys)
        say(
            f"Path reports are sealed to key {ReportPublic(bundle.report_keys[0]).key_id.hex()}, the newest of {count}"
        )
    if own:
        say(f"Served is your own certificate, {own}; the gateway certificate above is not")
    if began is not None:
        _print_roll_out(to_ms(began), told, waiting)


def _entries(provider: Provider, authority: Authority) -> Iterator[dict[str, object]]:
    for entry in authority.entries():
        facts = read_certificate(entry.certificate)
        key = provider.folder.ca / f"{entry.label}.key"
        where = "offline" if not entry.key_here else "READABLE BY OTHERS" if is_exposed(key) else "here"
        yield {
            "role": str(entry.role),
            "file": f"{entry.label}.pem",
            "key": "destroyed" if entry.role.startswith("retired") else where,
            "until_ms": to_ms(entry.until),
            "names": list(facts.names),
            "spki_sha256": facts.spki_sha256.hex(),
        }


def _trust(bundle: TrustBundle) -> dict[str, object]:
    return {
        "revision": bundle.revision,
        "pins_current": [pin.hex() for pin in bundle.pins_current],
        "pins_next": [pin.hex() for pin in bundle.pins_next],
        "names": list(bundle.names),
        "report_keys": [key.hex() for key in bundle.report_keys],
    }


def _roll_out(provider: Provider, authority: Authority) -> tuple[int, list[Agent]]:
    """How many agents have heard of the next root, and which have not: those not connected since the rotation began."""
    began = authority.rotation_began()
    if began is None:
        return 0, []
    agents = provider.store.agents.list(now_ms=now_ms(), standing=Standing.VERIFIED)
    since = to_ms(began) + TOLD_AFTER_MS
    waiting = [agent for agent in agents if (agent.last_heartbeat_ms or 0) < since]
    return len(agents) - len(waiting), waiting


def _print_roll_out(began_ms: int, told: int, waiting: list[Agent]) -> None:
    say(
        "",
        f"A rotation of the root is under way since {when(began_ms)}: {told} of {told + len(waiting)} agents were told",
    )
    for agent in waiting[:NAMED]:
        say(f"  not yet: {agent.host_name} ({agent.organization_name}) {agent.uid}")
    if len(waiting) > NAMED:
        say(f"  and {len(waiting) - NAMED} more: fieldgate ca show --json")
    if not waiting:
        say("Finish it: fieldgate ca rotate --finish")


@ca_app.command(name="rotate")
def ca_rotate(
    *,
    gateway: Flag = False,
    issuers: Flag = False,
    forget: Flag = False,
    ca: Flag = False,
    finish: Flag = False,
    report: Flag = False,
    licence_signer: Flag = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Replace keys and certificates; connected agents stay connected.

    Parameters
    ----------
    gateway
        The gateway's own key and certificate. A running edge does so by itself every 60 days.
    issuers
        The issuers of gateways and agents, every five years or when a key may have leaked. Takes the root's key.
    forget
        Trust the former agent issuers no more; agents that have not renewed since must enroll again.
    ca
        The root: a new one beside the old, signed by it. Takes the old root's key. Agents are told of both.
    finish
        Ends a rotation of the root: agents are told to forget the old one.
    report
        The key that path reports are sealed to. The last three go on opening what agents send that have not heard of it.
    licence_signer
        The key that licences are signed with. Takes the root's key; a new root and new issuers bring a new one anyway.
    """
    wanted = [
        step
        for step, chosen in zip(
            STEPS, (gateway, issuers, forget, ca, finish, report, licence_signer), strict=True
        )
        if chosen
    ]
    if len(wanted) != 1:
        raise CommandError(
            "name one of --gateway, --issuers, --forget, --ca, --finish, --report and --licence-signer",
            exit_code=UNUSABLE,
        )
    with open_provider(data) as provider:
        before = Authority.load(provider.folder.ca)
        changed, done = wanted[0](provider, before, from_ms(now_ms()))
        bundle = announced_trust(provider.config, changed)
        dropped = [pin for pin in pins_of(before) if pin not in pins_of(changed)]
        with _forgetting(provider, dropped) if dropped and forget else contextlib.nullcontext():
            changed.save(provider.folder.ca)
        if issuers or ca or licence_signer:
            LicenceSigner.create(changed, from_ms(now_ms())).save(provider.folder.ca)
        provider.store.changes.announce([TrustChanged(revision=bundle.revision)])
        provider.ring()
    say(done)


def _forgetting(provider: Provider, pins: list[bytes]) -> contextlib.AbstractContextManager[None]:
    """Around a change of the authority by which agents' issuers, known by the SHA-256 of their keys, are trusted no more."""
    hexadecimal = [pin.hex() for pin in pins]
    return provider.decisions.deciding("issuers forgotten", pins=hexadecimal, by=operator())


def pins_of(authority: Authority) -> list[bytes]:
    """The keys whose signature on an agent's certificate is believed."""
    state = authority.state
    return [state.agent_issuer.pin, *(retired.holding.pin for retired in state.retired_agent_issuers)]


def _new_gateway(provider: Provider, authority: Authority, now: datetime) -> tuple[Authority, str]:
    changed = authority.rotate_gateway(now, names=provider.config.names)
    return changed, f"a new gateway certificate for {', '.join(changed.gateway_names())}"


def _new_issuers(_: Provider, authority: Authority, now: datetime) -> tuple[Authority, str]:
    done = "new issuers; agents notice nothing, their certificates are accepted until they end"
    return authority.rotate_issuers(now), done


def _new_signer(_: Provider, authority: Authority, __: datetime) -> tuple[Authority, str]:
    return authority, "a new key for licences; what is sent from now on is signed with it"


def _forget(_: Provider, authority: Authority, now: datetime) -> tuple[Authority, str]:
    done = (
        "former agent issuers are not trusted any more; agents that have not renewed since must enroll again"
    )
    return authority.forget_agent_issuers(now), done


def _new_root(_: Provider, authority: Authority, now: datetime) -> tuple[Authority, str]:
    done = "a new root, signed by the old one; `fieldgate ca show` counts the agents that were told of it"
    return authority.rotate_ca(now), done


def _finish(provider: Provider, authority: Authority, now: datetime) -> tuple[Authority, str]:
    told, waiting = _roll_out(provider, authority)
    done = f"the old root is retired; {told} of {told + len(waiting)} agents knew the new one"
    return authority.finish_ca(now), done + (", the others are told when they connect" if waiting else "")


def _new_report_key(_: Provider, authority: Authority, now: datetime) -> tuple[Authority, str]:
    return authority.rotate_report(
        now
    ), "a new key for path reports; agents are told of it when they are connected"


STEPS = (_new_gateway, _new_issuers, _forget, _new_root, _finish, _new_report_key, _new_signer)


@ca_app.command(name="export")
def ca_export(
    *, pins: Flag = False, output: Path | None = None, data: Data = DEFAULT_DATA, json_: Json = False
) -> None:
    """Hand out what is public: the roots as PEM, or what agents pin.

    Parameters
    ----------
    pins
        The SHA-256 of each trusted key instead, in hexadecimal, the current ones first.
    output
        A file to write instead of printing.
    """
    with open_provider(data) as provider:
        authority = Authority.load(provider.folder.ca)
        bundle = announced_trust(provider.config, authority)
    roots = chain_to_pem(authority.root_certificates()).decode("ascii")
    if json_:
        text = json.dumps(_trust(bundle) | {"roots_pem": roots}, indent=2) + "\n"
    elif pins:
        named = [(pin, "current") for pin in bundle.pins_current] + [
            (pin, "next") for pin in bundle.pins_next
        ]
        text = "".join(f"{pin.hex()}  {role}\n" for pin, role in named)
    else:
        text = roots
    if output is None:
        sys.stdout.write(text)
        return
    try:
        write_public(output, text.encode())
    except OSError as error:
        raise CommandError(f"{output}: {error.strerror}", exit_code=FAILED) from None
