"""The projector: what the journals hold becomes rows in the store, each record once. docs/delivery.md has the rules.

run_projector(data, store_url, monitor=(host, port))     the process
rebuild(store, journals, resync=…, bell=…, …)             the tables anew from the journals; `only_one(run)` around it
Projector(store, journals, bell=…, clock=…, metrics=…)   its loop: start(), step(), run(stop), finish()
"""

from gateway.projector.loop import Clock, Projector
from gateway.projector.metrics import Metrics
from gateway.projector.placement import Batch, Placement, Verdict, place
from gateway.projector.rebuilding import JournalShorterError, Rebuilt, rebuild
from gateway.projector.run import ProjectorRunsAlready, only_one, run_projector

__all__ = [
    "Batch",
    "Clock",
    "JournalShorterError",
    "Metrics",
    "Placement",
    "Projector",
    "ProjectorRunsAlready",
    "Rebuilt",
    "Verdict",
    "only_one",
    "place",
    "rebuild",
    "run_projector",
]
