"""Making a provider: the data folder, its store, its certificate authority."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from certs import Authority, AuthorityError, LicenceSigner
from gateway.bookkeeping import statement_signer
from gateway.cli.common import now_ms
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, require_name
from gateway.cli.output import say
from gateway.config import Config, ConfigError, load_config
from gateway.datafolder import DataFolder, DataFolderError
from gateway.store import NotFound, StoreError, open_store

__all__ = ["init", "make_provider"]


def init(
    *,
    organization: str = "Provider",
    name: Annotated[list[str] | None, Parameter(negative="")] = None,
    store: str | None = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Make a provider: data folder, store, certificate authority and the gateway's certificate.

    Parameters
    ----------
    organization
        The provider's name.
    name
        A DNS name or address that agents dial; repeat it for several. Default: this machine's host name.
    store
        SQLAlchemy URL of a PostgreSQL store (postgresql+psycopg://…); default: SQLite in the data folder.
    """
    require_name(organization)
    names = tuple(name or ())
    settings = DataFolder(data).settings_file
    if settings.exists() and (names or store):
        found = load_config(data)
        if names not in ((), found.names) or store not in (None, str(found.store)):
            raise CommandError(
                f"{settings} is there already and says otherwise: leave --name and --store out, or remove it",
                exit_code=UNUSABLE,
            )
    config = make_provider(data, organization, names or Config().names, store)
    say(
        f"{organization}: data folder {data}",
        f"agents will dial {', '.join(config.addresses())}",
        "",
        f"next:  fieldgate serve --data {data}",
        f"       fieldgate company add NAME --data {data}",
        f"       fieldgate token create --company NAME --data {data}",
        f"The root's private key lies in {data / 'ca'}: docs/certificates.md says how to take it offline.",
    )


def make_provider(
    data: Path, organization: str, names: tuple[str, ...], store: str | None = None, *, more: str = ""
) -> Config:
    """Make the data folder *data*. An interrupted run is finished by the next one.

    Args:
        data: the folder.
        organization: the provider's name.
        names: what agents dial.
        store: the store's URL, if it is not in the folder.
        more: settings to begin with beside these, as TOML.

    Raises:
        DataFolderError: it is a data folder already, or is not empty.
        ConfigError, StoreError: as they say.
    """
    folder = DataFolder(data)
    is_ours = not folder.settings_file.exists()
    try:
        folder.create(names, store, more=more)
        return _fill(folder, organization)
    except (ConfigError, DataFolderError, StoreError):
        if is_ours:
            folder.undo()
        raise


def _fill(folder: DataFolder, organization: str) -> Config:
    config = load_config(folder.path)
    now = datetime.now(UTC)
    try:
        authority = Authority.create(organization, now).rotate_gateway(now, names=config.names)
    except AuthorityError as error:
        raise ConfigError(f"organization or names: {error}") from None
    opened = open_store(config.store_url, create=True)
    try:
        try:
            provider = opened.organizations.provider()
        except NotFound:
            provider = opened.organizations.add_provider(organization, now_ms=now_ms())
    finally:
        opened.close()
    if not folder.ca.exists():
        authority.save(folder.ca)
        LicenceSigner.create(authority, now).save(folder.ca)
        statement_signer(folder.ca, now_ms())  # while the root's key is here
    folder.seal(provider.uid)
    return config
