"""The projector: what the journals hold becomes rows in the store, each record once. docs/delivery.md has the rules.

run_projector(data, store_url, monitor=(host, port))     the process
Projector(store, journals, bell=…, clock=…, metrics=…)   its loop: start(), step(), run(stop), finish()
"""

from gateway.projector.loop import Clock, Projector
from gateway.projector.metrics import Metrics
from gateway.projector.placement import Batch, Placement, Verdict, place
from gateway.projector.run import ProjectorRunsAlready, run_projector

__all__ = [
    "Batch",
    "Clock",
    "Metrics",
    "Placement",
    "Projector",
    "ProjectorRunsAlready",
    "Verdict",
    "place",
    "run_projector",
]
