"""Which version of the gateway this is."""

__all__ = ["gateway_version"]


def gateway_version() -> str:
    """As it was installed."""
    from importlib.metadata import PackageNotFoundError, version  # takes as long as the rest of `--help`

    try:
        return version("fieldgate")
    except PackageNotFoundError:
        return "not installed: run from its source folder"
