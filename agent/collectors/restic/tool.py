"""The program restic, run for one repository.

No secret is ever on a command line: the repository, whose URL may carry a password, and the password, as a file or as a command that
prints it, go into restic's environment, which only its own user can read; and what restic says is shown without them. Reading commands
lock nothing, so that one which is cut short leaves no lock behind.
"""

import json
import math
import re
import shlex
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from agent.collectors.contract import CollectorError
from agent.collectors.program import OnData, OnLine, Ran, bare_environment, find_program, run_program
from certs import is_exposed, make_private_folder
from protocol import Code

# Listing and measuring a large repository over the Internet, with an empty cache.
ASK_S: Final = 600.0

_BACKENDS: Final = ("azure", "b2", "gs", "rclone", "rest", "s3", "sftp", "swift")
_USER: Final = re.compile(r"//[^/@\s]*@")
_SECRET_AT_LEAST: Final = 4


@attrs.frozen(kw_only=True)
class Options:
    """Of a [[collector]] of kind restic."""

    repository: str
    """A folder, or a URL as restic writes it."""
    password_file: str | None = None
    password_command: tuple[str, ...] | None = None
    """A program and its arguments; it prints the password."""
    env_file: str | None = None
    """NAME=value lines for restic's environment: what a URL's backend needs."""
    program: str = "restic"

    def __attrs_post_init__(self) -> None:
        if (self.password_file is None) == (self.password_command is None):
            raise ValueError("one of password_file and password_command says where the password is")
        if self.local is None and self.repository.partition(":")[0] not in _BACKENDS:
            raise ValueError(
                f"repository is an absolute path, or a URL that begins with {', '.join(_BACKENDS)} and a colon"
            )

    @property
    def local(self) -> Path | None:
        """The repository's folder, if it is one on this machine."""
        path = self.repository.removeprefix("local:")
        return Path(path) if path.startswith("/") else None

    @property
    def shown(self) -> str:
        """The repository, without user and password."""
        return _USER.sub("//", self.repository)


class Restic:
    """Runs it."""

    def __init__(self, options: Options, folder: Path) -> None:
        """Nothing runs yet.

        Args:
            options: which repository, and how to open it.
            folder: for its cache; made when it is first needed.
        """
        self.options = options
        self._folder = folder

    async def ask(self, *arguments: str, limit_s: float = ASK_S) -> Any:
        """What a reading command says, as JSON.

        Raises:
            CollectorError: it failed, or says something else.
        """
        ran = await self.run(*arguments, "--json", "--no-lock", limit_s=limit_s)
        if ran.code != 0:
            raise CollectorError(f"restic {arguments[0]}: {ran.last_words or f'exit code {ran.code}'}")
        try:
            return json.loads(ran.output)
        except ValueError as error:
            raise strange(arguments[0]) from error

    async def run(
        self,
        *arguments: str,
        limit_s: float = math.inf,
        on_line: OnLine | None = None,
        on_data: OnData | None = None,
        started: Callable[[int], None] = lambda _pid: None,
    ) -> Ran:
        """Run it to its end, whatever its exit code; `Ran.errors` ends with its reason, and has no secret.

        Raises:
            CollectorError: it cannot be run.
        """
        environment, secrets = self._environment()
        ran = await run_program(
            [find_program(self.options.program), *arguments],
            environment=environment,
            limit_s=limit_s,
            on_line=on_line,
            on_data=on_data,
            polite=signal.SIGINT,  # on which it removes its lock, in every version
            started=started,
        )
        return attrs.evolve(ran, errors=self._told(ran.errors, secrets))

    def _environment(self) -> tuple[dict[str, str], list[str]]:
        """For restic; and what of it must not be shown."""
        options = self.options
        try:
            make_private_folder(self._folder)
            more = _read_environment(Path(options.env_file)) if options.env_file else {}
            if options.password_file:
                _require_private(Path(options.password_file))
        except OSError as error:
            raise CollectorError(f"cannot read {error.filename}: {error.strerror}") from error
        environment = bare_environment(
            **more,
            RESTIC_REPOSITORY=options.repository,
            RESTIC_CACHE_DIR=str(self._folder / "cache"),
            RESTIC_PROGRESS_FPS="2",
        )
        if options.password_file:
            environment["RESTIC_PASSWORD_FILE"] = options.password_file
        elif options.password_command:
            environment["RESTIC_PASSWORD_COMMAND"] = shlex.join(options.password_command)
        return environment, [value for value in more.values() if len(value) >= _SECRET_AT_LEAST]

    def _told(self, errors: str, secrets: list[str]) -> str:
        """What restic said on standard error, its reason last."""
        errors = errors.replace(self.options.repository, self.options.shown)
        for secret in secrets:
            errors = errors.replace(secret, "…")
        lines = [_message(line) for line in _USER.sub("//", errors).splitlines()]
        fatal = [line for line in lines if line.startswith("Fatal: ")]
        return "\n".join([*lines, *(line.removeprefix("Fatal: ") for line in fatal[-1:])])


def strange(command: str) -> CollectorError:
    """It printed something else than expected."""
    return CollectorError(
        f"restic {command} prints something else than any version that is known here", Code.COLLECTOR_INVALID
    )


def _message(line: str) -> str:
    """A line of standard error; newer versions say some in JSON."""
    try:
        said = json.loads(line)
    except ValueError:
        return line
    if not isinstance(said, Mapping):
        return line
    error = said.get("error")
    inner = error.get("message") if isinstance(error, Mapping) else None
    text = said.get("message") or inner or line
    return f"{said['item']}: {text}" if said.get("item") else str(text)


def _read_environment(path: Path) -> dict[str, str]:
    if is_exposed(path):
        raise CollectorError(f"{path} can be read by others, and has secrets in it: chmod 600 {path}")
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise CollectorError(f"{path}, line {number}: write NAME=value")
        found[name] = value.strip().strip("\"'")
    return found


def _require_private(path: Path) -> None:
    if path.stat().st_mode & 0o007:
        raise CollectorError(f"{path} can be read by everybody on this server: chmod o= {path}")
