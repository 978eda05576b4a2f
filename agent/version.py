"""Which version of the agent this is."""


def agent_version() -> str:
    """As it was installed."""
    from importlib.metadata import PackageNotFoundError, version  # takes as long as the rest of `--help`

    try:
        return version("fieldgate")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+source"
