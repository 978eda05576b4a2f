"""`python -m tests.e2e.skewed --ahead SECONDS …` is `fieldgate-agent …` on a machine whose clock is that far ahead."""

import sys
import time
from datetime import UTC, datetime
from functools import partial

from agent.cli import main

if __name__ == "__main__":
    ahead_ns = int(sys.argv[2]) * 1_000_000_000
    real = time.time_ns
    time.time_ns = lambda: real() + ahead_ns
    if "probe" in sys.argv:
        from agent.probe import command, examine

        skewed = partial(examine.examine, now=lambda: datetime.fromtimestamp(time.time_ns() / 1e9, UTC))
        vars(command)["examine"] = skewed
    sys.exit(main(sys.argv[3:]))
