"""Licence files: written for whoever has to bring one by hand, and looked at."""

from pathlib import Path

from certs import LicenceError, fields_of_licence, read_licence
from gateway.cli.common import now_ms, open_provider
from gateway.cli.errors import CHECK_FAILED, UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import facts, json_line, say
from gateway.licensing import LicenceFileRefused, LicencePress
from protocol import Code

__all__ = ["licence_download", "licence_verify"]


def licence_download(licence: str, /, *, to: Path, data: Data = DEFAULT_DATA) -> None:
    """Write a licence file, signed now. One that is on a single server names it.

    Parameters
    ----------
    licence
        The licence's id.
    to
        The file to write.
    """
    with open_provider(data) as provider:
        file = LicencePress(provider.folder.ca).print_for(provider.store, licence, now_ms=now_ms())
    try:
        with to.open("x", encoding="utf-8", newline="") as out:
            out.write(file.text)
    except FileExistsError:
        raise CommandError(f"{to} is there already", exit_code=UNUSABLE) from None
    except OSError as error:
        raise CommandError(f"cannot write {to}: {error.strerror}", exit_code=UNUSABLE) from None
    say(f"{to}: {file.licence.product} for {file.licence.company}")


def licence_verify(file: Path, /, *, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Say what a licence file says, and whether this provider has signed it. Exit code 4 if it has not.

    Parameters
    ----------
    file
        The licence file.
    """
    try:
        content = file.read_bytes()
        said = fields_of_licence(read_licence(content).licence)
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}", exit_code=UNUSABLE) from None
    except LicenceError as error:
        raise CommandError(
            f"{file}: {error}", exit_code=CHECK_FAILED, code=Code.LICENCE_FILE_REFUSED
        ) from None
    with open_provider(data) as provider:
        try:
            LicencePress(provider.folder.ca).read(content)
        except LicenceFileRefused as error:
            raise CommandError(f"{file}: {error}", exit_code=CHECK_FAILED, code=error.code) from None
    if json_:
        json_line(said)
    else:
        facts(
            said | {"workloads": ", ".join(f"{each['count']} {each['name']}" for each in said["workloads"])}
        )
