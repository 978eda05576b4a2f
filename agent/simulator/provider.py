"""What the simulator asks of the provider: tokens for simulation, and the store's events. By command, in a process of its own.

Agent and gateway share no code but the protocol, and the simulator keeps it so: it runs the `fieldgate` of the same
installation on a data folder, as a person would.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from certs import Token, TokenError

# Where simulated agents live if no company is named.
DEFAULT_COMPANY: Final = "Simulated estates"

COMMAND_S: Final = 60.0

# Ten thousand agents with an hour's events are some millions of rows.
REMOVE_S: Final = 3600.0

# What `fieldgate` exits with when something does not exist or cannot be used as asked.
_CANNOT: Final = (2, 3)


class ProviderError(Exception):
    """A `fieldgate` command failed; the message is what it said."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@attrs.frozen
class Provider:
    """The provider in *data*."""

    data: Path

    def token(self, uses: int, *, company: str | None = None, site: bool = False) -> Token:
        """A token for simulation: for a company's agents, or for sites of the provider's.

        Raises:
            ProviderError: the command failed.
        """
        whose = ["--site"] if site else ["--company", company or DEFAULT_COMPANY]
        answer = self._json("token", "create", "--simulation", "--uses", str(uses), *whose)
        try:
            return Token.parse(answer["token"])
        except (KeyError, TypeError, TokenError) as error:
            raise ProviderError(f"fieldgate token create gave no token: {error}", 1) from error

    def site_token(self, uses: int) -> Token | None:
        """A token for sites; None if this provider has no listener for them.

        Raises:
            ProviderError: the command failed for another reason.
        """
        try:
            return self.token(uses, site=True)
        except ProviderError as error:
            if error.exit_code in _CANNOT and "listener" in str(error):
                return None
            raise

    def ensure_company(self) -> None:
        """Make the default company, if it is not there.

        Raises:
            ProviderError: a command failed.
        """
        companies = self._json("company", "list")
        if not any(company["name"] == DEFAULT_COMPANY for company in companies):
            self._json("company", "add", DEFAULT_COMPANY)

    def revoke_token(self, token_id: str) -> None:
        """Let a token enroll nobody any more.

        Raises:
            ProviderError: the command failed.
        """
        self._run("token", "revoke", token_id)

    def revoke(self, agent_uid: str, why: str) -> None:
        """End an agent for good.

        Raises:
            ProviderError: the command failed.
        """
        self._run("agent", "revoke", agent_uid, "--why", why)

    def remove(self, token_ids: Sequence[str]) -> int:
        """Remove the simulated agents that enrolled by these tokens; how many that were.

        Raises:
            ProviderError: the command failed.
        """
        words = [word for token_id in token_ids for word in ("--token", token_id)]
        answer = self._json("agent", "remove", "--synthetic", *words, patience_s=REMOVE_S)
        return int(answer["removed"])

    @contextlib.contextmanager
    def events(self) -> Iterator[Iterator[dict[str, Any]]]:
        """Every simulated event in the store, as it comes.

        Raises:
            ProviderError: the command failed, or stopped before the end.
        """
        argv = self._argv("events", "export", "--synthetic")
        # Its complaints go to a file: nobody reads a second pipe while the first one flows.
        with (
            tempfile.TemporaryFile("w+") as complaints,
            subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=complaints, text=True) as process,
        ):
            assert process.stdout is not None  # noqa: S101  # asked for
            try:
                yield (json.loads(line) for line in process.stdout)
            except BaseException:
                process.kill()
                raise
            if process.wait() != 0:
                complaints.seek(0)
                raise ProviderError(
                    f"fieldgate events export: {complaints.read().strip()}", process.returncode
                )

    def _json(self, *arguments: str, patience_s: float = COMMAND_S) -> Any:
        try:
            return json.loads(self._run(*arguments, "--json", patience_s=patience_s))
        except ValueError as error:
            raise ProviderError(f"fieldgate {' '.join(arguments)}: its answer is no JSON", 1) from error

    def _run(self, *arguments: str, patience_s: float = COMMAND_S) -> str:
        argv = self._argv(*arguments)
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=patience_s, check=False)
        except subprocess.TimeoutExpired as error:
            raise ProviderError(
                f"fieldgate {' '.join(arguments)}: no answer within {patience_s:.0f} s", 1
            ) from error
        if done.returncode:
            raise ProviderError(f"fieldgate {' '.join(arguments)}: {done.stderr.strip()}", done.returncode)
        return done.stdout

    def _argv(self, *arguments: str) -> Sequence[str]:
        return [sys.executable, "-m", "gateway", *arguments, "--data", str(self.data)]
