"""What the lists of the management plane cost with a full estate in the store.

    python -m bench.management [--scale 1.0] [--runs 10] [--only sqlite|postgresql]

A seeded store (seeding.py: 2,000 companies, 10,000 agents, 200,000 protected workloads, 5 million runs of jobs) is asked for a page of
every list in every way that the list offers: as it is, sorted by every property, filtered by every property with every operation, each
with values that are there, and in the scopes of a company and of the reseller who has most. A figure is what `store.views.page` takes,
both queries and all rows included, in this process.

A limit stands beside it: p95 below 150 ms.
"""

from bench.management.lists import run

__all__ = ["run"]
