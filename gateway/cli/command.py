"""Commands to agents: send one, watch it, take it back."""

import json
import re
import sys
from enum import StrEnum
from time import sleep
from typing import Annotated, Any, Final

import attrs
from cyclopts import App, Parameter

from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.errors import FAILED, UNUSABLE, CommandError
from gateway.cli.fetching import command_fetch, file_record
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import ago, facts, json_line, rows, say, when
from gateway.store import LONGEST_TTL_MS, Agent, CommandState, CommandView, ConnectionStatus, NotFound
from protocol import Code, Outcome, commands

__all__ = ["agent_named", "command_app"]

POLL_S: Final = 0.2

# A projector looks once a second for what has expired.
EXPIRY_MS: Final = 10_000

# An agent's own failure of a job may have a number of ours (4xxx, 5xxx); what is below is the executing product's.
OURS: Final = 4000

_UNITS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

OPTIONS: Final = {
    "job_uid": "job", "mode": "mode", "inventory_s": "seconds", "hours": "hours", "max_bytes": "max-bytes",
}  # fmt: skip
"""Which option sets a field of a command."""

command_app = App(name="command")


class Kind(StrEnum):
    """What an agent can be asked."""

    COLLECT_NOW = "collect-now"
    SET_INTERVAL = "set-interval"
    RENEW_CERTIFICATE = "renew-certificate"
    START_JOB = "start-job"
    STOP_JOB = "stop-job"
    ENABLE_JOB = "enable-job"
    DISABLE_JOB = "disable-job"
    COLLECT_LOGS = "collect-logs"


class Mode(StrEnum):
    """How much to collect."""

    QUICK = "quick"
    FULL = "full"


@command_app.command(name="send")
def command_send(
    agent: str,
    kind: Kind,
    /,
    *,
    job: str | None = None,
    mode: Mode | None = None,
    seconds: int | None = None,
    hours: int | None = None,
    max_bytes: int | None = None,
    ttl: str = "1h",
    wait: Annotated[bool, Parameter(negative="")] = False,
    by: str | None = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Ask one agent for something; a connected one is told at once, another one when it returns.

    - collect-now [--mode full]: send the inventory (quick: what changed; full: all of it) and usage.
    - set-interval --seconds N: collect the inventory every N seconds, 10 to 86400.
    - renew-certificate: renew the agent's certificate now.
    - start-job --job JOB: run a backup job once; the answer comes when the run has ended.
    - stop-job, enable-job, disable-job --job JOB: stop its run; let its schedule run, or not.
    - collect-logs [--hours N] [--max-bytes N]: send an archive of the agent's logs; `fieldgate command fetch` copies it out.

    Whoever looks after the agent's server decides which of these it runs at all (agent.toml there).

    Example: fieldgate command send backup01 start-job --job Nightly --wait

    Parameters
    ----------
    agent
        The agent's uid, or its host name where only one agent has that.
    kind
        What to do.
    job
        The job's uid or its name, as the agent's inventory has it.
    mode
        With collect-now: quick (what changed; the default) or full.
    seconds
        With set-interval.
    hours
        With collect-logs: how far back to go; 24 by default.
    max_bytes
        With collect-logs: how large the archive may be, at most 67108864 (64 MiB); 16 MiB by default.
    ttl
        It must have begun by then: 90s, 15m, 1h, 7d; at most 30d. What was not expires.
    wait
        Wait for its end; exits with 0 if it succeeded, else with 1.
    by
        Who asks for it; default: the user who runs the command.
    """
    said = {"job_uid": job, "mode": mode, "inventory_s": seconds, "hours": hours, "max_bytes": max_bytes}
    instruction, ttl_ms, who = _instruction(kind, said), _milliseconds(ttl), operator(by)
    with open_provider(data) as provider:
        asked = agent_named(provider, agent)
        if job is not None:
            instruction = _instruction(kind, said | {"job_uid": _job(provider, asked, job)})
        command = provider.store.commands.enqueue(
            asked.uid, instruction, who=who, ttl_ms=ttl_ms, now_ms=now_ms()
        )
        provider.ring()
        if not json_:
            there = asked.status is ConnectionStatus.ONLINE
            say(
                f"{command.uid}: queued for {asked.host_name}"
                + ("" if there else f", which is {asked.status}: it is told when it returns within {ttl}")
            )
        if wait:
            ended = _wait(provider, command.uid, quiet=json_)
            if json_:
                json_line(record_of(ended))
            if ended.command.state is not CommandState.SUCCEEDED:
                raise CommandError(_how_it_ended(ended), exit_code=FAILED, code=fg_code(ended))
        elif json_:
            json_line(record_of(provider.store.commands.get(command.uid)))


@command_app.command(name="list")
def command_list(
    *,
    agent: str | None = None,
    state: CommandState | None = None,
    limit: Annotated[int, Parameter()] = 50,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """List commands, the newest first.

    Parameters
    ----------
    agent
        Only this agent's (uid, or host name).
    state
        Only those: queued, delivered, running, succeeded, failed, expired, cancelled, interrupted.
    limit
        How many at most.
    """
    if not 1 <= limit <= 100_000:
        raise CommandError("--limit must be 1 to 100000", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        uid = None if agent is None else agent_named(provider, agent).uid
        states = tuple(CommandState) if state is None else (state,)
        found = provider.store.commands.list(agent_uid=uid, states=states, limit=limit)
    rows(
        map(record_of, found),
        {
            "created_ms": "ASKED",
            "host_name": "HOST",
            "kind": "KIND",
            "state": "STATE",
            "percent": "%",
            "code": "CODE",
            "message": "SAYS",
            "uid": "UID",
        },
        as_json=json_,
        empty="no command fits: fieldgate command send AGENT KIND asks for something",
        show={"created_ms": ago(now_ms())},
    )


@command_app.command(name="show")
def command_show(uid: str, /, *, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show everything known about one command.

    Parameters
    ----------
    uid
        The command's uid, as `command list` shows it.
    """
    with open_provider(data) as provider:
        record = record_of(provider.store.commands.get(uid)) | file_record(provider, uid)
    if json_:
        json_line(record)
        return
    shown = {
        name: when(value) if name.endswith("_ms") and isinstance(value, int) else value
        for name, value in record.items()
    }
    facts(shown | {"payload": json.dumps(record["payload"])})


command_app.command(command_fetch, name="fetch")


@command_app.command(name="cancel")
def command_cancel(uid: str, /, *, by: str | None = None, data: Data = DEFAULT_DATA) -> None:
    """Take a command back.

    One that no agent was given ends with that. Another one is its agent's to end: it is told to stop, and says how it ended.

    Parameters
    ----------
    uid
        The command's uid, as `command list` shows it.
    by
        Who takes it back; default: the user who runs the command.
    """
    who = operator(by)
    with open_provider(data) as provider:
        command = provider.store.commands.cancel(uid, who=who, now_ms=now_ms())
        provider.ring()
    if command.state is CommandState.CANCELLED:
        say("cancelled: nobody was given it")
    else:
        say(f"the agent is told to stop: `fieldgate command show {uid}` says how it ended")


def record_of(view: CommandView) -> dict[str, Any]:
    """A command for a table or a script."""
    command = view.command
    record = attrs.asdict(command)
    record["host_name"] = view.host_name
    record["payload"] = json.loads(command.payload)
    record["state"] = command.state.value
    record["outcome"] = None if command.outcome is None else Outcome(command.outcome).name.lower()
    code = fg_code(view)
    record["code"] = str(code) if code is not None else command.code or None
    record["message"] = command.message or command.progress
    del record["progress"]
    return record


def fg_code(view: CommandView) -> Code | None:
    """Why a command did not succeed, where that has an FG code; the executing product's numbers have none."""
    command = view.command
    products = command.outcome in (Outcome.SUCCEEDED, Outcome.FAILED) and command.code < OURS
    known = command.code in Code._value2member_map_
    return Code(command.code) if known and not products else None


def _instruction(kind: Kind, said: dict[str, Any]) -> commands.Instruction:
    """What is asked for, with the options that the kind takes and no others."""
    cls = commands.KINDS[kind.value]
    fields = {field.name: field for field in attrs.fields(cls)}
    given = {name: value for name, value in said.items() if value is not None}
    for name in given:
        if name not in fields:
            raise CommandError(f"{kind} takes no --{OPTIONS[name]}", exit_code=UNUSABLE)
    for name, field in fields.items():
        if field.default is attrs.NOTHING and name not in given:
            raise CommandError(f"{kind} needs --{OPTIONS[name]}", exit_code=UNUSABLE)
    if "mode" in given:
        given["mode"] = given["mode"].value
    instruction = cls(**given)
    try:
        instruction.payload()
    except commands.InvalidCommand as error:
        raise CommandError(error.message, exit_code=UNUSABLE, code=error.code) from None
    return instruction


def _milliseconds(text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text.strip())
    if found is None:
        raise CommandError(f"--ttl {text!r}: say 90s, 15m, 1h or 7d", exit_code=UNUSABLE)
    ttl_ms = int(found[1]) * _UNITS[found[2]]
    if ttl_ms > LONGEST_TTL_MS:
        longest = f"{LONGEST_TTL_MS // _UNITS['d']}d"
        raise CommandError(f"--ttl {text!r}: {longest} is the longest", exit_code=UNUSABLE)
    return ttl_ms


def agent_named(provider: Provider, text: str) -> Agent:
    """The agent of that uid, or the one of that host name."""
    try:
        return provider.store.agents.get(text, now_ms=now_ms())
    except NotFound:
        found = [each for each in provider.store.agents.list(now_ms=now_ms()) if each.host_name == text]
    if len(found) > 1:
        uids = ", ".join(each.uid for each in found)
        raise CommandError(f"{len(found)} agents have the host name {text!r}: name one of {uids}")
    if not found:
        raise CommandError(
            f"no agent has the uid or the host name {text!r}: see `fieldgate agent list`", code=Code.NOT_FOUND
        )
    return found[0]


def _job(provider: Provider, agent: Agent, text: str) -> str:
    """The uid of the agent's job of that uid or name; an agent that has told of no job yet is believed to have it."""
    jobs = provider.store.commands.jobs(agent.uid)
    named = [uid for uid, name in jobs.items() if name == text]
    if text in jobs or not jobs:
        return text
    if len(named) != 1:
        known = ", ".join(f"{name} ({uid})" for uid, name in jobs.items())
        what = f"{len(named)} jobs" if named else "no job"
        raise CommandError(
            f"{agent.host_name} has {what} named {text!r}; there are {known}", code=Code.NOT_FOUND
        )
    return named[0]


def _wait(provider: Provider, uid: str, *, quiet: bool) -> CommandView:
    """The command once it has ended; says each state, and how far it is."""
    said: tuple[Any, ...] = (CommandState.QUEUED,)
    while True:
        view = provider.store.commands.get(uid)
        command = view.command
        if command.state.is_final:
            if not quiet and command.state is CommandState.SUCCEEDED:
                say(_how_it_ended(view))
            return view
        now = (command.state, *((command.percent, command.progress) if command.started_ms else ()))
        if now != said and not quiet:
            progress = f" {command.percent} % {command.progress or ''}" if command.started_ms else ""
            say(f"{command.state}{progress}".rstrip())
            sys.stdout.flush()
        said = now
        if command.state is CommandState.QUEUED and now_ms() > command.not_after_ms + EXPIRY_MS:
            raise CommandError(
                "its time is over and nobody has ended it: does the projector run?", exit_code=FAILED
            )
        sleep(POLL_S)


def _how_it_ended(view: CommandView) -> str:
    command = view.command
    code = fg_code(view)
    number = "" if code is not None or not command.code else f" ({command.code})"
    return f"{command.state}{number}" + (f": {command.message}" if command.message else "")
