"""What the lists of the management plane cost with a full estate in the store, over HTTP.

    python -m bench management
    python -m bench.management [--scale 1.0] [--runs 5] [--only SQLite|PostgreSQL]

2,000 companies of 40 resellers, 10,000 agents with 50,000 jobs and 200,000 protected workloads, 5 million runs of jobs in 90 days; 20,000
alarms that are over and what is wrong now, 200,000 lines of their history, 67,000 deliveries; 500,000 deeds in the audit, 100,000
commands, 20,000 restores; a licence of each company; and a month in which every agent listed its workloads once a day. A real `fieldgate
management` serves it, with its engine of alarms at work, and one client asks, over TLS and one connection: the time is from the
request's first byte to the answer's last, a hundred rows of JSON where nothing else is said. SQLite as it comes; PostgreSQL on the same
machine with 512 MB of shared buffers. Client, gateway and database share the machine's cores.

Every list is asked everything that it offers (questions.py): as it is, its first 500 rows, which is the most, far down, one property alone, by every
property both ways, and by every filter with values that rows have, in the default order and in another; by the provider's administrator,
by a company's owner and by the reseller who has most companies. *p50* and *p95* are of all questions to a list; *slowest question* has the
highest of the times that a question took; a limit stands beside them: 150 ms.
"""

from bench.management.estate import Scale
from bench.management.lists import Row, figures, summed_up
from bench.management.serving import DATABASES, seeded

__all__ = ["run"]


def run() -> list[Row]:
    """Seed and measure on each database; a row for each list."""
    found = {}
    for database in DATABASES:
        with seeded(database, Scale()) as client:
            found[database] = list(figures(client))
    return summed_up(found)
