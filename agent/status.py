"""`fieldgate-agent status`: what the running agent last wrote of itself (see `watch`)."""

import json
import sys
import time
from typing import Final

from agent.exits import FAILED, UNUSABLE, CommandError
from agent.licence import shown as licence_shown
from agent.options import Json, State
from agent.state import StateFolder
from protocol import printable

# A status file older than this was left by a process that was killed; a living one is written anew every half minute.
SILENT_MS: Final = 95_000

_WHOSE_WORD: Final = {
    "agent": "this agent alone, from its end of the connection",
    "gateway": "the gateway, from both ends, signed",
    "session": "the open session, which no box that opens TLS can pass",
}


def status(*, state: State, json_: Json = False) -> int:
    """Show what the running agent says of itself. Exit code 1 if it is not connected.

    Parameters
    ----------
    state
        The agent's state folder.
    """
    keeper = StateFolder.load(state)
    path = state / "status.json"
    try:
        fields = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise CommandError(
            f"the agent has not run yet: fieldgate-agent run --state {state}", FAILED
        ) from None
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}", UNUSABLE) from None
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise CommandError(f"{path} is damaged; a running agent writes it anew", FAILED)
    if (
        fields.get("state") != "stopped"
        and time.time_ns() // 1_000_000 - fields.get("written_ms", 0) > SILENT_MS
    ):
        fields["state"] = "not running"
    fields["licence"] = licence_shown(state)
    if json_:
        sys.stdout.write(json.dumps(fields) + "\n")
    else:
        fields["licence"] = fields["licence"] or "none"
        fields |= {"agent_uid": keeper.identity.agent_uid, "gateways": ", ".join(keeper.identity.gateways)}
        for name, value in fields.items():
            shown = printable(str(_shown(name, value)))  # much of it was said by a gateway
            sys.stdout.write(f"{name.removesuffix('_ms').replace('_', ' '):22} {shown}\n")
    return 0 if fields.get("state") == "connected" else FAILED


def _shown(name: str, value: object) -> object:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {each}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if name == "path_said_by":
        return _WHOSE_WORD.get(str(value), value)
    is_time = name.endswith("_ms") and "offset" not in name
    return _when(value) if is_time and isinstance(value, int) else value


def _when(time_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(time_ms / 1000))
