"""`python -m tests.e2e.unreadable …` is `fieldgate-agent …`, to which the provider's store can't be read when a fleet has stopped."""

import sys
from collections.abc import Sequence

from agent.simulator.provider import Provider

SAID = "the store is locked up"


def export_nothing() -> None:
    """Have the command that reads the store end without a row."""
    typed = Provider._argv

    def argv(self: Provider, *arguments: str) -> Sequence[str]:
        if arguments[:2] == ("events", "export"):
            return [sys.executable, "-c", f"raise SystemExit({SAID!r})"]
        return typed(self, *arguments)

    Provider._argv = argv  # type: ignore[method-assign]  # that is the trick


if __name__ == "__main__":
    from agent.cli import main

    export_nothing()
    sys.exit(main(sys.argv[1:]))
