"""Where the executable begins: `fieldgate-agent`, as an installed one does."""

import sys

from agent.cli import main

sys.exit(main())
