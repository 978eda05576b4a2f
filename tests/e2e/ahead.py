"""`python -m tests.e2e.ahead SECONDS …` is `fieldgate …` on a machine whose clock is that far ahead, and it does every second what
otherwise it does every minute: looking at its files, writing down what it has seen."""

import sys
import time

from gateway.cli import main
from gateway.edge import sightings, upkeep

if __name__ == "__main__":
    ahead_ns = int(sys.argv[1]) * 1_000_000_000
    real = time.time_ns
    time.time_ns = lambda: real() + ahead_ns
    sightings.MINUTE_S = upkeep.MINUTE_S = 1.0
    sys.exit(main(sys.argv[2:]))
