"""`python -m tests.e2e.impatient …` is `fieldgate …`, with the waits after a full disk cut from half a minute to moments."""

import sys

from gateway.cli import main
from gateway.edge import session, upkeep

if __name__ == "__main__":
    upkeep.FULL_S = 1.0
    session.FULL_RETRY_MS = 100
    sys.exit(main(sys.argv[1:]))
