"""Making a provider: the data folder, its store, its certificate authority."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from certs import Authority
from gateway.cli.common import DEFAULT_DATA, Data, now_ms
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.config import Config, load_config
from gateway.datafolder import DataFolder
from gateway.store import NotFound, open_store

__all__ = ["init", "make_provider"]


def init(
    *,
    organization: str = "Provider",
    name: list[str] | None = None,
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
    if name == []:
        raise CommandError("--name needs a value", exit_code=UNUSABLE)
    config = make_provider(data, organization, tuple(name or Config().names), store)
    sys.stdout.write(
        f"{organization}: data folder {data}\n"
        f"agents will dial {', '.join(config.addresses())}\n\n"
        f"next:  fieldgate serve --data {data}\n"
        f"       fieldgate company add NAME --data {data}\n"
        f"       fieldgate token create --company NAME --data {data}\n"
        f"The root's private key lies in {data / 'ca'}: docs/certificates.md says how to take it offline.\n"
    )


def make_provider(data: Path, organization: str, names: tuple[str, ...], store: str | None = None) -> Config:
    """Make the data folder *data*. An interrupted run is finished by the next one.

    Raises:
        DataFolderError: it is a data folder already, or is not empty.
        ConfigError, StoreError, AuthorityError: as they say.
    """
    folder = DataFolder(data)
    folder.create(names, store)
    config = load_config(data)
    opened = open_store(config.store_url, create=True)
    try:
        try:
            provider = opened.organizations.provider()
        except NotFound:
            provider = opened.organizations.add_provider(organization, now_ms=now_ms())
    finally:
        opened.close()
    if not folder.ca.exists():
        now = datetime.now(UTC)
        Authority.create(organization, now).rotate_gateway(now, names=config.names).save(folder.ca)
    folder.seal(provider.uid)
    return config
